"""Data meets task: which records are labelled, whether they are for the task in hand, which of them score honestly."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spantune.config import Config
from spantune.data import LeakReport, ReadAs, Record, read_files
from spantune.errors import EmptyDataError, RunError
from spantune.evaluation import LabelScores, Scores
from spantune.road.watch import Watch, working
from spantune.tasks import TASKS, Task


def task_of(records: Sequence[Record], config: Config) -> Task:
    """The task that records are for. Raises `RunError` when the configuration names another one."""
    found = "answer" if hasattr(records[0], "question") else "classify"
    if config.task not in ("auto", found):
        same_task(found, config.task)
    return TASKS[found]


def labelled_only(records: Sequence[Any], data: Sequence[str | Path]) -> tuple[Any, ...]:
    """Those of `records` that have answers or a label. Raises `EmptyDataError` when none has."""
    labelled = tuple(one for one in records if (one.answers if hasattr(one, "question") else one.label) is not None)
    if not labelled:
        raise EmptyDataError(
            f"{len(records)} usable records in {', '.join(str(path) for path in data)}, none of them with an answer or label",
            expected="labelled records",
            next_move="run spantune check on the data; questions without answers can be given to spantune predict",
        )
    return labelled


def labelled_from(data: Sequence[str | Path], task: str, read_as: ReadAs | None, watch: Watch) -> tuple[tuple[Any, ...], int]:
    """The records of files that can be scored, and how many cannot, which is told."""
    with working(watch, "reading"):
        dataset = read_files(data, read_as)
    same_task(dataset.task, task)
    records = labelled_only(dataset.records, data)
    left_out = dataset.read - len(records)
    if left_out:
        watch.note(f"{left_out} of {dataset.read} records cannot be scored (spantune check tells which); they are left out")
    return records, left_out


def without_touched(
    task: Task, records: Sequence[Any], predictions: Sequence[Any], leaks: LeakReport
) -> Scores | LabelScores | None:
    """The scores of the records that training data does not know; None where it knows none of them, or all."""
    if not 0 < leaks.touched_count < len(records):
        return None
    return task.score(leaks.untouched(records), leaks.untouched(predictions))


def same_task(found: str, wanted: str) -> None:
    """Raise `RunError` when data for one task meets a run or a configuration for the other."""
    if found != wanted:
        raise RunError(
            f"the data is for the task {found!r}, the run, its training data or the configuration for {wanted!r}",
            expected="questions with contexts for 'answer', texts with labels for 'classify'",
            next_move="give data of the other kind, or another run",
        )
