"""In: the text of a JSON or JSON Lines file. Out: its raw rows with their places. Does not know: bytes, what rows mean.

Which of the two a file is, is seen from its first line rather than from its name: tools write both under either.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from spantune.data.files.faults import nothing_in, too_large
from spantune.data.files.rawfile import RawFile
from spantune.data.files.streams import DOCUMENT_LIMIT, Content
from spantune.data.problems import Flaw, Problem, describe, excerpt
from spantune.data.records import Place
from spantune.data.rows import Row
from spantune.data.shapes.columns import assign, plain_name
from spantune.errors import UnreadableDataError

ENVELOPES = ("data", "examples", "records", "rows", "questions", "items")
"""Fields of a JSON object under which exports put the list of their records."""

RECORD_ROLES = {"question", "context", "text", "paragraphs", "qas"}
"""An object with one of these is a record, whatever lists it holds beside."""

TASK_FIELDS = {"annotations", "completions", "predictions"}
"""An object with one of these is a task of an annotation tool, which holds what was annotated under 'data'."""

LINES_TRIED = 1000  # lines read before a file of which none was JSON is given up, so that it is not all read for nothing


@dataclass(frozen=True, slots=True)
class ObjectWithRepeatedField:
    """A JSON object that gives one field two values. `json` would keep the last one, and lose the other silently."""

    name: str
    values: tuple[Any, ...]

    def flaw(self) -> Flaw:
        """The flaw of a record that is such an object."""
        return Flaw(
            "field_repeated",
            "dropped",
            f"the field {excerpt(self.name)} stands more than once: {' and '.join(map(describe, self.values[:3]))}",
            "each field once",
            "delete the one that is wrong; for several answers, write a list",
        )


def read_json(content: Content) -> RawFile:
    """One JSON value; also JSON Lines under the name of JSON, which many tools write."""
    head = _head(content)
    if head.parsed and not head.alone:
        return RawFile(content.file, "jsonl", _with_a_record(content.file, _json_lines(content)))
    value = head.value if head.parsed else _document(content)
    return RawFile(content.file, "json", _with_a_record(content.file, _unfolded(content.file, value, "")))


def read_jsonl(content: Content) -> RawFile:
    """A JSON value a line; a list or an object laid out over many lines under this name is read as JSON."""
    head = _head(content)
    if head.parsed and head.alone and isinstance(head.value, list):
        return RawFile(content.file, "json", _with_a_record(content.file, _unfolded(content.file, head.value, "")))
    if not head.parsed and head.line.endswith(("{", "[", ",")):
        with suppress(UnreadableDataError):
            rows = _unfolded(content.file, _document(content), "")
            return RawFile(content.file, "json", _with_a_record(content.file, rows))
    return RawFile(content.file, "jsonl", _with_a_record(content.file, _json_lines(content)))


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line that is not blank, its value if it is JSON, and whether nothing follows it."""

    line: str
    parsed: bool
    value: Any
    alone: bool


def _head(content: Content) -> _Head:
    lines = (line for _, line in content.lines() if isinstance(line, Problem) or not line.isspace())
    first = next(lines, None)
    if first is None:
        raise nothing_in(content.file)
    if isinstance(first, Problem):
        return _Head("", False, None, False)
    try:
        value = parse_json(first)
    except ValueError:
        return _Head(first.strip(), False, None, False)
    return _Head(first.strip(), True, value, next(lines, None) is None)


def _document(content: Content) -> Any:
    """The one value of the file. Raises `UnreadableDataError` where it is not JSON, or too much of it."""
    with content.text("") as stream:
        text = stream.read(DOCUMENT_LIMIT + 1)
    if len(text) > DOCUMENT_LIMIT:
        limit = f"{DOCUMENT_LIMIT:,} characters"
        raise too_large(content.file, "is one JSON value of", limit, "export it as JSON Lines, which has no such limit")
    try:
        value = parse_json(text)
    except json.JSONDecodeError as error:
        raise _broken_json(content.file, error) from None
    except ValueError as error:
        raise UnreadableDataError(
            f"{content.file} {error}", expected="JSON that a person could read", next_move="export the file again"
        ) from None
    if isinstance(value, ObjectWithRepeatedField):
        flaw = value.flaw()
        raise UnreadableDataError(f"in {content.file} {flaw.found}", expected=flaw.expected, next_move=flaw.next_move)
    return value


def _json_lines(content: Content) -> Iterator[Row | Problem]:
    broken, parsed = "", False
    for tried, (number, line) in enumerate(_not_blank(content)):
        where = f"line {number}"
        outcome = line if isinstance(line, Problem) else _parsed_line(content.file, where, line)
        if isinstance(outcome, Problem):
            broken = broken or f"{where}: {outcome.found}"
            if not parsed and tried >= LINES_TRIED:
                break
            yield outcome
            continue
        parsed = True
        rows = list(_unfolded(content.file, outcome[0], where))
        yield from rows or [_nothing_in_line(content.file, where)]
    if not parsed:
        raise UnreadableDataError(
            f"no line of {content.file} is JSON; {broken}",
            expected="one JSON object a line",
            next_move="export the file again, or give it the suffix of its format",
        )


