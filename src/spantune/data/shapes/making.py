"""In: the parts of one raw record, as a file writes them. Out: what all shapes make of them: ids, names, fields, questions.

Does not know: shapes.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from spantune.data.problems import Flaw, describe, text_flaw
from spantune.data.records import Example, Fields, Place, Span
from spantune.data.rows import Made, Origin
from spantune.data.shapes.answers import parse_answers, parse_flag
from spantune.data.shapes.columns import FIELDS, Plan

QUESTION_ROLES = ("id", "question", "context", "answers", "starts", "impossible", "document")
TEXT_ROLES = ("id", "text", "label", "document")

Value = str | int | float | bool


def example(
    row: Mapping[str, Any],
    plan: Plan,
    place: Place,
    origin: Origin,
    context: Any,
    context_flaw: Flaw | None,
    document: str | None,
    more: Fields = (),
) -> Made:
    """One question with its answers, from a row of its own or from the paragraph that holds it; `more` are fields of that."""
    roles = plan.roles
    record_id = id_of(row, plan, place, origin)
    question: Any = row.get(roles.get("question", "question"))
    flaw = text_flaw(question, "question") or context_flaw
    if flaw:
        return Made(None, (flaw.at(place, record_id),))
    answers, flaws = _answers_of(row, roles, context)
    unnamed = id_flaw(row, plan)
    if unnamed:
        flaws = (unnamed, *flaws)
    fields = more + fields_of(row, plan.rest) if plan.rest else more
    record = Example(record_id, question, context, answers, document, place, fields)
    return Made(record, tuple(flaw.at(place, record_id) for flaw in flaws))


def _answers_of(
    row: Mapping[str, Any], roles: Mapping[str, str], context: str
) -> tuple[tuple[Span, ...] | None, Iterable[Flaw]]:
    """The answers of one question: `None` unlabelled, `()` unanswerable; and what contradicts itself."""
    impossible = parse_flag(row[roles["impossible"]]) if "impossible" in roles else None
    if isinstance(impossible, Flaw):
        return None, [impossible]
    if "answers" not in roles:
        return (() if impossible else None), ()
    value = row[roles["answers"]]
    if impossible is None and "impossible" in roles and (value is None or (isinstance(value, str) and not value.strip())):
        return None, ()  # a table that has both columns, and says nothing in either
    parsed = parse_answers(value, row.get(roles["starts"]) if "starts" in roles else None, context)
    if parsed.not_given:
        impossible = None  # the Haystack annotation tool writes is_impossible: false beside its own mark
    if impossible and parsed.spans:
        return parsed.spans, [
            *parsed.flaws,
            _contradiction("true", f"{len(parsed.spans)} answers, such as {describe(parsed.spans[0].text)}"),
        ]
    if impossible is False and not parsed.spans and not parsed.flaws:
        return parsed.spans, [_contradiction("false", "no answers")]
    return parsed.spans, parsed.flaws


def _contradiction(flag: str, answers: str) -> Flaw:
    return Flaw(
        "contradiction",
        "quarantined",
        f"is_impossible is {flag}, with {answers}",
        "answers, or is_impossible: true, not both and not neither",
        "decide which of the two is right, and correct the other",
    )


def broken(origin: Origin, where: str, expected: str, value: object) -> Made:
    """What becomes of a value that should be a record and is none."""
    flaw = Flaw("not_a_record", "dropped", describe(value), expected, "correct this part of the file, or delete it")
    return Made(None, (flaw.at(Place(origin.file, where)),))


def id_of(row: Mapping[str, Any], plan: Plan, place: Place, origin: Origin) -> str:
    """The record's own id as a text, else one made from its position, the same at every reading."""
    column = plan.roles.get("id")
    own = name_of(row[column]) if column is not None else None
    return own or origin.id_prefix + re.sub(r"[\s,]+", "-", place.where)


def id_flaw(row: Mapping[str, Any], plan: Plan) -> Flaw | None:
    """What to tell of an id that names nothing; `None` for a good one, and for none at all."""
    value = row[plan.roles["id"]] if "id" in plan.roles else None
    absent = value is None or value != value or (isinstance(value, str) and not value.strip())
    if absent or name_of(value) is not None:
        return None
    return Flaw(
        "id_not_a_name",
        "repaired",
        f"the id is {describe(value)}; the record goes by its position",
        "a text or a whole number",
        "nothing, if the position will do; else give each record an id",
    )


def document_of(row: Mapping[str, Any], plan: Plan) -> str | None:
    """The name of the source document, where the row has one."""
    return name_of(row[plan.roles["document"]]) if "document" in plan.roles else None


def name_of(value: object) -> str | None:
    """An id, a title or a label as a text; `None` for what names nothing.

    >>> name_of("a"), name_of(7.0), name_of(" "), name_of([1]), name_of(float("inf"))
    ('a', '7', None, None, 'Infinity')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of whole numbers with gaps is read as floats
    if isinstance(value, str):
        text = _whole(value)
        return text if text and not text.isspace() else None
    return str(plain_value(value)) if isinstance(value, int | float) and value == value else None


def fields_of(row: Mapping[str, Any], names: Iterable[str], prefix: str = "") -> Fields:
    """The columns that play no role: numbers, truth values and texts as they are, nested values as their JSON text.

    A null says nothing and is left out. An object named 'fields' is taken apart.

    >>> fields_of({"pages": [3, 4], "note": None, "fields": {"year": 1973}}, ("pages", "note", "fields"))
    (('pages', '[3, 4]'), ('year', 1973))
    """
    found: dict[str, Value] = {}
    for name in names:
        value = row[name]
        if value is None:
            continue
        inner = _taken_apart(value) if name == FIELDS else None
        if inner is None:
            found[f"{prefix}{_whole(name)}"] = plain_value(value)
            continue
        for key, one in ((_whole(key), one) for key, one in inner.items()):
            if one is not None:
                found[f"{FIELDS}.{key}" if key in found or (key in names and key != FIELDS) else key] = plain_value(one)
    return tuple(found.items())


def plain_value(value: Any) -> Value:
    """A value as a field can hold it.

    >>> plain_value(3), plain_value({"a": [1]}), plain_value(float("inf"))
    (3, '{"a": [1]}', 'Infinity')
    """
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else json.dumps(value)  # as JSON's parsers write and read it
    if isinstance(value, dict | list | tuple):
        try:
            return _whole(json.dumps(value, ensure_ascii=False, default=str))
        except (RecursionError, ValueError):
            return describe(value)
    return str(value)


def _whole(text: str) -> str:
    """The text with halves of surrogate pairs, which no file can hold, as their escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _taken_apart(value: Any) -> dict[str, Any] | None:
    if isinstance(value, str):
        if not value.strip():
            return {}
        try:
            value = json.loads(value) if value.startswith("{") else None
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None
