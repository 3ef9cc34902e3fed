"""In: the outcome of a training. Out: its calibration, what to make of its held-out scores. Does not know: files of data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spantune.confidence import Calibration
from spantune.data import LeakReport
from spantune.evaluation import Known, Mean, Resampling, Scoring, fit_calibration, judge
from spantune.evaluation.cases import groups_of
from spantune.models import has_new_head
from spantune.road.judging import f1_without
from spantune.road.outcome import Outcome
from spantune.road.scene import evenly
from spantune.road.watch import Watch, counter
from spantune.training.together import dealt, merged

LEARNED_FROM = 200  # training questions that are asked again, to see whether they were learned


@dataclass(frozen=True, slots=True)
class JudgedTraining:
    """The calibration of a trained model, and what its run keeps of the judgement: no question and no answer."""

    calibration: Calibration
    kept: Mapping[str, Any]


def judged_training(outcome: Outcome, train: Sequence[Any], leaks: LeakReport | None, watch: Watch) -> JudgedTraining:
    """The calibration that held-out answers ask for, and what is to be said of the training.

    Confidences are judged by curves that an answer's document had no part in; that of the run is fitted to all of them.
    """
    records: tuple[Any, ...] = tuple(outcome.scene.held_out)
    answers = outcome.measured.predictions
    scores = Scoring().scores(records, answers)
    fitted = fit_calibration(
        [answer.probability for answer in answers],
        [bool(one.exact_match) for one in scores.per_question],
        [bool(answer.text) for answer in answers],
        groups_of(records).names,
    )
    touched = 0 if leaks is None else leaks.touched_count
    trained_on = _learned(outcome, train, watch) if outcome.share else None  # a start that is kept learned nothing of it
    known = Known(
        confidence=fitted.cross_fitted,
        scores=scores,
        unreachable=frozenset(outcome.scene.held_windows.lost.examples),
        untuned=None if has_new_head(outcome.scene.model) or _is_the_start(outcome) else outcome.untuned.predictions,
        trained_on=trained_on,
        touched=touched,
        without_touched=f1_without(leaks, records, answers, Scoring())
        if leaks is not None and 0 < touched < len(records)
        else None,
        apart=outcome.f1_apart(),
        general=None if outcome.general is None else (outcome.general["before"], outcome.general["after"]),
    )
    whole = judge(records, answers, known=known).as_dict()
    names = ("verdict", "intervals", "grouped_by", "groups", "untuned", "gain", "mistakes", "calibration")
    kept = {name: whole[name] for name in names}
    return JudgedTraining(fitted.calibration, {**kept, "trained_on": None if trained_on is None else asdict(trained_on)})


def _is_the_start(outcome: Outcome) -> bool:
    """Whether nothing of the training was kept: a gain over the model before would be one over itself."""
    return outcome.share == 0 and outcome.measured.spread == outcome.untuned.spread


def _learned(outcome: Outcome, train: Sequence[Any], watch: Watch) -> Mean:
    """F1 of a sample of the training questions."""
    asked = tuple(evenly(train, LEARNED_FROM))
    mine = dealt(asked)
    tick = counter(watch, "asking training questions again", len(mine))
    reader = outcome.scene.task.tuned(outcome.scene.predictor, outcome.measured)
    scores = Scoring().scores(asked, tuple(merged(reader.answer_many(mine, progress=tick))))
    sums = Resampling(1)
    sums.add(groups_of(asked).names, np.array([one.f1 for one in scores.per_question])[:, None])
    return sums.mean(0)
