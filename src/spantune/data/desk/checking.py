"""In: records in memory, or names of files. Out: a Report; and for files, if wanted, the clean set and what was changed.

Does not know: how a record is judged (`booking`), how the sums are made (`tally`).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path

from spantune.data.atomic import lines_to, write_text
from spantune.data.desk.booking import Desk
from spantune.data.desk.choices import Choices, holds_choices, quarantine_line, read_choices
from spantune.data.desk.entries import CHOSEN, Entry, Repair
from spantune.data.desk.outlook import HEAD, look_ahead, outlooks
from spantune.data.desk.report import Report
from spantune.data.desk.tally import Tally
from spantune.data.reading import Dataset, ReadAs, Stream, open_examples
from spantune.data.records import Record
from spantune.data.rows import Made
from spantune.data.writing import record_line
from spantune.errors import ConfigError, OutputError

LISTED_ALIKE = 100
"""Problems of one kind and file that a check of files lists: what a person reads; --fix writes all of them to files."""

CLEAN, REPAIRS, QUARANTINE, DROPPED, ACCOUNT = (
    "clean.jsonl",
    "repairs.jsonl",
    "quarantine.jsonl",
    "dropped.jsonl",
    "report.json",
)
PACE = 1_000  # records between two signs of progress


def check(records: Dataset | Iterable[Record]) -> Report:
    """Align every answer with its context, and account for every record.

    In: a `Dataset`, whose own problems enter the account, or any records. Out: a `Report`. Never raises on bad data.

    >>> from spantune.data.records import Example, Span
    >>> ada = Example("1", "Who wrote it?", "It was Ada.", answers=(Span("Ada", 6),))
    >>> report = check([ada])
    >>> report.repaired, report.examples[0].answers, report.problems[0].code
    (1, (Span(text='Ada', start=7),), 'exact_elsewhere_unique')
    """
    dataset = records if isinstance(records, Dataset) else None
    made = dataset.made if dataset is not None else tuple(Made(record) for record in records)
    desk = Desk(outlooks(one.record for one in made if one.record is not None and one.usable))
    tally = Tally()
    examples: list[Record] = []
    quarantined: list[Record] = []
    repairs: list[Repair] = []
    for one in made:
        entry = desk.book(one)
        tally.enter(entry)
        repairs += entry.repairs
        if entry.record is not None:
            examples.append(entry.record)
        elif entry.outcome == "quarantined" and entry.before is not None:
            quarantined.append(entry.before)
    return tally.report(
        dataset.sources if dataset is not None else (),
        examples=tuple(examples),
        quarantined=tuple(quarantined),
        repairs=tuple(repairs),
    )


def check_files(
    sources: Sequence[str | Path],
    *,
    read_as: ReadAs | None = None,
    fix: str | Path | None = None,
    accept: str | Path | None = None,
    each: Callable[[Entry], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Check files as they pass by, in memory that does not grow with their texts.

    `fix` names a folder for the outcome: clean.jsonl (every kept and repaired record), repairs.jsonl (each old and new
    value), quarantine.jsonl (records set aside, and references that a repaired record lost, with candidates for a person to
    choose from), dropped.jsonl and report.json. `accept` names a quarantine file whose choices are taken back. `each` is
    given the entry of every record; `progress` the number of records read so far. A stream is judged by its first records
    where `check` looks at all of a file: what its wrong starts have in common, whether its texts carry labels.

    Raises what `read_examples` raises, `ConfigError` for choices that cannot be used, `OutputError` for a folder that
    cannot be written or already holds somebody's choices.
    """
    choices = read_choices(accept) if accept is not None else Choices({})
    tally = Tally(LISTED_ALIKE)
    desk = Desk({}, choices)
    streams: list[Stream] = []
    with ExitStack() as files:
        takers: list[Callable[[Entry], None]] = [tally.enter]
        if fix is not None:
            takers.append(_written_to(_claimed(Path(fix), sources), files))
        if each is not None:
            takers.append(each)
        entries = _entries(open_examples(sources, read_as), desk, streams)
        for read, entry in enumerate(entries, start=1):
            for take in takers:
                take(entry)
            if progress is not None and read % PACE == 0:
                progress(read)
    report = tally.report(streams, choices_left=choices.left)
    if fix is not None:
        write_text(Path(fix) / ACCOUNT, json.dumps(report.as_dict(), indent=2, ensure_ascii=False) + "\n")
    return report


def _entries(opened: Iterator[Stream], desk: Desk, streams: list[Stream]) -> Iterator[Entry]:
    """The entries of all streams; each stream is judged by its head before its first record is booked."""
    for stream in opened:
        streams.append(stream)
        head = list(islice(stream.made, HEAD))
        desk.outlooks[stream.path] = look_ahead(one.record for one in head if one.record is not None and one.usable)
        yield from map(desk.book, chain(head, stream.made))


def _written_to(folder: Path, files: ExitStack) -> Callable[[Entry], None]:
    """A function that writes an entry to the files of its outcome; they appear when `files` is closed, all whole."""
    put = {name: files.enter_context(lines_to(folder / name)) for name in (CLEAN, REPAIRS, QUARANTINE, DROPPED)}

    def write(entry: Entry) -> None:
        if entry.record is not None:
            put[CLEAN](record_line(entry.record))
        if entry.outcome == "quarantined" or (entry.removed and CHOSEN not in {one.code for one in entry.problems}):
            put[QUARANTINE](quarantine_line(entry))
        if entry.outcome == "dropped":
            put[DROPPED](json.dumps(entry.problems[0].as_dict(), ensure_ascii=False))
        for repair in entry.repairs:
            put[REPAIRS](json.dumps(repair.as_dict(), ensure_ascii=False))

    return write


def _claimed(folder: Path, sources: Sequence[str | Path]) -> Path:
    """The folder, made if need be. Neither the data being read nor a person's choices are written over."""
    if holds_choices(folder / QUARANTINE):
        raise OutputError(
            f"{folder / QUARANTINE} holds choices that somebody made",
            expected="a folder whose files may be replaced",
            next_move=f"write to another folder, with --accept {folder / QUARANTINE} to take the choices back",
        )
    for source in map(Path, sources):
        if source.resolve().parent == folder.resolve() and source.name in (CLEAN, REPAIRS, QUARANTINE, DROPPED, ACCOUNT):
            raise ConfigError(
                f"{source} would be written over while it is read",
                expected="a folder of its own",
                next_move="name another folder",
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be made: {error.strerror or error}",
            expected="a folder that may be written to",
            next_move="name another folder",
        ) from error
    return folder
