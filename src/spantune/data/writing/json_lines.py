"""In: records and a path. Out: a file of JSON Lines, one record each. Does not know: where the records came from."""

from collections.abc import Iterable
from pathlib import Path

from spantune.data.atomic import write_chunks
from spantune.data.records import Record
from spantune.data.writing.plain import compressed, flat, json_text


def record_line(record: Record) -> str:
    """The one line of a record, without its line end."""
    return json_text(flat(record))


def write_jsonl(records: Iterable[Record], path: Path) -> None:
    """Write one object a line, while the records are made. Raises `OutputError`."""
    write_chunks(path, compressed((record_line(record) + "\n" for record in records), path))
