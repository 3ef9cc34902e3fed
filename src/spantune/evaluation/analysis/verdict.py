"""In: scores with intervals, and what is known of a model's training. Out: a verdict in plain words. Does not know: models.

The rules are the constants below and the functions of `RULES`; nothing else decides what is said. Scores are in percent.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from spantune.evaluation.uncertainty import Interval, Mean
from spantune.evaluation.uncertainty.comparing import Difference
from spantune.wording import counted, part_of

Grade = Literal["good", "fair", "poor"]

GOOD_EM, GOOD_F1 = 70.0, 80.0  # above both: good
POOR_EM, POOR_F1 = 40.0, 50.0  # below one of them: poor
OTHER_WORDING = 15.0  # points of F1 above EM
OVERFITTED = 10.0  # points of F1 by which training data is surely better answered than held-out data
LEARNED = 60.0  # F1 on the training data itself, below which it was not learned
WIDE = 5.0  # half a width of the interval of F1 that still tells models apart
FORGOTTEN = 1.5  # points of F1 on general questions
UNTUNED = "the untuned model"
COVERED = 0.01  # share of questions that training data knows


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on. Everything but the two scores may be unknown.

    `gain` is F1 less that of `against` on the same questions, mostly the untuned model; `trained_on` is F1 of a sample of the
    training data; `without_touched` is F1 of the `touched` questions left out; `general` is F1 on general questions before and
    after training; `groups` counts the groups that intervals rest on. `apart` is whether the gain of each question is that of
    settings which were chosen without it.
    """

    exact_match: Mean
    f1: Mean
    gain: Difference | None = None
    trained_on: Mean | None = None
    touched: int = 0
    without_touched: float | None = None
    general: tuple[float, float] | None = None
    grouped_by: str = "by document"
    groups: int = 0
    against: str = UNTUNED
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to know: its rule, whether it should be acted on, the sentence."""

    rule: str
    alarming: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A grade, and everything that qualifies it, alarming remarks first."""

    grade: Grade
    remarks: tuple[Remark, ...]

    @property
    def better(self) -> bool:
        """Whether the model is surely better than what it was compared with."""
        return any(remark.rule == "better" for remark in self.remarks)

    def as_dict(self) -> dict[str, object]:
        """The verdict for JSON."""
        remarks = [{"rule": one.rule, "alarming": one.alarming, "sentence": one.sentence} for one in self.remarks]
        return {"grade": self.grade, "better": self.better, "remarks": remarks}


def verdict_on(evidence: Evidence) -> Verdict:
    """What to make of scores.

    >>> em, f1 = (Mean(value, 2000, 90.0, Interval(value - 0.02, value + 0.02), 0.01) for value in (0.75, 0.85))
    >>> verdict = verdict_on(Evidence(em, f1))
    >>> verdict.grade, [remark.rule for remark in verdict.remarks]
    ('good', ['grade'])
    """
    found = [remark for rule in RULES.values() for remark in rule(evidence)]
    return Verdict(grade_of(evidence), tuple(sorted(found, key=lambda one: (one.rule != "grade", not one.alarming))))


def grade_of(evidence: Evidence) -> Grade:
    """Good above 70 EM and 80 F1, poor below 40 EM or 50 F1, fair between them."""
    em, f1 = 100 * evidence.exact_match.value, 100 * evidence.f1.value
    if em > GOOD_EM and f1 > GOOD_F1:
        return "good"
    return "poor" if em < POOR_EM or f1 < POOR_F1 else "fair"


def _grade(evidence: Evidence) -> Iterator[Remark]:
    meaning = {
        "good": f"good: most answers match exactly (EM above {GOOD_EM:.0f}, F1 above {GOOD_F1:.0f})",
        "fair": f"fair: between good (EM above {GOOD_EM:.0f}, F1 above {GOOD_F1:.0f}) and poor (EM below {POOR_EM:.0f} or "
        f"F1 below {POOR_F1:.0f}): useful where a person reads the answers",
        "poor": f"poor: EM below {POOR_EM:.0f} or F1 below {POOR_F1:.0f}: not to be relied on",
    }
    grade = grade_of(evidence)
    told = f"{_said('EM', evidence.exact_match)}, {_said('F1', evidence.f1)}"
    yield Remark("grade", grade == "poor", f"{meaning[grade]}. {told}")


def _gap(evidence: Evidence) -> Iterator[Remark]:
    em, f1 = 100 * evidence.exact_match.value, 100 * evidence.f1.value
    if f1 - em >= OTHER_WORDING and f1 >= POOR_F1:
        yield Remark(
            "wording",
            False,
            f"F1 is {f1 - em:.0f} points above EM: many answers are at the right place with a word more or less. Where partly "
            "right answers serve, F1 is the score to watch; where the exact wording matters, make the labels begin and end by "
            "one rule, and train on more of them",
        )


