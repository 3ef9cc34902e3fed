"""In: records and a path. Out: a file that `read_examples` reads back without loss. Does not know: where records came from."""

import gzip
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from spantune.data.atomic import write_bytes
from spantune.data.records import Example, Record, Span, TextExample
from spantune.errors import ConfigError, DataError

SUFFIXES = (".json", ".json.gz")


def write_examples(examples: Iterable[Record], path: str | Path) -> None:
    """Write questions as SQuAD JSON, texts as a JSON list of `{"id", "text", "label"}`; all of the file or nothing.

    Ids, order, documents (as titles), answers and the lack of them are kept; `is_impossible` is written only where it
    is true, and an unlabelled question has no `answers`. A name that ends in `.gz` is compressed, the same bytes each
    time.

    Raises `ConfigError` for another suffix, `DataError` for questions and texts in one set, `OutputError` when the file
    cannot be written.
    """
    path = Path(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise ConfigError(
            f"cannot write examples to {path.name!r}",
            expected=f"a name that ends in {' or '.join(SUFFIXES)}",
            next_move=f"write to {path.with_suffix('.json').name!r}",
        )
    content = _json_bytes(_tree(tuple(examples)))
    write_bytes(path, gzip.compress(content, mtime=0) if path.name.lower().endswith(".gz") else content)


def _tree(records: Sequence[Record]) -> Any:
    texts = [record for record in records if isinstance(record, TextExample)]
    questions = [record for record in records if isinstance(record, Example)]
    if texts and questions:
        raise DataError(
            f"{len(questions)} questions and {len(texts)} texts to classify",
            expected="records of one task",
            next_move="write them to two files",
        )
    return [_text_fields(record) for record in texts] if texts else _squad(questions)


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
    fields: dict[str, Any] = {"id": example.id, "question": example.question}
    if example.answers is not None:
        fields["answers"] = [_answer_fields(span) for span in example.answers]
    if example.is_impossible:
        fields["is_impossible"] = True
    return fields


def _answer_fields(span: Span) -> dict[str, Any]:
    return {"text": span.text} if span.start is None else {"text": span.text, "answer_start": span.start}


def _text_fields(record: TextExample) -> dict[str, Any]:
    fields = {"id": record.id, "text": record.text, "label": record.label, "document": record.document}
    return {name: value for name, value in fields.items() if value is not None}


def _json_bytes(tree: Any) -> bytes:
    try:
        return json.dumps(tree, ensure_ascii=False, indent=1).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, in a record that was set aside for it
        return json.dumps(tree, indent=1).encode()
