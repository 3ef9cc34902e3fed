"""In: tasks of Label Studio, as its JSON and JSON-MIN exports write them. Out: records. Does not know: other tools.

A task holds `data` (the question, the text) and `annotations`, one an annotator, each with a `result`: regions with `start`,
`end` and `text` for questions, `choices` for labels. An empty result, and no other, is an unanswerable question. Offsets
count code points since Label Studio 1.6 (label-studio#1008); where older ones count UTF-16 units, the region's own text tells,
and `check` repairs them. Regions of HTML are placed by XPath: only their text, and `globalOffsets` that fit it, are used.
What Label Studio keeps for itself (dates, projects, users) is left out; `data` and `meta` stay.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spantune.data.problems import Flaw, describe, excerpt, text_flaw
from spantune.data.records import Fields, Place, Span
from spantune.data.rows import Made, Origin, Row
from spantune.data.shapes.annotations import Marked, misplaced_flaw, unused_flaws
from spantune.data.shapes.columns import ROLES, Plan, Planner
from spantune.data.shapes.flat import question_lacks
from spantune.data.shapes.making import broken, fields_of
from spantune.data.shapes.plain import plain_value
from spantune.data.shapes.shape import Convert, Seen
from spantune.data.shapes.tool import annotated_question, annotated_text, has_own_answers, objects, sliced

BOOKKEEPING = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement")
"""What JSON-MIN adds to a row beside the data and the annotations."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What one annotation holds: the spans, what else was filled in, and what cannot be used."""

    marked: Marked
    others: Fields = ()
    flaws: tuple[Flaw, ...] = ()


def question_signs(seen: Seen) -> bool:
    """Tasks whose data names a question, or whose regions are spans."""
    return _signs(seen) and not label_signs(seen)


def label_signs(seen: Seen) -> bool:
    """Tasks without a question: choices for a text, or nothing yet."""
    if not _signs(seen) or "question" in seen.inside("data").roles:
        return False
    values = [item.get("value") for row in seen.rows for one in _annotations(row) for item in objects(one.get("result"))]
    return not any(isinstance(value, dict) and "start" in value for value in values)


def lacks(seen: Seen) -> list[str]:
    """The question and its context stand in `data`."""
    return question_lacks(seen.inside("data"))


def label_lacks(seen: Seen) -> list[str]:
    """The text stands in `data`."""
    return [] if "text" in seen.inside("data").roles else ["text"]


def reader(plan: Planner) -> Convert:
    """One question a task, with a reference from each annotator."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        task = row.value
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            yield broken(origin, row.where, "a task with 'data' and 'annotations'", task)
            return
        data = _data(task, plan)
        own = plan(tuple(data))
        context = data.get(own.roles.get("context", "context"))
        read = [_read(one, context) for one in _annotations(task)]
        more = _meta(task) + tuple({name: value for one in read for name, value in one.others}.items())
        place = Place(origin.file, row.where)
        marked = [one.marked for one in read]
        made = annotated_question(data, own, place, origin, marked, bool(task.get("predictions")), more)
        yield _with_flaws(made, tuple(flaw for one in read for flaw in one.flaws))

    return convert


def label_reader(plan: Planner) -> Convert:
    """One text a task, with the choice of its annotators."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        task = row.value
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            yield broken(origin, row.where, "a task with 'data' and 'annotations'", task)
            return
        data = _data(task, plan)
        annotations = _annotations(task)
        decided = [one for one in annotations if not _is_skipped(one)]
        labels = [value["choices"] for one in decided for value in _values(one) if "choices" in value]
        unused = unused_flaws(len(decided), len(annotations) - len(decided), bool(task.get("predictions")))
        yield annotated_text(data, plan(tuple(data)), Place(origin.file, row.where), origin, labels, unused, _meta(task))

    return convert


def min_signs(seen: Seen) -> bool:
    """JSON-MIN is known by the columns that it adds; with spans or a question, for choices are a column like any other."""
    found = {"annotation_id", "lead_time"} <= set(seen.names) and not has_own_answers(seen)
    regions = any(_is_regions(_decoded(value)) for row in seen.rows for value in row.values())
    return found and ("question" in seen.roles or regions)