def _better(evidence: Evidence) -> Iterator[Remark]:
    gain = evidence.gain
    if gain is None:
        return
    apart = ", each question with the share and the spread that other documents choose" if evidence.apart else ""
    if gain.outcome == "better":
        yield Remark("better", False, f"better than {evidence.against}: F1 {_points(gain)}{apart}")
    elif gain.outcome == "worse":
        yield Remark("worse", True, f"worse than {evidence.against}: F1 {_points(gain)}{apart}. Use {evidence.against}")
    else:
        least = gain.detectable
        could = "" if not least else f"; a true difference below {100 * least:.1f} would mostly go unseen with these questions"
        told = f"not distinguishable from {evidence.against}: F1 {_points(gain)}{apart}{could}"
        yield Remark("not better", True, f"{told}. Label more, or keep {evidence.against}")


def _overfitting(evidence: Evidence) -> Iterator[Remark]:
    trained, held = evidence.trained_on, evidence.f1
    if trained is None or trained.error is None or held.error is None or held.interval is None:
        return
    if 100 * held.interval.half > 2 * WIDE:  # too few questions to tell this either
        return
    gap = 100 * (trained.value - held.value)
    spread = 196 * math.hypot(trained.error, held.error)
    told = f"F1 {100 * trained.value:.1f} on the training data, {100 * held.value:.1f} on held-out data"
    if gap - spread > OVERFITTED:
        yield Remark(
            "overfitting",
            True,
            f"overfitting: {told}, a gap of {gap:.1f} ± {spread:.1f} points. More documents help most; then fewer epochs, a "
            "lower rate, keep.replay, training.method=lora",
        )
    elif 100 * trained.value < LEARNED and gap < OVERFITTED:
        yield Remark(
            "underfitting",
            True,
            f"underfitting: {told}: the training data itself was not learned. More epochs, a higher rate, a larger model, or "
            "labels that follow one rule",
        )


def _leakage(evidence: Evidence) -> Iterator[Remark]:
    if not evidence.touched:
        return
    count = evidence.f1.count
    without = "" if evidence.without_touched is None else f"; without them F1 is {evidence.without_touched:.1f}"
    yield Remark(
        "leakage",
        evidence.touched > COVERED * count,
        f"leakage: {part_of(evidence.touched, count)} of the questions are about contexts known from training{without}",
    )


def _forgetting(evidence: Evidence) -> Iterator[Remark]:
    if evidence.general is None:
        return
    before, after = evidence.general
    if before - after > FORGOTTEN:
        sentence = (
            f"forgetting: F1 on general questions fell from {before:.1f} to {after:.1f}. Where other questions come too, "
            "keep.replay=1 or a lower keep.forget holds on to more"
        )
        yield Remark("forgetting", True, sentence)


def _too_few(evidence: Evidence) -> Iterator[Remark]:
    f1 = evidence.f1
    if f1.interval is None:
        few = (
            f"in {evidence.groups} groups ({evidence.grouped_by}), most of them in one of these, so that next to nothing"
            if evidence.groups > 1
            else "about one context alone, so that nothing"
        )
        sentence = (
            f"too few to tell: {counted(f1.count, 'question')} {few} is known about others. Add questions about other documents"
        )
        yield Remark("too few", True, sentence)
        return
    half = 100 * f1.interval.half
    if half > WIDE:
        factor = (half / WIDE) ** 2
        sentence = (
            f"too few to tell: F1 is known to ± {half:.1f} points only. About {math.ceil(f1.count * factor / 10) * 10:,} "
            f"questions in {math.ceil(evidence.groups * factor):,} groups ({evidence.grouped_by}) would make it ± {WIDE:.0f}"
        )
        yield Remark("too few", True, sentence)


RULES: Mapping[str, Callable[[Evidence], Iterator[Remark]]] = MappingProxyType(
    {
        "grade": _grade,
        "better": _better,
        "leakage": _leakage,
        "overfitting": _overfitting,
        "forgetting": _forgetting,
        "too few": _too_few,
        "wording": _gap,
    }
)


def _said(name: str, mean: Mean) -> str:
    return f"{name} {100 * mean.value:.1f}{_range(mean.interval)}"


def _range(interval: Interval | None) -> str:
    return "" if interval is None else f" ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _points(gain: Difference) -> str:
    return f"{100 * gain.value:+.1f} points{_range(gain.interval)}"
