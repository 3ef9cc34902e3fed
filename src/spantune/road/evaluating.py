"""`evaluate_run`: a finished run on files of labelled data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spantune.data import LeakReport, ReadAs, fingerprint, write_text
from spantune.errors import ConfigError
from spantune.evaluation import Judgement, Known, LabelScores, Mean, Scores, Scoring, judge
from spantune.evaluation.judging import mean_in_percent
from spantune.evaluation.label_means import label_means
from spantune.evaluation.normalise import scored_by
from spantune.evaluation.predictions import is_predictions_file
from spantune.inference.again import always_answered
from spantune.inference.backends import AUTO
from spantune.road.judging import (
    TOP,
    UNTUNED,
    alike_in_meaning,
    answers_before,
    answers_of,
    judged_run,
    known_to,
    named,
    warn_of_known,
)
from spantune.road.matching import labelled_from, without_touched
from spantune.road.opening import opened
from spantune.road.targets import check_target
from spantune.road.watch import Silent, Watch, counter, working
from spantune.runs import RunFacts, read_facts
from spantune.tasks import TASKS, Task


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Scores of a run on data.

    `leaks` says what the run's training data knows of the records; `untouched` are the scores of the others, where there are
    both kinds. `left_out` counts records that cannot be scored. `always` is what the best spans would score, where some
    questions got no answer although every one has one: the definition of SQuAD 1.1. `judged` has intervals, slices, mistakes
    and a verdict; for a run that classifies it is `None`, and `labels` has accuracy and macro-F1 with their intervals.
    `semantic` is how alike answers and references are in meaning, where that was asked for; no other score has a part of it.
    """

    scores: Scores | LabelScores
    predictions: tuple[Any, ...]
    leaks: LeakReport
    left_out: int
    untouched: Scores | LabelScores | None = None
    always: Scores | None = None
    judged: Judgement | None = field(default=None, repr=False)
    labels: Mapping[str, Mean] | None = field(default=None, repr=False)
    semantic: Mean | None = None

    @property
    def abstained(self) -> int:
        """Questions that got no answer."""
        return sum(getattr(one, "text", None) == "" for one in self.predictions)

    @property
    def seen(self) -> int:
        """Records that the run was trained on themselves: the same question about the same context, or the same text."""
        return self.leaks.counts.get("same_record", 0)

    def meets(self, wanted: str) -> bool:
        """Whether they are surely better than what they are compared with, or of that grade with questions enough to tell.

        Never so for a run that classifies: it has no verdict.
        """
        if self.judged is None:
            return False
        verdict = self.judged.verdict
        if wanted == "better":
            return verdict.better
        return verdict.grade in ("good", wanted) and all(remark.rule != "too few" for remark in verdict.remarks)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it: the scores in percent, and what makes them worth less."""
        found = {**self.scores.as_dict(), "seen_in_training": self.seen, "left_out": self.left_out}
        found["touched_by_training"] = self.leaks.touched_count
        if self.leaks.touched:
            found["leaks"] = self.leaks.as_dict()
        if self.always is not None:
            found["always_answering"] = self.always.as_dict()
        if self.untouched is not None:
            found["without_touched"] = self.untouched.as_dict()
        if self.semantic is not None:
            found["semantic"] = mean_in_percent(self.semantic)
        if self.labels is not None:
            found["intervals"] = {name: mean_in_percent(mean) for name, mean in self.labels.items()}
        return found if self.judged is None else {**found, **self.judged.as_dict()}


def evaluate_run(
    run: str | Path,
    data: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    always_answer: bool = False,
    against: str | None = None,
    scoring: Scoring | None = None,
    semantic: bool = False,
    require: str | None = None,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Evaluated:
    """Score a run, or a file of predictions of any tool, on labelled data. Records that training data knows are scored apart.

    Known are records that the run was trained on, and those about a context that is the same as one of training, nearly the
    same, or a part of it. `always_answer` gives the best span even where "no answer" scores higher. `against` names a run,
    the word `embedded`, a file of predictions, or with the word `untuned` what the run began with, to say whether the run is
    better. `semantic` also says how alike answers and references are in meaning. `require` is what `Evaluated.meets` will be
    asked: told now, it is refused where that could never be so. `out` names a JSON file for all of it and every wrong
    prediction. References are taken as the data gives them, wherever they stand: scores compare texts. Raises
    `EmptyDataError` when no labelled record is left, `ConfigError` for `always_answer` and a run that classifies or predictions
    that are made, for `against`, `scoring`, `semantic` or `require` and a run that classifies, and for `untuned` where the run
    began with a model that could not answer; `EvaluationError` for a `scoring` by what is no language.
    """
    watch, scoring = watch or Silent(), scoring or Scoring()
    scored_by(scoring.language)
    if is_predictions_file(run):
        return _evaluate_predictions(run, data, out, always_answer, against, scoring, semantic, read_as, watch)
    facts = read_facts(run)
    _comparable(run, facts, against)
    _check_asked(run, facts, scoring, semantic, require)
    if out is not None:
        check_target(out, [*_files(against), *data])
    records, left_out = labelled_from(data, facts.task, read_as, watch)
    leaks = known_to(run, records, watch)
    if leaks.touched:
        watch.warn(f"{leaks.warning}. Evaluate on other documents, or read the scores without them.")
    if facts.data["held_out"]["fingerprint"] == fingerprint(records):
        watch.note(
            "these are the run's own held-out records: its threshold, its confidence and what its training chose (epoch, share "
            "of the weights, spread) were fitted to them"
        )
    task = TASKS[facts.task]
    with working(watch, "loading the model"):
        predictor = opened(task, run, AUTO, always_answer=always_answer)
    tick = counter(watch, "evaluating", len(records))
    if task.name != "answer":
        labels = tuple(task.predict(predictor, records, tick, watch.warn))
        untouched = without_touched(task, records, labels, leaks)
        means, _ = label_means(records, labels)
        evaluated = Evaluated(task.score(records, labels), labels, leaks, left_out, untouched, labels=means)
    else:
        answers = tuple(predictor.answer_many(records, TOP, tick, watch.warn))
        scores = scoring.scores(records, answers)
        always = _always(records, answers, scoring)
        untuned = _answers_against(run, against, records, watch, always=not predictor.settings.abstains)
        judged = judged_run(run, records, answers, scores, scoring, leaks, untuned, watch, against)
        untouched = without_touched(task, records, answers, leaks)
        evaluated = Evaluated(scores, answers, leaks, left_out, untouched, always, judged)
    if semantic and task.name == "answer":
        evaluated = replace(evaluated, semantic=alike_in_meaning(records, evaluated.predictions, watch))
    _written(out, evaluated, task, records)
    return evaluated


def _evaluate_predictions(
    file: str | Path,
    data: Sequence[str | Path],
    out: str | Path | None,
    always_answer: bool,
    against: str | None,
    scoring: Scoring,
    semantic: bool,
    read_as: ReadAs | None,
    watch: Watch,
) -> Evaluated:
    """The same for what another tool answered: nothing is known of its training."""
    if always_answer or against == UNTUNED:
        raise ConfigError(
            f"--always-answer or --against {UNTUNED} for the predictions in {file}",
            expected="a run: predictions are made, and do not say what they began with",
            next_move="leave it away, or give --against a run, the word embedded or another file of predictions",
        )
    if out is not None:
        check_target(out, [file, *_files(against), *data])
    records, left_out = labelled_from(data, "answer", read_as, watch)
    answers = answers_of(file, records, watch)
    always = all(answer.text for answer in answers)  # what never abstains is compared with what does not either
    if against is not None:
        warn_of_known(against, records, watch)
    other = None if against is None else answers_of(against, records, watch, always=always)
    scores = scoring.scores(records, answers)
    known = Known(confidence=[answer.confidence for answer in answers], untuned=other, against=named(against), scores=scores)
    judged = judge(records, answers, scoring, known)
    leaks = LeakReport(len(records), {}, frozenset(), ())
    alike = alike_in_meaning(records, answers, watch) if semantic else None
    evaluated = Evaluated(scores, answers, leaks, left_out, judged=judged, semantic=alike)
    _written(out, evaluated, TASKS["answer"], records)
    return evaluated


def _files(against: str | None) -> list[str]:
    """What is read beside the data and must not be written over."""
    return [against] if against is not None and is_predictions_file(against) else []


def _comparable(run: str | Path, facts: RunFacts, against: str | None) -> None:
    """Raise `ConfigError` where the run cannot be compared with that."""
    if against is None or (facts.task == "answer" and not (against == UNTUNED and facts.new_head)):
        return
    began = "a run that began with a model that could answer" if against == UNTUNED else "a run that answers"
    raise ConfigError(
        f"--against {against} for {run}",
        expected=began,
        next_move="leave it away; a new head answers at random, so that any training is better",
    )


def _check_asked(run: str | Path, facts: RunFacts, scoring: Scoring, semantic: bool, require: str | None) -> None:
    """Raise `ConfigError` where a run that classifies is asked for what only answers have."""
    wanted = {
        "--language": scoring.language != Scoring().language,
        "--aliases": scoring.aliases is not None,
        "--semantic": semantic,
        f"--require {require}": require is not None,
    }
    asked = [option for option, given in wanted.items() if given]
    if asked and facts.task != "answer":
        raise ConfigError(
            f"{' and '.join(asked)} for {run}, which classifies",
            expected="a run that answers: a label is right or wrong, and labels have no grade",
            next_move="leave it away; --json has accuracy and macro-F1 with their intervals, to set a limit for",
        )


def _answers_against(
    run: str | Path, against: str | None, records: Sequence[Any], watch: Watch, *, always: bool
) -> tuple[Any, ...] | None:
    """What the system says that the run is compared with; `always` where the run itself cannot abstain."""
    if against is None:
        return None
    if against == UNTUNED:
        return answers_before(run, records, watch, always=always)
    warn_of_known(against, records, watch)
    return answers_of(against, records, watch, always=always)


def _written(out: str | Path | None, evaluated: Evaluated, task: Task, records: Sequence[Any]) -> None:
    """Scores, judgement and every wrong prediction as JSON, where that is wanted."""
    if out is not None:
        sheet = {**evaluated.as_dict(), "errors": task.errors(records, evaluated.predictions, evaluated.scores)}
        write_text(out, json.dumps(sheet, indent=2, ensure_ascii=False) + "\n")


def _always(records: Sequence[Any], predictions: Sequence[Any], scoring: Scoring) -> Scores | None:
    """What the best spans would score, where every question has an answer and some got none."""
    if all(one.text for one in predictions) or any(record.is_impossible for record in records):
        return None
    return scoring.scores(records, [always_answered(one) for one in predictions])
