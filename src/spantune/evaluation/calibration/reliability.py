"""In: confidences, which answers were right. Out: how well the ones fit the others. Does not know: where they come from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spantune.errors import EvaluationError

BINS = 10
_SIMULATED = 200


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose confidence lies in one tenth of the scale: how many, their mean confidence, the share that was right."""

    count: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far confidence and truth are apart, each 0 to 1.

    `ece` is the expected calibration error: the mean distance of confidence and share of right answers over ten bins of equal
    width, weighted by their sizes (Guo et al. 2017, arXiv:1706.04599). `chance` is what the error would be, for this many
    answers, if every confidence were true: an error near it cannot be told from none. `brier` is the mean squared error.
    """

    count: int
    ece: float
    chance: float
    brier: float
    bins: tuple[Bin, ...]


def reliability(confidence: Sequence[float], right: Sequence[bool], *, seed: int = 13) -> Reliability:
    """How well confidences fit. Raises `EvaluationError` for none, or for values beyond 0 to 1.

    >>> found = reliability([0.2] * 10 + [0.8] * 10, [True] * 2 + [False] * 8 + [True] * 8 + [False] * 2)
    >>> round(found.ece, 6), [bin.count for bin in found.bins]
    (0.0, [10, 10])
    """
    said = np.asarray(confidence, dtype=np.float64)
    truth = np.asarray(right, dtype=np.float64)
    if not said.size or said.shape != truth.shape or not ((said >= 0) & (said <= 1)).all():
        raise EvaluationError(
            f"{said.size} confidences for {truth.size} answers"
            + (f", from {said.min():g} to {said.max():g}" if said.size else ""),
            expected="one confidence between 0 and 1 for each answer",
            next_move="hand in calibrated probabilities, not scores",
        )
    member = np.minimum((said * BINS).astype(int), BINS - 1)
    rng = np.random.default_rng(seed)
    chance = np.mean([_error(said, (rng.random(said.size) < said).astype(float), member) for _ in range(_SIMULATED)])
    bins = tuple(
        Bin(int(own.sum()), float(said[own].mean()), float(truth[own].mean()))
        for own in (member == number for number in range(BINS))
        if own.any()
    )
    return Reliability(said.size, _error(said, truth, member), float(chance), float(np.mean((said - truth) ** 2)), bins)


def _error(said: NDArray[np.float64], truth: NDArray[np.float64], member: NDArray[np.int64]) -> float:
    gaps = np.bincount(member, weights=said - truth, minlength=BINS)
    return float(np.abs(gaps).sum() / said.size)
