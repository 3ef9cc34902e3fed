"""In: nothing. Out: what is booked for one record read: its outcome, the reason, and each thing that was changed.

Does not know: how that is decided (`booking`), what is added up (`ledger`).
"""

from dataclasses import dataclass
from typing import Any, Literal

from spantune.data.problems import Problem
from spantune.data.records import Place, Record, Span

Outcome = Literal["kept", "repaired", "quarantined", "dropped"]

REMOVED = "reference_removed"
CHOSEN = "chosen"
Written = str | int | float | bool | dict[str, str | int | float | bool] | None
"""A value as a file has it."""

GRAVITY: tuple[Outcome, ...] = ("dropped", "quarantined", "repaired", "kept")


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that was changed in a record: an answer (spans) or its id, label or document (texts).

    `new` is None for what was removed. `old` is the file's own value where that is neither span nor text.
    """

    record_id: str
    place: Place | None
    code: str
    field: Literal["answer", "id", "label", "document"]
    old: Span | Written
    new: Span | str | None

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        return {
            "id": self.record_id,
            "file": self.place.file if self.place else "",
            "where": self.place.where if self.place else "",
            "reason": self.code,
            "field": self.field,
            "old": plain(self.old),
            "new": plain(self.new),
        }


@dataclass(frozen=True, slots=True)
class Told:
    """A problem; and, where it is an answer whose start was wrong, the systematic causes that would explain it."""

    problem: Problem
    causes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one record read.

    `record` is the record as it goes on: None unless it was kept or repaired. `before` is the record as it was read: None
    where the file's text makes no record. `located` counts answers that came without a start, `cut` those that
    begin or end inside a word and were left, because text and start agree.
    """

    outcome: Outcome
    reason: str
    file: str
    record: Record | None
    before: Record | None
    told: tuple[Told, ...] = ()
    repairs: tuple[Repair, ...] = ()
    located: int = 0
    cut: int = 0

    @property
    def removed(self) -> tuple[Span, ...]:
        """References that could not be aligned, of a record that goes on with its others; none once a person has chosen."""
        if any(problem.code == CHOSEN for problem in self.problems):
            return ()
        return tuple(one.old for one in self.repairs if one.code == REMOVED and isinstance(one.old, Span))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong with it."""
        return tuple(one.problem for one in self.told)


def plain(value: Span | Written) -> Any:
    """A span as `{"text", "answer_start"}`, anything else as it is.

    >>> plain(Span("Ada", 7)), plain(Span("Ada")), plain("q1")
    ({'text': 'Ada', 'answer_start': 7}, {'text': 'Ada'}, 'q1')
    """
    if not isinstance(value, Span):
        return value
    return {"text": value.text} if value.start is None else {"text": value.text, "answer_start": value.start}