def min_reader(plan: Planner) -> Convert:
    """One annotation a row: a question that several people annotated comes several times."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        if not isinstance(row.value, dict):
            yield broken(origin, row.where, "an object with 'question' and 'context'", row.value)
            return
        fields = {name: _decoded(value) for name, value in row.value.items()}
        data = {name: value for name, value in fields.items() if name not in BOOKKEEPING and not _is_regions(value)}
        own = plan(tuple(data))
        context = data.get(own.roles.get("context", "context"))
        regions = [one for value in fields.values() if _is_regions(value) for one in value]
        typed = [] if regions else _typed_result(data, own)
        if typed:
            data.pop(own.roles["answers"])
            own = plan(tuple(data))
        read = _read({"result": [{"value": one} for one in regions] or typed}, context)
        made = annotated_question(data, own, Place(origin.file, row.where), origin, [read.marked], False, ())
        yield _with_flaws(made, read.flaws)

    return convert


def _typed_result(data: Mapping[str, Any], plan: Plan) -> list[dict[str, Any]]:
    """An answer that stands in its column as a text, because it was typed: the result that the JSON export has for it."""
    value = data.get(plan.roles.get("answers", ""))
    return [{"type": "textarea", "from_name": "answer", "value": {"text": value}}] if value else []


def _signs(seen: Seen) -> bool:
    return any(isinstance(row.get("data"), dict) for row in seen.rows)


def _annotations(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    return objects(task.get("annotations") or task.get("completions"))  # 'completions' before Label Studio 1.0


def _is_skipped(annotation: Mapping[str, Any]) -> bool:
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))


def _values(annotation: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [item["value"] for item in objects(annotation.get("result")) if isinstance(item.get("value"), dict)]


def _data(task: Mapping[str, Any], plan: Planner) -> dict[str, Any]:
    """The task's data, under the task's id where it names none of its own."""
    data: dict[str, Any] = task["data"]
    return data if "id" in plan(tuple(data)).roles else {"id": task.get("id")} | data


def _meta(task: Mapping[str, Any]) -> Fields:
    meta = task.get("meta")
    found = fields_of(meta, meta, "meta.") if isinstance(meta, dict) else ()
    return found + ((("predictions", plain_value(task["predictions"])),) if task.get("predictions") else ())


def _read(annotation: Mapping[str, Any], context: Any) -> _Read:
    spans: list[Span] = []
    texts: list[Span] = []
    others: list[tuple[str, str | int | float | bool]] = []
    flaws: list[Flaw] = []
    for item in objects(annotation.get("result")):
        value = item.get("value")
        if not isinstance(value, dict):
            continue
        if "start" not in value:
            texts += _typed_answers(item, value)
            filled = "text" if item.get("type") == "textarea" else item.get("type")
            others += [(str(item.get("from_name")), _filled_in(one)) for key, one in value.items() if key == filled]
            continue
        span = _span(value, context)
        if span is None:
            flaws.append(misplaced_flaw(value))
        else:
            spans.append(span)
    if texts and not spans and not flaws:
        spans, others = texts, [one for one in others if one[0].lower() not in ROLES["answers"]]
    if annotation.get("result") and not spans and not flaws:  # an empty result alone says that there is no answer
        flaws.append(_without_span(annotation))
    return _Read(Marked(tuple(spans), _is_skipped(annotation)), tuple(others), tuple(flaws))


def _typed_answers(item: Mapping[str, Any], value: Mapping[str, Any]) -> list[Span]:
    """What was typed into a text area that is called an answer, rather than a comment: answers without a place."""
    if item.get("type") != "textarea" or str(item.get("from_name")).lower() not in ROLES["answers"]:
        return []
    return _typed(value.get("text"))


def _typed(value: Any) -> list[Span]:
    texts = value if isinstance(value, list) else [value]
    return [Span(text) for text in texts if isinstance(text, str) and not text_flaw(text, "answer")]


def _without_span(annotation: Mapping[str, Any]) -> Flaw:
    kinds = dict.fromkeys(str(item.get("type")) for item in objects(annotation.get("result")))
    return Flaw(
        "annotation_without_span",
        "quarantined",
        f"an annotation marks no span, but holds {', '.join(map(excerpt, kinds)) or describe(annotation.get('result'))}",
        "a marked span; or an empty result for a question without an answer",
        "mark the answer in the text, or choose what it is with --accept",
    )


def _span(value: Mapping[str, Any], context: Any) -> Span | None:
    start, end, text = value.get("start"), value.get("end"), value.get("text")
    if "startOffset" not in value:
        return sliced(context, start, end, text)
    offsets = value.get("globalOffsets")  # of the text that a browser shows, which may be the context or not
    start = offsets.get("start") if isinstance(offsets, dict) else None
    fits = isinstance(context, str) and isinstance(text, str) and type(start) is int and context.startswith(text, start)
    return sliced(context, start if fits else None, None, text)


def _filled_in(value: Any) -> str | int | float | bool:
    return plain_value(value[0] if isinstance(value, list) and len(value) == 1 else value)


def _decoded(value: Any) -> Any:
    """A list of regions that a table's cell spells out, as the CSV export does; anything else as it is."""
    if not isinstance(value, str) or not value.startswith("[{"):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if _is_regions(found) else value


def _is_regions(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "start" in one for one in value)


def _with_flaws(made: Made, flaws: tuple[Flaw, ...]) -> Made:
    if made.record is None or not flaws:
        return made
    place = made.record.place
    return replace(made, problems=made.problems + tuple(flaw.at(place, made.record.id) for flaw in flaws))
