"""In: records and what belongs together. Out: groups in a seeded order. Does not know: how many sides there are."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spantune.data.fingerprints import record_hash
from spantune.data.records import Example, Record
from spantune.data.splitting.groupings import Grouping


@dataclass(frozen=True, slots=True)
class Group:
    """Records that stay together: their indices, how many of each class they are, and their place in the seeded order.

    A class is what should be on all sides alike: answerable, unanswerable and unlabelled questions, or the label of a text.
    `stratum` is the label that most of the texts have; questions are all of one stratum.
    """

    members: tuple[int, ...]
    classes: Mapping[str, int]
    stratum: str
    rank: tuple[bytes, tuple[str, ...]]


def groups_of(rows: Sequence[Record], grouping: Grouping, seed: int) -> list[Group]:
    """The groups, ordered by a hash of the seed and their content: the order of the rows does not matter."""
    members: dict[int, list[int]] = defaultdict(list)
    for index, root in enumerate(grouping.roots):
        members[root].append(index)
    groups = sorted((_group(rows, tuple(indices), seed) for indices in members.values()), key=lambda group: group.rank)
    met: Counter[bytes] = Counter()
    return sorted((_apart(group, met) for group in groups), key=lambda group: group.rank)


def class_of(row: Record) -> str:
    """The class of a record.

    >>> class_of(Example("1", "Who?", "Ada.", answers=()))
    'unanswerable'
    """
    if not isinstance(row, Example):
        return row.label or ""
    if row.answers is None:
        return "unlabelled"
    return "answerable" if row.answers else "unanswerable"


def total_of(groups: Sequence[Group]) -> Counter[str]:
    """Records of each class."""
    total: Counter[str] = Counter()
    for group in groups:
        total.update(group.classes)
    return total


def _group(rows: Sequence[Record], members: tuple[int, ...], seed: int) -> Group:
    digest = hashlib.sha256(str(seed).encode())
    for content in sorted(record_hash(rows[index]) for index in members):
        digest.update(content.encode())
    # Ids order records of one content, which row by row would be in the order of the file otherwise.
    ids = tuple(sorted(rows[index].id for index in members))
    classes = Counter(class_of(rows[index]) for index in members)
    stratum = "" if isinstance(rows[members[0]], Example) else max(sorted(classes), key=lambda name: classes[name])
    return Group(members, classes, stratum, (digest.digest(), ids))


def _apart(group: Group, met: Counter[bytes]) -> Group:
    """The group, its rank away from those met that are equal to it: side by side they would be drawn together, as one group."""
    digest, ids = group.rank
    met[digest] += 1
    again = met[digest] - 1
    return replace(group, rank=(hashlib.sha256(digest + str(again).encode()).digest(), ids)) if again else group
