"""In: the text of a CSV, TSV or TXT file. Out: its raw rows with their places. Does not know: bytes, what rows mean."""

import csv
from collections.abc import Iterator
from typing import Any

from spantune.data.files.rawfile import RawFile, column_names
from spantune.data.files.streams import LINE_LIMIT, Content
from spantune.data.problems import Flaw, Problem, excerpt
from spantune.data.records import Place
from spantune.data.rows import Row
from spantune.errors import EmptyDataError, UnreadableDataError

FIELD_LIMIT = 2**31 - 1  # of `csv`, which allows 131,072 characters by default; a whole row is limited to LINE_LIMIT

ROWS_TRIED = 1000  # rows read before a table of which none fits its header is given up, so that it is not all read for nothing


def read_csv(content: Content) -> RawFile:
    """A table with a header; the delimiter is the one of `,;|` and tab that splits the header into most columns."""
    header = content.first_line()
    line = "" if isinstance(header, Problem) else header
    delimiter = max(",;\t|", key=lambda candidate: _columns(line, candidate))
    return RawFile(content.file, "csv", _table(content.file, _rows(content, delimiter, csv.QUOTE_MINIMAL)))


def _columns(line: str, delimiter: str) -> int:
    return len(_next(csv.reader([line], delimiter=delimiter)))


def read_tsv(content: Content) -> RawFile:
    """A tab-separated table; where its quotes do not pair up, quotes are letters like any other.

    Whether they pair up is known at the end of the file only, so that it is read twice.
    """
    content.first_line()
    quoting = csv.QUOTE_MINIMAL if _pairs_up(content) else csv.QUOTE_NONE
    return RawFile(content.file, "tsv", _table(content.file, _rows(content, "\t", quoting)))


def _pairs_up(content: Content) -> bool:
    if not any('"' in line for _, line in content.lines() if isinstance(line, str)):
        return True
    try:
        for _ in _rows(content, "\t", csv.QUOTE_MINIMAL):
            pass
    except UnreadableDataError:
        return False
    return True


class _Feed:
    """The lines that `csv` asks for, counted. Raises `_LineTooLong` for one that cannot be had, and goes on after it."""

    def __init__(self, lines: Iterator[tuple[int, str | Problem]]) -> None:
        self._lines = lines
        self.line = 0  # the last one handed out
        self.length = 0  # of the lines handed out since the row began

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        self.line, line = next(self._lines)
        if isinstance(line, Problem):
            raise _LineTooLong(line)
        self.length += len(line)
        if self.length > LINE_LIMIT:
            raise csv.Error(f"more than {LINE_LIMIT:,} characters before its quotes pair up")
        return line


class _LineTooLong(Exception):
    """A line that is not read; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.where)
        self.problem = problem


def _rows(content: Content, delimiter: str, quoting: Any) -> Iterator[tuple[int, list[str]] | Problem]:
    """The rows that hold anything, each with the line where it starts."""
    feed = _Feed(content.lines(""))
    reader = csv.reader(feed, delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        start = feed.line + 1
        feed.length = 0
        try:
            cells = _next(reader)
        except StopIteration:
            return
        except _LineTooLong as error:
            yield error.problem
            continue
        except csv.Error as error:
            raise UnreadableDataError(
                f"{content.file} is not a table: {error}, in the row that starts at line {start}",
                expected="cells with quotes that pair up; a quote inside a quoted cell is doubled",
                next_move=f"correct the quotes from line {start} on, or export the file again",
            ) from None
        if any(cell.strip() for cell in cells):
            yield start, cells


def _next(reader: Iterator[list[str]]) -> list[str]:
    """The next row. The limit of `csv` is the whole process's, and is put back before anyone else runs."""
    before = csv.field_size_limit(FIELD_LIMIT)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(before)


def _table(file: str, rows: Iterator[tuple[int, list[str]] | Problem]) -> Iterator[Row | Problem]:
    first = next(rows, None)
    if isinstance(first, Problem):
        raise UnreadableDataError(f"{file}: {first.found}", expected="a header in the first line", next_move=first.next_move)
    header = column_names(file, first[1]) if first else []
    fitting = others = 0
    for row in rows:
        outcome = row if isinstance(row, Problem) else _row(file, header, *row)
        fitting += isinstance(outcome, Row)
        others += isinstance(outcome, Problem)
        if others > ROWS_TRIED and not fitting:
            break
        yield outcome
    if not (fitting or others):
        raise EmptyDataError(
            f"{file} has no row below its header {excerpt(', '.join(header))}",
            expected="a header and at least one record",
            next_move="export the file again; a table without a header needs one",
        )
    if not fitting:
        raise UnreadableDataError(
            f"{file} has the header {excerpt(', '.join(header))}, and no row of {others} has as many cells ({len(header)})",
            expected="as many cells in each row as in the header",
            next_move="export the file again; cells that hold the delimiter stand in quotes",
        )


def _row(file: str, header: list[str], line: int, cells: list[str]) -> Row | Problem:
    while len(cells) > len(header) and not cells[-1].strip():
        cells.pop()  # spreadsheets pad rows with empty cells
    if len(cells) == len(header):
        return Row(f"line {line}", dict(zip(header, cells, strict=True)))
    flaw = Flaw(
        "wrong_number_of_cells",
        "dropped",
        f"{len(cells)} cells, beginning {excerpt(cells[0])}",
        f"{len(header)} cells, as in the header",
        "put cells that hold the delimiter in quotes",
    )
    return flaw.at(Place(file, f"line {line}"))


def read_txt(content: Content) -> RawFile:
    """Lines of `<label> text`: a word, a blank, a text."""
    content.first_line()
    return RawFile(content.file, "txt", _labelled_lines(content))


def _labelled_lines(content: Content) -> Iterator[Row | Problem]:
    for number, line in content.lines():
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            label, *rest = line.strip().split(maxsplit=1)
            yield Row(f"line {number}", {"label": label, "text": rest[0] if rest else None})
