"""In: the raw rows of a file. Out: which shape they have, and the records they hold. Does not know: bytes, paths.

A shape is a row of `SHAPES`; adding one is adding a row: what it needs, and how one raw row becomes records.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spantune.data.problems import Flaw, describe, text_flaw
from spantune.data.records import Example, Place, Span, TextExample
from spantune.data.rows import Made, Origin, Row, Task
from spantune.data.shapes.answers import parse_answers, parse_flag
from spantune.data.shapes.columns import ROLES, assign, suggestions
from spantune.errors import ConfigError, UnknownShapeError


@dataclass(frozen=True, slots=True)
class Shape:
    """A way to lay out records: its task, the roles it lacks given the roles found, and its reader."""

    name: str
    task: Task
    describes: str
    lacks: Callable[[Mapping[str, str], Collection[str]], list[str]]
    convert: Callable[[Row, Origin], Iterator[Made]]


def recognise(file: str, names: Collection[str], forced: str | None = None) -> Shape:
    """The first shape in the table that these columns fit, or the forced one if they fit it.

    Raises `ConfigError` for a shape that does not exist, `UnknownShapeError` when the columns do not fit: it lists the
    columns, the shapes tried and what each one lacked.
    """
    tried = SHAPES if forced is None else (_named(forced),)
    roles = assign(tuple(names))
    for shape in tried:
        if not shape.lacks(roles, names):
            return shape
    lacking = {shape: shape.lacks(roles, names) for shape in tried}
    told = "; ".join(f"{shape.name} lacks {_roles_told(lacks)}" for shape, lacks in lacking.items())
    columns = ", ".join(repr(name) for name in list(names)[:20]) or "no columns"
    renames = suggestions(names, dict.fromkeys(role for lacks in lacking.values() for role in lacks))
    raise UnknownShapeError(
        f"{file} has {columns}; {told}",
        expected=" or ".join(shape.describes for shape in tried),
        next_move=f"rename {', '.join(renames)}" if renames else "rename the columns to the names above",
    )


def _named(name: str) -> Shape:
    for shape in SHAPES:
        if shape.name == name:
            return shape
    raise ConfigError(
        f"no shape is called {name!r}",
        expected=f"one of {', '.join(shape.name for shape in SHAPES)}",
        next_move="correct the name, or leave it out: the shape is recognised",
    )


def _roles_told(roles: list[str]) -> str:
    return " and ".join(f"{role} ({', '.join(ROLES[role])})" if len(ROLES[role]) > 1 else repr(role) for role in roles)


# --- squad: articles with paragraphs with questions ---------------------------------------------------------------


def _squad_lacks(roles: Mapping[str, str], names: Collection[str]) -> list[str]:
    return [] if "paragraphs" in roles or "qas" in roles else ["paragraphs"]


def _from_squad(row: Row, origin: Origin) -> Iterator[Made]:
    """An article, or a paragraph standing alone."""
    if not isinstance(row.value, dict):
        yield _broken(origin, row.where, "an article with 'paragraphs'", row.value)
        return
    article = row.value
    if "qas" in article and "paragraphs" not in article:
        yield from _from_paragraph(Row(row.where, article), _document_of(article), origin)
        return
    paragraphs = article.get("paragraphs")
    if not isinstance(paragraphs, list):
        yield _broken(origin, f"{row.where}.paragraphs", "a list of paragraphs", paragraphs)
        return
    document = _document_of(article)
    for number, paragraph in enumerate(paragraphs):
        where = f"{row.where}.paragraphs[{number}]"
        if isinstance(paragraph, dict):
            yield from _from_paragraph(Row(where, paragraph), document or _document_of(paragraph), origin)
        else:
            yield _broken(origin, where, "a paragraph with 'context' and 'qas'", paragraph)


def _from_paragraph(row: Row, document: str | None, origin: Origin) -> Iterator[Made]:
    paragraph: dict[str, Any] = row.value
    questions = paragraph.get("qas", [])
    if not isinstance(questions, list):
        yield _broken(origin, f"{row.where}.qas", "a list of questions", questions)
        return
    context = paragraph.get("context")
    context_flaw = text_flaw(context, "context")
    for number, fields in enumerate(questions):
        place = Place(origin.file, f"{row.where}.qas[{number}]")
        if isinstance(fields, dict):
            yield _example(fields, place, origin, context, context_flaw, document)
        else:
            yield _broken(origin, place.where, "a question with its answers", fields)


# --- records: one question a row ----------------------------------------------------------------------------------


def _records_lacks(roles: Mapping[str, str], names: Collection[str]) -> list[str]:
    return [role for role in ("question", "context") if role not in roles]


def _from_record(row: Row, origin: Origin) -> Iterator[Made]:
    if not isinstance(row.value, dict):
        yield _broken(origin, row.where, "an object with 'question' and 'context'", row.value)
        return
    column = assign(tuple(row.value)).get("context", "context")
    context = row.value.get(column)
    flaw = text_flaw(context, "context")
    yield _example(row.value, Place(origin.file, row.where), origin, context, flaw, _document_of(row.value))


def _example(
    fields: dict[str, Any],
    place: Place,
    origin: Origin,
    context: Any,
    context_flaw: Flaw | None,
    document: str | None,
) -> Made:
    """One question, from a row of its own or from the paragraph that holds it."""
    roles = assign(tuple(fields))
    record_id = _id_of(fields, roles, place, origin)
    question: Any = fields.get(roles.get("question", "question"))
    flaw = text_flaw(question, "question") or context_flaw
    if flaw:
        return Made(None, (flaw.at(place, record_id),))
    answers, flaws = _answers_of(fields, roles, context)
    record = Example(record_id, question.strip(), context, answers, document, place)
    return Made(record, tuple(flaw.at(place, record_id) for flaw in flaws))


def _answers_of(fields: dict[str, Any], roles: Mapping[str, str], context: str) -> tuple[tuple[Span, ...] | None, list[Flaw]]:
    """The answers of one question: `None` unlabelled, `()` unanswerable; and what contradicts itself."""
    impossible = parse_flag(fields[roles["impossible"]]) if "impossible" in roles else None
    if isinstance(impossible, Flaw):
        return None, [impossible]
    if "answers" not in roles:
        return (() if impossible else None), []
    parsed = parse_answers(fields[roles["answers"]], fields.get(roles.get("starts", "")), context)
    flaws = list(parsed.flaws)
    if impossible and parsed.spans:
        flaws.append(_contradiction("true", f"{len(parsed.spans)} answers, such as {describe(parsed.spans[0].text)}"))
    if impossible is False and not parsed.spans and not flaws:
        flaws.append(_contradiction("false", "no answers"))
    return parsed.spans, flaws


def _contradiction(flag: str, answers: str) -> Flaw:
    return Flaw(
        "contradiction",
        "quarantined",
        f"is_impossible is {flag}, with {answers}",
        "answers, or is_impossible: true, not both and not neither",
        "decide which of the two is right, and correct the other",
    )


# --- labels: one text a row ---------------------------------------------------------------------------------------


def _labels_lacks(roles: Mapping[str, str], names: Collection[str]) -> list[str]:
    """A file of nothing but texts (and ids) is unlabelled; with other columns beside, its label has an unknown name."""
    lacks = [] if "text" in roles else ["text"]
    known = {roles[role] for role in ("id", "text", "document") if role in roles}
    if "label" not in roles and ("question" in roles or not set(names) <= known):
        lacks.append("label")
    return lacks


def _from_label(row: Row, origin: Origin) -> Iterator[Made]:
    if not isinstance(row.value, dict):
        yield _broken(origin, row.where, "an object with 'text' and 'label'", row.value)
        return
    fields = row.value
    roles = assign(tuple(fields))
    place = Place(origin.file, row.where)
    record_id = _id_of(fields, roles, place, origin)
    text: Any = fields.get(roles.get("text", "text"))
    flaw = text_flaw(text, "text")
    label = fields.get(roles.get("label", "label"))
    if flaw is None and isinstance(label, list | dict):
        flaw = Flaw(
            "label_not_one",
            "dropped",
            f"the label is {describe(label)}",
            "one label a text",
            "keep one label, or repeat the text once for each",
        )
    if flaw:
        yield Made(None, (flaw.at(place, record_id),))
    else:
        label = _name(label)
        yield Made(TextExample(record_id, text, label.strip() if label else None, _document_of(fields), place))


# --- what the shapes share ----------------------------------------------------------------------------------------


def _broken(origin: Origin, where: str, expected: str, value: object) -> Made:
    flaw = Flaw("not_a_record", "dropped", describe(value), expected, "correct this part of the file, or delete it")
    return Made(None, (flaw.at(Place(origin.file, where)),))


def _id_of(fields: dict[str, Any], roles: Mapping[str, str], place: Place, origin: Origin) -> str:
    """The record's own id as a text, else one made from its position, the same at every reading."""
    own = _name(fields[roles["id"]]) if "id" in roles else None
    return own or origin.id_prefix + place.where.replace(" ", "-")


def _document_of(fields: dict[str, Any]) -> str | None:
    roles = assign(tuple(fields))
    return _name(fields[roles["document"]]) if "document" in roles else None


def _name(value: object) -> str | None:
    """An id, a title or a label as a text; `None` for what names nothing."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of whole numbers with gaps is read as floats
    if isinstance(value, str):
        text = value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
        return text if text and not text.isspace() else None
    return str(value) if isinstance(value, int | float) and value == value else None


SHAPES: tuple[Shape, ...] = (
    Shape("squad", "answer", "SQuAD JSON ('data' > 'paragraphs' > 'qas')", _squad_lacks, _from_squad),
    Shape("records", "answer", "rows with 'question', 'context' and 'answers'", _records_lacks, _from_record),
    Shape("labels", "classify", "rows with 'text' and 'label'", _labels_lacks, _from_label),
)
