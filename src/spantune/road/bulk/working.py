"""In: what is to be done, and a part. Out: the part's file of answers, and what to tell of it. Does not know: other workers."""

from dataclasses import asdict, dataclass
from typing import Any

from spantune.data import ReadAs
from spantune.data.parts import Part, read_part, rows_in, write_table
from spantune.errors import SpantuneError
from spantune.road.bulk.tables import LAYOUTS, table_of
from spantune.road.opening import opened
from spantune.tasks import TASKS


@dataclass(frozen=True, slots=True)
class Work:
    """How parts are to be answered, and where their files go: what a worker on another machine has to know."""

    run: str
    out: str
    task: str
    read_as: ReadAs
    always_answer: bool
    top: int
    backend: str
    threads: int | None = None

    def file_of(self, part: int) -> str:
        """Where the answers of a part are written."""
        return f"{self.out.rstrip('/')}/part-{part:06d}.parquet"


@dataclass(frozen=True, slots=True)
class Finished:
    """A part that is there: its rows; for those of this worker how many are without an answer, or what was wrong."""

    part: int
    rows: int
    unanswered: int
    error: SpantuneError | None = None


class Worker:
    """Holds the model of a run, and answers one part after the other. A part that is there already is left as it is."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.task = TASKS[work.task]
        self.predictor = opened(self.task, work.run, work.backend, always_answer=work.always_answer)
        if work.threads is not None:
            import torch

            torch.set_num_threads(work.threads)

    def __call__(self, part: Part) -> Finished:
        """Read the part, answer it, write it in one step."""
        try:
            found = rows_in(self.work.file_of(part.number))
            return Finished(part.number, found, 0) if found is not None else self._done(part)
        except SpantuneError as error:  # of this part, or of the disk: told by the one who asked
            return Finished(part.number, 0, 0, error)

    def _done(self, part: Part) -> Finished:
        made = tuple(read_part(part, self.work.read_as).made)
        records: list[Any] = [one.record for one in made if one.record is not None]
        if self.task.name == "answer":
            predictions = list(self.predictor.answer_many(records, self.work.top))
        else:
            predictions = list(self.task.predict(self.predictor, records, None, None))
        write_table(table_of(made, predictions, LAYOUTS[self.task.name]), self.work.file_of(part.number))
        return Finished(part.number, len(made), len(made) - len(records))


def as_row(part: Part) -> dict[str, Any]:
    """A part as a row of an engine's table."""
    return asdict(part)
