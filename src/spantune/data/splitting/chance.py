"""In: the sides of a split. Out: how much a random split of the same rows would have leaked, against this one.

Does not know: how the sides were made.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass

from spantune.data.records import Record
from spantune.data.splitting.groupings import cluster_of
from spantune.wording import percent

WORTH_A_WARNING = 0.01  # they move any score by one point at most


@dataclass(frozen=True, slots=True)
class LeakShares:
    """Shares, from 0 to 1, of the records set apart whose context (or text), or one near it, is in training too.

    `random` is that of a split of the rows at random, of the same sizes and seed; `now` that of the split itself, which is
    `row_by_row` where no two records were kept together.
    """

    random: float
    now: float
    row_by_row: bool = False

    @property
    def warning(self) -> str | None:
        """What is to be said loudly where more than 1% leaks; nothing otherwise."""
        if self.now <= WORTH_A_WARNING:
            return None
        return (
            f"{self._found}: scores on these say how well a model remembers. Split leak-proof or by near-duplicate; where that "
            "is not possible, hold out data from another source"
        )

    def as_dict(self) -> dict[str, float]:
        """The shares as plain values, for JSON."""
        return {"random": round(self.random, 4), "now": round(self.now, 4)}

    def __str__(self) -> str:
        if self.row_by_row:
            return f"{self._found}; no two records were kept together: this is a random split of the rows"
        return f"{self._found}; a random split of the rows would leave {percent(self.random)}"

    @property
    def _found(self) -> str:
        return f"{percent(self.now)} of the records set apart have a context in training too, or one near it"


def leak_shares(train: Sequence[Record], apart: Sequence[Record], seed: int, *, groups: int = 0) -> LeakShares:
    """The shares of a split into training data and records set apart, made of so many groups.

    >>> from spantune.data.records import Example
    >>> rows = [Example(str(n), "Who?", "Ada wrote it.") for n in range(10)]
    >>> leak_shares(rows[:8], rows[8:], seed=13)
    LeakShares(random=1.0, now=1.0, row_by_row=False)
    """
    return _compared([*train, *apart], [0] * len(train) + [1] * len(apart), {1}, seed, groups)


def fold_leak_shares(folds: Sequence[Sequence[Record]], seed: int, *, groups: int = 0) -> LeakShares:
    """The shares of k folds, each of which is set apart from all the others once."""
    rows = [row for fold in folds for row in fold]
    sides = [number for number, fold in enumerate(folds) for _ in fold]
    return _compared(rows, sides, set(sides), seed, groups)


def _compared(rows: Sequence[Record], sides: Sequence[int], apart: Set[int], seed: int, groups: int) -> LeakShares:
    """The rows, each on its side, against the same rows dealt out to these sides at random."""
    clusters = cluster_of(rows)
    drawn = sorted(range(len(rows)), key=lambda index: _draw(rows[index], seed))
    return LeakShares(
        random=_share([clusters[index] for index in drawn], sides, apart),
        now=_share(clusters, sides, apart),
        row_by_row=groups == len(rows),
    )


def _share(clusters: Sequence[int], sides: Sequence[int], apart: Set[int]) -> float:
    """Of the rows on the sides set apart, those whose cluster is on another side too (of a split: in training)."""
    on: dict[int, set[int]] = defaultdict(set)
    for cluster, side in zip(clusters, sides, strict=True):
        on[cluster].add(side)
    known = [len(on[cluster]) > 1 for cluster, side in zip(clusters, sides, strict=True) if side in apart]
    return sum(known) / len(known) if known else 0.0


def _draw(row: Record, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {row.id}".encode("utf-8", "surrogatepass")).digest()
