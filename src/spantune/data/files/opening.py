"""In: a path. Out: the raw rows of the file, each with its place, and the lines that cannot be read.

Does not know: what the rows mean. A format is a row of `FORMATS`, by the file's suffix; `.gz` may follow any of them.
"""

import difflib
import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spantune.data.files.parsers import Content, RawFile, read_csv, read_json, read_jsonl, read_parquet, read_tsv, read_txt
from spantune.errors import EmptyDataError, MissingDataError, UnreadableDataError


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: its name, and the parser of its bytes."""

    name: str
    parse: Callable[[Content], RawFile]


FORMATS: Mapping[str, Format] = {
    ".json": Format("json", read_json),
    ".jsonl": Format("jsonl", read_jsonl),
    ".ndjson": Format("jsonl", read_jsonl),
    ".csv": Format("csv", read_csv),
    ".tsv": Format("tsv", read_tsv),
    ".tab": Format("tsv", read_tsv),
    ".parquet": Format("parquet", read_parquet),
    ".txt": Format("txt", read_txt),
}


def open_rows(path: str | Path) -> RawFile:
    """Open a file by its suffix and parse it, one row at a time where the format allows.

    Raises `MissingDataError` (no such file, a folder, no permission), `EmptyDataError` (no bytes in it) and
    `UnreadableDataError` (unknown suffix, broken gzip, JSON, CSV or Parquet, bytes that are not UTF-8); the last one
    also while the rows are read, when not one line of the file parses.
    """
    path = Path(path)
    data = _unzipped(path, _bytes_of(path))
    if not data.strip():
        raise EmptyDataError(
            f"{path} is empty ({len(data)} bytes)", expected="at least one record", next_move="export the file again"
        )
    return _format_of(path).parse(Content(str(path), data))


def _format_of(path: Path) -> Format:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        found = f"the suffix {suffixes[-1]!r}" if suffixes else "no suffix"
        raise UnreadableDataError(
            f"{path} has {found}",
            expected=f"one of {', '.join(FORMATS)}, with or without .gz",
            next_move="rename the file to the suffix of its format, or export it as JSON, JSONL or CSV",
        )
    return FORMATS[suffixes[-1]]


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError:
        inside = sorted(item.name for item in path.iterdir())[:5]
        raise MissingDataError(
            f"{path} is a folder" + (f" with {', '.join(inside)}" if inside else ", an empty one"),
            expected="a data file",
            next_move="name the files in it that are to be read",
        ) from None
    except FileNotFoundError:
        raise MissingDataError(f"no file at {path}", expected="a data file", next_move=_next_move_for_missing(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a path that holds a NUL
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise MissingDataError(
            f"{str(path)!r} cannot be opened: {reason}",
            expected="a file that you may read",
            next_move="check the path and the file's permissions",
        ) from error


def _next_move_for_missing(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        while not folder.is_dir():
            folder = folder.parent
        return f"check the path: it exists as far as {folder.resolve()}"
    close = difflib.get_close_matches(path.name, [item.name for item in folder.iterdir()], n=1, cutoff=0.6)
    return f"did you mean {folder / close[0]}?" if close else f"check the name: {folder.resolve()} has no such file"


GZIP_MAGIC = b"\x1f\x8b"


def _unzipped(path: Path, data: bytes) -> bytes:
    """The bytes inside a gzip file, which is known by its first two bytes rather than by its name."""
    if not data.startswith(GZIP_MAGIC):
        if path.suffix.lower() == ".gz" and data:
            raise _bad_gzip(path, f"starts with {data[:4]!r}, which is not gzip")
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise _bad_gzip(path, f"breaks off or is damaged: {error}") from error


def _bad_gzip(path: Path, found: str) -> UnreadableDataError:
    return UnreadableDataError(
        f"{path} {found}",
        expected="a whole gzip file",
        next_move="copy or download it again, or drop .gz from its name if it is not compressed",
    )
