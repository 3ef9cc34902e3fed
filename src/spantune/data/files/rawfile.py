"""Between formats and rows. In: nothing. Out: RawFile, and what formats share of values and headers. Does not know: bytes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from spantune.data.problems import Problem, excerpt
from spantune.data.rows import Row
from spantune.errors import UnreadableDataError


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file's format as it turned out to be, and its rows; a line that cannot be read comes as a Problem.

    The rows pass once. The file is open while they do, and closed when they end or are given up.
    """

    file: str
    format: str
    rows: Iterator[Row | Problem]


def numbered(rows: Iterable[dict[str, Any]], first: int = 1) -> Iterator[Row | Problem]:
    """Rows of a typed table, counted from `first`, with NaN as null, and dates and decimals as texts."""
    for number, row in enumerate(rows, start=first):
        yield Row(f"row {number}", {str(name): plain(value) for name, value in row.items()})


def plain(value: Any) -> Any:
    """A table's value as JSON could hold it; lists and objects stay as they are.

    >>> plain(float("nan")), plain(datetime(2024, 1, 31)), plain(Decimal("1.50")), plain("x")
    (None, '2024-01-31', '1.50', 'x')
    """
    if value is None or isinstance(value, str | bool | int | list | dict):
        return value
    if isinstance(value, float):
        return None if value != value else value
    if isinstance(value, datetime) and value.time() == time.min and value.tzinfo is None:
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | timedelta) else value


def column_names(file: str, cells: Sequence[str]) -> list[str]:
    """The names in a table's header. A column without one goes by its position, so that what stands in it is not lost.

    Raises `UnreadableDataError` for a name that stands twice: one of the two columns would hide the other.

    >>> column_names("a.csv", [" id ", "", "text"])
    ['id', 'column 2', 'text']
    """
    names = [cell.strip().removeprefix("\ufeff") or f"column {number}" for number, cell in enumerate(cells, start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UnreadableDataError(
            f"{file} has {', '.join(map(excerpt, twice[:5]))} more than once in its header",
            expected="a name of its own for each column",
            next_move="rename or delete the columns that are not meant",
        )
    return names
