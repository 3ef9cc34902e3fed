"""`compare_systems` and `calibrate_run`: finished systems on labelled data, compared, or taught how sure they may be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spantune.confidence import Calibration
from spantune.data import ReadAs, write_text
from spantune.errors import ConfigError, EvaluationError, OutputError, RunError
from spantune.evaluation import Comparison, Scoring, best_threshold, fit_calibration
from spantune.evaluation.calibration import Expected, Reliability, Selection, expected_for, reliability, selection_for
from spantune.evaluation.cases import groups_of
from spantune.evaluation.normalise import scored_by
from spantune.inference.again import answered_at
from spantune.inference.backends import AUTO
from spantune.inference.exported.folder import EXPORTED, keep_settings
from spantune.road.judging import compared
from spantune.road.matching import labelled_from
from spantune.road.opening import opened
from spantune.road.watch import Silent, Watch, counter
from spantune.runs import known_from_training, read_facts
from spantune.runs.reading import FACTS, run_folder
from spantune.tasks import TASKS, no_answer_columns


def compare_systems(
    systems: Sequence[str],
    data: Sequence[str | Path],
    *,
    always_answer: bool = False,
    scoring: Scoring | None = None,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Comparison:
    """Compare runs, the embedded reader and files of predictions on the same labelled questions, each with the first.

    With `always_answer` runs give their best span even where "no answer" scores higher; predictions are as they are. Raises
    `EvaluationError` for fewer than two systems, for predictions of other questions and for a `scoring` by what is no
    language, and the errors of each room.
    """
    if len(systems) < 2:
        raise EvaluationError(
            f"{len(systems)} system and data",
            expected="two systems or more, and the data last",
            next_move="spantune compare embedded RUN DATA",
        )
    watch, scoring = watch or Silent(), scoring or Scoring()
    scored_by(scoring.language)
    records, _ = labelled_from(data, "answer", read_as, watch)
    return compared(records, systems, scoring, watch, always=always_answer)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a run learned about how sure it may be.

    `before` and `after` are how well its probabilities, and its confidences, fit; those after come from curves that an answer's
    document had no part in. `selection` is where it stops answering, with what that gave on this data, `expected` what it
    gives on documents that had no part in the choice.
    """

    run: str
    questions: int
    before: Reliability
    after: Reliability | None
    threshold: float
    selection: Selection | None
    expected: Expected | None
    calibration: Calibration

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "run": self.run,
            "questions": self.questions,
            "calibration_error_before": self.before.ece,
            "calibration_error_after": None if self.after is None else self.after.ece,
            "calibration_error_by_chance": None if self.after is None else self.after.chance,
            "threshold": self.threshold,
            "least_confidence": 0.0 if self.selection is None else self.selection.confidence,
            "coverage": None if self.selection is None else self.selection.coverage,
            "precision": None if self.selection is None else self.selection.precision,
            "expected_coverage": None if self.expected is None else self.expected.coverage,
            "expected_precision": None if self.expected is None else self.expected.precision,
        }


