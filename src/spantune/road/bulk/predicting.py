"""`predict_parts`: an answer to every row of Parquet of any size, gone on with after a kill."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spantune.data import ReadAs
from spantune.data.parts import (
    Part,
    columns_of,
    divide,
    fingerprint_of,
    is_empty,
    read_note,
    rows_in,
    shape_of,
    sweep,
    write_note,
)
from spantune.embedded import EMBEDDED
from spantune.errors import ConfigError, EmptyDataError, RunError
from spantune.evaluation import Mean, Resampling
from spantune.evaluation.judging import mean_in_percent
from spantune.inference.backends import AUTO
from spantune.road.bulk.engines import answered_by_ray
from spantune.road.bulk.tables import LAYOUTS
from spantune.road.bulk.working import TRIED, Work
from spantune.road.commands import as_kept
from spantune.road.matching import same_task
from spantune.road.opening import opened
from spantune.road.predicting import identity_of
from spantune.road.started import unlike
from spantune.road.watch import Silent, Watch, counter, working
from spantune.runs import read_facts
from spantune.tasks import TASKS

NOTES_TOLD = 5
ROWS = 4096  # of a part: minutes of work, so that a worker that dies costs little
NOTE = "_spantune.json"  # readers of Parquet leave names with an underscore out


@dataclass(frozen=True, slots=True)
class Bulk:
    """What was written: rows, those of them without an answer, and parts; how many parts were there before.

    `scores` are means over the rows whose label can be used, from 0 to 1, each with its interval.
    """

    out: str
    rows: int
    unanswered: int
    parts: int
    found: int
    scores: Mapping[str, Mean]

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it; scores in percent."""
        shown = {name: mean_in_percent(mean) for name, mean in self.scores.items()}
        counts = {"predictions": self.rows - self.unanswered, "rows": self.rows, "unanswered": self.unanswered}
        return {"out": self.out, **counts, "parts": self.parts, "parts_found": self.found, "scores": shown}


def predict_parts(
    run: str | Path,
    data: str,
    out: str,
    *,
    read_as: ReadAs | None = None,
    always_answer: bool = False,
    top: int = 1,
    backend: str = AUTO,
    workers: int | None = None,
    rows: int = ROWS,
    watch: Watch | None = None,
) -> Bulk:
    """Answer every row of a Parquet file, or of a folder or URI of them, with Ray; a folder of Parquet, `rows` rows a file.

    Each row read has a row in the output: an answer, or in `problem` why there is none. Rows with a label have scores as well.
    Parts that an earlier call with the same run, data and settings wrote are kept. `workers` hold a model each; by default one
    for each GPU, or for every two processors.

    Raises `RunError` for another task than the run's and for a folder with anything else in it, and the errors of
    `data.parts`, `engines.answered_by_ray` and `inference.backends.open_with`.
    """
    watch, read_as = watch or Silent(), read_as or ReadAs()
    _check_counts(rows, workers)
    run, data, out = run if run == EMBEDDED else _absolute(run), _absolute(data), _absolute(out)  # workers are elsewhere
    facts = read_facts(run)
    with working(watch, "reading"):
        parts = divide(data, rows)
        if not parts:
            raise EmptyDataError(f"{data} holds 0 rows", expected="at least one row", next_move="check the export")
        shape = shape_of(parts[0], read_as)
    same_task(shape.task, facts.task)
    _check_apart(data, out)
    with working(watch, "loading the model"):  # what is wrong with it is told here, not by a worker that dies
        opened(TASKS[facts.task], run, backend, always_answer=always_answer, device="cpu")  # a GPU is its worker's
    watch.note(f"{data}: {sum(part.rows for part in parts):,} rows in {len(parts):,} parts, read as {shape.shape} (parquet)")
    work = Work(str(run), out, facts.task, ReadAs(shape.shape, read_as.columns, read_as.encoding), always_answer, top, backend)
    missing = _claim(work, parts, {"data": fingerprint_of(parts), "rows_a_part": rows}, watch)
    tick = counter(watch, "answering", sum(part.rows for part in missing))
    sizes = {part.number: part.rows for part in parts}
    errors, told = [], 0
    for finished in answered_by_ray(missing, work, workers) if missing else ():
        tick(sizes[finished.part])
        errors += [] if finished.error is None else [finished.error]
        for note in finished.notes[: max(0, NOTES_TOLD - told)]:
            watch.warn(note)
        told += len(finished.notes)
    if told > NOTES_TOLD:
        watch.warn(f"{told - NOTES_TOLD:,} more such notes of other parts")
    if errors:  # after the parts that could be answered
        watch.warn(f"{len(errors):,} of {len(missing):,} parts could not be answered; the first of them:")
        raise errors[0]
    for prefix in (".part-", TRIED):
        sweep(out, prefix)
    return _told(work, parts, len(parts) - len(missing), watch)


