"""The values that pass between the parsing of a file and the records in it. Does not know: formats, shapes.

In: nothing. Out: Row (a raw value and its place), Origin (the file it is from), Made (what a raw record became).
"""

from dataclasses import dataclass
from typing import Any, Literal

from spantune.data.problems import Problem
from spantune.data.records import Record

Task = Literal["answer", "classify"]


@dataclass(frozen=True, slots=True)
class Row:
    """One raw value of a file, with its position."""

    where: str
    value: Any


@dataclass(frozen=True, slots=True)
class Origin:
    """Which file the rows come from; `id_prefix` keeps ids made from positions apart when several files are read."""

    file: str
    id_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """What one raw record became: a record or nothing, and the problems met on the way."""

    record: Record | None
    problems: tuple[Problem, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether the record goes on, rather than being set aside."""
        return self.record is not None and all(problem.outcome == "repaired" for problem in self.problems)
