"""Parquet files of any size, a part at a time.

In: a file, a folder or a URI of Parquet. Out: parts of some thousand rows, the records in one of them, whole files of results.
Does not know: who reads which part, what becomes of it.

Only the footers are read to divide; files may lie wherever pyarrow's file systems reach (a disk, s3://, gs://, hdfs://).
"""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spantune.data.files.rawfile import RawFile, numbered
from spantune.data.problems import excerpt
from spantune.data.reading import ReadAs, Stream, records_of
from spantune.data.rows import Origin
from spantune.errors import MissingDataError, MissingExtraError, OutputError, UnreadableDataError
from spantune.wording import first_line, reason_of

LOOKED_AT = 50  # rows that tell the shape of all


@dataclass(frozen=True, slots=True)
class Part:
    """`rows` rows of a row group of a file, from its `first` on, counted from 0; the file has `before` rows before them."""

    number: int
    file: str
    group: int
    first: int
    rows: int
    before: int
    several: bool


def divide(source: str, rows: int) -> tuple[Part, ...]:
    """The parts of a Parquet file, or of all below a folder in the order of their names, of at most so many rows each.

    Raises `MissingDataError` where there is none, `UnreadableDataError` for a file that is not Parquet.
    """
    parts: list[Part] = []
    files = _files(source)
    for file in files:
        with _table(file) as table:
            metadata, before = table.metadata, 0
            for group in range(metadata.num_row_groups):
                count = metadata.row_group(group).num_rows
                for first in range(0, count, rows):
                    size = min(rows, count - first)
                    parts.append(Part(len(parts), file, group, first, size, before + first, len(files) > 1))
                before += count
    return tuple(parts)


def fingerprint_of(source: str) -> list[list[Any]]:
    """What the footers say of the files: names, sizes, rows; enough to see that data was replaced."""
    filesystem, _ = _place(source)
    found = []
    for file in _files(source):
        with _table(file) as table:
            found.append([file, filesystem.get_file_info(_place(file)[1]).size, table.metadata.num_rows])
    return found


def read_part(part: Part, read_as: ReadAs) -> Stream:
    """The records of a part, by the names and positions that they have in the file."""
    with _table(part.file) as table:
        rows = table.read_row_group(part.group, use_threads=False).slice(part.first, part.rows).to_pylist()
    raw = RawFile(part.file, "parquet", numbered(rows, part.before + 1))
    return records_of(raw, Origin(part.file, f"{part.file}:" if part.several else ""), read_as)


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


def is_empty(where: str) -> bool:
    """Whether a folder holds nothing, or is not there."""
    filesystem, path = _place(where)
    from pyarrow import fs

    return not filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))


def _write(where: str, fill: Callable[[Any], object]) -> None:
    filesystem, path = _place(where)
    folder, _, name = path.rpartition("/")
    beside = f"{folder}/.{name}.{secrets.token_hex(4)}"
    try:
        filesystem.create_dir(folder, recursive=True)
        with filesystem.open_output_stream(beside) as stream:
            fill(stream)
        filesystem.move(beside, path)
    except OSError as error:
        with suppress(OSError):
            filesystem.delete_file(beside)
        raise OutputError(
            f"{where} could not be written: {reason_of(error)}",
            expected="a folder with enough space that every worker may write to",
            next_move="mend that, then give the same command: parts that are there stay",
        ) from error


def rows_in(where: str) -> int | None:
    """How many rows a file of results has; `None` where it is not there."""
    filesystem, path = _place(where)
    if not filesystem.get_file_info(path).is_file:
        return None
    with _table(where) as table:
        return int(table.metadata.num_rows)


def columns_of(where: str, names: list[str]) -> dict[str, list[Any]]:
    """Some columns of a file of results."""
    with _table(where) as table:
        found: dict[str, list[Any]] = table.read(names, use_threads=False).to_pydict()
        return found


def _files(source: str) -> list[str]:
    filesystem, path = _place(source)
    from pyarrow import fs

    info = filesystem.get_file_info(path)
    if info.is_file:
        return [source]
    if info.type == fs.FileType.Directory:
        below = filesystem.get_file_info(fs.FileSelector(path, recursive=True))
        hidden = ("_", ".")
        names = sorted(
            one.path[len(path) :].lstrip("/") for one in below if one.is_file and one.path.endswith((".parquet", ".pq"))
        )
        files = [f"{source.rstrip('/')}/{name}" for name in names if not name.rpartition("/")[2].startswith(hidden)]
        if files:
            return files
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
            yield table
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise UnreadableDataError(
            f"{file} is not Parquet, or is damaged: {excerpt(first_line(error), 200)}",
            expected="a Parquet file",
            next_move="export the file again",
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
        raise MissingDataError(
            f"{where} cannot be reached: {first_line(error)}",
            expected="a path, or a URI that pyarrow knows (file, s3, gs, hdfs)",
            next_move="check the URI and the credentials",
        ) from None
    return filesystem, path
