"""In: a value that is wrong. Out: a Flaw (what is wrong), a Problem (what, where, and what became of the record)."""

from dataclasses import asdict, dataclass
from typing import Literal

from spantune.data.records import Place, Record

Outcome = Literal["repaired", "quarantined", "dropped"]

EXCERPT_LENGTH = 60  # characters of a value shown in a message: enough to recognise it, short enough for one line


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one record, and what became of the record because of it.

    `outcome` is 'repaired' (the record is used, changed), 'quarantined' (set aside for a person to look at) or
    'dropped' (nothing usable is left). A record with several problems ends in the gravest of their outcomes.
    """

    file: str
    where: str
    record_id: str
    code: str
    outcome: Outcome
    found: str
    expected: str
    next_move: str

    def as_dict(self) -> dict[str, str]:
        """The fields as a plain dict, for JSON."""
        return {name: str(value) for name, value in asdict(self).items()}

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.file, self.where) if part) or "record"
        name = f" ({self.record_id})" if self.record_id else ""
        return (
            f"{place}{name}: {self.outcome}, {self.code}\n  found:    {self.found}\n"
            f"  expected: {self.expected}\n  next:     {self.next_move}"
        )


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a value, before anyone asks where it was read."""

    code: str
    outcome: Outcome
    found: str
    expected: str
    next_move: str

    def at(self, place: Place | None, record_id: str = "") -> Problem:
        """The same flaw, told with its place."""
        return Problem(
            place.file if place else "",
            place.where if place else "",
            record_id,
            self.code,
            self.outcome,
            self.found,
            self.expected,
            self.next_move,
        )


def excerpt(text: str, length: int = EXCERPT_LENGTH) -> str:
    r"""A short, quoted piece of a text; control and bidirectional characters are escaped.

    >>> print(excerpt("one\ntwo\u202e"), excerpt("abcdef", 3))
    'one\ntwo\u202e' 'abc…'
    """
    return repr(text if len(text) <= length else text[:length] + "…")


def describe(value: object) -> str:
    """A value of any kind in a few words. Never walks into nested values, which may be 1,000 deep.

    >>> describe(None), describe([1, 2]), describe({"a": 1}), describe("x")
    ('null', 'a list of 2', 'an object with 1 field', "'x'")
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return excerpt(value)
    if isinstance(value, bool | int | float):
        return f"the {'value' if isinstance(value, bool) else 'number'} {value!r}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {len(value)} field{'s' if len(value) != 1 else ''}"
    return f"a value of type {type(value).__name__}"


def text_flaw(value: object, field: str) -> Flaw | None:
    r"""What keeps `value` from being used as the text of `field`; `None` for a text that can be used.

    >>> text_flaw("Who?", "question") is None
    True
    >>> text_flaw(" \n", "context").code, text_flaw(7, "question").code
    ('context_empty', 'question_not_text')
    """
    if not isinstance(value, str):
        code, expected = ("missing", "a text") if value is None else ("not_text", "a text in quotes")
        return Flaw(
            f"{field}_{code}", "dropped", f"{field} is {describe(value)}", expected, f"fill in the {field} or delete it"
        )
    if not value or value.isspace():
        return Flaw(
            f"{field}_empty",
            "dropped",
            f"{field} has {len(value)} characters and no word",
            "at least one word",
            f"fill in the {field} or delete the record",
        )
    if not (value.isascii() or _encodes(value)):
        return Flaw(
            f"{field}_broken_unicode",
            "dropped",
            f"{field} holds half of a surrogate pair: {excerpt(value)}",
            "whole Unicode characters",
            "export the text again as UTF-8; a character was cut in two",
        )
    return None


def record_problem(record: Record, flaw: Flaw) -> Problem:
    """The flaw, told with the record's id and place."""
    return flaw.at(record.place, record.id)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
