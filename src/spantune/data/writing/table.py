"""In: records, a path, the name of a format. Out: a file that `read_examples` reads back without loss, or nothing.

Does not know: how a format is written. A format is a row of `WRITERS`.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from spantune.data.problems import Flaw
from spantune.data.records import Example, Record, TextExample
from spantune.data.writing.carrying import record_flaw, text_format_flaw
from spantune.data.writing.json_lines import write_jsonl
from spantune.data.writing.label_studio import task_flaw, write_tasks
from spantune.data.writing.squad import write_squad
from spantune.data.writing.tables import parquet_flaw, write_csv, write_parquet
from spantune.errors import ConfigError, DataError

GZ = ".gz"


@dataclass(frozen=True, slots=True)
class Writer:
    """A format that records can be written in.

    `suffixes` are those of its files, the first one the usual; `gzip` tells whether `.gz` may follow. `flaw` says what keeps
    a record from being written; `write` takes records one at a time and holds them only if `streams` is false.
    """

    name: str
    suffixes: tuple[str, ...]
    gzip: bool
    streams: bool
    flaw: Callable[[Record], Flaw | None]
    write: Callable[[Iterable[Record], Path], None]


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        writer.name: writer
        for writer in (
            Writer("squad", (".json",), True, False, record_flaw, write_squad),
            Writer("jsonl", (".jsonl", ".ndjson"), True, True, record_flaw, write_jsonl),
            Writer("csv", (".csv",), True, True, text_format_flaw, write_csv),
            Writer("parquet", (".parquet",), False, True, parquet_flaw, write_parquet),
            Writer("label-studio", (".json",), True, True, task_flaw, write_tasks),
        )
    }
)
"""Format → its writer. A suffix that two share, such as `.json`, means the first one."""


def write_examples(records: Iterable[Record], path: str | Path, format: str | None = None) -> None:
    """Write records in the format of the file's suffix, or in `format`; all of the file or nothing.

    `.json` is SQuAD (texts to classify: a JSON list), `.jsonl` one record a line, `.csv` and `.parquet` tables; the format
    'label-studio' writes tasks, and a labeling configuration beside them. `.gz` may follow all but Parquet, and gives the
    same bytes each time. Ids, order, documents, answers, the lack of them, and fields are kept. All formats but SQuAD take
    records one at a time and hold none.

    Raises `ConfigError` for another suffix or format, `DataError` for questions and texts in one set and for a record that
    the format cannot carry, `OutputError` when the file cannot be written, `MissingExtraError` for Parquet without pyarrow.
    """
    path = Path(path)
    writer = writer_for(path, format)
    writer.write(_carried(one_task(records), writer), path)


def writer_for(path: str | Path, format: str | None = None) -> Writer:
    """The writer of a format, or of the file's suffix.

    Raises `ConfigError` when there is none, or the suffix is not one of the format's.

    >>> writer_for("a.jsonl.gz").name, writer_for("a.json").name, writer_for("a.json", "label-studio").name
    ('jsonl', 'squad', 'label-studio')
    """
    path = Path(path)
    if format is not None and format not in WRITERS:
        close = difflib.get_close_matches(format, WRITERS, n=1)
        raise ConfigError(
            f"no format is called {format!r}",
            expected=f"one of {', '.join(WRITERS)}",
            next_move=f"did you mean {close[0]!r}?" if close else "correct the name, or leave it out: the suffix decides",
        )
    candidates = [WRITERS[format]] if format is not None else list(WRITERS.values())
    name = path.name.lower()
    for writer in candidates:
        if any(name.endswith(suffix) for suffix in _suffixes(writer)):
            return writer
    known = dict.fromkeys(suffix for writer in candidates for suffix in _suffixes(writer))
    raise ConfigError(
        f"cannot write {'examples' if format is None else format} to {path.name!r}",
        expected=f"a name that ends in {' or '.join(known)}",
        next_move=f"write to {path.with_suffix(candidates[0].suffixes[0]).name!r}",
    )


def _suffixes(writer: Writer) -> tuple[str, ...]:
    return writer.suffixes + (tuple(suffix + GZ for suffix in writer.suffixes) if writer.gzip else ())


def one_task(records: Iterable[Record]) -> Iterator[Record]:
    """The records, as long as they are all questions or all texts. Raises `DataError` at the first one that differs."""
    first: type | None = None
    for count, record in enumerate(records):
        first = first or type(record)
        if type(record) is not first:
            questions = count if first is Example else 1
            texts = 1 if first is Example else count
            raise DataError(
                f"{questions} questions and {texts} texts to classify",
                expected="records of one task",
                next_move="write them to two files",
            )
        yield record


def _carried(records: Iterable[Record], writer: Writer) -> Iterator[Record]:
    for record in records:
        flaw = writer.flaw(record)
        if flaw is not None:
            raise DataError(
                f"{_noun(record)} {record.id!r} cannot be written as {writer.name}: {flaw.found}",
                expected=flaw.expected,
                next_move=flaw.next_move,
            )
        yield record


def _noun(record: Record) -> str:
    return "text" if isinstance(record, TextExample) else "question"