def _check_counts(rows: int, workers: int | None) -> None:
    wrong = [f"{name} = {value}" for name, value in (("rows", rows), ("workers", workers)) if value is not None and value < 1]
    if wrong:
        raise ConfigError(" and ".join(wrong), expected="1 or more", next_move="correct the number, or leave it away")


def _check_apart(data: str, out: str) -> None:
    """Raise `ConfigError` where answers would be written among the data: a second call would read them."""
    inside, around = Path(out).resolve(), Path(data).resolve()
    if "://" not in data + out and inside.is_relative_to(around):
        raise ConfigError(
            f"--out {out} is in the data, {data}", expected="a folder beside it", next_move="choose another --out"
        )


def _absolute(where: str | Path) -> str:
    return str(where) if "://" in str(where) else str(Path(where).absolute())


def _claim(work: Work, parts: tuple[Part, ...], started_with: dict[str, Any], watch: Watch) -> list[Part]:
    """The parts that are still to be answered. Raises `RunError` where the folder holds anything but those of the same work."""
    started_with |= {
        "run": identity_of(work.run),
        "settings": [work.always_answer, work.top, work.backend],
        "read_as": as_kept(work.read_as),
    }
    note = work.place_of(NOTE)
    before = read_note(note)
    if before is None:
        sweep(work.out, TRIED)
        if not is_empty(work.out, f".{NOTE}."):  # what a kill left while the note was written
            raise RunError(
                f"{work.out} is not empty, and holds no {NOTE}",
                expected="a new or empty folder, or one that an earlier call filled",
                next_move="choose another --out",
            )
        write_note(started_with, note)
        return list(parts)
    if others := unlike(before, started_with):
        raise RunError(
            f"{work.out} holds answers that were made otherwise ({others} differ)",
            expected="the same run, data and settings, so that the missing parts fit",
            next_move="choose another --out, or remove the folder",
        )
    sweep(work.out, TRIED)
    missing = [part for part in parts if rows_in(work.file_of(part.number)) is None]
    watch.note(f"{work.out} holds {len(parts) - len(missing):,} of {len(parts):,} parts: going on with the others")
    return missing


def _told(work: Work, parts: tuple[Part, ...], found: int, watch: Watch) -> Bulk:
    """Count what is on the disk, and score what has a label. Raises `RunError` where a part is not there."""
    layout = LAYOUTS[work.task]
    sums, rows, unanswered = Resampling(len(layout.scores)), 0, 0
    answered = "text" if work.task == "answer" else "label"
    tick = counter(watch, "counting", len(parts))
    for part in parts:
        file = work.file_of(part.number)
        if rows_in(file) is None:
            raise RunError(f"{file} is not there", expected="every part", next_move="give the same command once more")
        columns = columns_of(file, [answered, "group", *layout.scores])
        rows += len(columns[answered])
        unanswered += sum(one is None for one in columns[answered])
        labelled = [at for at, group in enumerate(columns["group"]) if group is not None]
        if labelled:
            sums.add(
                [columns["group"][at] for at in labelled], [[columns[name][at] for name in layout.scores] for at in labelled]
            )
        tick(1)
    scores = {name: sums.mean(column) for column, name in enumerate(layout.scores) if sums.counts[column]}
    if unanswered:
        watch.warn(f"{unanswered:,} of {rows:,} rows have no answer: the column 'problem' says why")
    return Bulk(work.out, rows, unanswered, len(parts), found, scores)
