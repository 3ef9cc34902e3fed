"""In: a Parquet file. Out: its raw rows, a batch at a time. Does not know: what rows mean."""

from collections.abc import Iterator
from typing import Any

from spantune.data.files.rawfile import RawFile, column_names, numbered
from spantune.data.files.streams import Content
from spantune.data.problems import excerpt
from spantune.errors import MissingExtraError, SpantuneError, UnreadableDataError

ROWS_AT_ONCE = 256  # rows turned into objects together: faster than one by one, and 256 long contexts are still small


def read_parquet(content: Content) -> RawFile:
    """A Parquet table. Raises `MissingExtraError` without pyarrow."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(
            f"{content.file} is Parquet, and pyarrow is not installed",
            expected="the extra 'parquet'",
            next_move="pip install 'spantune[parquet]'",
        ) from None
    return RawFile(content.file, "parquet", numbered(_rows(content, pyarrow.parquet.ParquetFile)))


def objects_of(batch: Any) -> list[dict[str, Any]]:
    """The rows of a record batch. Times that Python has no object for (year 12000, nanoseconds) come as text or number."""
    import pyarrow

    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, OverflowError):
        for at, field in enumerate(batch.schema):
            if pyarrow.types.is_temporal(field.type):
                plain = pyarrow.int64() if pyarrow.types.is_duration(field.type) else pyarrow.string()
                batch = batch.set_column(at, field.name, batch.column(at).cast(plain))
        rows = batch.to_pylist()
    return rows


def _rows(content: Content, parquet_file: Any) -> Iterator[dict[str, Any]]:
    with content.seekable() as stream:
        try:
            with parquet_file(stream, pre_buffer=False) as table:
                column_names(content.file, table.schema_arrow.names)
                for batch in table.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False):
                    yield from objects_of(batch)
        except SpantuneError:
            raise
        except Exception as error:  # of pyarrow and of Python, by the place of the damage: a dozen kinds
            raise UnreadableDataError(
                f"{content.file} is not Parquet, or is damaged: {excerpt(str(error), 200)}",
                expected="a Parquet file",
                next_move="export the file again",
            ) from None
