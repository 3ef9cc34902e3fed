"""In: what was found to be on both sides. Out: a LeakReport, for people, for JSON, and for scoring without it.

Does not know: how it was found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from spantune.data.records import Record
from spantune.wording import part_of, percent

T = TypeVar("T")

PAIRS_KEPT = 5  # examples a kind: enough to judge whether the find is real


@dataclass(frozen=True, slots=True)
class Leak:
    """One way in which test data can be known from training.

    Those that `touches` make a score worth less, and exclude one another: a record counts under the first that holds. The
    others are told beside them.
    """

    code: str
    sentence: str
    touches: bool


LEAKS = (
    Leak("same_record", "ask the same about the same context (or are the same text)", True),
    Leak("same_context", "ask something else about a context of the training data", True),
    Leak("near_context", "are about a near-duplicate of a training context (or text)", True),
    Leak("contained_context", "are about a part of a training context, or about a text that holds one", True),
    Leak("same_question_and_answer", "ask the same or nearly the same elsewhere, and the answer is the same", True),
    Leak("same_question", "ask the same or nearly the same about another context, with another answer", False),
    Leak("answer_in_training", "have an answer that some training question has", False),
    Leak("same_document", "are from a document that training records are from", False),
    Leak("renamed_document", "are about a context that the training data has under another title", False),
)


@dataclass(frozen=True, slots=True)
class Named:
    """A record as a person can find it again: its id, its place in a file, the document it is from."""

    id: str
    place: str = ""
    document: str | None = None

    @classmethod
    def of(cls, record: Record) -> "Named":
        """The names of a record."""
        return cls(record.id, str(record.place or ""), record.document)


@dataclass(frozen=True, slots=True)
class LeakPair:
    """A record, and the one that it is known from; `twin` is `None` where only a sketch of that is left.

    `similarity` is a Jaccard similarity, for contained contexts the share of the shorter one; `None` where it says nothing.
    """

    kind: str
    record: Named
    twin: Named | None
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class LeakReport:
    """What is known of `total` test records from training data.

    `counts` gives the test records of each kind in `LEAKS`; `touched` are the indices of those whose score is worth less.
    `answered` counts the test questions that have an answer, of which 'answer_in_training' is a share. `similarity` is
    'exact', or 'estimated' from a sketch.
    """

    total: int
    counts: Mapping[str, int]
    touched: frozenset[int] = field(repr=False)
    pairs: tuple[LeakPair, ...] = field(repr=False)
    answered: int = 0
    similarity: Literal["exact", "estimated"] = "exact"

    @property
    def touched_count(self) -> int:
        """Test records whose score is worth less."""
        return len(self.touched)

    @property
    def ok(self) -> bool:
        """Whether no test record is touched."""
        return not self.touched

    def untouched(self, records: Sequence[T]) -> tuple[T, ...]:
        """Of the test records, or of other values in their order: those that training says nothing of, to score apart."""
        return tuple(record for index, record in enumerate(records) if index not in self.touched)

    def sentences(self) -> tuple[str, ...]:
        """What a person should know, the number first; empty kinds are left out."""
        told = [_head(self)]
        for leak in LEAKS:
            if count := self.counts.get(leak.code, 0):
                among = self.answered if leak.code == "answer_in_training" else self.total
                share = part_of(count, among)
                told.append(f"{share} {leak.sentence}" + ("" if leak.touches else "; told, not counted"))
        if self.similarity == "estimated" and self.touched:
            told.append("similarities are estimated from a sketch of the training data: ±0.04 is usual")
        return tuple(told)

    @property
    def warning(self) -> str:
        """What touches a score, in one line; '' where nothing does."""
        counts = ((self.counts.get(leak.code, 0), leak) for leak in LEAKS if leak.touches)
        kinds = "; ".join(f"{count} {leak.sentence}" for count, leak in counts if count)
        return f"{_head(self)} ({kinds})" if self.touched else ""

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        return {
            "total": self.total,
            "touched": self.touched_count,
            "answered": self.answered,
            "similarity": self.similarity,
            "kinds": {
                leak.code: {"count": self.counts.get(leak.code, 0), "touches": leak.touches, "means": leak.sentence}
                for leak in LEAKS
            },
            "pairs": [asdict(pair) for pair in self.pairs],
        }


class ByKind:
    """Collects what is found of records, kind by kind."""

    def __init__(self, records: Sequence[Record], kinds: Sequence[Leak]) -> None:
        self.records = records
        self.touched: set[int] = set()
        self._touching = {leak.code for leak in kinds if leak.touches}
        self._of: dict[str, set[int]] = {leak.code: set() for leak in kinds}
        self._pairs: dict[str, list[LeakPair]] = {leak.code: [] for leak in kinds}

    def add(self, kind: str, index: int, twin: Record | None = None, similarity: float | None = None) -> None:
        """The record at `index` is of a kind; of the touching kinds only the first one counts."""
        if index in self._of[kind] or (kind in self._touching and index in self.touched):
            return
        self._of[kind].add(index)
        if kind in self._touching:
            self.touched.add(index)
        if len(self._pairs[kind]) < PAIRS_KEPT:
            named = Named.of(twin) if twin is not None else None
            rounded = None if similarity is None else round(similarity, 3)
            self._pairs[kind].append(LeakPair(kind, Named.of(self.records[index]), named, rounded))

    def untouched(self) -> list[int]:
        """Indices of the records that nothing has touched so far."""
        return [index for index in range(len(self.records)) if index not in self.touched]

    @property
    def counts(self) -> Mapping[str, int]:
        """Records of each kind."""
        return MappingProxyType({kind: len(indices) for kind, indices in self._of.items()})

    @property
    def pairs(self) -> tuple[LeakPair, ...]:
        """Examples of each kind, in the order of the kinds."""
        return tuple(pair for pairs in self._pairs.values() for pair in pairs)

    def leaks(self, answered: int, similarity: Literal["exact", "estimated"]) -> LeakReport:
        """What was collected of test records."""
        return LeakReport(len(self.records), self.counts, frozenset(self.touched), self.pairs, answered, similarity)


def _head(report: LeakReport) -> str:
    if not report.touched:
        return f"none of {report.total} test records is known from training"
    return (
        f"{report.touched_count:,} of {report.total:,} test records ({percent(report.touched_count / report.total)}) are known "
        "from training: their scores say how well the model remembers"
    )
