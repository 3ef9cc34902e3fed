"""In: the head of a file. Out: whether the Haystack annotation tool wrote it. Does not know: how it is read (as SQuAD).

The tool nests like SQuAD, names documents by `document_id`, and gives each answer an `answer_category`, in which 'NOT_GIVEN'
says that there is no answer, whatever `is_impossible` says beside it (deepset-ai/haystack#287).
"""

from collections.abc import Iterator
from typing import Any

from spantune.data.shapes.columns import spelled
from spantune.data.shapes.shape import Seen


def signs(seen: Seen) -> bool:
    """The tool is known by the category of its answers."""
    return any("answer_category" in answer for row in seen.rows for answer in _answers(row))


def _answers(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for paragraph in (row, *_objects(row, "paragraphs")):
        for question in _objects(paragraph, "qas"):
            yield from (spelled(answer, ("answer_category",)) for answer in _objects(question, "answers"))


def _objects(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    inner = spelled(value, (name,)).get(name)
    return [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
