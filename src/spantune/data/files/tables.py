"""In: the text of a CSV, TSV or TXT file. Out: its raw rows with their places. Does not know: bytes, what rows mean."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from spantune.data.files.rawfile import RawFile, column_names
from spantune.data.files.streams import LINE_LIMIT, Content
from spantune.data.problems import Flaw, Problem, excerpt
from spantune.data.records import Place
from spantune.data.rows import Row
from spantune.errors import EmptyDataError, UnreadableDataError

FIELD_LIMIT = 2**31 - 1  # of `csv`, which allows 131,072 characters by default; a whole row is limited to LINE_LIMIT

ROWS_TRIED = 1000  # rows read before a table of which none fits its header is given up, so that it is not all read for nothing

SEPARATOR = re.compile(r'"?sep=([^"\r\n])"?[,;\s]*', re.IGNORECASE)  # before the header: how Excel names the delimiter

HEAD = 5  # lines of a .txt that tell whether it is a table

MANY_LINES = 4  # of one cell, each with as many delimiters as a row: prose is not divided so by chance
NOT_CLOSED = "quote_not_closed"


@dataclass(frozen=True, slots=True)
class _Cells:
    """A row's cells, the number of the line where it starts, and its lines as they are written."""

    line: int
    cells: list[str]
    written: tuple[str, ...]


def read_csv(content: Content) -> RawFile:
    """A table with a header; the delimiter is the one of `,;|` and tab that splits the header into most columns.

    Excel may name the delimiter in a line of its own before the header, such as `sep=;`.
    """
    first = content.first_line()
    line = "" if isinstance(first, Problem) else first
    named = SEPARATOR.fullmatch(line)
    delimiter = named[1] if named else max(",;\t|", key=lambda candidate: _columns(line, candidate))
    rows = islice(_rows(content, delimiter, csv.QUOTE_MINIMAL), 1 if named else 0, None)
    return RawFile(content.file, "csv", _table(content.file, delimiter, rows))


def _columns(line: str, delimiter: str) -> int:
    return len(_next(csv.reader([line], delimiter=delimiter)))


def read_tsv(content: Content) -> RawFile:
    """A tab-separated table; where its quotes do not pair up, quotes are letters like any other.

    Whether they pair up is known at the end of the file only, so that it is read twice.
    """
    content.first_line()
    quoting = csv.QUOTE_MINIMAL if _pairs_up(content) else csv.QUOTE_NONE
    return RawFile(content.file, "tsv", _table(content.file, "\t", _rows(content, "\t", quoting)))


def _pairs_up(content: Content) -> bool:
    if not any('"' in line for _, line in content.lines() if isinstance(line, str)):
        return True
    try:
        rows = _rows(content, "\t", csv.QUOTE_MINIMAL)
        header = next(rows, None)
        width = len(header.cells) if isinstance(header, _Cells) else 0
        return not any(isinstance(row, _Cells) and _holds_rows(row, "\t", width) for row in rows)
    except UnreadableDataError:
        return False


class _Feed:
    """The lines that `csv` asks for, counted. Raises `_LineTooLong` for one that cannot be had, and goes on after it."""

    def __init__(self, lines: Iterator[tuple[int, str | Problem]]) -> None:
        self._lines = lines
        self.line = 0  # the last one handed out
        self.taken: list[str] = []  # the lines handed out since the row began
        self.length = 0  # of these

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        self.line, line = next(self._lines)
        if isinstance(line, Problem):
            raise _LineTooLong(line)
        self.taken.append(line)
        self.length += len(line)
        if self.length > LINE_LIMIT:
            raise csv.Error(f"more than {LINE_LIMIT:,} characters before its quotes pair up")
        return line


class _LineTooLong(Exception):
    """A line that is not read; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.where)
        self.problem = problem


def _rows(content: Content, delimiter: str, quoting: Any) -> Iterator[_Cells | Problem]:
    """The rows that hold anything, each with the line where it starts."""
    feed = _Feed(content.lines(""))
    reader = csv.reader(feed, delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        start = feed.line + 1
        feed.taken, feed.length = [], 0
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
            yield _Cells(start, cells, tuple(feed.taken))


def _next(reader: Iterator[list[str]]) -> list[str]:
    """The next row. The limit of `csv` is the whole process's, and is put back before anyone else runs."""
    before = csv.field_size_limit(FIELD_LIMIT)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(before)


