"""In: a path. Out: the file's bytes, text or lines, unzipped and decoded piece by piece. Does not know: formats, records.

Whatever goes wrong below (a damaged gzip, a byte that does not decode, a disk that fails) is told from here, and no line,
however long it is, is ever held whole.
"""

import gzip
import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO, cast

from spantune.data.files.encodings import undecodable
from spantune.data.files.faults import bad_gzip, cannot_be_opened, nothing_in, too_large
from spantune.data.problems import Flaw, Problem, excerpt
from spantune.data.records import Place
from spantune.errors import UnreadableDataError

LINE_LIMIT = 2**24  # characters of one line or one table row: five times "War and Peace", 64 MB of memory at most
DOCUMENT_LIMIT = 2**28  # characters of a JSON document, bytes of an unpacked workbook: both must be parsed whole
UNPACKED_LIMIT = 2**32  # bytes that a gzipped Parquet or Excel file may take on the disk while it is read

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Content:
    """A file that a parser may open as often as it needs.

    `file` is the name that the user gave it; `part` the part of it that they named (a sheet); `encoding` a codec's name.
    """

    file: str
    path: Path
    encoding: str = "utf-8"
    part: str | None = None

    @contextmanager
    def opened(self) -> Iterator[io.BufferedReader]:
        """The file's bytes, unzipped: gzip is known by its first two bytes rather than by its name."""
        try:
            with self.path.open("rb") as raw:
                if raw.peek(2)[:2] == GZIP_MAGIC:
                    with io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=raw))) as unzipped:
                        yield unzipped
                else:
                    yield raw
        except UnicodeDecodeError:
            raise self._undecodable() from None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise bad_gzip(self.file, f"breaks off or is damaged: {error}") from None
        except OSError as error:
            raise cannot_be_opened(self.path, error) from None

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """The file's bytes in a file that can be read in any order; a gzipped one is unpacked to a temporary file."""
        with self.opened() as packed:
            if isinstance(packed.raw, io.FileIO):
                yield packed
                return
            with tempfile.TemporaryFile() as unpacked:
                self._unpack(packed, unpacked)
                unpacked.seek(0)
                yield unpacked

    def _unpack(self, packed: io.BufferedReader, unpacked: IO[bytes]) -> None:
        while piece := packed.read(2**20):
            if unpacked.tell() + len(piece) > UNPACKED_LIMIT:
                limit = f"{UNPACKED_LIMIT:,} bytes"
                raise too_large(self.file, "unpacks to", limit, "unpack it yourself, and name the result")
            unpacked.write(piece)

    @contextmanager
    def text(self, newline: str) -> Iterator[TextIO]:
        r"""The file's text; `newline` as in `open`: "\n" ends lines there only, "" also at "\r"; nothing is translated."""
        with self.opened() as stream, io.TextIOWrapper(stream, self.encoding, newline=newline) as text:
            yield text

    def lines(self, newline: str = "\n") -> Iterator[tuple[int, str | Problem]]:
        """The lines with their numbers, from 1. One that is too long comes as a Problem, and is passed over in pieces."""
        with self.text(newline) as stream:
            number = 0
            while line := stream.readline(LINE_LIMIT):
                number += 1
                if len(line) == LINE_LIMIT and not line.endswith("\n") and stream.readline(1) not in ("", "\n"):
                    yield number, self._line_too_long(number, line)
                    while (piece := stream.readline(2**20)) and not piece.endswith("\n"):
                        pass
                else:
                    yield number, line

    def first_line(self) -> str | Problem:
        """The first line that is not blank. Raises `EmptyDataError` when every line is."""
        with self.text("") as stream:  # a file of one blank after another is all one line
            while piece := stream.read(2**20):
                if not piece.isspace():
                    break
            else:
                raise nothing_in(self.file)
        return next((line for _, line in self.lines("") if isinstance(line, Problem) or not line.isspace()), "")

    def _line_too_long(self, number: int, line: str) -> Problem:
        flaw = Flaw(
            "line_too_long",
            "dropped",
            f"the line has more than {LINE_LIMIT:,} characters; it begins {excerpt(line)}",
            f"records of at most {LINE_LIMIT:,} characters, one a line",
            "divide the record, or delete the line; a file that is one JSON value is read under the name .json",
        )
        return flaw.at(Place(self.file, f"line {number}"))

    def _undecodable(self) -> UnreadableDataError:
        with self.opened() as stream:
            return undecodable(self.file, stream, self.encoding)
