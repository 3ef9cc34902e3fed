"""In: the records of one set. Out: what it holds more than once. Does not know: other sets, files' formats."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from spantune.data.leakage.finding import answers_of, bodies, likeness_of, question, telling_documents
from spantune.data.leakage.near import near_pairs, part_pairs
from spantune.data.leakage.report import ByKind, Leak, LeakPair
from spantune.data.records import Example, Record
from spantune.wording import part_of

DUPLICATES = (
    Leak("same_record", "ask what an earlier record asks about the same context (or are the same text)", False),
    Leak("other_answer", "ask (or are) the same as an earlier record, with another answer or label", False),
    Leak("near_context", "are about a near-duplicate of an earlier context (or text)", False),
    Leak("contained_context", "are about a part of an earlier context, or about a text that holds one", False),
    Leak("renamed_document", "are about a context (the same or a near one) that stands under another title too", False),
)


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """What one set of `total` records holds more than once.

    `counts` gives the records of each kind in `DUPLICATES`, each told of an earlier one; `across_files` those of them that
    have it in another file.
    """

    total: int
    counts: Mapping[str, int]
    pairs: tuple[LeakPair, ...] = field(repr=False)
    across_files: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the set twice."""
        return not any(self.counts.values())

    def sentences(self) -> tuple[str, ...]:
        """What a person should know, the number first; empty kinds are left out."""
        told = [f"{part_of(count, self.total)} {kind.sentence}" for kind in DUPLICATES if (count := self.counts[kind.code])]
        if self.across_files:
            told.append(f"{self.across_files} of these have the earlier one in another file")
        return tuple(told) or (f"none of {self.total} records stands in the data twice",)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        return {
            "total": self.total,
            "across_files": self.across_files,
            "kinds": {kind.code: {"count": self.counts[kind.code], "means": kind.sentence} for kind in DUPLICATES},
            "pairs": [asdict(pair) for pair in self.pairs],
        }


def find_leaks_within(records: Iterable[Record]) -> DuplicateReport:
    """What a set, or several files read as one, holds more than once.

    In: records of one task. Out: a `DuplicateReport`: questions asked twice about one context, near-duplicate contexts (or
    texts) and contexts that are parts of others, documents under two titles.

    >>> find_leaks_within([Example("a", "Who?", "Ada."), Example("b", "who? ", "Ada.")]).counts["same_record"]
    1
    """
    rows = tuple(records)
    found = _Found(rows)
    of_bodies = bodies(rows)
    _find_same(found, of_bodies)
    _find_near(found, of_bodies)
    return DuplicateReport(len(rows), found.by_kind.counts, found.by_kind.pairs, len(found.across))


class _Found:
    """What is found of one set, and which of its records have their twin in another file."""

    def __init__(self, rows: Sequence[Record]) -> None:
        self.rows = rows
        self.by_kind = ByKind(rows, DUPLICATES)
        self.across: set[int] = set()
        self.documents = telling_documents(rows)

    def add(self, kind: str, index: int, twin: int, similarity: float | None) -> None:
        self.by_kind.add(kind, index, self.rows[twin], similarity)
        if _file(self.rows[index]) != _file(self.rows[twin]):
            self.across.add(index)

    def add_renamed(self, index: int, twins: Sequence[int]) -> None:
        """Whether one of the twins stands under another title than the record."""
        own = self.rows[index].document
        if own in self.documents:
            others = ((twin, self.rows[twin].document) for twin in twins)
            if (other := next((twin for twin, name in others if name != own and name in self.documents), None)) is not None:
                self.add("renamed_document", index, other, None)


def _find_same(found: _Found, of_bodies: Mapping[str, list[int]]) -> None:
    for indices in of_bodies.values():
        first: dict[str, int] = {}
        for index in indices:
            earlier = first.setdefault(question(found.rows[index]), index)
            if earlier != index:
                differs = _said(found.rows[earlier]) != _said(found.rows[index])
                found.add("other_answer" if differs else "same_record", index, earlier, 1.0)
            found.add_renamed(index, indices)


def _find_near(found: _Found, of_bodies: Mapping[str, list[int]]) -> None:
    texts = list(of_bodies)
    near = near_pairs(texts, likeness_of(found.rows))
    known = {(one, other) for one, other, _ in near}
    parts = [pair for pair in part_pairs(texts) if pair[:2] not in known]
    twins: dict[int, list[int]] = defaultdict(list)
    for kind, pairs in (("near_context", near), ("contained_context", parts)):
        for one, other, similarity in pairs:
            earlier, later = of_bodies[texts[one]], of_bodies[texts[other]]
            twins[one] += later
            twins[other] += earlier
            for index in later:
                found.add(kind, index, earlier[0], similarity)
    for number, others in twins.items():
        for index in of_bodies[texts[number]]:
            found.add_renamed(index, others)


def _said(record: Record) -> object:
    """What a record answers: its answers, with `None` for unlabelled and the empty set for unanswerable, or its label."""
    if isinstance(record, Example):
        return None if record.answers is None else answers_of(record)
    return record.label


def _file(record: Record) -> str:
    return record.place.file if record.place else ""
