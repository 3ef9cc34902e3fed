"""In: records and a path. Out: a table, as CSV or Parquet. Does not know: where the records came from.

Fields have a column of their own, 'fields', as JSON: a cell of CSV has no type, and a column of Parquet has one for all of its
rows. An unlabelled question has neither answers nor `is_impossible`; an unanswerable one has an empty list and true.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from spantune.data.atomic import binary_to, write_chunks
from spantune.data.problems import Flaw
from spantune.data.records import Example, Record
from spantune.data.shapes.columns import FIELDS
from spantune.data.writing.carrying import text_format_flaw
from spantune.data.writing.plain import answers, compressed, json_text
from spantune.errors import MissingExtraError

QUESTION_COLUMNS = ("id", "title", "context", "question", "answers", "is_impossible", FIELDS)
TEXT_COLUMNS = ("id", "text", "label", "document", FIELDS)
BATCH = 1_000  # records held at a time while Parquet is written: a few megabytes
START_LIMIT = 2**63


def write_csv(records: Iterable[Record], path: Path) -> None:
    """Write a table with a header, with the answers of each question as JSON. Raises `OutputError`."""
    write_chunks(path, compressed(_csv_lines(records), path))


def _csv_lines(records: Iterable[Record]) -> Iterator[str]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    header = False
    for record in records:
        if not header:
            writer.writerow(_columns(record))
            header = True
        writer.writerow(_cells(record))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _cells(record: Record) -> list[str]:
    row = _row(record)
    if isinstance(record, Example):
        given = row["answers"]
        row["answers"] = "" if given is None else _unlike(json_text(given), record.context)
        row["is_impossible"] = "" if given is None else str(record.is_impossible).lower()
    return ["" if value is None else value for value in row.values()]


def _unlike(cell: str, context: str) -> str:
    """The JSON, with blanks after it until it cannot be taken for an answer that stands in the context as it is."""
    while cell in context:
        cell += " "
    return cell


def write_parquet(records: Iterable[Record], path: Path) -> None:
    """Write a table with the columns of the Hub's data sets, batch by batch. Raises `OutputError`, `MissingExtraError`."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(
            f"{path} is to be Parquet, and pyarrow is not installed",
            expected="the extra 'parquet'",
            next_move="pip install 'spantune[parquet]'",
        ) from None
    left = iter(records)
    batch = list(islice(left, BATCH))
    schema = _schema(pyarrow, _columns(batch[0]) if batch else QUESTION_COLUMNS)
    with binary_to(path) as handle, pyarrow.parquet.ParquetWriter(handle, schema) as writer:
        while batch:
            writer.write_table(pyarrow.Table.from_pylist([_row(record) for record in batch], schema=schema))
            batch = list(islice(left, BATCH))


def parquet_flaw(record: Record) -> Flaw | None:
    """What Parquet cannot carry: besides what no text format can, a start that has no place in 64 bits."""
    flaw = text_format_flaw(record)
    if flaw is not None or not isinstance(record, Example):
        return flaw
    far = next((one.start for one in record.answers or () if one.start is not None and abs(one.start) >= START_LIMIT), None)
    if far is None:
        return None
    return Flaw(
        "start_too_large", "dropped", f"an answer starts at {far}", "a start inside the context", "run spantune check --fix"
    )


def _schema(pyarrow: Any, columns: Iterable[str]) -> Any:
    kinds: dict[str, Callable[[], Any]] = {
        "answers": lambda: pyarrow.struct(
            [("text", pyarrow.list_(pyarrow.string())), ("answer_start", pyarrow.list_(pyarrow.int64()))]
        ),
        "is_impossible": pyarrow.bool_,
    }
    return pyarrow.schema([(name, kinds.get(name, pyarrow.string)()) for name in columns])


def _columns(record: Record) -> tuple[str, ...]:
    return QUESTION_COLUMNS if isinstance(record, Example) else TEXT_COLUMNS


def _row(record: Record) -> dict[str, Any]:
    given = json_text(dict(record.fields)) if record.fields else None
    if not isinstance(record, Example):
        return dict(zip(TEXT_COLUMNS, (record.id, record.text, record.label, record.document, given), strict=True))
    labelled = record.answers is not None
    values = (
        record.id,
        record.document,
        record.context,
        record.question,
        answers(record.answers) if record.answers is not None else None,
        record.is_impossible if labelled else None,
        given,
    )
    return dict(zip(QUESTION_COLUMNS, values, strict=True))