def calibrate_run(
    run: str | Path,
    data: Sequence[str | Path],
    *,
    precision: float | None = None,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Calibrated:
    """Fit confidence and the point from which a run answers to labelled data, and keep both in the run.

    Without `precision` the threshold for "no answer" is the one with the best F1, where the data holds both kinds of question.
    With it every question gets its best answer, unless it is less sure than those of which so large a share matches exactly.

    Raises `RunError` for the embedded reader, a run that classifies and data that the run was trained on, `EvaluationError` for
    too few questions, or where no confidence gives the wanted precision, `ConfigError` for a precision beyond 0 to 1.
    """
    watch = watch or Silent()
    _check(run, precision)
    facts = read_facts(run)
    records, _ = labelled_from(data, facts.task, read_as, watch)
    if facts.task != "answer":
        raise RunError(
            f"{run} classifies", expected="a run that answers", next_move="labels come with their probability already"
        )
    _refuse_known(run, records)
    reader = opened(TASKS["answer"], run, AUTO, always_answer=precision is not None)
    reader = reader.calibrated(None)
    tick = counter(watch, "answering", len(records))
    answers: tuple[Any, ...] = tuple(reader.answer_many(records, progress=tick, say=watch.warn))
    threshold = facts.threshold
    if precision is None and facts.may_abstain:
        threshold, answers = _at_best_threshold(threshold, records, answers)
    scores = Scoring().scores(records, answers)
    right = [bool(one.exact_match) for one in scores.per_question]
    said = [answer.probability for answer in answers]
    groups = groups_of(records).names
    fitted = fit_calibration(said, right, [bool(answer.text) for answer in answers], groups)
    if fitted.calibration.answer is None:
        raise EvaluationError(
            f"{sum(right)} right answers of {len(records)} are too few, or too uniform, to fit confidence to",
            expected="30 answers or more, right and wrong ones among them",
            next_move="give more labelled questions",
        )
    known = [(value, hit) for value, hit in zip(fitted.cross_fitted, right, strict=True) if value is not None]
    values, hits = [value for value, _ in known], [hit for _, hit in known]
    sure = [fitted.calibration.confidence(one.probability, answered=bool(one.text)) or 0.0 for one in answers]
    selection = None if precision is None else _selection(precision, sure, right)
    expected = None if precision is None else expected_for(precision, sure, right, groups)
    least = 0.0 if selection is None else selection.confidence
    kept: dict[str, Any] = {"calibration": fitted.calibration, "threshold": threshold, "least_confidence": least}
    before, after = reliability(said, right), reliability(values, hits) if values else None
    write_text(Path(run) / FACTS, replace(facts, **kept).to_json())
    _keep_in_the_export(Path(run), kept, watch)
    return Calibrated(
        run=str(run),
        questions=len(records),
        before=before,
        after=after,
        threshold=threshold,
        selection=selection,
        expected=expected,
        calibration=fitted.calibration,
    )


def _keep_in_the_export(run: Path, kept: dict[str, Any], watch: Watch) -> None:
    """Teach the exported model of a run the same, where there is one."""
    home = run / EXPORTED
    if not home.is_dir():
        return
    try:
        keep_settings(home, **kept)
    except (OutputError, RunError) as error:
        watch.warn(f"the exported model in {home} answers as before ({error.found}): spantune export {run} writes it anew")
    else:
        watch.note(f"the exported model in {home} keeps it, too")


def _check(run: str | Path, precision: float | None) -> None:
    if run_folder(run) != Path(run):
        raise RunError(
            "the embedded reader is part of the package",
            expected="the folder of a run of yours, in which its confidence is kept",
            next_move="spantune train DATA --out RUN fits it to your held-out data",
        )
    if precision is not None and not 0 < precision <= 1:
        raise ConfigError(f"a precision of {precision:g}", expected="a share above 0, at most 1", next_move="give 0.95 for 95%")


def _refuse_known(run: str | Path, records: Sequence[Any]) -> None:
    """Answers to training questions are surer and better than others: confidence fitted to them is a lie."""
    seen = known_from_training(run, records).counts.get("same_record", 0)
    if seen:
        raise RunError(
            f"{seen} of {len(records)} questions are those that {run} was trained on",
            expected="questions that it was not trained on",
            next_move="give the held-out questions, or other documents",
        )


def _at_best_threshold(threshold: float, records: Sequence[Any], answers: Sequence[Any]) -> tuple[float, tuple[Any, ...]]:
    """The best threshold and the answers that it gives; the run's where these records tell nothing of it.

    Nothing is drawn from what the run has, which may be fitted to the same questions: each call would move it further.
    """
    told = no_answer_columns(records, answers)
    chosen = threshold if told is None else best_threshold(*told).value
    return chosen, tuple(answered_at(answer, chosen) for answer in answers)


def _selection(precision: float, confidence: Sequence[float], right: Sequence[bool]) -> Selection:
    found = selection_for(precision, confidence, right)
    if found is None:
        best = max(
            (selection_for(share / 100, confidence, right) for share in range(100, 0, -1)), key=lambda one: one is not None
        )
        reached = "" if best is None else f"; {best.precision:.0%} is, with {best.coverage:.0%} of the questions answered"
        raise EvaluationError(
            f"no confidence at which {precision:.0%} of the answers match exactly{reached}",
            expected="a precision that the surest answers reach",
            next_move="ask for less, or train on more",
        )
    return found
