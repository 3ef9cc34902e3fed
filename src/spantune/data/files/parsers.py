"""In: the bytes of one file. Out: its raw rows with their places. Does not know: paths, compression, what rows mean."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from spantune.data.problems import Flaw, Problem, excerpt
from spantune.data.records import Place
from spantune.data.rows import Row
from spantune.data.shapes.columns import assign
from spantune.errors import EmptyDataError, MissingExtraError, UnreadableDataError

ENVELOPES = ("data", "examples", "records", "rows", "questions", "items")
"""Fields of a JSON object under which exports put the list of their records."""

RECORD_ROLES = {"question", "context", "text", "paragraphs", "qas"}
"""An object with one of these is a record, whatever lists it holds beside."""

BYTE_ORDER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, under its name."""

    file: str
    data: bytes

    def text(self) -> str:
        """The bytes as UTF-8, with or without byte order mark; `UnreadableDataError` names the first byte that is not."""
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            offset = error.start + (3 if self.data.startswith(b"\xef\xbb\xbf") else 0)
            raise self._not_utf8(offset) from None

    def _not_utf8(self, offset: int) -> UnreadableDataError:
        line = self.data.count(b"\n", 0, offset) + 1
        around = self.data[max(0, offset - 20) : offset + 20].decode("utf-8", "backslashreplace")
        encoding = BYTE_ORDER_MARKS.get(self.data[:2], "latin1")
        return UnreadableDataError(
            f"{self.file} is not UTF-8: byte 0x{self.data[offset]:02x} at offset {offset}, line {line}, in {excerpt(around)}",
            expected="a text in UTF-8",
            next_move=f"convert it, for instance with: iconv -f {encoding} -t utf-8 (if it is {encoding})",
        )


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file's format as it turned out to be, and its rows; a line that cannot be read comes as a Problem."""

    file: str
    format: str
    rows: Iterator[Row | Problem]


def read_json(content: Content) -> RawFile:
    """One JSON value; also JSON Lines under the name of JSON, which many tools write."""
    text = content.text()
    try:
        value = _parse_json(text)
    except json.JSONDecodeError as error:
        first_value = text[: error.pos].lstrip()
        if error.msg == "Extra data" and "\n" in first_value and "\n" not in first_value.rstrip():
            return RawFile(content.file, "jsonl", _json_lines(content.file, text))
        raise _broken_json(content.file, error) from None
    except ValueError as error:
        raise UnreadableDataError(
            f"{content.file} {error}", expected="JSON that a person could read", next_move="export the file again"
        ) from None
    return RawFile(content.file, "json", _unfolded(value, ""))


def read_jsonl(content: Content) -> RawFile:
    """A JSON value a line; a list or an object laid out over many lines under this name is read as JSON."""
    text = content.text()
    first = text.lstrip().partition("\n")[0].strip()
    if first in ("{", "[") or first.startswith("[{"):
        with suppress(ValueError):
            return RawFile(content.file, "json", _unfolded(_parse_json(text), ""))
    return RawFile(content.file, "jsonl", _json_lines(content.file, text))


def _json_lines(file: str, text: str) -> Iterator[Row | Problem]:
    parsed, first_error = False, ""
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _parse_json(line)
        except ValueError as error:
            where = f"line {number}"
            reason = f"column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
            first_error = first_error or f"{where}, {reason}, in {excerpt(line.strip())}"
            flaw = Flaw(
                "line_not_json",
                "dropped",
                f"{reason}, in {excerpt(line.strip())}",
                "one JSON object",
                "correct the line, or delete it",
            )
            yield flaw.at(Place(file, where))
            continue
        parsed = True
        yield from _unfolded(value, f"line {number}")
    if not parsed:
        raise UnreadableDataError(
            f"no line of {file} is JSON; {first_error}",
            expected="one JSON object a line",
            next_move="export the file again, or give it the suffix of its format",
        )


def _parse_json(text: str) -> Any:
    """`json.loads` with NaN as null. Raises `ValueError`, also for what nests too deep."""
    try:
        return json.loads(text, parse_constant=lambda name: None)
    except RecursionError:
        raise ValueError("nests its brackets too deep") from None


def _broken_json(file: str, error: json.JSONDecodeError) -> UnreadableDataError:
    around = error.doc[max(0, error.pos - 30) : error.pos + 30]
    return UnreadableDataError(
        f"{file} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}, in {excerpt(around)}",
        expected="one JSON value, or one a line",
        next_move=f"correct line {error.lineno}, or export the file again",
    )


