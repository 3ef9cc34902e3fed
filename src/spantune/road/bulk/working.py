"""In: what is to be done, and a part. Out: the part's file of answers, and what to tell of it. Does not know: other workers."""

import platform
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

from spantune.data import ReadAs
from spantune.data.parts import Part, count_names, read_note, read_part, remove, rows_in, write_note, write_table
from spantune.data.rows import Made
from spantune.errors import EmptyDataError, OutputError, RunError, SpantuneError
from spantune.road.bulk.tables import LAYOUTS, table_of
from spantune.road.opening import opened
from spantune.tasks import TASKS

TRIED, TRIES, STARTS = ".tried-", 3, 12


@dataclass(frozen=True, slots=True)
class Work:
    """How parts are to be answered, and where their files go: what a worker on another machine has to know.

    `version` is that of the spantune which gives the work out. It stands first: one with other fields finds it there.
    """

    version: str = field(default_factory=partial(version, "spantune"), kw_only=True)
    run: str
    out: str
    task: str
    read_as: ReadAs
    always_answer: bool
    top: int
    backend: str
    threads: int | None = None
    device: str | None = None

    def place_of(self, name: str) -> str:
        """Where a file of the output is."""
        return f"{self.out.rstrip('/')}/{name}"

    def file_of(self, part: int) -> str:
        """Where the answers of a part are written."""
        return self.place_of(f"part-{part:06d}.parquet")


@dataclass(frozen=True, slots=True)
class Finished:
    """A part that is there: its rows; where it was made now, how many are without an answer, and what was cut; or an error."""

    part: int
    rows: int
    unanswered: int
    error: SpantuneError | None = None
    notes: tuple[str, ...] = ()


class Worker:
    """Holds the model of a run, and answers one part after the other. A part that is there already is left as it is.

    Raises `RunError` for work that another version of spantune gives out: its answers could be others.
    """

    def __init__(self, work: Work) -> None:
        _check_version(work.version)
        self.work = work
        self.task = TASKS[work.task]
        starting = work.place_of(f"{TRIED}start-{secrets.token_hex(4)}.json")
        if count_names(work.out, f"{TRIED}start-") >= STARTS:
            raise RunError(
                f"{STARTS} workers ended while they loaded the model",
                expected="memory for the model in each worker",
                next_move="give Ray fewer --workers, or machines with more memory",
            )
        with suppress(OutputError):  # the first part will tell
            write_note(0, starting)
        self.predictor = opened(
            self.task, work.run, work.backend, always_answer=work.always_answer, device=work.device, threads=work.threads
        )
        remove(starting)

    def __call__(self, part: Part) -> Finished:
        """Read the part, answer it, write it in one step."""
        try:
            found = rows_in(self.work.file_of(part.number))
            return Finished(part.number, found, 0) if found is not None else self._done(part)
        except SpantuneError as error:  # of this part, or of the disk: told by the one who asked
            return Finished(part.number, 0, 0, error)

    def _done(self, part: Part) -> Finished:
        self._count_tries(part)
        made: tuple[Made, ...] = ()
        with suppress(EmptyDataError):  # rows that hold no record, such as articles without questions
            made = tuple(read_part(part, self.work.read_as).made)
        records: list[Any] = [one.record for one in made if one.record is not None]
        notes: list[str] = []
        if self.task.name == "answer":
            predictions = list(self.predictor.answer_many(records, self.work.top, None, notes.append))
        else:
            predictions = list(self.task.predict(self.predictor, records, None, notes.append))
        write_table(table_of(made, predictions, LAYOUTS[self.task.name]), self.work.file_of(part.number))
        return Finished(part.number, len(made), len(made) - len(records), notes=tuple(notes))

    def _count_tries(self, part: Part) -> None:
        """Note that a part is begun. Raises `RunError` for one that ended its worker again and again: an engine would go on."""
        file = self.work.place_of(f"{TRIED}{part.number:06d}.json")
        tries = int(read_note(file) or 0)
        if tries >= TRIES:
            raise RunError(
                f"{part.file}: rows {part.before + 1:,} to {part.before + part.rows:,} ended their worker {tries} times",
                expected="a part that a worker gets through",
                next_move="mostly memory runs out: give Ray fewer --workers, or machines with more of it",
            )
        write_note(tries + 1, file)


def _check_version(given: str) -> None:
    mine = version("spantune")
    if mine != given:
        raise RunError(
            f"a worker on {platform.node()} has spantune {mine}, and spantune {given} gave it the work",
            expected="the same version on every machine",
            next_move=f"pip install spantune=={given} on that machine, then give the same command",
        )
