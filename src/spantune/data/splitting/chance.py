"""In: the sides of a split. Out: how much a random split of the same rows would have leaked, against this one.

Does not know: how the sides were made.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass

from spantune.data.records import Record
from spantune.data.splitting.groupings import cluster_of


@dataclass(frozen=True, slots=True)
class LeakShares:
    """Shares, from 0 to 1, of the records set apart whose context (or text), or one near it, is in training too.

    `random` is that of a split of the rows at random, of the same sizes and seed; `now` that of the split itself.
    """

    random: float
    now: float

    def as_dict(self) -> dict[str, float]:
        """The shares as plain values, for JSON."""
        return {name: round(share, 4) for name, share in asdict(self).items()}

    def __str__(self) -> str:
        return (
            f"{100 * self.now:.1f}% of the records set apart have a context in training too, or one near it; "
            f"a random split of the rows would leave {100 * self.random:.1f}%"
        )


def leak_shares(train: Sequence[Record], apart: Sequence[Record], seed: int) -> LeakShares:
    """The shares of a split into training data and records set apart.

    >>> from spantune.data.records import Example
    >>> rows = [Example(str(n), "Who?", "Ada wrote it.") for n in range(10)]
    >>> leak_shares(rows[:8], rows[8:], seed=13)
    LeakShares(random=1.0, now=1.0)
    """
    return _compared([*train, *apart], [0] * len(train) + [1] * len(apart), {1}, seed)


def fold_leak_shares(folds: Sequence[Sequence[Record]], seed: int) -> LeakShares:
    """The shares of k folds, each of which is set apart from all the others once."""
    rows = [row for fold in folds for row in fold]
    sides = [number for number, fold in enumerate(folds) for _ in fold]
    return _compared(rows, sides, set(sides), seed)


def _compared(rows: Sequence[Record], sides: Sequence[int], apart: Set[int], seed: int) -> LeakShares:
    """The rows, each on its side, against the same rows dealt out to these sides at random."""
    clusters = cluster_of(rows)
    drawn = sorted(range(len(rows)), key=lambda index: _draw(rows[index], seed))
    return LeakShares(random=_share([clusters[index] for index in drawn], sides, apart), now=_share(clusters, sides, apart))


def _share(clusters: Sequence[int], sides: Sequence[int], apart: Set[int]) -> float:
    """Of the rows on the sides set apart, those whose cluster is on another side too (of a split: in training)."""
    on: dict[int, set[int]] = defaultdict(set)
    for cluster, side in zip(clusters, sides, strict=True):
        on[cluster].add(side)
    known = [len(on[cluster]) > 1 for cluster, side in zip(clusters, sides, strict=True) if side in apart]
    return sum(known) / len(known) if known else 0.0


def _draw(row: Record, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {row.id}".encode("utf-8", "surrogatepass")).digest()
