"""In: records. Out: k splits, in which each record is held out once. Does not know: files, models."""

from collections import Counter
from collections.abc import Iterable, Sequence

from spantune.data.records import Record
from spantune.data.splitting.groupings import DEFAULT_GROUPING, grouping_of
from spantune.data.splitting.groups import Group, groups_of, total_of
from spantune.data.splitting.sides import Split
from spantune.errors import ConfigError, DataError
from spantune.wording import counted


def folds(records: Iterable[Record], k: int = 5, by: str = DEFAULT_GROUPING, seed: int = 13) -> tuple[Split, ...]:
    """Split k times, so that each record is held out exactly once, whole groups at a time.

    In: records; the number of folds; a row of `GROUPINGS` or a field; a seed. Out: k `Split`s of like size, in which labels
    and the unanswerable share are alike as far as whole groups allow.

    Raises `ConfigError` for fewer than two folds or a grouping that does not exist, `DataError` for fewer groups than folds.

    >>> from spantune.data.records import Example
    >>> parts = folds([Example(str(i), "Who?", f"Ada, {i}.") for i in range(10)], k=5)
    >>> [(len(train), len(held_out)) for train, held_out in parts]
    [(8, 2), (8, 2), (8, 2), (8, 2), (8, 2)]
    """
    if k < 2:
        raise ConfigError(f"{k} folds", expected="2 or more", next_move="ask for 5, or for one split")
    rows = tuple(records)
    grouping = grouping_of(rows, by)
    groups = groups_of(rows, grouping, seed)
    if len(groups) < k:
        raise DataError(
            f"{counted(len(rows), 'record')} in {counted(len(groups), 'group')} ({grouping.sentence})",
            expected=f"at least as many groups as folds, {k}",
            next_move="ask for fewer folds, or add records about other contexts",
        )
    return tuple(_split(rows, own, len(groups), grouping.sentence, seed) for own in _dealt(groups, k))


def count_groups(records: Iterable[Record], by: str = DEFAULT_GROUPING) -> int:
    """How many groups of records there are that must not be parted: as many folds as there can be.

    >>> from spantune.data.records import Example
    >>> count_groups(Example(str(i), "Who?", f"Ada, {i}.", document=f"d{i // 5}") for i in range(20))
    4
    """
    return len(set(grouping_of(tuple(records), by).roots))


def _dealt(groups: Sequence[Group], k: int) -> list[list[Group]]:
    """The groups of each fold: the largest first, each to the fold whose classes it unbalances least.

    Sizes count by their power of two, so that the seed decides among groups of like size.
    """
    total = total_of(groups)
    dealt: list[list[Group]] = [[] for _ in range(k)]
    counts: list[Counter[str]] = [Counter() for _ in range(k)]

    def unbalance(fold: int, group: Group) -> tuple[float, int]:
        added = sum((2 * counts[fold][name] + size) * size / total[name] ** 2 for name, size in group.classes.items())
        return added, counts[fold].total()

    for group in sorted(groups, key=lambda group: (-len(group.members).bit_length(), group.rank)):
        fold = min(range(k), key=lambda fold: unbalance(fold, group))
        dealt[fold].append(group)
        counts[fold].update(group.classes)
    return dealt


def _split(rows: Sequence[Record], own: Sequence[Group], groups: int, sentence: str, seed: int) -> Split:
    out = {index for group in own for index in group.members}
    return Split(
        train=tuple(row for index, row in enumerate(rows) if index not in out),
        held_out=tuple(row for index, row in enumerate(rows) if index in out),
        groups={"train": groups - len(own), "held_out": len(own)},
        grouped_by=sentence,
        seed=seed,
    )
