"""In: articles, paragraphs and questions, nested as SQuAD nests them. Out: records. Does not know: other shapes.

The Haystack annotation tool and MRQA nest alike: they share this reader.
"""

from collections.abc import Callable, Iterator
from typing import Any

from spantune.data.problems import text_flaw
from spantune.data.records import Fields, Place
from spantune.data.rows import Made, Origin, Row
from spantune.data.shapes.columns import Plan, Planner, is_reserved, spelled
from spantune.data.shapes.making import Titled, broken, document_of, example, fields_of
from spantune.data.shapes.shape import Convert, Seen

NESTS = ("paragraphs", "qas")
"""The lists in which SQuAD nests."""

ABOUT = ("id", "context", "document")
"""What a paragraph says of itself, and not of its questions."""


def lacks(seen: Seen) -> list[str]:
    """SQuAD is known by its paragraphs, or the questions of a paragraph that stands alone."""
    return [] if "paragraphs" in seen.roles or "qas" in seen.roles else ["paragraphs"]


def reader(plan: Planner) -> Convert:
    """Articles, or paragraphs standing alone, become one record a question."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        if not isinstance(row.value, dict):
            yield broken(origin, row.where, "an article with 'paragraphs'", row.value)
            return
        article = spelled(row.value, NESTS)
        own = plan(tuple(article))
        paragraphs = article.get("paragraphs")
        if article.get("qas") is not None or ("qas" in article and "paragraphs" not in article):
            alone = {name: value for name, value in article.items() if name != "paragraphs"}
            yield from _questions(Row(row.where, alone), Titled(None), (), plan, origin)
            if paragraphs is None:
                return
        if not isinstance(paragraphs, list):
            yield broken(origin, f"{row.where}.paragraphs", "a list of paragraphs", paragraphs)
            return
        document = document_of(article, own)
        fields = _fields(article, own, "article", document.name is not None)
        for number, paragraph in enumerate(paragraphs):
            where = f"{row.where}.paragraphs[{number}]"
            if isinstance(paragraph, dict):
                yield from _questions(Row(where, paragraph), document, fields, plan, origin)
            else:
                yield broken(origin, where, "a paragraph with 'context' and 'qas'", paragraph)

    return convert


def _questions(row: Row, of_article: Titled, fields: Fields, plan: Planner, origin: Origin) -> Iterator[Made]:
    paragraph = spelled(row.value, NESTS)
    own = plan(tuple(paragraph))
    if "qas" not in paragraph and {own.roles.get(role) for role in ABOUT} >= paragraph.keys():
        return  # a passage that nothing is asked about
    questions = paragraph.get("qas")
    if not isinstance(questions, list):
        found = questions if "qas" in paragraph else f"only {', '.join(map(str, paragraph))}"
        yield broken(origin, f"{row.where}.qas", "a list of questions, called 'qas'", found)
        return
    of_paragraph = document_of(paragraph, own)
    above = of_article if of_article.name is not None or of_paragraph == Titled(None) else of_paragraph
    fields += _fields(paragraph, own, "paragraph", of_article.name is None and of_paragraph.name is not None)
    asked = _asked(paragraph.get(own.roles["context"]) if "context" in own.roles else None, above, fields, plan, origin)
    for number, question in enumerate(questions):
        place = Place(origin.file, f"{row.where}.qas[{number}]")
        if isinstance(question, dict):
            yield asked(question, place)
        else:
            yield broken(origin, place.where, "a question with its answers", question)


def _asked(
    context: Any, above: Titled, fields: Fields, plan: Planner, origin: Origin
) -> Callable[[dict[str, Any], Place], Made]:
    """What makes the questions of one paragraph records.

    A document or context of the question's own stands in for one that the paragraph lacks; else it is kept as a field.
    """
    context_flaw = text_flaw(context, "context")

    def ask(question: dict[str, Any], place: Place) -> Made:
        own = plan(tuple(question))
        text, flaw, document, kept = context, context_flaw, above, fields
        if "context" in own.roles:
            name = own.roles["context"]
            if context is None:
                text, flaw = question[name], text_flaw(question[name], "context")
            elif question[name] != context:
                kept += fields_of(question, (name,), "question.")
        if "document" in own.roles:
            titled = document_of(question, own)
            if above.name is None:
                document = titled if titled != Titled(None) else above
            elif titled.name != above.name:
                kept += fields_of(question, (own.roles["document"],), "question.")
        return example(question, own, place, origin, text, flaw, document, kept)

    return ask


def _fields(value: dict[str, Any], plan: Plan, level: str, document_used: bool) -> Fields:
    """What an article or a paragraph says of its questions, beside its context and its document.

    A name that would play a role in a question, such as the id of a paragraph, is kept with its level before it.
    """
    read = NESTS if level == "article" else ("qas",)
    used = {*read, plan.roles.get("context")} | ({plan.roles.get("document")} if document_used else set())
    names = [name for name in value if name not in used]
    if not names:
        return ()
    return tuple(field for name in names for field in fields_of(value, (name,), f"{level}." if is_reserved(name) else ""))
