"""In: names of files. Out: what is in them: a Dataset held in memory, or a Stream that passes by.

Does not know: formats (`files`), what a shape looks like (`shapes`), whether spans match (`repair`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import overload

from spantune.data.files import RawFile, open_rows
from spantune.data.hub import PREFIX, open_hub
from spantune.data.problems import Problem, describe
from spantune.data.records import Record
from spantune.data.rows import Made, Origin, Row, Task
from spantune.data.shapes import SHAPES, Recognised, recognise
from spantune.errors import ConfigError, EmptyDataError, UnknownShapeError

ROWS_LOOKED_AT = 50  # rows whose columns decide the shape: enough to meet a field that only some rows have
ROWS_AT_MOST = 1_000  # rows without any object that are looked at before the file is said to hold none


@dataclass(frozen=True, slots=True)
class ReadAs:
    """How files are to be read, where recognising is not enough.

    `shape` forces a shape by its name; `columns` maps roles ('question', 'context', …) to the file's own column names;
    `encoding` forces the encoding of text files.
    """

    shape: str | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    encoding: str | None = None


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

    `made` holds every raw record read and what became of it; `records` those that can be used, `set_aside` those that
    contradict themselves (quarantined), and `problems` what was wrong with these, with records that were dropped because
    nothing usable is left of them, and with records repaired while reading. Spans are as the files give them; `check`
    aligns them.
    """

    made: tuple[Made, ...]
    sources: tuple[Source, ...]
    task: Task

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """The records that can be used."""
        return tuple(one.record for one in self.made if one.record is not None and one.usable)

    @cached_property
    def set_aside(self) -> tuple[Record, ...]:
        """The records that contradict themselves."""
        return tuple(one.record for one in self.made if one.record is not None and not one.usable)

    @cached_property
    def in_order(self) -> tuple[Record, ...]:
        """`records` and `set_aside` as they follow each other in the files."""
        return tuple(one.record for one in self.made if one.record is not None)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong with the files' records before any span was looked at."""
        return tuple(problem for one in self.made for problem in one.problems)

    @property
    def read(self) -> int:
        """Every record seen, whatever became of it."""
        return len(self.made)

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


@dataclass(frozen=True, slots=True)
class Stream:
    """One file that is open: what it turned out to be, and its records, which can be taken once, one at a time."""

    path: str
    format: str
    shape: str
    task: Task
    made: Iterator[Made]


def read_examples(
    *sources: str | Path,
    shape: str | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Dataset:
    """Read data files into records, whatever their format and shape.

    In: paths of data files, each also gzipped, or `hub:owner/name[:split]`. The shape of each file is recognised, or
    forced by its name. `columns` maps roles to the files' own names, such as `{"question": "Q", "context": "Body"}`;
    `encoding` is that of text files that are not UTF-8 (UTF-16 and UTF-32 with a byte order mark are recognised).

    Out: a `Dataset`. One broken record or line is a problem in it, never an exception.

    Raises `MissingDataError`, `UnreadableDataError`, `EmptyDataError`, `UnknownShapeError` (no shape fits, or the files
    are of two tasks), `ConfigError` (no source, or a shape, a role or an encoding that does not exist),
    `MissingExtraError` (Parquet, Excel, Hub).
    """
    return read_files(sources, ReadAs(shape, columns or {}, encoding))


def read_files(sources: Sequence[str | Path], read_as: ReadAs | None = None) -> Dataset:
    """`read_examples` for a caller that has the names in a list and the wishes in one value."""
    made: list[Made] = []
    told: list[Source] = []
    task: Task = "answer"
    for stream in open_examples(sources, read_as):
        before = len(made)
        made.extend(stream.made)
        told.append(Source(stream.path, stream.format, stream.shape, len(made) - before))
        task = stream.task
    return Dataset(tuple(made), tuple(told), task)


def open_examples(sources: Sequence[str | Path], read_as: ReadAs | None = None) -> Iterator[Stream]:
    """Open one file after the other; the records of one must be taken before the next one is opened.

    Raises as `read_examples` does; what can only be found while the rows pass is raised while they do.
    """
    if not sources:
        raise ConfigError("no data file was named", expected="one file or more", next_move="give the path of a data file")
    by_task: dict[Task, str] = {}
    for source in sources:
        stream = _opened(str(source), read_as or ReadAs(), several=len(sources) > 1)
        by_task.setdefault(stream.task, stream.path)
        if len(by_task) > 1:
            raise UnknownShapeError(
                f"two kinds of data: {by_task['answer']} holds questions, {by_task['classify']} holds labelled texts",
                expected="files of one task",
                next_move="read them one by one",
            )
        yield stream


def _opened(source: str, read_as: ReadAs, *, several: bool) -> Stream:
    raw = open_hub(source) if source.startswith(PREFIX) else open_rows(source, read_as.encoding)
    return records_of(raw, Origin(source, f"{source}:" if several else ""), read_as)


def records_of(raw: RawFile, origin: Origin, read_as: ReadAs) -> Stream:
    """The records in the rows of a file that is open. Raises as `open_examples` does."""
    head, rows = _peeked(raw.rows)
    shape = _shape_of(raw, head, read_as)
    return Stream(origin.file, raw.format, shape.name, shape.task, _converted(rows, shape.convert, origin))


def _peeked(rows: Iterator[Row | Problem]) -> tuple[list[Row | Problem], Iterator[Row | Problem]]:
    """The head of the rows, long enough to hold an object if there is one, and all the rows again."""
    head: list[Row | Problem] = []
    objects = 0
    for row in rows:
        head.append(row)
        objects += isinstance(row, Row) and isinstance(row.value, dict)
        if len(head) >= (ROWS_LOOKED_AT if objects else ROWS_AT_MOST):
            break
    return head, chain(head, rows)


def _shape_of(raw: RawFile, head: list[Row | Problem], read_as: ReadAs) -> Recognised:
    values = [row.value for row in head if isinstance(row, Row)]
    names = dict.fromkeys(name for value in values if isinstance(value, dict) for name in value)
    if not head:
        raise _no_records(raw.file)
    if values and not any(isinstance(value, dict) for value in values):
        raise UnknownShapeError(
            f"{raw.file} holds no object with named fields; its first value is {describe(values[0])}",
            expected=" or ".join(shape.describes for shape in SHAPES if shape.signs is None),
            next_move="export the data with a name for each field",
        )
    return recognise(raw.file, names, read_as.shape, values, read_as.columns)


def _converted(
    rows: Iterable[Row | Problem], convert: Callable[[Row, Origin], Iterator[Made]], origin: Origin
) -> Iterator[Made]:
    empty = True
    for row in rows:
        if isinstance(row, Problem):
            empty = False
            yield Made(None, (replace(row, file=origin.file),))  # by the name that the caller gave, as records go
            continue
        for made in convert(row, origin):
            empty = False
            yield made
    if empty:
        raise _no_records(origin.file)


def _no_records(file: str) -> EmptyDataError:
    return EmptyDataError(
        f"{file} holds 0 records", expected="at least one record", next_move="check the export that wrote the file"
    )
