"""In: tokens with a B, I or O for each, as MultiSpanQA has them. Out: records. Does not know: other shapes.

The answer of such a question is all of its spans together. A question of one span becomes a record like any other; one of
several is set aside and told, because each of its spans alone would be a wrong reference.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from spantune.data.problems import text_flaw
from spantune.data.records import Place, Span
from spantune.data.rows import Made, Origin, Row
from spantune.data.shapes.annotations import Marked, agree
from spantune.data.shapes.columns import Planner
from spantune.data.shapes.making import broken, document_of, example
from spantune.data.shapes.shape import Convert, Seen
from spantune.data.shapes.tool import with_answers

TAGS = {"B", "I", "O"}


def signs(seen: Seen) -> bool:
    """Tokens for question and context, and no answers but tags."""
    return "answers" not in seen.roles and any(map(_is_tagged, seen.rows))


def reader(plan: Planner) -> Convert:
    """One question a row; tokens are joined by single spaces."""

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        value = row.value
        if not (isinstance(value, dict) and _is_tokens(value.get("question")) and _is_tokens(value.get("context"))):
            yield broken(origin, row.where, "an object with the tokens of 'question' and 'context'", value)
            return
        joined = value | {"question": " ".join(value["question"]), "context": " ".join(value["context"])}
        tags = joined.pop("label", None)
        place = Place(origin.file, row.where)
        own = plan(tuple(joined))
        flaw = text_flaw(joined["context"], "context")
        made = example(joined, own, place, origin, joined["context"], flaw, document_of(joined, own))
        if tags is None or made.record is None:
            yield made
        elif not isinstance(tags, list) or len(tags) != len(value["context"]) or not set(map(str, tags)) <= TAGS:
            yield broken(origin, place.where, "a tag B, I or O for each token of the context", tags)
        else:
            yield with_answers(made, agree([Marked(tuple(_spans(value["context"], tags)))]))

    return convert


def _spans(tokens: Sequence[str], tags: Sequence[str]) -> Iterator[Span]:
    start, parts, position = 0, list[str](), 0
    for token, tag in zip([*tokens, ""], [*tags, "O"], strict=True):
        if parts and tag != "I":
            yield Span(" ".join(parts), start)
            parts = []
        if tag == "B" or (tag == "I" and not parts):
            start = position
        if tag != "O":
            parts.append(token)
        position += len(token) + 1


def _is_tagged(row: dict[str, Any]) -> bool:
    """Whether this is a question in tokens; a table written column by column has lists of texts there, too.

    Where there are no tags to tell, texts hold blanks, or are as many in one column as in the other (Chinese has no blanks).
    """
    question, context, tags = (row.get(name) for name in ("question", "context", "label"))
    if not (isinstance(question, list) and isinstance(context, list) and question and _is_tokens(context)):
        return False
    if tags is not None:
        return isinstance(tags, list) and len(tags) == len(context) and set(map(str, tags)) <= TAGS
    return len(question) != len(context) and not any(len(token.split()) > 1 for token in context)


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(token, str) for token in value)
