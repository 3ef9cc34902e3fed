"""In: records. Out: two sets that share no document and no context. Does not know: files, models.

How records belong together is a row of `GROUPINGS`; which groups are held out follows from the seed and the content of
the records alone, so the order of the rows in a file does not matter.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spantune.data.fingerprints import record_hash
from spantune.data.records import Example, Record
from spantune.errors import ConfigError, DataError

Key = tuple[str, Hashable]


@dataclass(frozen=True, slots=True)
class Split:
    """The two sides of a split, each in input order; unpacks as `train, held_out = split(...)`.

    `groups` counts the groups on either side ('train', 'held_out'); `grouped_by` says in a sentence what a group is.
    """

    train: tuple[Any, ...] = field(repr=False)
    held_out: tuple[Any, ...] = field(repr=False)
    groups: Mapping[str, int]
    grouped_by: str

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter((self.train, self.held_out))


@dataclass(frozen=True, slots=True)
class Grouping:
    """For each record the keys it shares with the records it belongs to, and the sentence that says what a group is."""

    keys: list[list[Key]]
    sentence: str


def split(records: Iterable[Record], held_out: float = 0.2, by: str = "document", seed: int = 13) -> Split:
    """Hold out a share of the records, whole groups at a time.

    In: records; the share to hold out, between 0 and 1; a row of `GROUPINGS`; a seed. Out: a `Split`. Texts to classify
    are split label by label, so that each label with two groups or more is on both sides.

    Raises `ConfigError` for a share or grouping that does not exist, `DataError` when there are not two groups.

    >>> train, rest = split(Example(str(i), "Who?", f"Ada, {i}.", document=f"d{i // 5}") for i in range(50))
    >>> len(train), len(rest), {x.document for x in train} & {x.document for x in rest}
    (40, 10, set())
    """
    if by not in GROUPINGS:
        raise ConfigError(f"cannot split by {by!r}", expected=f"one of {', '.join(GROUPINGS)}", next_move="choose one of these")
    if not 0 < held_out < 1:
        raise ConfigError(
            f"held_out is {held_out}", expected="a share between 0 and 1, such as 0.2", next_move="correct the share"
        )
    rows = tuple(records)
    grouping = GROUPINGS[by](rows)
    groups = _groups(rows, grouping.keys, seed)
    strata: dict[str, list[_Group]] = defaultdict(list)
    for group in sorted(groups, key=lambda group: group.rank):
        strata[group.stratum].append(group)
    chosen = [group for stratum in strata.values() for group in _held_out(stratum, held_out)]
    if not chosen:
        raise _not_two_groups(len(rows), len(groups), grouping.sentence)
    out = {index for group in chosen for index in group.members}
    return Split(
        train=tuple(row for index, row in enumerate(rows) if index not in out),
        held_out=tuple(row for index, row in enumerate(rows) if index in out),
        groups={"train": len(groups) - len(chosen), "held_out": len(chosen)},
        grouped_by=grouping.sentence,
    )


def by_document(records: Sequence[Record]) -> Grouping:
    """Records of one document, or with one and the same context (or text), belong together."""
    contexts: list[list[Key]] = [
        [("context", row.context if isinstance(row, Example) else row.text.strip())] for row in records
    ]
    what = "context" if not records or isinstance(records[0], Example) else "text"
    documents = {row.document for row in records}
    if documents <= {None}:
        return Grouping(contexts, f"by identical {what}: the data names no documents")
    if len(documents) == 1:
        (name,) = documents
        return Grouping(contexts, f"by identical {what}: all records name one document, {name!r}, which says nothing")
    keys = [[*own, ("document", row.document)] if row.document else own for own, row in zip(contexts, records, strict=True)]
    return Grouping(keys, f"by document; records with an identical {what} stay together too")


GROUPINGS: Mapping[str, Callable[[Sequence[Record]], Grouping]] = {"document": by_document}


@dataclass(frozen=True, slots=True)
class _Group:
    """Records that stay together: their indices, the label they are split under, and their place in the seeded order."""

    members: tuple[int, ...]
    stratum: str
    rank: bytes


def _groups(rows: Sequence[Record], keys: list[list[Key]], seed: int) -> list[_Group]:
    members: dict[int, list[int]] = defaultdict(list)
    for index, root in enumerate(_roots(keys)):
        members[root].append(index)
    return [_group(rows, tuple(indices), seed) for indices in members.values()]


def _group(rows: Sequence[Record], members: tuple[int, ...], seed: int) -> _Group:
    digest = hashlib.sha256(str(seed).encode())
    for content in sorted(record_hash(rows[index]) for index in members):
        digest.update(content.encode())
    labels = [row.label or "" for row in (rows[index] for index in members) if not isinstance(row, Example)]
    stratum = max(sorted(set(labels)), key=labels.count) if labels else ""
    return _Group(members, stratum, digest.digest())


def _roots(keys: list[list[Key]]) -> list[int]:
    """For each record the number of its group, after joining all that share a key (union-find).

    >>> _roots([[("context", "a")], [("context", "b")], [("context", "a"), ("document", "x")], [("document", "x")]])
    [0, 1, 0, 0]
    """
    parent = list(range(len(keys)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first_with: dict[Key, int] = {}
    for index, own in enumerate(keys):
        for key in own:
            one, other = root(first_with.setdefault(key, index)), root(index)
            parent[max(one, other)] = min(one, other)
    return [root(index) for index in range(len(keys))]


def _held_out(groups: list[_Group], share: float) -> list[_Group]:
    """The groups to hold out, in seeded order: each one that brings the share nearer, at least one, never all."""
    if len(groups) < 2:
        return []
    wanted = share * sum(len(group.members) for group in groups)
    chosen: list[_Group] = []
    count = 0
    for group in groups:
        size = len(group.members)
        if abs(count + size - wanted) < abs(count - wanted) and len(chosen) < len(groups) - 1:
            chosen.append(group)
            count += size
    return chosen or [min(groups, key=lambda group: len(group.members))]


def _not_two_groups(records: int, groups: int, sentence: str) -> DataError:
    return DataError(
        f"{records} records in {groups} group{'s' * (groups != 1)} ({sentence}): nothing can be held out",
        expected="at least two groups, of one label where the data is labelled",
        next_move="add records about other contexts, or give a data file of their own for evaluation",
    )
