"""In: records exported by Argilla, 1.x and 2.x. Out: records. Does not know: other tools.

Nested exports hold `fields`, `responses` and `suggestions`; flat ones a column `NAME.responses` a question (2.x), or `NAME`
with `NAME-suggestion` beside it (1.x). Responses that were submitted count, one an annotator: lists of spans, with ends that
are exclusive, or a text that is the answer. Suggestions are a model's, and never an answer.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spantune.data.records import Fields, Place, Span
from spantune.data.rows import Made, Origin, Row
from spantune.data.shapes.annotations import Marked, misplaced_flaw, unused_flaws
from spantune.data.shapes.columns import ROLES, Planner
from spantune.data.shapes.flat import question_lacks
from spantune.data.shapes.making import broken, fields_of
from spantune.data.shapes.plain import plain_value
from spantune.data.shapes.shape import Convert, Seen, seen
from spantune.data.shapes.tool import annotated_question, annotated_text, has_own_answers, objects, sliced

RESPONSES = ".responses"
SUGGESTION = "-suggestion"
UNSUBMITTED = {"draft", "discarded", "pending"}


@dataclass(frozen=True, slots=True)
class _Response:
    """What one annotator said to one question of the form."""

    value: Any
    submitted: bool


@dataclass(frozen=True, slots=True)
class _Case:
    """One record, whichever export it is from: its data, the responses to each question of the form, what a model suggested."""

    data: dict[str, Any]
    responses: Mapping[str, list[_Response]]
    suggestions: Any
    metadata: Fields


def question_signs(found: Seen) -> bool:
    """An Argilla export whose data names a question and a context."""
    return _signs(found) and not question_lacks(_inside(found))


def label_signs(found: Seen) -> bool:
    """Any other Argilla export."""
    return _signs(found)


def lacks(found: Seen) -> list[str]:
    """The question and its context are fields of the record."""
    return question_lacks(_inside(found))


def label_lacks(found: Seen) -> list[str]:
    """The text is a field of the record."""
    return [] if "text" in _inside(found).roles else ["text"]


def reader(plan: Planner) -> Convert:
    """One question a record, with a reference from each annotator."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        case = _case(row.value)
        if case is None:
            yield broken(origin, row.where, "a record with 'fields' and 'responses'", row.value)
            return
        own = plan(tuple(case.data))
        context = case.data.get(own.roles.get("context", "context"))
        asked = _answer_question(case)
        given = case.responses.get(asked, ())
        marked = [Marked(tuple(filter(None, _spans(one.value, context))), not one.submitted) for one in given]
        flaws = [misplaced_flaw(one.value) for one in given if one.submitted and None in _spans(one.value, context)]
        more = case.metadata + _other_responses(case, asked)
        place = Place(origin.file, row.where)
        made = annotated_question(case.data, own, place, origin, marked, bool(case.suggestions), more)
        if made.record is not None:
            made = Made(made.record, made.problems + tuple(flaw.at(place, made.record.id) for flaw in flaws))
        yield made

    return convert


