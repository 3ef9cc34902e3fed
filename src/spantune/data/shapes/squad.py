"""In: articles, paragraphs and questions, nested as SQuAD nests them. Out: records. Does not know: other shapes.

The Haystack annotation tool and MRQA nest alike: they share this reader.
"""

from collections.abc import Iterator
from typing import Any

from spantune.data.problems import text_flaw
from spantune.data.records import Fields, Place
from spantune.data.rows import Made, Origin, Row
from spantune.data.shapes.columns import Plan, Planner, is_reserved
from spantune.data.shapes.making import broken, document_of, example, fields_of
from spantune.data.shapes.shape import Convert, Seen


def lacks(seen: Seen) -> list[str]:
    """SQuAD is known by its paragraphs, or the questions of a paragraph that stands alone."""
    return [] if "paragraphs" in seen.roles or "qas" in seen.roles else ["paragraphs"]


def reader(plan: Planner) -> Convert:
    """Articles, or paragraphs standing alone, become one record a question."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        if not isinstance(row.value, dict):
            yield broken(origin, row.where, "an article with 'paragraphs'", row.value)
            return
        article = row.value
        own = plan(tuple(article))
        if "qas" in article and "paragraphs" not in article:
            yield from _questions(row, document_of(article, own), (), plan, origin)
            return
        paragraphs = article.get("paragraphs")
        if not isinstance(paragraphs, list):
            yield broken(origin, f"{row.where}.paragraphs", "a list of paragraphs", paragraphs)
            return
        document = document_of(article, own)
        fields = _fields(article, own, "article", document is not None)
        for number, paragraph in enumerate(paragraphs):
            where = f"{row.where}.paragraphs[{number}]"
            if isinstance(paragraph, dict):
                yield from _questions(Row(where, paragraph), document, fields, plan, origin)
            else:
                yield broken(origin, where, "a paragraph with 'context' and 'qas'", paragraph)

    return convert


def _questions(row: Row, document: str | None, fields: Fields, plan: Planner, origin: Origin) -> Iterator[Made]:
    paragraph: dict[str, Any] = row.value
    questions = paragraph.get("qas", [])
    if not isinstance(questions, list):
        yield broken(origin, f"{row.where}.qas", "a list of questions", questions)
        return
    own = plan(tuple(paragraph))
    context = paragraph.get(own.roles.get("context", "context"))
    context_flaw = text_flaw(context, "context")
    of_paragraph = document_of(paragraph, own)
    fields += _fields(paragraph, own, "paragraph", document is None and of_paragraph is not None)
    for number, question in enumerate(questions):
        place = Place(origin.file, f"{row.where}.qas[{number}]")
        if isinstance(question, dict):
            of_question = plan(tuple(question))
            yield example(question, of_question, place, origin, context, context_flaw, document or of_paragraph, fields)
        else:
            yield broken(origin, place.where, "a question with its answers", question)


def _fields(value: dict[str, Any], plan: Plan, level: str, document_used: bool) -> Fields:
    """What an article or a paragraph says of its questions, beside its context and its document.

    A name that would play a role in a question, such as the id of a paragraph, is kept with its level before it.
    """
    used = {"paragraphs", "qas", plan.roles.get("context")} | ({plan.roles.get("document")} if document_used else set())
    names = [name for name in value if name not in used]
    if not names:
        return ()
    return tuple(field for name in names for field in fields_of(value, (name,), f"{level}." if is_reserved(name) else ""))
