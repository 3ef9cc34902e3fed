"""How much the other likely spans of a context have a say in which one is given: chosen by what held-out answers score.

In: scores of the same held-out records, by spread. Out: the spread that promises most, and why.
Does not know: models, how an answer is chosen among its spans.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from spantune.evaluation import Gain, QuestionScore, Scores, paired_gain

# The spreads that are tried (0 gives the span with the highest score), and roughly the gain in points that each had over 0 on
# sets other than those of the benchmark, the mean of what exact match and F1 gained: with readers trained on a few questions of
# the set, and with a reader that knows nothing of it. Above 1 overlap grows further where answers are long, at the price of
# exact matches and of general ability.
TUNED: Mapping[float, float] = MappingProxyType({0.0: 0.0, 0.5: 0.5, 0.75: 0.9, 1.0: 0.4})
UNTUNED: Mapping[float, float] = MappingProxyType({0.0: 0.0, 0.5: -0.3, 0.75: -0.2, 1.0: -0.3})
UNKNOWN: Mapping[float, float] = MappingProxyType(dict.fromkeys(TUNED, 0.0))
SPREADS = tuple(TUNED)
DEVIATION = 1.0  # how far, in points, a set may well be from what is expected


def expected_of(share: float, *, answered: bool) -> Mapping[float, float]:
    """What each spread may be expected to gain at this share of tuned weights; nothing where the model could not answer before.

    >>> expected_of(0.5, answered=True)[0.75], expected_of(0.0, answered=True)[0.75], expected_of(1.0, answered=False)[0.75]
    (0.9, -0.2, 0.0)
    """
    if not answered:
        return UNKNOWN
    return TUNED if share else UNTUNED


@dataclass(frozen=True, slots=True)
class Agreed:
    """The spread that a reader gets, and exact match and F1 of the held-out records looked at, by spread."""

    spread: float
    scores: Mapping[float, tuple[float, float]]

    @property
    def sentence(self) -> str:
        """What was chosen, in plain words."""
        told = ", ".join(f"{spread:g} {exact:.1f}/{f1:.1f}" for spread, (exact, f1) in sorted(self.scores.items()))
        chosen = "the span with the highest score" if self.spread == 0 else "the span that overlaps most with the likely ones"
        return f"training.spread = {self.spread:g}: {chosen} is given (held-out exact match/F1 by spread: {told})"


def best_spread(scores: Mapping[float, Scores], own: float, floor: float, expected: Mapping[float, float]) -> Agreed:
    """The spread that promises most over `own`, among those at which F1 is `floor` at least; of equal ones `own`.

    A spread wins overlap, and may lose exact matches: what counts is the mean of F1 and exact match. As for shares of weights,
    what is seen and what is expected from other sets, in points over a spread of 0, are weighed by how sure each is. A spread
    that is seen to lose, and to win nothing for it, is not taken, whatever is expected.
    """
    start, promised = scores[own].per_question, {own: 0.0}
    for spread, one in scores.items():
        if spread != own and one.f1 >= floor and not _loses(scores[own], one):
            prior = expected.get(spread, 0.0) - expected.get(own, 0.0)
            promised[spread] = paired_gain(start, one.per_question, _both).shrunk_to(Gain(prior, DEVIATION)).mean
    chosen = min(promised.items(), key=lambda item: (-item[1], item[0] != own, item[0]))[0]
    return Agreed(chosen, {spread: (one.exact_match, one.f1) for spread, one in scores.items()})


def _loses(before: Scores, after: Scores) -> bool:
    """Whether exact match or F1 is less than before, and the other one no more."""
    gains = after.exact_match - before.exact_match, after.f1 - before.f1
    return min(gains) < 0 >= max(gains)


def _both(question: QuestionScore) -> float:
    return (question.exact_match + question.f1) / 2
