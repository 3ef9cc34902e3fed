"""`evaluate_run` and `predict_file`: a finished run on files of data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spantune.data import LeakReport, ReadAs, read_files, write_text
from spantune.data.atomic import write_lines
from spantune.errors import EmptyDataError, RunError
from spantune.evaluation import LabelScores, Scores, score_answers
from spantune.inference.backends import AUTO
from spantune.road.matching import labelled_only, same_task, without_touched
from spantune.road.opening import opened
from spantune.road.targets import check_target
from spantune.road.watch import Silent, Watch, counter, working
from spantune.runs import known_from_training, read_facts
from spantune.tasks import TASKS, always_answered


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Scores of a run on data.

    `leaks` says what the run's training data knows of the records; `untouched` are the scores of the others, where there are
    both kinds. `left_out` counts records that cannot be scored. `always` is what the best spans would score, where some
    questions got no answer although every one has one: the definition of SQuAD 1.1.
    """

    scores: Scores | LabelScores
    predictions: tuple[Any, ...]
    leaks: LeakReport
    left_out: int
    untouched: Scores | LabelScores | None = None
    always: Scores | None = None

    @property
    def abstained(self) -> int:
        """Questions that got no answer."""
        return sum(getattr(one, "text", None) == "" for one in self.predictions)

    @property
    def seen(self) -> int:
        """Records that the run was trained on themselves: the same question about the same context, or the same text."""
        return self.leaks.counts.get("same_record", 0)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it: the scores in percent, and what makes them worth less."""
        found = {**self.scores.as_dict(), "seen_in_training": self.seen, "left_out": self.left_out}
        found["touched_by_training"] = self.leaks.touched_count
        if self.leaks.touched:
            found["leaks"] = self.leaks.as_dict()
        if self.always is not None:
            found["always_answering"] = self.always.as_dict()
        return found if self.untouched is None else {**found, "without_touched": self.untouched.as_dict()}


def evaluate_run(
    run: str | Path,
    data: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    always_answer: bool = False,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Evaluated:
    """Score a finished run on labelled data. Records that its training data knows are counted, warned of, and scored apart.

    Known are records that the run was trained on, and those about a context that is the same as one of training, nearly the
    same, or a part of it. `always_answer` gives the best span even where "no answer" scores higher. `out` names a JSON file
    for the scores and every wrong prediction. References are taken as the data gives them, wherever they stand: scores compare
    texts. Raises `EmptyDataError` when no labelled record is left, `ConfigError` for `always_answer` and a run that
    classifies.
    """
    watch = watch or Silent()
    facts = read_facts(run)
    if out is not None:
        check_target(out, data)
    with working(watch, "reading"):
        dataset = read_files(data, read_as)
    same_task(dataset.task, facts.task)
    records = labelled_only(dataset.records, data)
    leaks = _known(run, records, watch)
    if leaks.touched:
        watch.warn(f"{leaks.warning}. Evaluate on other documents, or read the scores without them.")
    left_out = dataset.read - len(records)
    if left_out:
        watch.note(f"{left_out} of {dataset.read} records cannot be scored (spantune check tells which); they are left out")
    task = TASKS[facts.task]
    with working(watch, "loading the model"):
        predictor = opened(task, run, AUTO, always_answer=always_answer)
    tick = counter(watch, "evaluating", len(records))
    predictions = tuple(task.predict(predictor, records, tick, watch.warn))
    untouched = without_touched(task, records, predictions, leaks)
    always = _always(records, predictions) if task.name == "answer" else None
    evaluated = Evaluated(task.score(records, predictions), predictions, leaks, left_out, untouched, always)
    if out is not None:
        sheet = {**evaluated.as_dict(), "errors": task.errors(records, predictions, evaluated.scores)}
        write_text(out, json.dumps(sheet, indent=2, ensure_ascii=False) + "\n")
    return evaluated


def _always(records: Sequence[Any], predictions: Sequence[Any]) -> Scores | None:
    """What the best spans would score, where every question has an answer and some got none."""
    if all(one.text for one in predictions) or any(record.is_impossible for record in records):
        return None
    return score_answers(records, [always_answered(one) for one in predictions])


def _known(run: str | Path, records: Sequence[Any], watch: Watch) -> LeakReport:
    """What the run's training data knows of the records; nothing, with a warning, where its sketch cannot be read."""
    try:
        with working(watch, "comparing with the training data"):
            return known_from_training(run, records)
    except RunError as error:
        watch.warn(f"records of the training cannot be recognised: {error.found}")
        return LeakReport(len(records), {}, frozenset(), ())


def predict_file(
    run: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    read_as: ReadAs | None = None,
    always_answer: bool = False,
    backend: str = AUTO,
    watch: Watch | None = None,
) -> int:
    """Answer every question (or label every text) of a file: JSONL, in the order of the file, ids kept. Gives their number.

    Labels are not looked at, not even wrong ones. `always_answer` is that of `evaluate_run`. The output is written whole or
    not at all. Raises `RunError` when the file is for another task than the run, `ConfigError` when `out` is the file itself;
    for `backend` and its errors see `inference.backends.open_with`.
    """
    watch = watch or Silent()
    facts = read_facts(run)
    check_target(out, [data])
    with working(watch, "reading"):
        dataset = read_files([data], read_as)
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
        predictor = opened(task, run, backend, always_answer=always_answer)
    tick = counter(watch, "predicting", len(records))
    predictions = task.predict(predictor, records, tick, watch.warn)
    return write_lines(out, (json.dumps(one.as_dict(), ensure_ascii=False) for one in predictions))
