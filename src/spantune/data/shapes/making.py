"""In: the parts of one raw record, as a file writes them. Out: what all shapes make of them: ids, names, fields, questions.

Does not know: shapes.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spantune.data.problems import Changed, Flaw, describe, excerpt, text_flaw
from spantune.data.records import Example, Fields, Place, Span
from spantune.data.rows import Made, Origin
from spantune.data.shapes.answers import START_ALONE, parse_answers, parse_flag, parse_start
from spantune.data.shapes.columns import FIELDS, Plan
from spantune.data.shapes.plain import Value, plain_value, whole

QUESTION_ROLES = ("id", "question", "context", "answers", "starts", "impossible", "document")
TEXT_ROLES = ("id", "text", "label", "document")


@dataclass(frozen=True, slots=True)
class Titled:
    """The name of the document that a record is from, if it has one; and the flaw where what should be a name is none."""

    name: str | None
    flaw: Flaw | None = None


def example(
    row: Mapping[str, Any],
    plan: Plan,
    place: Place,
    origin: Origin,
    context: Any,
    context_flaw: Flaw | None,
    document: Titled,
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
    flaws = (*filter(None, (id_flaw(row, plan, record_id), document.flaw)), *flaws)
    fields = more + fields_of(row, plan.rest) if plan.rest else more
    record = Example(record_id, question, context, answers, document.name, place, fields)
    return Made(record, tuple(flaw.at(place, record_id) for flaw in flaws))


def _answers_of(
    row: Mapping[str, Any], roles: Mapping[str, str], context: str
) -> tuple[tuple[Span, ...] | None, Iterable[Flaw]]:
    """The answers of one question: `None` unlabelled, `()` unanswerable; and what contradicts itself."""
    impossible = parse_flag(row[roles["impossible"]]) if "impossible" in roles else None
    if isinstance(impossible, Flaw):
        return None, [impossible]
    if "answers" not in roles:
        flaws = parse_answers(None, row[roles["starts"]], context).flaws if "starts" in roles and not impossible else ()
        return (() if impossible else None), flaws
    value, start = row[roles["answers"]], row[roles["starts"]] if "starts" in roles else None
    if impossible is None and "impossible" in roles and _is_absent(value) and not isinstance(parse_start(start), int):
        return None, ()  # a table that has both columns, and says nothing in either
    parsed = parse_answers(value, start, context)
    if parsed.not_given:
        impossible = None  # the Haystack annotation tool writes is_impossible: false beside its own mark
    if impossible and parsed.spans:
        return parsed.spans, [
            *parsed.flaws,
            _contradiction("true", f"{len(parsed.spans)} answers, such as {describe(parsed.spans[0].text)}"),
        ]
    if impossible and [flaw.code for flaw in parsed.flaws] == [START_ALONE]:
        return (), ()  # neither its flag nor its text speaks of an answer
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


def id_flaw(row: Mapping[str, Any], plan: Plan, record_id: str) -> Flaw | None:
    """What to tell of an id that names nothing; `None` for a good one, and for none at all."""
    value = row[plan.roles["id"]] if "id" in plan.roles else None
    if _is_absent(value) or name_of(value) is not None:
        return None
    return Flaw(
        "id_not_a_name",
        "repaired",
        f"the id is {describe(value)}; the record goes by its position",
        "a text or a whole number",
        "nothing, if the position will do; else give each record an id",
        Changed("id", plain_value(value), record_id),
    )


def document_of(row: Mapping[str, Any], plan: Plan) -> Titled:
    """The name of the source document, where the row has one."""
    column = plan.roles.get("document")
    value = None if column is None else row[column]
    name = name_of(value)
    if name is not None and name != name.strip():
        spaces = Flaw(
            "document_spaces",
            "repaired",
            f"{column} is {excerpt(name)}; the blanks around it were removed",
            "the name of a document without blanks around it",
            "nothing; with them it would be a document of its own",
            Changed("document", name, name.strip()),
        )
        return Titled(name.strip(), spaces)
    if name is not None or _is_absent(value):
        return Titled(name)
    flaw = Flaw(
        "document_not_a_name",
        "repaired",
        f"{column} is {describe(value)}; the record is of no document",
        "the name of a document",
        "nothing, if records need not be kept together by document; else write its name as a text",
        Changed("document", plain_value(value)),
    )
    return Titled(None, flaw)


def name_of(value: object) -> str | None:
    """An id, a title or a label as a text; `None` for what names nothing.

    >>> name_of("a"), name_of(7.0), name_of(" "), name_of([1]), name_of(float("inf"))
    ('a', '7', None, None, 'Infinity')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of whole numbers with gaps is read as floats
    if isinstance(value, str):
        text = whole(value)
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
            found[f"{prefix}{whole(name)}"] = plain_value(value)
            continue
        for key, one in ((whole(key), one) for key, one in inner.items()):
            if one is not None:
                found[f"{FIELDS}.{key}" if key in found or (key in names and key != FIELDS) else key] = plain_value(one)
    return tuple(found.items())


def _is_absent(value: object) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _taken_apart(value: Any) -> dict[str, Any] | None:
    if isinstance(value, str):
        if not value.strip():
            return {}
        try:
            value = json.loads(value) if value.startswith("{") else None
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None
