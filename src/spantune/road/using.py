"""`evaluate_run` and `predict_file`: a finished run on files of data. `split_files`: the two sides, as files."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spantune.data import Report, check, read_examples, split, write_examples, write_text
from spantune.data.atomic import write_lines
from spantune.errors import EmptyDataError, OutputError
from spantune.evaluation import LabelScores, Scores
from spantune.road.matching import labelled_only, same_task
from spantune.road.watch import Silent, Watch, counter, working
from spantune.runs import read_facts, trained_on
from spantune.tasks import TASKS

# Quarantined because of where their answers stand, not of what they say: scores compare texts, so these can be scored.
SCORED_BY_TEXT = frozenset({"absent", "ambiguous"})


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Scores of a run on data; `seen` counts the records that the run was trained on, which makes the scores worthless."""

    scores: Scores | LabelScores
    predictions: tuple[Any, ...]
    seen: int
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it: the scores in percent, and what makes them worth less."""
        return {**self.scores.as_dict(), "seen_in_training": self.seen, "left_out": self.left_out}


def evaluate_run(
    run: str | Path,
    data: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    shape: str | None = None,
    watch: Watch | None = None,
) -> Evaluated:
    """Score a finished run on labelled data. Records that the run was trained on are counted and warned of, loudly.

    `out` names a JSON file for the scores and every wrong prediction. Questions whose answers do not stand where the data
    says are scored too: scores compare texts. Raises `EmptyDataError` when no labelled record is left.
    """
    watch = watch or Silent()
    facts = read_facts(run)
    with working(watch, "reading"):
        report = check(read_examples(*data, shape=shape))
    records, left_out = _scorable(report, facts.task)
    seen = len(trained_on(run, records))
    if seen:
        watch.warn(
            f"{seen} of {len(records)} records are among those that this run was trained on: these scores say how well it "
            "remembers, not how well it answers. Evaluate on held-out documents."
        )
    if left_out:
        watch.note(f"{left_out} of {report.read} records cannot be scored (spantune check tells which); they are left out")
    task = TASKS[facts.task]
    with working(watch, "loading the model"):
        predictor = task.open(Path(run))
    tick = counter(watch, "evaluating", len(records))
    predictions = tuple(task.predict(predictor, records, tick))
    evaluated = Evaluated(task.score(records, predictions), predictions, seen, left_out)
    if out is not None:
        sheet = {**evaluated.as_dict(), "errors": task.errors(records, predictions, evaluated.scores)}
        write_text(out, json.dumps(sheet, indent=2, ensure_ascii=False) + "\n")
    return evaluated


def predict_file(
    run: str | Path, data: str | Path, out: str | Path, *, shape: str | None = None, watch: Watch | None = None
) -> int:
    """Answer every question (or label every text) of a file: JSONL, in the order of the file, ids kept. Gives their number.

    The output is written whole or not at all. Raises `RunError` when the file is for another task than the run.
    """
    watch = watch or Silent()
    facts = read_facts(run)
    with working(watch, "reading"):
        dataset = read_examples(data, shape=shape)
    same_task(dataset.task, facts.task)
    missing = dataset.read - len(dataset)
    if missing:
        watch.warn(f"{missing} of {dataset.read} records get no prediction (spantune check tells which and why)")
    if not len(dataset):
        raise EmptyDataError(
            f"no usable record in {data}",
            expected="questions with their contexts, or texts",
            next_move="run spantune check on it",
        )
    task = TASKS[facts.task]
    with working(watch, "loading the model"):
        predictor = task.open(Path(run))
    tick = counter(watch, "predicting", len(dataset))
    return write_lines(
        out, (json.dumps(one.as_dict(), ensure_ascii=False) for one in task.predict(predictor, dataset.records, tick))
    )


def _scorable(report: Report, task: str) -> tuple[tuple[Any, ...], int]:
    """The records that can be scored, and how many of those read cannot."""
    by_text = {problem.record_id for problem in report.problems if problem.code in SCORED_BY_TEXT}
    aside = tuple(one for one in report.quarantined_examples if one.id in by_text)
    records = tuple(report.examples) + aside
    if records:
        same_task("answer" if hasattr(records[0], "question") else "classify", task)
    labelled = labelled_only(records, [source.path for source in report.sources])
    return labelled, report.read - len(labelled)


@dataclass(frozen=True, slots=True)
class Sides:
    """The two files of a split: their paths and counts, what kept records together, and what was left out of both."""

    train: str
    held_out: str
    train_count: int
    held_out_count: int
    grouped_by: str
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        return asdict(self)


def split_files(
    data: Sequence[str | Path],
    out: str | Path,
    *,
    held_out: float = 0.2,
    by: str = "document",
    seed: int = 13,
    shape: str | None = None,
) -> Sides:
    """Write `train.json` and `held-out.json` into the folder `out`, from the records that `check` keeps or repairs.

    Raises `DataError` when there are not two groups to tell apart, `ConfigError` for a share or grouping that does not
    exist, `OutputError` when a file cannot be written.
    """
    report = check(read_examples(*data, shape=shape))
    parts = split(report.examples, held_out=held_out, by=by, seed=seed)
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be made: {error.strerror}",
            expected="a folder, or a place where one can be made",
            next_move="choose another --out",
        ) from error
    files = {"train": folder / "train.json", "held_out": folder / "held-out.json"}
    write_examples(parts.train, files["train"])
    write_examples(parts.held_out, files["held_out"])
    return Sides(
        train=str(files["train"]),
        held_out=str(files["held_out"]),
        train_count=len(parts.train),
        held_out_count=len(parts.held_out),
        grouped_by=parts.grouped_by,
        left_out=report.read - len(report.examples),
    )
