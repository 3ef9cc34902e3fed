"""In: a path. Out: the raw rows of the file, each with its place, and the lines that cannot be read.

Does not know: what the rows mean. A format is a row of `FORMATS`, by the file's suffix; `.gz` may follow any of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from types import MappingProxyType

from spantune.data.files.columnar import read_parquet
from spantune.data.files.encodings import codec_of, named_codec
from spantune.data.files.excel import read_excel
from spantune.data.files.faults import bad_gzip, nothing_in, require_file
from spantune.data.files.json_files import read_json, read_jsonl
from spantune.data.files.rawfile import RawFile
from spantune.data.files.streams import GZIP_MAGIC, Content
from spantune.data.files.tables import read_csv, read_tsv, read_txt
from spantune.errors import UnreadableDataError


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: its name, the parser of its contents, and the bytes that a file of it begins with, if any."""

    name: str
    parse: Callable[[Content], RawFile]
    magic: bytes = b""


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        ".json": Format("json", read_json),
        ".jsonl": Format("jsonl", read_jsonl),
        ".ndjson": Format("jsonl", read_jsonl),
        ".csv": Format("csv", read_csv),
        ".tsv": Format("tsv", read_tsv),
        ".tab": Format("tsv", read_tsv),
        ".parquet": Format("parquet", read_parquet, b"PAR1"),
        ".xlsx": Format("excel", read_excel, b"PK\x03\x04"),
        ".xlsm": Format("excel", read_excel, b"PK\x03\x04"),
        ".txt": Format("txt", read_txt),
    }
)

BINARY: Mapping[bytes, tuple[str, str]] = MappingProxyType(
    {
        b"PK\x03\x04": ("a ZIP archive or an Excel workbook", "unpack it, or name it .xlsx if it is a workbook"),
        b"PAR1": ("Parquet", "name it .parquet"),
        b"\xd0\xcf\x11\xe0": ("an old Excel or Word file, or one with a password", "save it as .xlsx, without a password"),
        GZIP_MAGIC: ("gzip, inside gzip", "unpack it once"),
        b"BZh": ("bzip2", "unpack it; of the packed formats, gzip is read"),
        b"\xfd7zXZ": ("xz", "unpack it; of the packed formats, gzip is read"),
        b"\x28\xb5\x2f\xfd": ("Zstandard", "unpack it; of the packed formats, gzip is read"),
        b"7z\xbc\xaf": ("a 7-Zip archive", "unpack it"),
        b"ARROW1": ("an Arrow file", "export it as Parquet"),
        b"SQLite format 3": ("an SQLite database", "export the table as CSV"),
        b"%PDF-": ("a PDF document", "export its data as JSON or CSV"),
    }
)
"""What files of other formats begin with: what they are, and what to do with them."""

HEAD = 64  # bytes looked at: more than any of these beginnings, byte order marks included


def open_rows(path: str | Path, encoding: str | None = None) -> RawFile:
    """Open a file by its suffix; its rows are parsed as they are asked for, one at a time where the format allows.

    `encoding` is that of a text file: without it, a byte order mark decides, or else it is UTF-8. `book.xlsx#Name` is one
    sheet of a workbook.

    Raises `MissingDataError` (no such file, a folder, a pipe, no permission), `EmptyDataError` (nothing in it),
    `ConfigError` (no such encoding), `MissingExtraError` and `UnreadableDataError` (unknown suffix, broken gzip, JSON, CSV,
    Parquet or Excel, a byte that does not decode, more than fits in memory); the last one also while the rows pass.
    """
    codec = None if encoding is None else named_codec(encoding)
    file, part = _parted(Path(path))
    require_file(file)
    format_ = _format_of(file)
    content = Content(str(file), file)
    with content.opened() as stream:
        head = stream.read(HEAD)
        if head and file.suffix.lower() == ".gz" and isinstance(stream.raw, FileIO):
            raise bad_gzip(content.file, f"starts with {head[:4]!r}, which is not gzip")
    if not head:
        raise nothing_in(content.file)
    _require_own_bytes(content.file, format_, head)
    return format_.parse(replace(content, encoding=codec_of(head, codec), part=part))


def _require_own_bytes(file: str, format_: Format, head: bytes) -> None:
    """Raise `UnreadableDataError` for a file that begins as one of another format does."""
    magic = next((magic for magic in BINARY if head.startswith(magic)), None)
    if magic is None or magic == format_.magic:
        return
    is_, next_move = BINARY[magic]
    raise UnreadableDataError(f"{file} is {is_}, by its first bytes", expected=format_.name, next_move=next_move)


def _parted(path: Path) -> tuple[Path, str | None]:
    """The file, and the sheet named behind '#'.

    >>> [str(part) for part in _parted(Path("book.xlsx#Sheet 2"))], _parted(Path("a#b.csv"))[1]
    (['book.xlsx', 'Sheet 2'], None)
    """
    named = re.fullmatch(r"(.*\.xls[xm](?:\.gz)?)#(.+)", str(path), re.IGNORECASE)
    return (Path(named[1]), named[2]) if named else (path, None)


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
