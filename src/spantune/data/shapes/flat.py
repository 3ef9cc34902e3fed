"""In: rows of one question or one text each. Out: records. Does not know: nested files, annotation tools."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from spantune.data.problems import Changed, Flaw, describe, excerpt, text_flaw
from spantune.data.records import Place, TextExample
from spantune.data.rows import Made, Origin, Row
from spantune.data.shapes.columns import FIELDS, Plan, Planner
from spantune.data.shapes.making import broken, document_of, example, fields_of, id_flaw, id_of, name_of
from spantune.data.shapes.shape import Convert, Seen


def question_lacks(seen: Seen) -> list[str]:
    """A row with a question needs the text that the question is about."""
    return [role for role in ("question", "context") if role not in seen.roles]


def question_reader(plan: Planner) -> Convert:
    """One question a row."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        if not isinstance(row.value, dict):
            yield broken(origin, row.where, "an object with 'question' and 'context'", row.value)
            return
        own = plan(tuple(row.value))
        context = row.value.get(own.roles.get("context", "context"))
        place = Place(origin.file, row.where)
        yield example(row.value, own, place, origin, context, text_flaw(context, "context"), document_of(row.value, own))

    return convert


def text_lacks(seen: Seen) -> list[str]:
    """A file of nothing but texts (and ids) is unlabelled; with other columns beside, its label has an unknown name."""
    lacking = [] if "text" in seen.roles else ["text"]
    known = {seen.roles[role] for role in ("id", "text", "document") if role in seen.roles} | {FIELDS}
    if "label" not in seen.roles and ("question" in seen.roles or not set(seen.names) <= known):
        lacking.append("label")
    return lacking


def text_reader(plan: Planner) -> Convert:
    """One text a row, with its label."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        if not isinstance(row.value, dict):
            yield broken(origin, row.where, "an object with 'text' and 'label'", row.value)
            return
        own = plan(tuple(row.value))
        label = row.value.get(own.roles.get("label", "label"))
        yield labelled_text(row.value, own, Place(origin.file, row.where), origin, label)

    return convert


def labelled_text(fields: dict[str, Any], plan: Plan, place: Place, origin: Origin, label: Any) -> Made:
    """One text to classify, with its label as the file writes it."""
    record_id = id_of(fields, plan, place, origin)
    text: Any = fields.get(plan.roles.get("text", "text"))
    if isinstance(label, list) and len(label) <= 1:
        label = label[0] if label else None  # annotation tools write a list, of one where a text has one label
    flaw = text_flaw(text, "text") or _label_flaw(label)
    if flaw:
        return Made(None, (flaw.at(place, record_id),))
    name, document = name_of(label), document_of(fields, plan)
    record = TextExample(record_id, text, name, document.name, place, fields_of(fields, plan.rest))
    unnamed = filter(None, (id_flaw(fields, plan, record_id), document.flaw))
    problems = tuple(flaw.at(place, record_id) for flaw in unnamed)
    if name is None or name == name.strip():
        return Made(record, problems)
    told = Flaw(
        "label_spaces",
        "repaired",
        f"the label {excerpt(name)}; the blanks around it were removed",
        "a label without blanks around it",
        "nothing; with them it would be a class of its own",
        Changed("label", name, name.strip()),
    )
    return Made(replace(record, label=name.strip()), (*problems, told.at(place, record_id)))


def _label_flaw(label: Any) -> Flaw | None:
    if not isinstance(label, list | dict):
        return None
    return Flaw(
        "label_not_one",
        "dropped",
        f"the label is {describe(label)}",
        "one label a text",
        "keep one label, or repeat the text once for each",
    )
