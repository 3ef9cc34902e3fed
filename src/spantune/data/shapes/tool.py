"""In: what annotation tools share: rows that hold data and annotations apart. Out: records with the answers agreed on.

Does not know: any tool's format.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from spantune.data.problems import Flaw, text_flaw
from spantune.data.records import Example, Fields, Place, Span
from spantune.data.rows import Made, Origin
from spantune.data.shapes.annotations import Agreed, Marked, agree
from spantune.data.shapes.columns import Plan
from spantune.data.shapes.flat import labelled_text
from spantune.data.shapes.making import document_of, example
from spantune.data.shapes.shape import Seen

EARLIER = ("answers", "starts", "impossible")  # what a row said before annotators did


def annotated_question(
    data: dict[str, Any], plan: Plan, place: Place, origin: Origin, annotations: Sequence[Marked], predicted: bool, more: Fields
) -> Made:
    """One question, with what annotators marked for it; `predicted` tells that a model's guesses are there too.

    Answers that the row had before it was annotated stay with the record as fields.
    """
    context = data.get(plan.roles.get("context", "context"))
    earlier = tuple(name for role, name in plan.roles.items() if role in EARLIER)
    asked = Plan({role: name for role, name in plan.roles.items() if role not in EARLIER}, plan.rest + earlier)
    made = example(data, asked, place, origin, context, text_flaw(context, "context"), document_of(data, plan), more)
    return with_answers(made, agree(annotations, predicted))


def with_answers(made: Made, agreed: Agreed) -> Made:
    """The record with the references agreed on; as it was, where there is no record."""
    record = made.record
    if not isinstance(record, Example):
        return made
    told = tuple(flaw.at(record.place, record.id) for flaw in agreed.flaws)
    return Made(replace(record, answers=agreed.answers), made.problems + told)


def sliced(context: Any, start: Any, end: Any, text: Any) -> Span | None:
    """The span that a tool marked: its own text if it wrote one, else the slice; `None` where it has neither.

    >>> sliced("It was Ada.", 7, 10, None), sliced("It was Ada.", "x", None, "Ada"), sliced("It was Ada.", 90, 93, None)
    (Span(text='Ada', start=7), Span(text='Ada', start=None), None)
    """
    whole = type(start) is int and start >= 0
    if isinstance(text, str) and text.strip():
        return Span(text, start if whole else None)
    if whole and type(end) is int and isinstance(context, str) and context[start:end].strip():
        return Span(context[start:end], start)
    return None


def annotated_text(
    data: dict[str, Any], plan: Plan, place: Place, origin: Origin, labels: Sequence[Any], unused: Sequence[Flaw], more: Fields
) -> Made:
    """One text, with the label that each annotator gave it; a text that they call by different names is set aside.

    `unused` tells of annotations and predictions that give it none; `more` are fields beside those of its data.
    """
    distinct = {json.dumps(label, sort_keys=True, default=str): label for label in labels}
    flaws = list(unused)
    if len(distinct) > 1:
        flaws.append(_labels_flaw(list(distinct)))
    made = labelled_text(data, plan, place, origin, None if len(distinct) > 1 else next(iter(distinct.values()), None))
    if made.record is None:
        return made
    record = replace(made.record, fields=made.record.fields + more) if more else made.record
    return Made(record, (*made.problems, *(flaw.at(place, made.record.id) for flaw in flaws)))


def _labels_flaw(labels: Sequence[str]) -> Flaw:
    return Flaw(
        "annotators_disagree",
        "quarantined",
        f"the labels {', '.join(labels[:5])}",
        "one label for one text",
        "decide which label is right, and delete the other annotations",
    )


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none where there is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def has_own_answers(found: Seen) -> bool:
    """Whether rows give their answers as texts and starts, so that a tool's column beside them is but a field."""
    column = found.roles.get("answers", "")
    return "starts" in found.roles or any(isinstance(row.get(column), dict) and "text" in row[column] for row in found.rows)
