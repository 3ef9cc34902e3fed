"""In: what a file writes where the answers belong, in any of its forms. Out: spans, and the flaws found on the way.

Does not know: files, or whether a span matches its context (that is `alignment`).
"""

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spantune.data.problems import Changed, Flaw, describe, excerpt, text_flaw
from spantune.data.records import Span
from spantune.data.shapes.annotations import disagreement_flaw, several_spans_flaw
from spantune.data.shapes.columns import spelled
from spantune.data.shapes.plain import plain_value

TEXT_KEYS = ("text", "answer", "answer_text", "span")
START_KEYS = ("answer_start", "start", "answer_starts", "start_index")

NAMES = (*TEXT_KEYS, *START_KEYS, "answer_category", "spans")
"""The fields of an answer that are read; their capitals do not matter."""

START_ALONE = "start_without_text"

NOT_GIVEN = "NOT_GIVEN"
"""What the Haystack annotation tool writes as the category of an answer that says "there is none" (haystack#287)."""

BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class ParsedAnswers:
    """The spans that could be read, and what was wrong with the others.

    `not_given`: an annotator said in so many words that the text holds no answer.
    """

    spans: tuple[Span, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    not_given: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    """One reference as it was written."""

    text: Any
    start: Any
    given: bool = True


class _Unreadable(Exception):
    """The answers as a whole cannot be read; carries the flaw."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.code)
        self.flaw = flaw


def parse_answers(value: object, starts: object = None, context: str = "") -> ParsedAnswers:
    """Read one record's answers, and the starts that stand in a column of their own.

    No spans and no flaws means that the record says "no answer": null, an empty text, an empty list.

    >>> parse_answers({"text": ["308"], "answer_start": [29]}).spans
    (Span(text='308', start=29),)
    >>> parse_answers("308", "29").spans
    (Span(text='308', start=29),)
    >>> parse_answers([]).spans, [flaw.code for flaw in parse_answers([None]).flaws]
    ((), ['answer_null'])
    """
    try:
        entries = _entries(value, starts, context)
    except _Unreadable as error:
        return ParsedAnswers((), (error.flaw,))
    spans: list[Span] = []
    flaws: list[Flaw] = []
    not_given = False
    for entry in entries:
        if not entry.given:
            not_given = True
            continue
        flaw = _entry_flaw(entry)
        if flaw is not None:
            flaws.append(flaw)
            continue
        start = parse_start(entry.start)
        if isinstance(start, Flaw):
            flaws.append(replace(start, changed=_changed(entry)))
            start = None
        spans.append(Span(entry.text, start))
    if flaws and not spans:  # whether the record has no answer or a lost one cannot be told: a person must look
        flaws = [replace(flaw, outcome="quarantined") for flaw in flaws]
    if not_given and spans:
        flaws.append(disagreement_flaw(len(spans)))
    return ParsedAnswers(tuple(spans), tuple(flaws), not_given)


def parse_start(value: object) -> int | Flaw | None:
    """An answer's start as a whole number; `None` for a start that is not given.

    A text 'nan' is a table's empty cell; a NaN as a number is a start that a computation lost.

    >>> parse_start(29), parse_start("29.0"), parse_start("nan"), parse_start(None)
    (29, 29, None, None)
    >>> parse_start("p. 3").code, parse_start(float("nan")).code
    ('start_not_a_number', 'start_not_a_number')
    """
    if type(value) is int or value is None:
        return value
    if isinstance(value, str | float):
        text = str(value).strip().lower()
        if isinstance(value, str) and text in ("", "nan", "none", "null"):
            return None
        if re.fullmatch(r"[+-]?\d{1,18}(\.0*)?", text):
            return int(text.partition(".")[0])
    return Flaw(
        "start_not_a_number",
        "repaired",
        f"answer start is {describe(value)}",
        "a whole number that counts characters from 0, or none",
        "nothing, if the answer found in the context is the one meant; else give its start",
    )


def parse_flag(value: object) -> bool | Flaw | None:
    """Whether a record is marked as having no answer; `None` where it is not marked.

    >>> parse_flag("False"), parse_flag(1), parse_flag("")
    (False, True, None)
    >>> parse_flag("perhaps").code
    'flag_not_a_boolean'
    """
    if value is None or isinstance(value, bool):
        return value
    text = describe(value) if isinstance(value, list | dict) else str(value).strip().lower().removesuffix(".0")
    if text in ("", "nan"):
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    return Flaw(
        "flag_not_a_boolean",
        "quarantined",
        f"is_impossible is {describe(value)}",
        "true or false",
        "write true or false, or leave the field out",
    )


def _entry_flaw(entry: _Entry) -> Flaw | None:
    """What keeps one reference from being used; the others of its record stay."""
    if entry.text is None:
        return Flaw(
            "answer_null",
            "repaired",
            "an answer is null; it was removed",
            "a text",
            "delete the null entry, or mark the question as unanswerable with an empty list",
            _changed(entry),
        )
    flaw = text_flaw(entry.text, "answer")
    if flaw is None:
        return None
    return replace(flaw, outcome="repaired", found=f"{flaw.found}; it was removed", changed=_changed(entry))


def _changed(entry: _Entry) -> Changed:
    """The reference as it was written."""
    given = {"text": entry.text, "answer_start": entry.start}
    plain = {name: plain_value(value) for name, value in given.items() if value is not None}
    return Changed("answer", plain or None, None if text_flaw(entry.text, "answer") else str(entry.text))


def _entries(value: Any, starts: Any, context: str) -> list[_Entry]:
    """Every reference as it was written, whichever form the file uses."""
    if isinstance(value, str):
        value = _decoded(value, context)
    if value != value:
        value = None  # a NaN is how pandas writes an empty cell as JSON
    starts = _listed(starts)
    form = FORMS.get(type(value))
    if form is None:
        flaw = Flaw(
            "answer_not_text",
            "quarantined",
            f"the answer is {describe(value)}",
            "a text in quotes",
            "write the answer as it stands in the context, in quotes",
        )
        raise _Unreadable(flaw)
    return list(form(value, starts))


def _from_nothing(value: object, starts: Any) -> Iterator[_Entry]:
    """No answer; unless a start says that there is one."""
    given = [start for start in map(parse_start, starts if isinstance(starts, list) else [starts]) if isinstance(start, int)]
    if max(given, default=0) > 0:  # 0 and -1 are how tables fill the start of no answer
        flaw = Flaw(
            START_ALONE,
            "quarantined",
            f"an answer starts at {max(given)}, and its text is {describe(value)}",
            "the answer's text; or neither text nor start, where there is no answer",
            "write the answer as it stands in the context, or leave the start out",
        )
        raise _Unreadable(flaw)
    return iter(())


def _from_text(value: str, starts: Any) -> Iterator[_Entry]:
    return _at_each(_Entry(value, starts)) if value and not value.isspace() else _from_nothing(value, starts)


def _from_object(value: Mapping[str, Any], starts: Any) -> Iterator[_Entry]:
    """`{"text": …, "answer_start": …}`, either of them one value or a list; `starts` where it gives none itself."""
    value = spelled(value, NAMES)
    if not value:
        return _from_nothing(None, starts)
    if isinstance(value.get("spans"), list) and not set(TEXT_KEYS) & value.keys():
        return _parts(value["spans"])
    entry = _fields(value)
    if entry.start is None:
        entry = replace(entry, start=starts)
    empty = entry.text is None or entry.text == ""
    return _from_nothing(entry.text, entry.start) if empty and entry.given else _at_each(entry)


def _at_each(entry: _Entry) -> Iterator[_Entry]:
    """One reference of an object: its texts with their starts, or its one text at each place that it is given."""
    if not entry.given:
        return iter([entry])
    if isinstance(entry.text, list):
        return _zipped(entry.text, entry.start)
    starts = entry.start if isinstance(entry.start, list) else [entry.start]
    return (replace(entry, start=start) for start in starts or [None])


def _parts(spans: list[Any]) -> Iterator[_Entry]:
    """`{"spans": [...]}`: the parts of one answer, as DROP writes them."""
    if len(spans) > 1:
        raise _Unreadable(several_spans_flaw(len(spans)))
    return (_Entry(text, None) for text in spans)


def _from_list(value: list[Any], starts: Any) -> Iterator[_Entry]:
    """A list of texts, with a list of starts beside it or none, or of objects."""
    if not any(isinstance(item, dict) for item in value):
        return _zipped(value, starts)
    entries = [_fields(spelled(item, NAMES)) if isinstance(item, dict) else _Entry(item, None) for item in value]
    if all(entry.start is None and entry.given for entry in entries):
        entries = [replace(entry, start=one.start) for entry, one in zip(entries, _zipped(value, starts), strict=True)]
    return (one for entry in entries for one in _at_each(entry))


FORMS: Mapping[type, Callable[[Any, Any], Iterator[_Entry]]] = {
    type(None): _from_nothing,
    str: _from_text,
    dict: _from_object,
    list: _from_list,
}


def _zipped(texts: list[Any], starts: Any) -> Iterator[_Entry]:
    if starts in (None, "", []):
        starts = [None] * len(texts)
    elif not isinstance(starts, list):
        starts = [starts]
    if len(starts) != len(texts):
        flaw = Flaw(
            "answer_lengths_differ",
            "quarantined",
            f"{len(texts)} answer texts and {len(starts)} answer starts",
            "as many starts as texts, in the same order",
            "correct the record, or leave the starts out: an answer that occurs once is found without",
        )
        raise _Unreadable(flaw)
    return (_Entry(text, start) for text, start in zip(texts, starts, strict=True))


def _fields(value: Mapping[str, Any]) -> _Entry:
    text_key = next((key for key in TEXT_KEYS if key in value), None)
    if text_key is None:
        flaw = Flaw(
            "answer_without_text",
            "quarantined",
            f"an answer has the fields {', '.join(map(excerpt, list(value)[:8])) or 'none'}",
            f"its text in one of the fields {', '.join(TEXT_KEYS)}",
            "rename the field that holds the answer's text to 'text'",
        )
        raise _Unreadable(flaw)
    start = next((value[key] for key in START_KEYS if key in value), None)
    return _Entry(value[text_key], _listed(start), value.get("answer_category") != NOT_GIVEN)


def _listed(starts: Any) -> Any:
    """The list that a table's cell of starts spells out; any other value as it is."""
    return _literal(starts, starts) if isinstance(starts, str) and starts.lstrip().startswith("[") else starts


def _decoded(cell: str, context: str) -> Any:
    """The list or object that a table's cell spells out; any other text stays the answer that it is."""
    if not cell.lstrip().startswith(("{", "[")) or cell in context:
        return cell
    value = _literal(cell, cell)
    if isinstance(value, dict):
        return value if not value or set(TEXT_KEYS) & spelled(value, NAMES).keys() else cell
    return value if all(item is None or isinstance(item, str | dict) for item in value) else cell


def _literal(cell: str, otherwise: Any) -> Any:
    """The JSON or Python literal in `cell`, as pandas and `str()` write them; `otherwise` when it is neither."""
    without_arrays = re.sub(r"array\((\[.*?\])(?:,\s*dtype=\w+)?\)", r"\1", cell, flags=re.DOTALL)
    for parse in (json.loads, _python_literal):
        for text in (cell, without_arrays):
            try:
                value = parse(text)
            except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
                continue
            if isinstance(value, list | dict):
                return value
    return otherwise


def _python_literal(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown escape such as '\d' in the user's text is not our code's
        return ast.literal_eval(text)
