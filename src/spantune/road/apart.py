"""What a choice made on held-out records is worth on records that had no part in it.

In: what the same held-out records score at each share of the tuned weights and each spread, and which of them belong together.
Out: F1 of each record at the share and the spread that the records of other groups choose. Does not know: models, why a share
or a spread was ruled out.

The best of several looks better than it is on the records that it was chosen on. Where training wins nothing at all, a share of
it that seems to win something is found often: of trainings of 16 such questions 6 in 100 would be called better for it, with
certainty, instead of the 2 or 3 that chance allows. So the choice is cross-validated (Stone, 1974, "Cross-Validatory Choice and
Assessment of Statistical Predictions"): it is made again without each tenth of the groups, which is scored with what the others
chose.
"""

from collections.abc import Mapping, Sequence

from spantune.evaluation import Scores
from spantune.road.agreeing import best_spread, expected_of
from spantune.road.keeping import best_share

PARTS = 10  # the groups are divided into so many parts, or one each where there are fewer

Tried = Mapping[float, Mapping[float, Scores]]  # by share of the tuned weights, then by spread


def f1_apart(tried: Tried, own: float, groups: Sequence[str], *, answered: bool) -> tuple[float, ...] | None:
    """F1 of each record, 0 to 1, at what the other parts choose; `None` where all records are of one group.

    `own` is the spread that a reader has when none is chosen, `answered` whether the model could answer before training.
    """
    names = sorted(set(groups))
    if len(names) < 2:
        return None
    part_of = {name: at % PARTS for at, name in enumerate(names)}
    parts = [part_of[group] for group in groups]
    found = [0.0] * len(parts)
    for part in set(parts):
        others = [at for at, own_part in enumerate(parts) if own_part != part]
        share, spread = _chosen(
            {share: {one: scores.among(others) for one, scores in by_spread.items()} for share, by_spread in tried.items()},
            own,
            answered=answered,
        )
        rows = tried[share][spread].per_question
        for at, own_part in enumerate(parts):
            if own_part == part:
                found[at] = rows[at].f1
    return tuple(found)


def _chosen(tried: Tried, own: float, *, answered: bool) -> tuple[float, float]:
    """The share and the spread that training would take, were these all its held-out records."""
    share = best_share({share: by_spread[own] for share, by_spread in tried.items()}).share if 0.0 in tried else 1.0
    floor = tried.get(0.0, tried[share])[own].f1
    return share, best_spread(tried[share], own, floor, expected_of(share, answered=answered)).spread
