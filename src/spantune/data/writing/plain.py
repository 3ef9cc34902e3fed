"""In: one record. Out: the plain values that stand for it in a file, and their JSON. Does not know: files, formats."""

import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spantune.data.records import Example, Fields, Record, Span
from spantune.data.shapes.columns import FIELDS, is_reserved


def flat(record: Record) -> dict[str, Any]:
    """A record as one object, with the names that data sets on the Hub use; what it does not have is left out.

    >>> flat(Example("1", "Who?", "It was Ada.", (Span("Ada", 7),), fields=(("topic", "computing"),)))["answers"]
    {'text': ['Ada'], 'answer_start': [7]}
    """
    if not isinstance(record, Example):
        named = {"id": record.id, "text": record.text, "label": record.label, "document": record.document}
        return {name: value for name, value in named.items() if value is not None or name == "label"} | fields(record.fields)
    found: dict[str, Any] = {"id": record.id}
    if record.document is not None:
        found["title"] = record.document
    found |= {"context": record.context, "question": record.question}
    if record.answers is not None:
        found["answers"] = answers(record.answers)
        found["is_impossible"] = record.is_impossible
    return found | fields(record.fields)


def answers(spans: Iterable[Span]) -> dict[str, list[Any]]:
    """References as the Hub's data sets hold them: a list of texts beside a list of starts."""
    given = list(spans)
    return {"text": [span.text for span in given], "answer_start": [span.start for span in given]}


def fields(given: Fields) -> dict[str, Any]:
    """Fields as names of their own; all together under 'fields' where one of them would be taken for something else.

    >>> fields((("topic", "oil"),)), fields((("topic", "oil"), ("title", 1)))
    ({'topic': 'oil'}, {'fields': {'topic': 'oil', 'title': 1}})
    """
    named = dict(given)
    return {FIELDS: named} if any(map(is_reserved, named)) else named


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that can be encoded: readable, and escaped only where a text holds half of a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


def compressed(chunks: Iterable[str], path: Path) -> Iterator[bytes]:
    """The chunks as UTF-8; gzipped where the name of the file says so, without a date in it."""
    if not path.name.lower().endswith(".gz"):
        for chunk in chunks:
            yield chunk.encode()
        return
    packer = zlib.compressobj(wbits=31)  # 31: a gzip header, in which zlib writes no date and no name
    for chunk in chunks:
        yield packer.compress(chunk.encode())
    yield packer.flush()