def _holds_rows(row: _Cells, delimiter: str, width: int, *, breaks: bool = False) -> bool:
    r"""Whether one cell swallowed rows: a quote opens it that was never closed, and the next one happens to end a cell.

    Each of its lines would then be a row by itself; lines of prose have other numbers of cells. Two or three lines may have
    the same by chance, and where texts have line `breaks` more of them may: there, their first cells must be numbered alike.

    >>> _holds_rows(_Cells(2, [], ('1,"It was\n', '2,In 1843.\n', '3,of 7"\n')), ",", 2)
    True
    >>> _holds_rows(_Cells(2, [], ('1,"It was Ada.\n', 'In 1843, she was 27."\n')), ",", 2)
    False
    """
    if len(row.written) < 2 or width < 2:
        return False
    lines = [line.split(delimiter) for line in row.written]
    if any(len(cells) != width for cells in lines):
        return False
    forms = {re.sub(r"\d+", "0", cells[0].strip()) for cells in lines}
    return (len(lines) >= MANY_LINES and not breaks) or (len(forms) == 1 and "0" in forms.pop())


def _swallowed(file: str, row: _Cells) -> Iterator[Problem]:
    """A problem for each row that was swallowed, so that all are counted."""
    last = row.line + len(row.written) - 1
    for number, line in enumerate(row.written, start=row.line):
        flaw = Flaw(
            NOT_CLOSED,
            "dropped",
            f"lines {row.line} to {last} are one cell, since a quote opens in the first; this one is {excerpt(line.strip())}",
            "cells with quotes that pair up; a quote inside a quoted cell is doubled",
            f"correct the quotes from line {row.line} on, or export the file again",
        )
        yield flaw.at(Place(file, f"line {number}"))


def _table(file: str, delimiter: str, rows: Iterator[_Cells | Problem]) -> Iterator[Row | Problem]:
    first = next(rows, None)
    if isinstance(first, Problem):
        raise UnreadableDataError(f"{file}: {first.found}", expected="a header in the first line", next_move=first.next_move)
    header = column_names(file, first.cells) if first else []
    fitting = others = 0
    told: Problem | None = None
    breaks = False
    for row in rows:
        swallowed = isinstance(row, _Cells) and _holds_rows(row, delimiter, len(header), breaks=breaks)
        breaks = breaks or (isinstance(row, _Cells) and len(row.written) > 1 and not swallowed)
        for outcome in _outcomes(file, header, row, swallowed=swallowed):
            if isinstance(outcome, Problem):
                others, told = others + 1, told or outcome
            else:
                fitting += 1
            yield outcome
        if others > ROWS_TRIED and not fitting:
            break
    if not (fitting or others):
        raise EmptyDataError(
            f"{file} has no row below its header {excerpt(', '.join(header))}",
            expected="a header and at least one record",
            next_move="export the file again; a table without a header needs one",
        )
    if told and told.code == NOT_CLOSED and not fitting:
        raise UnreadableDataError(f"{file}: {told.found}", expected=told.expected, next_move=told.next_move)
    if not fitting:
        raise UnreadableDataError(
            f"{file} has the header {excerpt(', '.join(header))}, and no row of {others} has as many cells ({len(header)})",
            expected="as many cells in each row as in the header",
            next_move="export the file again; cells that hold the delimiter stand in quotes",
        )


def _outcomes(file: str, header: list[str], row: _Cells | Problem, *, swallowed: bool) -> Iterator[Row | Problem]:
    if isinstance(row, Problem):
        return iter((row,))
    return _swallowed(file, row) if swallowed else iter((_row(file, header, row.line, row.cells),))


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
    """Lines of `<label> text`: a word, a blank, a text. Raises `UnreadableDataError` for a table that is called .txt."""
    content.first_line()
    head = [line for _, line in islice(content.lines(), HEAD) if isinstance(line, str) and line.strip()]
    if head and (name := _table_in(head)):
        raise UnreadableDataError(
            f"{content.file} has a table in it: its first line is {excerpt(head[0].strip())}",
            expected="lines of a label, a blank and a text in a .txt",
            next_move=f"call it {name} if it begins with the names of its columns; else write those, such as text and label",
        )
    return RawFile(content.file, "txt", _labelled_lines(content))


def _table_in(head: Sequence[str]) -> str:
    """What a table that is called .txt should be called, by its first lines; nothing where they are labels and texts."""
    sides = [line.strip().split("\t") for line in head]
    behind = all(len(cells) == 2 and len(cells[1].split()) == 1 for cells in sides)
    if behind and any(len(cells[0].split()) > 1 for cells in sides):
        return ".tsv"
    return ".csv" if len(head[0].split()) == 1 and "," in head[0].strip(",") else ""


def _labelled_lines(content: Content) -> Iterator[Row | Problem]:
    for number, line in content.lines():
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            label, *rest = line.strip().split(maxsplit=1)
            yield Row(f"line {number}", {"label": label, "text": rest[0] if rest else None})