def label_reader(plan: Planner) -> Convert:
    """One text a record, with the label that its annotators gave it."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        case = _case(row.value)
        if case is None:
            yield broken(origin, row.where, "a record with 'fields' and 'responses'", row.value)
            return
        asked = _named(case, "label") or next(iter(case.responses), "")
        given = case.responses.get(asked, ())
        labels = [one.value for one in given if one.submitted]
        unused = unused_flaws(len(labels), len(given) - len(labels), bool(case.suggestions))
        data = case.data | {name: value for name, value in case.metadata if name not in case.data}
        more = _other_responses(case, asked)
        yield annotated_text(data, plan(tuple(data)), Place(origin.file, row.where), origin, labels, unused, more)

    return convert


def _signs(found: Seen) -> bool:
    nested = any(isinstance(row.get("fields"), dict) for row in found.rows)
    if nested and {"responses", "suggestions"} & set(found.names):
        return True
    if has_own_answers(found):
        return False
    return any(name.endswith(RESPONSES) or f"{name}{SUGGESTION}" in found.names for name in found.names)


def _inside(found: Seen) -> Seen:
    rows = [case.data for row in found.rows if (case := _case(row))]
    return seen(dict.fromkeys(name for row in rows for name in row), rows, found.forced)


def _case(row: Any) -> _Case | None:
    if not isinstance(row, dict):
        return None
    if isinstance(row.get("fields"), dict):
        return _nested(row)
    return _flat(row)


def _nested(row: dict[str, Any]) -> _Case:
    data = row["fields"]
    own = row.get("id") or row.get("external_id") or row.get("_server_id")
    data = data if own is None or "id" in data else {"id": own} | data
    responses: dict[str, list[_Response]] = {}
    given = row.get("responses")
    if isinstance(given, dict):  # 2.x: question → responses
        for name, ones in given.items():
            responses[name] = [_response(one) for one in objects(ones)]
    for one in objects(given):  # 1.x: a response holds the values of all questions
        values = one.get("values") if isinstance(one.get("values"), dict) else {one.get("question_name"): one}
        for name, value in (values or {}).items():
            inner = value if isinstance(value, dict) else {"value": value}
            responses.setdefault(str(name), []).append(_response({"status": one.get("status")} | inner))
    return _Case(data, responses, row.get("suggestions"), _metadata(row.get("metadata")))


def _flat(row: dict[str, Any]) -> _Case:
    responses: dict[str, list[_Response]] = {}
    for name, value in row.items():
        if name.endswith(RESPONSES):
            status = row.get(f"{name}.status")
            states = status if isinstance(status, list) else []
            given = value if isinstance(value, list) else []
            pairs = zip(given, [*states, *[None] * len(given)], strict=False)
            responses[name.removesuffix(RESPONSES)] = [_response({"value": one, "status": state}) for one, state in pairs]
        elif f"{name}{SUGGESTION}" in row:
            responses[name] = [_response(one) for one in objects(value)]
    names = tuple(responses)
    suggested = [name for name in row if name.endswith((SUGGESTION, ".suggestion"))]
    own = {f"{name}{end}" for name in names for end in ("", RESPONSES, SUGGESTION)}
    apart = [name for name in row if name in own or name.startswith(tuple(f"{one}{end}" for one in names for end in ".-"))]
    data = {name: value for name, value in row.items() if name not in (*apart, *suggested, "metadata")}
    if data.get("external_id") is not None:
        data = {"id": data.pop("external_id")} | data
    return _Case(data, responses, [row[name] for name in suggested if row[name]], _metadata(row.get("metadata")))


def _response(one: Mapping[str, Any]) -> _Response:
    return _Response(one.get("value"), str(one.get("status")).rpartition(".")[2] not in UNSUBMITTED)


def _metadata(value: Any) -> Fields:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return (("metadata", value),) if value.strip() else ()
    return fields_of(value, value) if isinstance(value, dict) else ()


def _named(case: _Case, role: str) -> str:
    return next((name for name in case.responses if name.lower() in ROLES[role]), "")


def _answer_question(case: _Case) -> str:
    """The question of the form that asks for the answer: by its name, by its spans, or the only one."""
    spans = (name for name, ones in case.responses.items() if any(_is_spans(one.value) for one in ones))
    return _named(case, "answers") or next(spans, "") or next(iter(case.responses), "")


def _other_responses(case: _Case, asked: str) -> Fields:
    others = {name: [one.value for one in ones if one.submitted] for name, ones in case.responses.items() if name != asked}
    return tuple((name, plain_value(ones[0] if len(ones) == 1 else ones)) for name, ones in others.items() if ones)


def _is_spans(value: Any) -> bool:
    return any("start" in one for one in objects(value)) or (isinstance(value, dict) and "start" in value)


def _spans(value: Any, context: Any) -> tuple[Span | None, ...]:
    """The marked spans, texts as they are; `None` for one that has neither a text nor a place that can be used."""
    if isinstance(value, dict) and isinstance(value.get("start"), list):  # a table turns a list of objects inside out
        columns = [
            value[name] if isinstance(value.get(name), list) else [None] * len(value["start"]) for name in ("end", "text")
        ]
        value = [{"start": start, "end": end, "text": text} for start, end, text in zip(value["start"], *columns, strict=False)]
    if value is None or (isinstance(value, str) and not value.strip()):
        return ()
    return tuple(_span(one, context) for one in (value if isinstance(value, list) else [value]))


def _span(one: Any, context: Any) -> Span | None:
    if isinstance(one, str):
        return Span(one) if one.strip() else None
    if not isinstance(one, dict):
        return None
    return sliced(context, _whole(one.get("start")), _whole(one.get("end")), one.get("text"))


def _whole(offset: Any) -> Any:
    """A table with empty cells makes floats of offsets."""
    return int(offset) if isinstance(offset, float) and offset.is_integer() else offset
