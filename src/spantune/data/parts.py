"""Parquet files of any size, a part at a time.

In: a file, a folder or a URI of Parquet. Out: parts of some thousand rows, the records in one of them, whole files of results.
Does not know: who reads which part, what becomes of it.

Only the footers are read to divide; files may lie wherever pyarrow's file systems reach (a disk, s3://, gs://, hdfs://).
"""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from spantune import durable
from spantune.data.files.columnar import objects_of
from spantune.data.files.rawfile import RawFile, column_names, numbered
from spantune.data.problems import excerpt
from spantune.data.reading import ReadAs, Stream, records_of
from spantune.data.rows import Origin
from spantune.errors import MissingDataError, MissingExtraError, OutputError, SpantuneError, UnreadableDataError
from spantune.wording import first_line, reason_of

LOOKED_AT = 50  # rows that tell the shape of all
ROWS_AT_ONCE = 512  # turned into objects together
HIDDEN = ("_", ".")  # before the names of what is no data: notes, what is being written, what was removed


@dataclass(frozen=True, slots=True)
class Part:
    """`rows` rows of a row group of a file, from its `first` on, counted from 0; the file has `before` rows before them.

    `size` of the file in bytes, and when it was `changed` (in ns; `None` where the file system does not tell), are what they
    were when the data was divided. `several` is whether other files have rows, too.
    """

    number: int
    file: str
    group: int
    first: int
    rows: int
    before: int
    several: bool
    size: int
    changed: int | None


def divide(source: str, rows: int) -> tuple[Part, ...]:
    """The parts of a Parquet file, or of all below a folder in the order of their names, of at most so many rows each.

    Raises `MissingDataError` where there is none, `UnreadableDataError` for a file that is not Parquet.
    """
    parts: list[Part] = []
    for file, info in _files(source):
        with _table(file) as table:
            metadata, before = table.metadata, 0
            for group in range(metadata.num_row_groups):
                count = metadata.row_group(group).num_rows
                for first in range(0, count, rows):
                    length = min(rows, count - first)
                    found = (group, first, length, before + first, False, info.size, info.mtime_ns)
                    parts.append(Part(len(parts), file, *found))
                before += count
    several = bool(parts) and parts[0].file != parts[-1].file  # with rows: a file without changes nothing
    return tuple(replace(part, several=True) for part in parts) if several else tuple(parts)


def fingerprint_of(parts: Sequence[Part]) -> list[list[Any]]:
    """Names, sizes, times and rows of the files that parts are of: enough to see that data was replaced."""
    files: dict[str, list[Any]] = {}
    for part in parts:
        files.setdefault(part.file, [part.file, part.size, part.changed, 0])[-1] += part.rows
    return list(files.values())


def read_part(part: Part, read_as: ReadAs) -> Stream:
    """The records of a part, by the names and positions that they have in the file."""
    with _table(part.file) as table:
        rows = list(_rows(table, part))
    raw = RawFile(part.file, "parquet", numbered(rows, part.before + 1))
    return records_of(raw, Origin(part.file, f"{part.file}:" if part.several else ""), read_as)


def _rows(table: Any, part: Part) -> Iterator[dict[str, Any]]:
    """The part's rows, without those of its row group in memory that come after it, or before it at once."""
    before, end = 0, part.first + part.rows
    for batch in table.iter_batches(batch_size=ROWS_AT_ONCE, row_groups=[part.group], use_threads=False):
        yield from objects_of(batch.slice(max(0, part.first - before), max(0, end - max(before, part.first))))
        before += batch.num_rows
        if before >= end:
            return


def shape_of(part: Part, read_as: ReadAs) -> Stream:
    """What the first rows of a part tell of its shape and task: the same is then said of every other part."""
    return read_part(replace(part, rows=min(part.rows, LOOKED_AT)), read_as)


def write_table(table: Any, where: str) -> None:
    """Write a table of pyarrow to its place, whole or not at all. Raises `OutputError`."""
    from pyarrow import parquet

    _write(where, lambda stream: parquet.write_table(table, stream))


def write_note(note: Any, where: str) -> None:
    """Write JSON to its place, whole or not at all. Raises `OutputError`."""
    _write(where, lambda stream: stream.write(json.dumps(note, indent=2).encode()))


def read_note(where: str) -> Any:
    """The JSON of a note; `None` where there is none that can be read."""
    filesystem, path = _place(where)
    with suppress(OSError, ValueError), filesystem.open_input_stream(path) as stream:
        return json.loads(stream.read())
    return None


def is_empty(folder: str, besides: str) -> bool:
    """Whether a folder is not there, or holds nothing but names that begin with `besides`. Raises `OutputError` for a file."""
    filesystem, path = _place(folder)
    from pyarrow import fs

    kind = filesystem.get_file_info(path).type
    if kind == fs.FileType.File:
        raise OutputError(f"{folder} is a file", expected="a new or empty folder", next_move="choose another --out")
    try:
        return all(one.base_name.startswith(besides) for one in _in(folder))
    except OSError as error:
        raise _cannot_write(folder, error) from error


def count_names(folder: str, prefix: str) -> int:
    """How many names in a folder begin so."""
    return sum(one.base_name.startswith(prefix) for one in _in(folder))