def _unfolded(value: Any, where: str) -> Iterator[Row]:
    """The records inside a JSON value: the items of its list, of the list in its envelope, or the value itself."""
    envelope = _envelope(value) if isinstance(value, dict) else None
    if envelope is not None:
        where, value = f"{where}, {envelope}".removeprefix(", "), value[envelope]
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield Row(f"{where}[{number}]", item)
    else:
        yield Row(where or "top", value)


def _envelope(value: dict[str, Any]) -> str | None:
    """The field that holds the records, in an object that is not a record itself."""
    if RECORD_ROLES & assign(tuple(value)).keys():
        return None
    return next((name for name in ENVELOPES if isinstance(value.get(name), list | dict)), None)


# --- tables -------------------------------------------------------------------------------------------------------


def read_csv(content: Content) -> RawFile:
    """A table with a header; the delimiter is the one of `,;|` and tab that splits the header into most columns."""
    text = content.text()
    header = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t|", key=lambda candidate: len(next(csv.reader([header], delimiter=candidate), [])))
    return RawFile(content.file, "csv", _table(content.file, _csv_rows(content.file, text, delimiter, csv.QUOTE_MINIMAL)))


def read_tsv(content: Content) -> RawFile:
    """A tab-separated table; where its quotes do not pair up, quotes are letters like any other."""
    text = content.text()
    try:
        rows = list(_csv_rows(content.file, text, "\t", csv.QUOTE_MINIMAL))
    except UnreadableDataError:
        rows = list(_csv_rows(content.file, text, "\t", csv.QUOTE_NONE))
    return RawFile(content.file, "tsv", _table(content.file, iter(rows)))


@dataclass(frozen=True, slots=True)
class _Cells:
    line: int
    cells: list[str]


def _csv_rows(file: str, text: str, delimiter: str, quoting: Any) -> Iterator[_Cells]:
    """The rows that hold anything, each with the line where it starts."""
    with _wide_fields():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
        line = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield _Cells(line, cells)
                line = reader.line_num + 1
        except csv.Error as error:
            raise UnreadableDataError(
                f"{file} is not a table: {error}, in the row that starts at line {line}",
                expected="cells with quotes that pair up; a quote inside a quoted cell is doubled",
                next_move=f"correct the quotes from line {line} on, or export the file again",
            ) from None


def _table(file: str, rows: Iterator[_Cells]) -> Iterator[Row | Problem]:
    first = next(rows, None)
    header = [name.strip() for name in first.cells] if first else []
    empty = True
    for row in rows:
        empty = False
        while len(row.cells) > len(header) and not row.cells[-1].strip():
            row.cells.pop()  # spreadsheets pad rows with empty cells
        if len(row.cells) == len(header):
            yield Row(f"line {row.line}", dict(zip(header, row.cells, strict=True)))
            continue
        flaw = Flaw(
            "wrong_number_of_cells",
            "dropped",
            f"{len(row.cells)} cells, beginning {excerpt(row.cells[0])}",
            f"{len(header)} cells, as in the header",
            "put cells that hold the delimiter in quotes",
        )
        yield flaw.at(Place(file, f"line {row.line}"))
    if empty:
        raise EmptyDataError(
            f"{file} has no row below its header {excerpt(', '.join(header))}",
            expected="a header and at least one record",
            next_move="export the file again; a table without a header needs one",
        )


@contextmanager
def _wide_fields() -> Iterator[None]:
    """Contexts are often longer than the 131,072 characters that `csv` allows by default."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def read_parquet(content: Content) -> RawFile:
    """A Parquet table. Raises `MissingExtraError` without pyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(
            f"{content.file} is Parquet, and pyarrow is not installed",
            expected="the extra 'parquet'",
            next_move="pip install 'spantune[parquet]'",
        ) from None
    try:
        table = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content.data))
        batches = [batch.to_pylist() for batch in table.iter_batches()]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UnreadableDataError(
            f"{content.file} is not Parquet: {excerpt(str(error))}",
            expected="a Parquet file",
            next_move="export the file again",
        ) from None
    return RawFile(content.file, "parquet", numbered(row for batch in batches for row in batch))


def numbered(rows: Iterable[dict[str, Any]]) -> Iterator[Row | Problem]:
    """Rows of a typed table, counted from 1, with NaN as null."""
    for number, row in enumerate(rows, start=1):
        yield Row(f"row {number}", {str(key): None if value != value else value for key, value in row.items()})


def read_txt(content: Content) -> RawFile:
    """Lines of `<label> text`: a word, a blank, a text."""
    return RawFile(content.file, "txt", _labelled_lines(content.text()))


def _labelled_lines(text: str) -> Iterator[Row | Problem]:
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        if line.strip():
            label, *rest = line.strip().split(maxsplit=1)
            yield Row(f"line {number}", {"label": label, "text": rest[0] if rest else None})
