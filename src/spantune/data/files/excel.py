"""In: an Excel workbook. Out: the raw rows of one of its sheets. Does not know: what rows mean.

Read with openpyxl rather than a faster reader: it gives the rows of a sheet one by one, so that a stray cell at the far corner
costs nothing, and it gives cells that hold an error ('#N/A') as such rather than as empty ones, which would read "no answer".
"""

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any
from xml.etree import ElementTree

from spantune.data.files.faults import too_large
from spantune.data.files.rawfile import RawFile, column_names, plain
from spantune.data.files.streams import DOCUMENT_LIMIT, Content
from spantune.data.problems import Problem, excerpt
from spantune.data.rows import Row
from spantune.errors import EmptyDataError, MissingExtraError, SpantuneError, UnreadableDataError

LAST_ROW = 1_048_576  # of any Excel sheet; a damaged row number beyond it would make empty rows without end
ROWS_AT_ONCE = 256


def read_excel(content: Content) -> RawFile:
    """The rows of one sheet below its header, the first row that is not empty; cells as the texts that CSV would hold.

    `content.part` names the sheet; without it, it is the one visible sheet that has rows. Raises `MissingExtraError` without
    openpyxl, and `UnreadableDataError` for a damaged workbook, or one of whose sheets several have rows.
    """
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError(
            f"{content.file} is an Excel workbook, and openpyxl is not installed",
            expected="the extra 'excel'",
            next_move="pip install 'spantune[excel]', or save the sheet as CSV (UTF-8)",
        ) from None
    return RawFile(content.file, "excel", _rows(content, openpyxl.load_workbook))


def _rows(content: Content, load_workbook: Any) -> Iterator[Row | Problem]:
    with content.seekable() as stream, _damage_told(content.file):
        _require_modest(content.file, stream)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations that the reader does not know, and we do not need
            workbook = load_workbook(stream, read_only=True, data_only=True)
        sheet = _sheet_of(content, workbook)
        _require_values(content.file, stream, sheet)
        rows = _filled(sheet)
        number, cells = next(rows)
        header = column_names(content.file, [_text(cell) or "" for cell in cells])
        for number, cells in rows:
            yield Row(f"{sheet.title}, row {number}", _named(header, cells))


def _named(header: list[str], cells: list[Any]) -> dict[str, str | None]:
    """The cells under their names; those beyond the header go by their position."""
    names = header + [f"column {number}" for number in range(len(header) + 1, len(cells) + 1)]
    texts = [_text(cell) for cell in cells] + [None] * (len(header) - len(cells))
    return {name: text for at, (name, text) in enumerate(zip(names, texts, strict=True)) if at < len(header) or text}


def _text(cell: Any) -> str | None:
    r"""A cell as a text, as CSV would hold it; `None` for an empty one.

    >>> _text(308.0), _text(True), _text(""), _text("one_x000D_")
    ('308', 'true', None, 'one\r')
    """
    if isinstance(cell, str):
        text = re.sub("_x00([01][0-9A-Fa-f])_", lambda code: chr(int(code[1], 16)), cell) if "_x00" in cell else cell
        return text or None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    cell = plain(cell)
    return None if cell is None else str(cell)