def _nothing_in_line(file: str, where: str) -> Problem:
    flaw = Flaw("not_a_record", "dropped", "the line is an empty list, or holds one", "one JSON object", "delete the line")
    return flaw.at(Place(file, where))


def _with_a_record(file: str, rows: Iterator[Row | Problem]) -> Iterator[Row | Problem]:
    """The same rows. Raises `UnreadableDataError` with the first problem where all that comes is problems."""
    first: Problem | None = None
    for number, row in enumerate(rows):
        if isinstance(row, Row):
            yield row
            yield from rows
            return
        first = first or row
        if number >= LINES_TRIED:
            break
        yield row
    if first:
        raise UnreadableDataError(
            f"{file} holds no record that can be read; {first.where}: {first.found}",
            expected=first.expected,
            next_move=first.next_move,
        )


def _not_blank(content: Content) -> Iterator[tuple[int, str | Problem]]:
    return ((number, line) for number, line in content.lines() if isinstance(line, Problem) or not line.isspace())


def _parsed_line(file: str, where: str, line: str) -> tuple[Any] | Problem:
    """The line's value, in a tuple of its own, since it may be anything; or what is wrong with the line."""
    try:
        return (parse_json(line),)
    except ValueError as error:
        reason = f"{_said(error)} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else f"the line {error}"
    flaw = Flaw(
        "line_not_json",
        "dropped",
        f"{reason}, in {excerpt(line.strip())}",
        "one JSON object",
        "correct the line, or delete it",
    )
    return flaw.at(Place(file, where))


def parse_json(text: str) -> Any:
    """A JSON value; NaN and the infinities, which JSON knows not and many tools write, are floats.

    A byte order mark before it, as joined files have, is passed over.

    Raises `json.JSONDecodeError`, or a plain `ValueError` whose message goes on from a subject.

    >>> parse_json('[1, NaN]'), parse_json('{"a": 1, "a": 1}'), parse_json('{"a": 1, "a": 2}').values
    ([1, nan], {'a': 1}, (1, 2))
    """
    try:
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise ValueError("nests its brackets too deep") from None
    except ValueError:
        raise ValueError("holds a number of more than 4,300 digits") from None  # the limit of `int`


def _object(pairs: list[tuple[str, Any]]) -> Any:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    for name, last in fields.items():
        values = tuple(value for other, value in pairs if other == name)
        if any(value != last for value in values):
            return ObjectWithRepeatedField(name, values)
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _said(error: json.JSONDecodeError) -> str:
    """What `json` said; some of its messages end in the 'at' of a place, which is told after each of them."""
    return error.msg.removesuffix(" at")


def _broken_json(file: str, error: json.JSONDecodeError) -> UnreadableDataError:
    around = error.doc[max(0, error.pos - 30) : error.pos + 30]
    return UnreadableDataError(
        f"{file} is not JSON: {_said(error)} at line {error.lineno}, column {error.colno}, in {excerpt(around)}",
        expected="one JSON value, or one a line",
        next_move=f"correct line {error.lineno}, or export the file again",
    )


def _unfolded(file: str, value: Any, where: str) -> Iterator[Row | Problem]:
    """The records inside a JSON value: the items of its list, of the list in its envelope, or the value itself."""
    while isinstance(value, dict):
        lists = _lists_of_records(value)
        if len(lists) > 1:
            yield _several_lists(lists).at(Place(file, where or "top"))
            return
        envelope = _envelope(value)
        if envelope is None:
            break
        where, value = f"{where}, {envelope}".removeprefix(", "), value[envelope]
    items = ((f"{where}[{number}]", item) for number, item in enumerate(value)) if isinstance(value, list) else None
    for place, item in items or ((where or "top", value),):
        yield item.flaw().at(Place(file, place)) if isinstance(item, ObjectWithRepeatedField) else Row(place, item)


def _envelope(value: dict[str, Any]) -> str | None:
    """The field that holds the records, in an object that is not a record itself."""
    if _is_record(value):
        return None
    held = {plain_name(name): name for name in reversed(value) if isinstance(value[name], list | dict)}
    return next((held[name] for name in ENVELOPES if name in held), None)


def _lists_of_records(value: dict[str, Any]) -> dict[str, int]:
    """How many items each list of records has that stands in an object: in a field, or in the envelope that a field is.

    Objects under the name of an envelope are records, too, whatever their columns are called.
    """
    lists: dict[str, int] = {}
    for name, held in ({} if _is_record(value) else value).items():
        inner = _envelope(held) if isinstance(held, dict) else None
        items = held if inner is None else held[inner]
        known = plain_name(name) in ENVELOPES
        if isinstance(items, list) and any(isinstance(item, dict) and (known or _is_record(item)) for item in items):
            lists[name] = len(items)
    return lists


def _is_record(value: dict[str, Any]) -> bool:
    return bool(TASK_FIELDS & value.keys() or RECORD_ROLES & assign(tuple(value)).keys())


def _several_lists(lists: Mapping[str, int]) -> Flaw:
    """Which of them is meant cannot be known: read together, a list of test records would be trained on."""
    told = ", ".join(f"{excerpt(name)} ({count:,})" for name, count in list(lists.items())[:5])
    return Flaw(
        "several_lists",
        "dropped",
        f"{len(lists)} lists of records: {told}",
        "one list of records",
        "write each list to a file of its own, and name those that are meant",
    )
