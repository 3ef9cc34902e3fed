"""In: the head of a file. Out: whether the Haystack annotation tool wrote it. Does not know: how it is read (as SQuAD).

The tool nests like SQuAD, names documents by `document_id`, and gives each answer an `answer_category`, in which 'NOT_GIVEN'
says that there is no answer, whatever `is_impossible` says beside it (deepset-ai/haystack#287).
"""

from collections.abc import Iterator
from typing import Any

from spantune.data.shapes.shape import Seen


def signs(seen: Seen) -> bool:
    """The tool is known by the category of its answers."""
    return any("answer_category" in answer for row in seen.rows for answer in _answers(row))


def _answers(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    paragraphs = [row] if "qas" in row else row.get("paragraphs")
    for paragraph in _objects(paragraphs):
        for question in _objects(paragraph.get("qas")):
            yield from _objects(question.get("answers"))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