def _filled(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """The rows that hold anything, with their numbers, without the empty cells at their ends."""
    sheet.reset_dimensions()  # some programs write wrong ones, and cells beyond them would be left out
    rows = enumerate(sheet.iter_rows(max_row=LAST_ROW, values_only=True), start=1)
    while True:
        with warnings.catch_warnings():  # a few rows at a time: the filter is the whole process's
            warnings.simplefilter("ignore")
            some = list(islice(rows, ROWS_AT_ONCE))
        if not some:
            return
        for number, row in some:
            cells = list(row)
            while cells and _text(cells[-1]) is None:
                cells.pop()
            if cells:
                yield number, cells


def _sheet_of(content: Content, workbook: Any) -> Any:
    """The sheet that is named, or else the only one with rows."""
    sheets = {sheet.title: sheet for sheet in workbook.worksheets}
    names = ", ".join(map(excerpt, sheets))
    if content.part is not None and content.part not in sheets:
        raise UnreadableDataError(
            f"{content.file}: no sheet is called {excerpt(content.part)}",
            expected=f"one of {names}",
            next_move="correct the name behind '#'",
        )
    candidates = [sheets[content.part]] if content.part else [one for one in sheets.values() if one.sheet_state == "visible"]
    with_rows = [sheet for sheet in candidates if len(list(islice(_filled(sheet), 2))) == 2]
    if len(with_rows) == 1:
        return with_rows[0]
    if not with_rows:
        with content.seekable() as stream:
            for sheet in candidates:  # one of formulas without values looks empty
                _require_values(content.file, stream, sheet)
        raise EmptyDataError(
            f"{content.file} has no sheet with a row below its header; its sheets are {names}",
            expected="a sheet with a header and at least one record",
            next_move="export it again; a hidden sheet is read when it is named, as in book.xlsx#Sheet1",
        )
    several = ", ".join(excerpt(sheet.title) for sheet in with_rows)
    raise UnreadableDataError(
        f"{content.file} has rows in {len(with_rows)} sheets: {several}",
        expected="the name of one sheet",
        next_move=" or ".join(f"'{content.file}#{sheet.title}'" for sheet in with_rows[:3]),
    )


def _require_values(file: str, stream: IO[bytes], sheet: Any) -> None:
    """Raise `UnreadableDataError` for a formula whose value is not stored: its cell would read as empty, "no answer".

    openpyxl gives such a cell as it gives one whose formula makes an empty text, so that the sheet itself is looked at.
    """
    with zipfile.ZipFile(stream) as parts, parts.open(sheet._worksheet_path) as part:
        cell = next(_without_value(part), None)
    if cell is not None:
        raise UnreadableDataError(
            f"{file}: cell {cell} of the sheet {excerpt(sheet.title)} is a formula without a stored value",
            expected="the value of each formula beside it, as spreadsheet programs store it",
            next_move="open the workbook in Excel or LibreOffice and save it, or paste the cells as values",
        )


def _without_value(part: IO[bytes]) -> Iterator[str]:
    """The cells of a sheet that hold a formula, and not what it makes."""
    rows = None
    for event, element in ElementTree.iterparse(part, ("start", "end")):
        name = _tag(element)
        if event == "start":
            rows = element if name == "sheetData" else rows
        elif name == "c":
            children = {_tag(child): child.text for child in element}
            is_text = "is" in children or ("v" in children and element.get("t") == "str")  # which may be an empty one
            if "f" in children and not (children.get("v") or is_text):
                yield excerpt(element.get("r", "?"))
        elif name == "row" and rows is not None:
            rows.clear()  # the rows that are behind, which would fill the memory


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _require_modest(file: str, stream: IO[bytes]) -> None:
    """A few kilobytes of zip can hold terabytes; what its directory claims is all that is ever unpacked of it."""
    with zipfile.ZipFile(stream) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())
    stream.seek(0)
    if unpacked > DOCUMENT_LIMIT:
        raise too_large(
            file, "unpacks to", f"{DOCUMENT_LIMIT:,} bytes", "save the sheet as CSV (UTF-8), which has no such limit"
        )


@contextmanager
def _damage_told(file: str) -> Iterator[None]:
    try:
        yield
    except SpantuneError:
        raise
    except Exception as error:  # of zipfile, the XML parser and openpyxl, by the place of the damage: a dozen kinds
        raise UnreadableDataError(
            f"{file} is no Excel workbook, or is damaged or has a password: {excerpt(str(error), 200)}",
            expected="a workbook in the format .xlsx",
            next_move="save it again as .xlsx, or the sheet as CSV (UTF-8)",
        ) from None
