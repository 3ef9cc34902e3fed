"""In: records. Out: two or three sets that share no document and no context. Does not know: files, models.

Which groups are held out follows from the seed and the content of the records alone, so the order of the rows in a file does
not matter.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from spantune.data.records import Record
from spantune.data.splitting.chance import LeakShares, leak_shares
from spantune.data.splitting.groupings import DEFAULT_GROUPING, grouping_of
from spantune.data.splitting.groups import Group, groups_of, total_of
from spantune.errors import ConfigError, DataError
from spantune.wording import counted

MOST = 2 / 3  # of a side: the share of it that one group should not have


@dataclass(frozen=True)
class Split:
    """The two sides of a split, each in input order; unpacks as `train, held_out = split(...)`.

    `groups` counts the groups on either side ('train', 'held_out'); `grouped_by` says in a sentence what a group is.
    """

    train: tuple[Any, ...] = field(repr=False)
    held_out: tuple[Any, ...] = field(repr=False)
    groups: Mapping[str, int]
    grouped_by: str
    seed: int = 13

    @cached_property
    def leaks(self) -> LeakShares:
        """What a random split of the rows would have leaked, and what this one does; takes seconds for 20,000 contexts."""
        return leak_shares(self.train, self.held_out, self.seed, groups=sum(self.groups.values()))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter((self.train, self.held_out))


@dataclass(frozen=True)
class ThreeWay:
    """Training, held-out (to choose by) and test records (to report), each in input order; unpacks in this order."""

    train: tuple[Any, ...] = field(repr=False)
    held_out: tuple[Any, ...] = field(repr=False)
    test: tuple[Any, ...] = field(repr=False)
    groups: Mapping[str, int]
    grouped_by: str
    seed: int = 13

    @cached_property
    def leaks(self) -> LeakShares:
        """What a random split of the rows would have leaked, and what this one does: held-out and test against train."""
        return leak_shares(self.train, (*self.held_out, *self.test), self.seed, groups=sum(self.groups.values()))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter((self.train, self.held_out, self.test))


def split(records: Iterable[Record], held_out: float = 0.2, by: str = DEFAULT_GROUPING, seed: int = 13) -> Split:
    """Hold out a share of the records, whole groups at a time.

    In: records; the share to hold out, between 0 and 1; a row of `GROUPINGS` or a field; a seed. Out: a `Split`. Texts to
    classify are split label by label, so that each label with two groups or more is on both sides; the unanswerable share of
    questions is kept alike on both sides, as far as whole groups allow.

    Raises `ConfigError` for a share or grouping that does not exist, `DataError` when there are not two groups.

    >>> from spantune.data.records import Example
    >>> train, rest = split(Example(str(i), "Who?", f"Ada, {i}.", document=f"d{i // 5}") for i in range(50))
    >>> len(train), len(rest), {x.document for x in train} & {x.document for x in rest}
    (40, 10, set())
    """
    parts = _parted(tuple(records), {"held_out": held_out}, by, seed)
    return Split(parts.rows["train"], parts.rows["held_out"], parts.groups, parts.grouped_by, seed)


def split_three(
    records: Iterable[Record], held_out: float = 0.1, test: float = 0.1, by: str = DEFAULT_GROUPING, seed: int = 13
) -> ThreeWay:
    """Set apart held-out and test records, whole groups at a time; the shares are of all records.

    The held-out side is the one that `split` draws with the same share and seed. Raises as `split` does.

    >>> from spantune.data.records import Example
    >>> parts = split_three(Example(str(i), "Who?", f"Ada, {i}.", document=f"d{i // 5}") for i in range(50))
    >>> [len(part) for part in parts]
    [40, 5, 5]
    """
    parts = _parted(tuple(records), {"held_out": held_out, "test": test}, by, seed)
    rows = parts.rows
    return ThreeWay(rows["train"], rows["held_out"], rows["test"], parts.groups, parts.grouped_by, seed)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The rows and the number of groups of each side."""

    rows: Mapping[str, tuple[Record, ...]]
    groups: Mapping[str, int]
    grouped_by: str


def _parted(rows: Sequence[Record], shares: Mapping[str, float], by: str, seed: int) -> _Parts:
    _check_shares(shares)
    grouping = grouping_of(rows, by)
    groups = groups_of(rows, grouping, seed)
    sides = _chosen(groups, shares)
    if not all(sides[side] for side in shares):
        raise _too_few_groups(len(rows), len(groups), len(sides), grouping.sentence)
    return _Parts(
        rows={side: _in_order(rows, chosen) for side, chosen in sides.items()},
        groups={side: len(chosen) for side, chosen in sides.items()},
        grouped_by=grouping.sentence,
    )


def _chosen(groups: Sequence[Group], shares: Mapping[str, float]) -> dict[str, list[Group]]:
    """The groups of each side: those of each label drawn apart, what is not drawn left for training."""
    strata: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        strata[group.stratum].append(group)
    sides: dict[str, list[Group]] = {"train": [], **{side: [] for side in shares}}
    for stratum in strata.values():
        total, left = total_of(stratum), stratum
        for side, share in shares.items():
            drawn = _drawn(left, {name: share * count for name, count in total.items()})
            taken = {group.members for group in drawn}
            left = [group for group in left if group.members not in taken]
            sides[side] += drawn
        sides["train"] += left
    return sides


def _drawn(groups: Sequence[Group], wanted: Mapping[str, float]) -> list[Group]:
    """The groups to set apart, in seeded order: each one that brings the counts nearer, at least one, never all.

    A group that would be most of the side comes last: scores on it would say little about other groups.
    """
    if len(groups) < 2:
        return []
    drawn: list[Group] = []
    counts: Counter[str] = Counter()
    most = MOST * sum(wanted.values())
    for group in sorted(groups, key=lambda group: len(group.members) > most):
        nearer = sum(
            abs(counts[name] + size - wanted[name]) - abs(counts[name] - wanted[name]) for name, size in group.classes.items()
        )
        if nearer < 0 and len(drawn) < len(groups) - 1:
            drawn.append(group)
            counts.update(group.classes)
    return drawn or [min(groups, key=lambda group: len(group.members))]


def _in_order(rows: Sequence[Record], groups: Iterable[Group]) -> tuple[Record, ...]:
    return tuple(rows[index] for index in sorted(index for group in groups for index in group.members))


def _check_shares(shares: Mapping[str, float]) -> None:
    for side, share in shares.items():
        if not 0 < share < 1:
            raise ConfigError(
                f"{side} is {share}", expected="a share between 0 and 1, such as 0.2", next_move="correct the share"
            )
    if sum(shares.values()) >= 1:
        raise ConfigError(
            f"{' and '.join(shares)} are {sum(shares.values()):g} together",
            expected="shares that leave something to train on",
            next_move="make them smaller",
        )


def _too_few_groups(records: int, groups: int, sides: int, sentence: str) -> DataError:
    number = {2: "two", 3: "three"}[sides]
    return DataError(
        f"{counted(records, 'record')} in {counted(groups, 'group')} ({sentence}): nothing can be held out",
        expected=f"at least {number} groups, of one label where the data is labelled",
        next_move="add records about other contexts, or give a data file of their own for evaluation",
    )
