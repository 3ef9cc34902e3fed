"""In: the rows of a doccano export with spans. Out: records. Does not know: other tools.

Spans are `[start, end, label]` under 'label' or 'labels', or objects with `start_offset` under 'entities'. The question is a
column of its own, which doccano carries along as metadata; without one, labels that are questions are the questions, a
record for each, as users of the tool do (deepset-ai/haystack#1125). Offsets count code points, or graphemes in projects that
are set so: such ones come out as other slices, which nothing in the file tells.
"""

import re
from collections.abc import Iterator
from typing import Any

from spantune.data.records import Place, Span
from spantune.data.rows import Made, Origin, Row
from spantune.data.shapes.annotations import Marked, misplaced_flaw
from spantune.data.shapes.columns import Planner
from spantune.data.shapes.flat import question_lacks
from spantune.data.shapes.making import broken
from spantune.data.shapes.shape import Convert, Seen
from spantune.data.shapes.tool import annotated_question, sliced

SPANS = ("label", "labels", "entities")
ASIDE = ("relations", "Comments", "comments")
# The Greek question mark, U+037E, looks like a semicolon, and is one in normalised text (NFC): there the letters tell.
QUESTION = re.compile("[?？؟\u037e]\\s*$|[\u0370-\u03ff\u1f00-\u1fff][^;]*;\\s*$")


def signs(seen: Seen) -> bool:
    """Known by spans with their offsets; 'entities' beside answers are what a tagger found, a field like any other."""
    names = SPANS if "answers" not in seen.roles else tuple(name for name in SPANS if name != "entities")
    return any(_is_span(mark) for row in seen.rows for mark in _marks(row, names))


def lacks(seen: Seen) -> list[str]:
    """A text, and a question: in a column, or as the labels."""
    lacking = question_lacks(seen)
    if "data" in seen.names or "text" in seen.names:
        lacking = [role for role in lacking if role != "context"]
    labels = {_label(mark) for row in seen.rows for mark in _marks(row) if _is_span(mark)}
    asked = all(map(_asks, labels))
    return [role for role in lacking if role != "question" or not asked]


def reader(plan: Planner) -> Convert:
    """One question a row, or one for each label that is a question."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        if not isinstance(row.value, dict):
            yield broken(origin, row.where, "an object with 'text' and 'label'", row.value)
            return
        data = {name: value for name, value in row.value.items() if name not in SPANS}
        data = {name: value for name, value in data.items() if value or name not in ASIDE}
        if "context" not in plan(tuple(data)).roles and "data" in data:
            data["context"] = data.pop("data")
        marks = _marks(row.value)
        if "question" in plan(tuple(data)).roles:
            yield _question(data, marks, plan, Place(origin.file, row.where), origin)
            return
        labels = dict.fromkeys(_label(mark) for mark in marks if _is_span(mark) or _asks(_label(mark)))
        lost = [mark for mark in marks if _label(mark) not in labels]
        if lost or not labels:
            yield broken(origin, row.where, "spans whose label is a question: [start, end, label]", lost or row.value)
        for number, label in enumerate(labels, start=1):
            asked = data | {"question": label} | ({"id": f"{data['id']}-{number}"} if data.get("id") is not None else {})
            of_label = [mark for mark in marks if _label(mark) == label]
            place = Place(origin.file, f"{row.where}, label {number}")
            yield _question(asked, of_label, plan, place, origin)

    return convert


def _question(data: dict[str, Any], marks: list[Any], plan: Planner, place: Place, origin: Origin) -> Made:
    own = plan(tuple(data))
    context = data.get(own.roles.get("context", "context"))
    spans = [_span(mark, context) for mark in marks]
    made = annotated_question(data, own, place, origin, [Marked(tuple(one for one in spans if one))], False, ())
    if made.record is None or all(spans):
        return made
    lost = [misplaced_flaw(mark) for mark, span in zip(marks, spans, strict=True) if span is None]
    return Made(made.record, made.problems + tuple(flaw.at(place, made.record.id) for flaw in lost))


def _marks(row: dict[str, Any], names: tuple[str, ...] = SPANS) -> list[Any]:
    return [mark for name in names if isinstance(row.get(name), list) for mark in row[name]]


def _is_span(mark: Any) -> bool:
    if isinstance(mark, dict):
        return "start_offset" in mark
    return isinstance(mark, list) and len(mark) == 3 and type(mark[0]) is int and type(mark[1]) is int


def _label(mark: Any) -> str:
    if isinstance(mark, dict):
        return str(mark.get("label"))
    return str(mark[2]) if isinstance(mark, list) and len(mark) == 3 else ""


def _asks(label: str) -> bool:
    return QUESTION.search(label) is not None


def _span(mark: Any, context: Any) -> Span | None:
    if not _is_span(mark):
        return None
    if isinstance(mark, dict):
        return sliced(context, mark["start_offset"], mark.get("end_offset"), None)
    return sliced(context, mark[0], mark[1], None)
