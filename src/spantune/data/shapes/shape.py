"""In: nothing. Out: Shape (a row of the table of shapes), Seen (what is known of a file when its shape is decided).

Does not know: which shapes there are.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spantune.data.rows import Made, Origin, Row, Task
from spantune.data.shapes.columns import Forced, Planner, assign

Convert = Callable[[Row, Origin], Iterator[Made]]
"""One raw row → the records in it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The head of a file: the names of its columns, the roles that they play, and its first rows."""

    names: tuple[str, ...]
    roles: Mapping[str, str]
    rows: Sequence[dict[str, Any]]
    forced: Forced = ()

    def inside(self, column: str) -> "Seen":
        """The same of the objects that stand in one column."""
        rows = [row[column] for row in self.rows if isinstance(row.get(column), dict)]
        names = tuple(dict.fromkeys(str(name) for row in rows for name in row))
        return Seen(names, assign(names, self.forced), rows, self.forced)


@dataclass(frozen=True, slots=True)
class Shape:
    """A way to lay out records.

    `uses` are the roles that columns can play in it; `lacks` names those that are missing in a file, `reader` makes of a
    planner for `uses` what turns rows into records. A shape with `signs` is recognised by them, before those without.
    """

    name: str
    task: Task
    describes: str
    uses: tuple[str, ...]
    lacks: Callable[[Seen], list[str]]
    reader: Callable[[Planner], Convert]
    signs: Callable[[Seen], bool] | None = None


@dataclass(frozen=True, slots=True)
class Recognised:
    """The shape of one file, and what turns its rows into records."""

    name: str
    task: Task
    convert: Convert


def seen(names: Collection[str], rows: Sequence[object], forced: Forced = ()) -> Seen:
    """What is known of a file from its first rows."""
    columns = tuple(names)
    return Seen(columns, assign(columns, forced), [row for row in rows if isinstance(row, dict)], forced)
