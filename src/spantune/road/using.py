"""`evaluate_run` and `predict_file`: a finished run on files of data. `split_files`: the two sides, as files."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spantune.data import check, read_examples, split, write_examples, write_text
from spantune.data.atomic import write_lines
from spantune.errors import ConfigError, EmptyDataError, OutputError
from spantune.evaluation import LabelScores, Scores
from spantune.road.matching import labelled_only, same_task
from spantune.road.watch import Silent, Watch, counter, working
from spantune.runs import read_facts, trained_on
from spantune.tasks import TASKS


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Scores of a run on data.

    `seen` counts the records that the run was trained on, whose scores are worthless; `unseen` are the scores of the others,
    where there are both kinds.
    """

    scores: Scores | LabelScores
    predictions: tuple[Any, ...]
    seen: int
    left_out: int
    unseen: Scores | LabelScores | None = None

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it: the scores in percent, and what makes them worth less."""
        found = {**self.scores.as_dict(), "seen_in_training": self.seen, "left_out": self.left_out}
        return found if self.unseen is None else {**found, "without_seen": self.unseen.as_dict()}


def evaluate_run(
    run: str | Path,
    data: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    shape: str | None = None,
    watch: Watch | None = None,
) -> Evaluated:
    """Score a finished run on labelled data. Records that the run was trained on are counted and warned of, loudly.

    `out` names a JSON file for the scores and every wrong prediction. References are taken as the
    data gives them, wherever they stand: scores compare texts. Raises `EmptyDataError` when no labelled record is left.
    """
    watch = watch or Silent()
    facts = read_facts(run)
    if out is not None:
        check_target(out, data)
    with working(watch, "reading"):
        dataset = read_examples(*data, shape=shape)
    same_task(dataset.task, facts.task)
    records = labelled_only(dataset.records, data)
    known = {id(record) for record in trained_on(run, records)}
    seen, left_out = len(known), dataset.read - len(records)
    if seen:
        watch.warn(
            f"{seen} of {len(records)} records are among those that this run was trained on: on them, scores say how well it "
            "remembers, not how well it answers. Evaluate on held-out documents."
        )
    if left_out:
        watch.note(f"{left_out} of {dataset.read} records cannot be scored (spantune check tells which); they are left out")
    task = TASKS[facts.task]
    with working(watch, "loading the model"):
        predictor = task.open(Path(run))
    tick = counter(watch, "evaluating", len(records))
    predictions = tuple(task.predict(predictor, records, tick, watch.warn))
    others = [pair for pair in zip(records, predictions, strict=True) if id(pair[0]) not in known]
    unseen = task.score([record for record, _ in others], [one for _, one in others]) if seen and others else None
    evaluated = Evaluated(task.score(records, predictions), predictions, seen, left_out, unseen)
    if out is not None:
        sheet = {**evaluated.as_dict(), "errors": task.errors(records, predictions, evaluated.scores)}
        write_text(out, json.dumps(sheet, indent=2, ensure_ascii=False) + "\n")
    return evaluated


def predict_file(
    run: str | Path, data: str | Path, out: str | Path, *, shape: str | None = None, watch: Watch | None = None
) -> int:
    """Answer every question (or label every text) of a file: JSONL, in the order of the file, ids kept. Gives their number.

    Labels are not looked at, not even wrong ones. The output is written whole or not at all. Raises `RunError` when the file
    is for another task than the run, `ConfigError` when `out` is the file itself.
    """
    watch = watch or Silent()
    facts = read_facts(run)
    check_target(out, [data])
    with working(watch, "reading"):
        dataset = read_examples(data, shape=shape)
    same_task(dataset.task, facts.task)
    records = dataset.in_order
    if len(records) < dataset.read:
        missing = dataset.read - len(records)
        watch.warn(f"{missing} of {dataset.read} records get no prediction (spantune check tells which and why)")
    if not records:
        raise EmptyDataError(
            f"no usable record in {data}",
            expected="questions with their contexts, or texts",
            next_move="run spantune check on it",
        )
    task = TASKS[facts.task]
    with working(watch, "loading the model"):
        predictor = task.open(Path(run))
    tick = counter(watch, "predicting", len(records))
    predictions = task.predict(predictor, records, tick, watch.warn)
    return write_lines(out, (json.dumps(one.as_dict(), ensure_ascii=False) for one in predictions))


def check_target(out: str | Path, inputs: Sequence[str | Path]) -> None:
    """Make sure, before the work is done, that `out` can be written: not one of the inputs, in a folder that is there.

    Raises `ConfigError` or `OutputError`.
    """
    target = Path(out)
    if any(target.exists() and Path(one).exists() and target.samefile(one) for one in inputs):
        raise ConfigError(
            f"{out} is one of the input files",
            expected="another file to write to",
            next_move="choose another --out: the input would be lost",
        )
    if not target.parent.is_dir():
        raise OutputError(
            f"the folder {target.parent} is not there",
            expected="an existing folder",
            next_move="create it first, or correct --out",
        )


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
    for file in files.values():
        check_target(file, data)
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