def remove(file: str) -> None:
    """Remove a file, if it is there."""
    filesystem, path = _place(file)
    with suppress(OSError):
        filesystem.delete_file(path)


def sweep(folder: str, prefix: str) -> None:
    """Remove the files of a folder whose names begin so."""
    filesystem, _ = _place(folder)
    with suppress(OSError):
        for one in _in(folder):
            if one.is_file and one.base_name.startswith(prefix):
                filesystem.delete_file(one.path)


def _in(folder: str) -> list[Any]:
    """What pyarrow tells of each thing in a folder; nothing where there is no folder."""
    filesystem, path = _place(folder)
    from pyarrow import fs

    found: list[Any] = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return found


def _write(where: str, fill: Callable[[Any], object]) -> None:
    filesystem, path = _place(where)
    folder, _, name = path.rpartition("/")
    beside = f"{folder}/.{name}.{secrets.token_hex(4)}"
    try:
        filesystem.create_dir(folder, recursive=True)
        with filesystem.open_output_stream(beside) as stream:
            fill(stream)
        if on_disk := filesystem.type_name == "local":
            durable.sync(Path(beside))
        filesystem.move(beside, path)
        if on_disk:
            durable.sync(Path(folder))
    except BaseException as error:
        with suppress(OSError):
            filesystem.delete_file(beside)
        if isinstance(error, OSError):
            raise _cannot_write(where, error) from error
        raise


def _cannot_write(where: str, error: OSError) -> OutputError:
    return OutputError(
        f"{where} could not be written: {reason_of(error)}",
        expected="a folder with enough space that every worker may write to",
        next_move="mend that, then give the same command: parts that are there stay",
    )


def rows_in(where: str) -> int | None:
    """How many rows a file of results has; `None` where it is not there, or is damaged: it can be made again."""
    filesystem, path = _place(where)
    if not filesystem.get_file_info(path).is_file:
        return None
    with suppress(UnreadableDataError), _table(where) as table:
        return int(table.metadata.num_rows)
    return None


def columns_of(where: str, names: list[str]) -> dict[str, list[Any]]:
    """Some columns of a file of results."""
    with _table(where) as table:
        found: dict[str, list[Any]] = table.read(names, use_threads=False).to_pydict()
        return found


def _files(source: str) -> list[tuple[str, Any]]:
    """The Parquet files of a source, each with what pyarrow tells of it."""
    filesystem, path = _place(source)
    from pyarrow import fs

    try:
        info = filesystem.get_file_info(path)
    except OSError as error:
        raise _out_of_reach(source, error) from None
    if info.is_file:
        return [(source, info)]
    if info.type == fs.FileType.Directory:
        below = filesystem.get_file_info(fs.FileSelector(path, recursive=True))
        tables = [one for one in below if one.is_file and one.path.lower().endswith((".parquet", ".pq"))]
        named = sorted(((one.path[len(path) :].lstrip("/"), one) for one in tables), key=lambda one: one[0])
        seen = [(name, one) for name, one in named if not any(part.startswith(HIDDEN) for part in name.split("/"))]
        if seen:
            return [(f"{source.rstrip('/')}/{quote(name) if '://' in source else name}", one) for name, one in seen]
    raise MissingDataError(
        f"{source} is {'a folder without Parquet files' if info.type == fs.FileType.Directory else 'not there'}",
        expected="a Parquet file, or a folder of them",
        next_move="spantune convert writes data of other shapes, and pandas or Spark Parquet of it; or leave --engine away",
    )


@contextmanager
def _table(file: str) -> Iterator[Any]:
    from pyarrow import parquet

    filesystem, path = _place(file)
    try:
        with filesystem.open_input_file(path) as stream, parquet.ParquetFile(stream, pre_buffer=False) as table:
            column_names(file, table.schema_arrow.names)
            yield table
    except SpantuneError:
        raise
    except Exception as error:  # of pyarrow and of Python, by the place of the damage: a dozen kinds
        raise UnreadableDataError(
            f"{file} is not Parquet, or is damaged or out of reach: {excerpt(first_line(error), 200)}",
            expected="a Parquet file",
            next_move="export the file again, or look after the disk or network that it is on",
        ) from None


def _place(where: str) -> tuple[Any, str]:
    """The file system of a path or URI, and the path in it."""
    try:
        from pyarrow import fs
    except ImportError:
        raise MissingExtraError(
            "reading data a part at a time takes pyarrow, which is not installed",
            expected="the extra 'ray'",
            next_move="pip install 'spantune[ray]'",
        ) from None
    if "://" not in where:
        return fs.LocalFileSystem(), str(Path(where).absolute())
    try:
        filesystem, path = fs.FileSystem.from_uri(where)
    except (OSError, ValueError) as error:
        raise _out_of_reach(where, error) from None
    return filesystem, path


def _out_of_reach(where: str, error: Exception) -> MissingDataError:
    return MissingDataError(
        f"{where} cannot be reached: {first_line(error)}",
        expected="a path, or a URI that pyarrow knows (file, s3, gs, hdfs)",
        next_move="check the URI and the credentials",
    )
