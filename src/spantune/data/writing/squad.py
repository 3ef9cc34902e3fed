"""In: records and a path. Out: SQuAD JSON; for texts to classify, a JSON list. Does not know: where the records came from."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from spantune.data.atomic import write_chunks
from spantune.data.records import Example, Record, Span, TextExample
from spantune.data.writing.plain import compressed, fields, flat, json_text


def write_squad(records: Iterable[Record], path: Path) -> None:
    """Write questions as SQuAD JSON, texts as a JSON list of `{"id", "text", "label"}`.

    `is_impossible` is written only where it is true, and an unlabelled question has no `answers`. Raises `OutputError`.
    """
    write_chunks(path, compressed([json_text(_tree(tuple(records)), indent=1)], path))


def _tree(records: Sequence[Record]) -> Any:
    if any(isinstance(record, TextExample) for record in records):
        return [flat(record) for record in records]
    return _squad([record for record in records if isinstance(record, Example)])


def _squad(examples: Iterable[Example]) -> dict[str, Any]:
    """Neighbours of one document share an article, neighbours of one context a paragraph, so that the order stays."""
    articles = []
    for document, of_document in groupby(examples, key=lambda example: example.document):
        paragraphs = [
            {"context": context, "qas": [_question_fields(example) for example in of_context]}
            for context, of_context in groupby(of_document, key=lambda example: example.context)
        ]
        articles.append(({} if document is None else {"title": document}) | {"paragraphs": paragraphs})
    impossible = any(question.get("is_impossible") for question in _questions(articles))
    return {"version": "v2.0" if impossible else "1.1", "data": articles}


def _questions(articles: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    return (question for article in articles for paragraph in article["paragraphs"] for question in paragraph["qas"])


def _question_fields(example: Example) -> dict[str, Any]:
    found: dict[str, Any] = {"id": example.id, "question": example.question}
    if example.answers is not None:
        found["answers"] = [_answer_fields(span) for span in example.answers]
    if example.is_impossible:
        found["is_impossible"] = True
    return found | fields(example.fields)


def _answer_fields(span: Span) -> dict[str, Any]:
    return {"text": span.text} if span.start is None else {"text": span.text, "answer_start": span.start}
