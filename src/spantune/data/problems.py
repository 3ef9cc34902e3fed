"""In: a value that is wrong. Out: a Flaw (what is wrong), a Problem (what, where, and what became of the record)."""

import re
from dataclasses import asdict, dataclass
from typing import Literal

from spantune.data.records import Place, Record
from spantune.wording import visible

Outcome = Literal["repaired", "quarantined", "dropped"]

EXCERPT_LENGTH = 60  # characters of a value shown in a message: enough to recognise it, short enough for one line


@dataclass(frozen=True, slots=True)
class Changed:
    """A value that reading itself changed: what it belongs to, as the file has it, as the record has it; plain values."""

    field: Literal["answer", "id", "label", "document"]
    old: str | int | float | bool | dict[str, str | int | float | bool] | None
    new: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one record, and what became of the record because of it.

    `outcome` is 'repaired' (the record is used, changed), 'quarantined' (set aside for a person to look at) or
    'dropped' (nothing usable is left). A record with several problems ends in the gravest of their outcomes. `changed` is
    the value that was changed for it while the file was read, if one was.
    """

    file: str
    where: str
    record_id: str
    code: str
    outcome: Outcome
    found: str
    expected: str
    next_move: str
    changed: Changed | None = None

    def as_dict(self) -> dict[str, str]:
        """The fields as a plain dict, for JSON; without `changed`, which the list of repairs has."""
        return {name: str(value) for name, value in asdict(self).items() if name != "changed"}

    def __str__(self) -> str:
        place = visible(": ".join(part for part in (self.file, self.where) if part)) or "record"
        name = f" ({visible(self.record_id)})" if self.record_id else ""
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
    changed: Changed | None = None

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
            self.changed,
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
        remedy = f"fill in the {field} or delete it"
        if isinstance(value, list | dict):  # pandas and Datasets write tables so
            remedy = "write a table as one object for each record, not column by column, or as JSON Lines"
        return Flaw(f"{field}_{code}", "dropped", f"{field} is {describe(value)}", expected, remedy)
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


SUSPECT = re.compile("[\x00\u202a-\u202e\u2066-\u2069]")
BIDI_MARKS = re.compile("[\u202a-\u202e\u2066-\u2069\n\r\x1c-\x1e\x85\u2029]")
OVERRIDES, EMBEDDINGS, ISOLATES = "\u202d\u202e", "\u202a\u202b", "\u2066\u2067\u2068"
END_OF_EMBEDDING, END_OF_ISOLATE = "\u202c", "\u2069"


def text_doubt(value: str, field: str) -> Flaw | None:
    r"""What makes a usable text show a person something else than what is stored; `None` for nearly every text.

    That is a NUL, where some programs end the text; an override of the direction of writing (U+202D, U+202E); an embedding
    or isolate that is opened and not closed in its paragraph, as the Unicode Bidirectional Algorithm (UAX #9) counts them.
    Marks that texts from right to left are written with (U+200E, U+200F, joiners, closed isolates) are no doubt.

    >>> text_doubt("It was Ada.", "context") is None, text_doubt("\u2067Ada\u2069", "context") is None
    (True, True)
    >>> text_doubt("a\0", "context").code, text_doubt("pay \u202e001 $", "question").code
    ('context_has_nul', 'question_bidi_override')
    """
    if not SUSPECT.search(value):
        return None
    if "\0" in value:
        at = value.index("\0")
        return Flaw(
            f"{field}_has_nul",
            "quarantined",
            f"{field} holds a NUL at character {at}: {excerpt(value[max(0, at - 20) :])}",
            "text without control characters",
            "delete the NUL, or export the text again: what stood there may be lost",
        )
    mark = _misleading_mark(value)
    if mark is None:
        return None
    return Flaw(
        f"{field}_bidi_override",
        "quarantined",
        f"{field} changes the direction of writing at character {mark}: {excerpt(value[max(0, mark - 20) :])}",
        "text that is shown in the order in which it is stored",
        f"delete U+{ord(value[mark]):04X} there, unless it is meant",
    )


def _misleading_mark(text: str) -> int | None:
    """Where the first override stands, or the first embedding or isolate that its paragraph does not close."""
    opened: list[re.Match[str]] = []
    for mark in BIDI_MARKS.finditer(text):
        if mark[0] in OVERRIDES:
            return mark.start()
        if mark[0] in EMBEDDINGS or mark[0] in ISOLATES:
            opened.append(mark)
        elif mark[0] == END_OF_EMBEDDING:
            if opened and opened[-1][0] in EMBEDDINGS:
                opened.pop()
        elif mark[0] == END_OF_ISOLATE:
            last = max((number for number, one in enumerate(opened) if one[0] in ISOLATES), default=None)
            opened = opened[:last]  # an isolate closes the embeddings inside it; one that was never opened closes nothing
        elif opened:
            break
    return opened[0].start() if opened else None


def record_problem(record: Record, flaw: Flaw) -> Problem:
    """The flaw, told with the record's id and place."""
    return flaw.at(record.place, record.id)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
