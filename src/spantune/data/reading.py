"""In: names of files. Out: a Dataset: records, the shape each file was recognised as, and the problems met.

Does not know: formats (`files`), what a shape looks like (`shapes`), whether spans match (`checking`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar, overload

from spantune.data import shapes
from spantune.data.files import open_rows
from spantune.data.hub import PREFIX, open_hub
from spantune.data.parsers import RawFile
from spantune.data.problems import Problem, describe
from spantune.data.records import Record
from spantune.data.shapes import Made, Row, Shape, Task, recognise
from spantune.errors import ConfigError, EmptyDataError, UnknownShapeError

T = TypeVar("T")

ROWS_LOOKED_AT = 50  # rows whose columns decide the shape: enough to meet a field that only some rows have


@dataclass(frozen=True, slots=True)
class Source:
    """One file that was read: its path, the format and shape it turned out to have, and how many records it held."""

    path: str
    format: str
    shape: str
    read: int

    def as_dict(self) -> dict[str, str | int]:
        """The fields as a plain dict, for JSON."""
        return asdict(self)


@dataclass(frozen=True, repr=False)
class Dataset(Sequence[Record]):
    """The records of one or more files, in their order; a sequence of them.

    `read` counts every record seen: `len(records)`, those in `set_aside` (quarantined: they contradict themselves), and
    those dropped because nothing usable is left of them. Each of the last two, and each record repaired while reading,
    has its entry in `problems`. `in_order` holds `records` and `set_aside` as they follow each other in the files.
    Spans are as the files give them; `check` aligns them.
    """

    records: tuple[Record, ...]
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]
    set_aside: tuple[Record, ...]
    in_order: tuple[Record, ...]
    read: int
    task: Task

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Record, ...]: ...
    def __getitem__(self, index: int | slice) -> Record | tuple[Record, ...]:
        return self.records[index]

    def __repr__(self) -> str:
        files = ", ".join(f"{source.path} ({source.shape}, {source.format})" for source in self.sources)
        return f"<Dataset of {len(self)} records, {len(self.problems)} problems, from {files}>"


def read_examples(*sources: str | Path, shape: str | None = None) -> Dataset:
    """Read data files into records, whatever their format and shape.

    In: paths of JSON, JSONL, CSV, TSV, Parquet or TXT files (`<label> text` lines), each also gzipped, or
    `hub:owner/name[:split]`. The shape of each file is recognised, or forced by its name: 'squad' (nested JSON, 1.1 or
    2.0), 'records' (a question a row) or 'labels' (a text and its label a row).

    Out: a `Dataset`. One broken record or line is a problem in it, never an exception.

    Raises `MissingDataError`, `UnreadableDataError`, `EmptyDataError`, `UnknownShapeError` (no shape fits, or the files
    are of two tasks), `ConfigError` (no source, or a shape that does not exist), `MissingExtraError` (Parquet, Hub).
    """
    if not sources:
        raise ConfigError("no data file was named", expected="one file or more", next_move="give the path of a data file")
    parts = [_read_one(str(source), shape, several=len(sources) > 1) for source in sources]
    by_task = {part.task: part.sources[0].path for part in parts}
    if len(by_task) > 1:
        raise UnknownShapeError(
            f"two kinds of data: {by_task['answer']} holds questions, {by_task['classify']} holds labelled texts",
            expected="files of one task",
            next_move="read them one by one",
        )
    return Dataset(
        records=_joined(part.records for part in parts),
        sources=_joined(part.sources for part in parts),
        problems=_joined(part.problems for part in parts),
        set_aside=_joined(part.set_aside for part in parts),
        in_order=_joined(part.in_order for part in parts),
        read=sum(part.read for part in parts),
        task=parts[0].task,
    )


def _read_one(source: str, forced: str | None, several: bool) -> Dataset:
    raw = open_hub(source) if source.startswith(PREFIX) else open_rows(source)
    head, rows = _peeked(raw.rows)
    shape = _shape_of(raw, head, forced)
    origin = shapes.Origin(source, f"{source}:" if several else "")
    records: list[Record] = []
    set_aside: list[Record] = []
    in_order: list[Record] = []
    problems: list[Problem] = []
    read = 0
    for made in _converted(rows, shape.convert, origin):
        read += 1
        problems += made.problems
        if made.record is not None:
            (records if made.usable else set_aside).append(made.record)
            in_order.append(made.record)
    if not read:
        raise _no_records(source)
    told = Source(source, raw.format, shape.name, read)
    return Dataset(tuple(records), (told,), tuple(problems), tuple(set_aside), tuple(in_order), read, shape.task)


def _peeked(rows: Iterator[Row | Problem]) -> tuple[list[Row | Problem], Iterator[Row | Problem]]:
    """The head of the rows, long enough to hold an object if there is one, and all the rows again."""
    head: list[Row | Problem] = []
    objects = 0
    for row in rows:
        head.append(row)
        objects += isinstance(row, Row) and isinstance(row.value, dict)
        if objects and len(head) >= ROWS_LOOKED_AT:
            break
    return head, chain(head, rows)


def _shape_of(raw: RawFile, head: list[Row | Problem], forced: str | None) -> Shape:
    values = [row.value for row in head if isinstance(row, Row)]
    names = dict.fromkeys(name for value in values if isinstance(value, dict) for name in value)
    if not head:
        raise _no_records(raw.file)
    if values and not any(isinstance(value, dict) for value in values):
        raise UnknownShapeError(
            f"{raw.file} holds no object with named fields; its first value is {describe(values[0])}",
            expected=" or ".join(shape.describes for shape in shapes.SHAPES),
            next_move="export the data with a name for each field",
        )
    return recognise(raw.file, names, forced)


def _converted(
    rows: Iterable[Row | Problem],
    convert: Callable[[Row, shapes.Origin], Iterator[Made]],
    origin: shapes.Origin,
) -> Iterator[Made]:
    for row in rows:
        if isinstance(row, Problem):
            yield Made(None, (row,))
        else:
            yield from convert(row, origin)


def _no_records(file: str) -> EmptyDataError:
    return EmptyDataError(
        f"{file} holds 0 records", expected="at least one record", next_move="check the export that wrote the file"
    )


def _joined(parts: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(chain.from_iterable(parts))
