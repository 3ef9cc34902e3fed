"""In: how sure each answer is, and what it scored. Out: what is wrong among the surest, share by share; where to stop.

Does not know: what the scores are. Source: El-Yaniv and Wiener 2010 (risk and coverage); Geifman et al. 2019, arXiv:1805.08206.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spantune.errors import EvaluationError
from spantune.evaluation.calibration.fitting import parts_of


@dataclass(frozen=True, slots=True)
class Selective:
    """Answers given in the order of their confidence, the surest first.

    `coverage` and `risk` are a curve: of that share of the answers, the mean of 1 - score. `area` is the mean risk over all
    shares (lower is better), `best` what the best order would give, `blind` what a random order gives: the risk of all.
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float
    best: float
    blind: float


@dataclass(frozen=True, slots=True)
class Selection:
    """Give the answers whose confidence is at least `confidence`: the share that is, and the share of these that is right."""

    confidence: float
    coverage: float
    precision: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What a wanted precision gives on documents that had no part in the choice: the share answered, the share of it right.

    `precision` is `None` where none is answered.
    """

    coverage: float
    precision: float | None


_POINTS = 200


def selective(confidence: Sequence[float], scores: Sequence[float]) -> Selective:
    """The curve of risk over coverage. Answers of one confidence are given together, so their order does not matter.

    >>> found = selective([0.9, 0.8, 0.3, 0.1], [1, 1, 0, 0])
    >>> found.area == found.best, found.blind
    (True, 0.5)
    """
    said, value = _columns(confidence, scores)
    risks = _risks(said, value)
    at = np.unique(np.linspace(0, len(risks) - 1, _POINTS).round().astype(int))
    return Selective(
        coverage=tuple(((at + 1) / len(risks)).tolist()),
        risk=tuple(risks[at].tolist()),
        area=float(risks.mean()),
        best=float(_risks(value, value).mean()),
        blind=float(1 - value.mean()),
    )


def selection_for(precision: float, confidence: Sequence[float], right: Sequence[bool]) -> Selection | None:
    """The lowest confidence at which so large a share of the answers given is right; `None` where none reaches it.

    >>> selection_for(0.9, [0.9, 0.8, 0.3, 0.1], [True, True, True, False])
    Selection(confidence=0.3, coverage=0.75, precision=1.0)
    """
    said, value = _columns(confidence, [float(one) for one in right])
    order = np.argsort(-said, kind="stable")
    ranked = said[order]
    reached = np.cumsum(value[order]) / np.arange(1, len(order) + 1)
    whole = np.append(ranked[1:] != ranked[:-1], True)  # answers of one confidence are given together or not at all
    fitting = np.flatnonzero(whole & (reached >= precision))
    if not fitting.size:
        return None
    last = int(fitting[-1])
    return Selection(float(ranked[last]), (last + 1) / len(ranked), float(reached[last]))


def expected_for(precision: float, confidence: Sequence[float], right: Sequence[bool], groups: Sequence[str]) -> Expected:
    """What `selection_for` gives where it did not look: chosen on four fifths of the groups, five times, applied to the fifth.

    A fifth for which no confidence reaches the precision elsewhere gets no answers.

    >>> sure = [0.9, 0.4] * 50
    >>> expected_for(0.9, sure, [one > 0.5 for one in sure], [str(n) for n in range(100)])
    Expected(coverage=0.5, precision=1.0)
    """
    said, value = _columns(confidence, [float(one) for one in right])
    part = parts_of(groups)
    given = np.zeros(len(said), dtype=bool)
    for one in np.unique(part):
        own = part == one
        chosen = None if own.all() else selection_for(precision, said[~own].tolist(), (value[~own] > 0).tolist())
        if chosen is not None:
            given |= own & (said >= chosen.confidence)
    return Expected(float(given.mean()), float(value[given].mean()) if given.any() else None)


def _risks(said: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """The risk of giving the first k answers, for every k; within ties each k counts the mean of the tie."""
    levels, member, counts = np.unique(-said, return_inverse=True, return_counts=True)
    means = np.bincount(member, weights=value, minlength=len(levels)) / counts
    return np.asarray(1 - np.cumsum(np.repeat(means, counts)) / np.arange(1, len(said) + 1), dtype=np.float64)


def _columns(confidence: Sequence[float], scores: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    said, value = np.asarray(confidence, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if not said.size or said.shape != value.shape:
        raise EvaluationError(
            f"{said.size} confidences and {value.size} scores",
            expected="one of each for every answer, at least one",
            next_move="build both from one list of answers",
        )
    return said, value
