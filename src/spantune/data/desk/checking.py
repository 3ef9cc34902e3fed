"""In: records in memory, or names of files. Out: a Report; and for files, if wanted, the clean set and what was changed.

Does not know: how a record is judged (`booking`), how the sums are made (`ledger`).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from spantune.data.atomic import lines_to, write_text
from spantune.data.desk.booking import Desk
from spantune.data.desk.by_hand import made_by_hand
from spantune.data.desk.choices import Choices, holds_choices, quarantine_line, read_choices
from spantune.data.desk.entries import Entry, Repair
from spantune.data.desk.ledger import Ledger
from spantune.data.desk.outlook import HEAD, look_ahead, outlooks
from spantune.data.desk.report import Report
from spantune.data.reading import Dataset, ReadAs, Stream, open_examples
from spantune.data.records import Record
from spantune.data.repair import Cause
from spantune.data.rows import Made
from spantune.data.writing import record_line
from spantune.data.writing.plain import json_text
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
OUTCOMES = (CLEAN, REPAIRS, QUARANTINE, DROPPED, ACCOUNT)


def check(records: Dataset | Iterable[Record]) -> Report:
    """Align every answer with its context, and account for every record.

    In: a `Dataset`, whose own problems enter the account, or any records. Out: a `Report`. Never raises on bad data; raises
    `DataError` for records made by hand whose id, answers or other fields are not of the types that `Example` names.

    >>> from spantune.data.records import Example, Span
    >>> ada = Example("1", "Who wrote it?", "It was Ada.", answers=(Span("Ada", 6),))
    >>> report = check([ada])
    >>> report.repaired, report.examples[0].answers, report.problems[0].code
    (1, (Span(text='Ada', start=7),), 'exact_elsewhere_unique')
    """
    dataset = records if isinstance(records, Dataset) else None
    made = dataset.made if dataset is not None else tuple(Made(record) for record in made_by_hand(records))
    desk = Desk(outlooks(one.record for one in made if one.record is not None and one.usable))
    ledger = Ledger()
    examples: list[Record] = []
    quarantined: list[Record] = []
    repairs: list[Repair] = []
    for one in made:
        entry = desk.book(one)
        ledger.enter(entry)
        repairs += entry.repairs
        if entry.record is not None:
            examples.append(entry.record)
        elif entry.outcome == "quarantined" and entry.before is not None:
            quarantined.append(entry.before)
    return ledger.report(
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
    into: list[Entry] | None = None,
    spare: Sequence[str | Path] = (),
) -> Report:
    """Check files as they pass by, in memory that does not grow with their texts.

    `fix` names a folder for the outcome: clean.jsonl (every kept and repaired record), repairs.jsonl (each old and new
    value), quarantine.jsonl (records set aside, and references that a repaired record lost, with candidates for a person to
    choose from), dropped.jsonl and report.json. `accept` names a quarantine file whose choices are taken back. `into` is a
    list that takes the entry of every record; `spare` names more files that must not be written over.

    A file is judged by its first records: whether its texts carry labels, and what its wrong starts have in common; where all
    of it says otherwise of the starts, it is read a second time.

    Raises what `read_examples` raises, `ConfigError` for choices that cannot be used, `OutputError` for a folder that
    cannot be written or already holds somebody's choices.
    """
    if accept is not None:
        read_choices(accept)  # what is wrong with them is told before anything is written
    folder = _claimed(Path(fix), [*sources, *spare, *([accept] if accept is not None else [])]) if fix is not None else None
    try:
        report = _passed(sources, read_as, folder, accept, into, {})
    except _MisjudgedError as error:
        if into is not None:
            into.clear()
        report = _passed(sources, read_as, folder, accept, into, error.causes)
    if folder is not None:
        write_text(folder / ACCOUNT, json.dumps(report.as_dict(), indent=2) + "\n")
    return report


class _MisjudgedError(Exception):
    """The head of a file said something else of its wrong starts than all of it; carries what all of it says."""

    def __init__(self, causes: Mapping[str, Cause | None]) -> None:
        super().__init__(*causes)
        self.causes = causes


def _passed(
    sources: Sequence[str | Path],
    read_as: ReadAs | None,
    folder: Path | None,
    accept: str | Path | None,
    into: list[Entry] | None,
    known: Mapping[str, Cause | None],
) -> Report:
    """One pass over all files. `known` causes are those of a pass before; without them, they are compared at the end."""
    choices = read_choices(accept) if accept is not None else Choices({})
    ledger = Ledger(LISTED_ALIKE)
    desk = Desk({}, choices)
    streams: list[Stream] = []
    with ExitStack() as files:
        takers: list[Callable[[Entry], None]] = [ledger.enter]
        if folder is not None:
            takers.append(_written_to(folder, files))
        if into is not None:
            takers.append(into.append)
        for entry in _entries(open_examples(sources, read_as), desk, streams, known):
            for take in takers:
                take(entry)
        found = ledger.causes()
        used = {file: outlook.cause for file, outlook in desk.outlooks.items() if outlook.cause is not None}
        if not known and {file: cause.code for file, cause in found.items()} != {file: one.code for file, one in used.items()}:
            raise _MisjudgedError({stream.path: found.get(stream.path) for stream in streams})
    return ledger.report(streams, choices_left=choices.left)


def _entries(opened: Iterator[Stream], desk: Desk, streams: list[Stream], known: Mapping[str, Cause | None]) -> Iterator[Entry]:
    """The entries of all streams; each stream is judged by its head before its first record is booked."""
    for stream in opened:
        streams.append(stream)
        head = list(islice(stream.made, HEAD))
        outlook = look_ahead(one.record for one in head if one.record is not None and one.usable)
        desk.outlooks[stream.path] = replace(outlook, cause=known[stream.path]) if stream.path in known else outlook
        yield from map(desk.book, chain(head, stream.made))


def _written_to(folder: Path, files: ExitStack) -> Callable[[Entry], None]:
    """A function that writes an entry to the files of its outcome; they appear when `files` is closed, all whole."""
    put = {name: files.enter_context(lines_to(folder / name)) for name in (CLEAN, REPAIRS, QUARANTINE, DROPPED)}

    def write(entry: Entry) -> None:
        if entry.record is not None:
            put[CLEAN](record_line(entry.record))
        if entry.outcome == "quarantined" or entry.removed:
            put[QUARANTINE](quarantine_line(entry))
        if entry.outcome == "dropped":
            put[DROPPED](json_text(entry.problems[0].as_dict()))
        for repair in entry.repairs:
            put[REPAIRS](json_text(repair.as_dict()))

    return write


def _claimed(folder: Path, read: Sequence[str | Path]) -> Path:
    """The folder, made if need be. Neither what is read nor a person's choices nor files of others are written over."""
    for file in map(Path, read):
        if file.resolve().parent == folder.resolve() and file.name in OUTCOMES:
            raise ConfigError(
                f"{file} would be written over while it is needed",
                expected="a folder of its own",
                next_move="name another folder",
            )
    if holds_choices(folder / QUARANTINE):
        raise OutputError(
            f"{folder / QUARANTINE} holds choices that somebody made",
            expected="a folder whose files may be replaced",
            next_move=f"write to another folder, with --accept {folder / QUARANTINE} to take the choices back",
        )
    there = [name for name in OUTCOMES if (folder / name).exists()]
    if there and not _is_ours(folder / ACCOUNT):
        raise OutputError(
            f"{folder} holds {', '.join(there)}, which no earlier check wrote",
            expected="a new folder, an empty one, or that of an earlier check",
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


def _is_ours(account: Path) -> bool:
    """Whether this is the report of an earlier check."""
    try:
        return "quarantined" in json.loads(account.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False
