"""In: labelled questions, the answers of one or more systems. Out: everything to know of these answers.

    judge(records, answers)      scores with intervals, slices, mistakes, labels to look at, calibration, a verdict
    compare(records, systems)    two or more systems on the same questions: which is better, and how sure that is

Does not know: models, files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spantune.data.records import Example
from spantune.errors import EvaluationError
from spantune.evaluation.aliases import Aliases
from spantune.evaluation.analysis import (
    UNTUNED,
    Evidence,
    Mistakes,
    Sliced,
    Suspect,
    Verdict,
    mistakes_of,
    slices_of,
    suspects_of,
    verdict_on,
)
from spantune.evaluation.calibration import Reliability, Selective, reliability, selective
from spantune.evaluation.cases import Cases, cases_of, means_of
from spantune.evaluation.normalise import scored_by
from spantune.evaluation.scores import Scores, score_answers
from spantune.evaluation.uncertainty import Difference, Discordant, Mean, holm, mcnemar, mean_difference

FEWEST_CALIBRATED = 50  # answers with a confidence, below which their fit is not told


@dataclass(frozen=True, slots=True)
class Scoring:
    """How texts are compared: the language whose normalisation is used, and names that mean the same."""

    language: str = "en"
    aliases: Aliases | None = None

    @property
    def code(self) -> str:
        """The row of `normalise.LANGUAGES`."""
        return scored_by(self.language)

    def scores(self, records: Sequence[Example], answers: Sequence[Any]) -> Scores:
        """The scores of answers to these questions."""
        return score_answers(records, answers, language=self.language, aliases=self.aliases)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the answers: of their confidence, of training, of the untuned model. All of it may be unknown.

    `untuned` is what the model before training answers, or another system: `against` names it. `confidence` is one entry a
    question; `unreachable` holds ids of questions whose answer no window shows; `scores` those of the answers where they were
    scored already; `apart` is F1 of each question, 0 to 1, at settings that others of them chose, where any were chosen so.
    """

    confidence: Sequence[float | None] | None = None
    unreachable: frozenset[str] = frozenset()
    untuned: Sequence[Any] | None = None
    trained_on: Mean | None = None
    touched: int = 0
    without_touched: float | None = None
    general: tuple[float, float] | None = None
    against: str = UNTUNED
    scores: Scores | None = None
    apart: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything to know of some answers. Means and differences are on a scale of 0 to 1.

    `untuned` are the means of the model before training on the same questions, `gain` what F1 gained over it. `reliability` and
    `selective` are of calibrated confidences, or where there are none of the probabilities as they came: `calibrated` tells.
    """

    cases: Cases = field(repr=False)
    means: Mapping[str, Mean]
    sliced: Sliced = field(repr=False)
    mistakes: Mistakes = field(repr=False)
    suspects: tuple[Suspect, ...] = field(repr=False)
    verdict: Verdict
    untuned: Mapping[str, Mean] | None
    gain: Difference | None
    reliability: Reliability | None = field(repr=False)
    selective: Selective | None = field(repr=False)
    calibrated: bool
    against: str = UNTUNED

    def as_dict(self) -> dict[str, Any]:
        """The judgement for JSON; scores in percent."""
        return {
            "verdict": self.verdict.as_dict(),
            "intervals": {name: mean_in_percent(mean) for name, mean in self.means.items()},
            "grouped_by": self.cases.grouped.sentence,
            "groups": self.cases.grouped.count,
            "against": None if self.untuned is None else self.against,
            "untuned": None if self.untuned is None else {name: mean_in_percent(mean) for name, mean in self.untuned.items()},
            "gain": None if self.gain is None else difference_as_dict(self.gain),
            "mistakes": dict(self.mistakes.counts),
            "right_text_at_another_place": self.mistakes.elsewhere,
            "slices": [_slice(one) for one in self.sliced.slices],
            "slices_too_small": self.sliced.too_small,
            "labels_to_look_at": [one.as_row() for one in self.suspects],
            "calibration": None
            if self.reliability is None
            else _reliability(self.reliability, self.selective, self.calibrated),
        }


def judge(
    records: Sequence[Example], answers: Sequence[Any], scoring: Scoring | None = None, known: Known | None = None
) -> Judgement:
    """Everything to know of the answers to these questions. Raises what `score_answers` raises.

    >>> from spantune.data.records import Span
    >>> from spantune.evaluation.cases import Given
    >>> rows = [Example(str(n), "Who?", f"Ada, {n}.", (Span("Ada", 0),), document=f"d{n // 4}") for n in range(40)]
    >>> found = judge(rows, [Given(row.id, "Ada" if int(row.id) % 2 else "Ada, it says") for row in rows])
    >>> found.verdict.grade, dict(found.mistakes.counts), found.cases.grouped.count
    ('fair', {'boundary too long': 20}, 10)
    """
    scoring, known = scoring or Scoring(), known or Known()
    cases = cases_of(records, answers, known.scores or scoring.scores(records, answers), scoring.code)
    cases = cases.known(known.confidence, known.unreachable)
    means = means_of(cases)
    untuned = gain = None
    if known.untuned is not None:
        before = scoring.scores(records, known.untuned)
        untuned = means_of(cases_of(records, known.untuned, before, scoring.code, cases.grouped))
        after = [case.score.f1 for case in cases.each] if known.apart is None else known.apart
        gain = mean_difference(*_f1(before, after), cases.grouped.names)
    evidence = Evidence(
        exact_match=means["exact_match"],
        f1=means["f1"],
        gain=gain,
        against=known.against,
        apart=known.apart is not None,
        trained_on=known.trained_on,
        touched=known.touched,
        without_touched=known.without_touched,
        general=known.general,
        grouped_by=cases.grouped.sentence.partition(":")[0].partition(";")[0],
        groups=cases.grouped.count,
    )
    fit, order, calibrated = _calibration(cases)
    return Judgement(
        cases=cases,
        means=means,
        sliced=slices_of(cases),
        mistakes=mistakes_of(cases),
        suspects=suspects_of(cases),
        verdict=verdict_on(evidence),
        untuned=untuned,
        gain=gain,
        reliability=fit,
        selective=order,
        calibrated=calibrated,
        against=known.against,
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """One system against the first one. `p` is that of the difference in F1, corrected where several are compared.

    `wins`, `ties` and `losses` are questions, by F1; `won` and `lost` have their ids, the largest difference first.
    """

    name: str
    means: Mapping[str, Mean]
    f1: Difference
    exact_match: Difference
    discordant: Discordant
    p: float | None
    outcome: str
    wins: int
    ties: int
    losses: int
    won: tuple[str, ...] = field(repr=False)
    lost: tuple[str, ...] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The comparison for JSON; scores in percent."""
        return {
            "name": self.name,
            "outcome": self.outcome,
            "scores": {name: mean_in_percent(mean) for name, mean in self.means.items()},
            "f1": difference_as_dict(self.f1),
            "exact_match": difference_as_dict(self.exact_match),
            "p_corrected": self.p,
            "mcnemar": {
                "first_alone": self.discordant.first_alone,
                "alone": self.discordant.second_alone,
                "p": self.discordant.p,
            },
            "wins": self.wins,
            "ties": self.ties,
            "losses": self.losses,
            "won": list(self.won),
            "lost": list(self.lost),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several systems on the same questions, each against the first."""

    first: str
    means: Mapping[str, Mean]
    others: tuple[Compared, ...]
    questions: int
    groups: int
    grouped_by: str

    def as_dict(self) -> dict[str, Any]:
        """The comparison for JSON."""
        return {
            "first": self.first,
            "scores": {name: mean_in_percent(mean) for name, mean in self.means.items()},
            "questions": self.questions,
            "groups": self.groups,
            "grouped_by": self.grouped_by,
            "compared": [one.as_dict() for one in self.others],
        }


def compare(records: Sequence[Example], systems: Mapping[str, Sequence[Any]], scoring: Scoring | None = None) -> Comparison:
    """The answers of the first system against those of each other one, on the same questions.

    A system is better, or worse, where the interval of the mean difference in F1, resampled by document, does not hold 0; of
    several, p-values are corrected (Holm), and one whose corrected p is not below 0.05 is not distinguishable. Raises
    `EvaluationError` for fewer than two systems.
    """
    if len(systems) < 2:
        raise EvaluationError(
            f"{len(systems)} system to compare", expected="two or more", next_move="give two runs or files of predictions"
        )
    scoring = scoring or Scoring()
    (name, answers), *others = systems.items()
    scored = scoring.scores(records, answers)
    first = cases_of(records, answers, scored, scoring.code)
    rows = [_compared(other, records, given, scored, first, scoring) for other, given in others]
    corrected = iter(holm([row.f1.p for row in rows if row.f1.p is not None]))
    rows = [_corrected(row, None if row.f1.p is None else next(corrected)) for row in rows]
    grouped = first.grouped
    return Comparison(name, means_of(first), tuple(rows), len(first), grouped.count, grouped.sentence)


def _compared(
    name: str, records: Sequence[Example], answers: Sequence[Any], before: Scores, first: Cases, scoring: Scoring
) -> Compared:
    after = scoring.scores(records, answers)
    old, new = _f1(before, [one.f1 for one in after.per_question])
    groups = first.grouped.names
    matched = [[bool(one.exact_match) for one in side.per_question] for side in (before, after)]
    gains = sorted(
        ((b - a, record.id) for a, b, record in zip(old, new, records, strict=True)), key=lambda gain: (-abs(gain[0]), gain[1])
    )
    won, lost = (tuple(name for gain, name in gains if gain * sign > 0) for sign in (1, -1))
    f1 = mean_difference(old, new, groups)
    return Compared(
        name=name,
        means=means_of(cases_of(records, answers, after, scoring.code, first.grouped)),
        f1=f1,
        exact_match=mean_difference(matched[0], matched[1], groups),
        discordant=mcnemar(matched[0], matched[1]),
        p=f1.p,
        outcome=f1.outcome,
        wins=len(won),
        ties=len(records) - len(won) - len(lost),
        losses=len(lost),
        won=won,
        lost=lost,
    )


def _corrected(row: Compared, p: float | None) -> Compared:
    outcome = row.outcome if p is not None and p < 0.05 else "not distinguishable"
    return replace(row, p=p, outcome=outcome)


def difference_as_dict(found: Difference) -> dict[str, Any]:
    """A difference in percent, for JSON."""
    return {
        "value": 100 * found.value,
        "low": None if found.interval is None else 100 * found.interval.low,
        "high": None if found.interval is None else 100 * found.interval.high,
        "p": found.p,
        "detectable": None if found.detectable is None else 100 * found.detectable,
        "outcome": found.outcome,
    }


def _f1(before: Scores, after: Sequence[float]) -> tuple[list[float], list[float]]:
    return [one.f1 for one in before.per_question], list(after)


def _calibration(cases: Cases) -> tuple[Reliability | None, Selective | None, bool]:
    """How well confidences fit; those that are calibrated, or else the probabilities as they came, where all have one."""
    calibrated = any(case.confidence is not None for case in cases.each)
    said = [(case.confidence if calibrated else case.given.probability, case) for case in cases.each]
    known = [(value, case) for value, case in said if value is not None and 0 <= value <= 1]
    if len(known) < max(FEWEST_CALIBRATED, len(said) // 2):
        return None, None, False
    values = [value for value, _ in known]
    right = [bool(case.score.exact_match) for _, case in known]
    return reliability(values, right), selective(values, [case.score.exact_match for _, case in known]), calibrated


def mean_in_percent(mean: Mean) -> dict[str, Any]:
    """A mean and its interval in percent, for JSON."""
    low, high = (None, None) if mean.interval is None else (100 * mean.interval.low, 100 * mean.interval.high)
    return {"value": 100 * mean.value, "low": low, "high": high, "count": mean.count}


def _slice(one: Any) -> dict[str, Any]:
    return {
        "by": one.name,
        "value": one.value,
        "count": one.count,
        "f1": mean_in_percent(one.f1),
        "exact_match": mean_in_percent(one.exact_match),
        "behind": None if one.behind is None else 100 * one.behind,
        "p_corrected": one.p,
        "surely_worse": one.surely_worse,
    }


def _reliability(found: Reliability, order: Selective | None, calibrated: bool) -> dict[str, Any]:
    areas = {} if order is None else {"risk_coverage_area": order.area, "best_area": order.best, "blind_area": order.blind}
    return {
        "calibrated": calibrated,
        "count": found.count,
        "expected_calibration_error": found.ece,
        "by_chance_alone": found.chance,
        "brier": found.brier,
        **areas,
    }
