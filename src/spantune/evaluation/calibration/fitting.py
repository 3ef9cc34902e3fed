"""In: probabilities, which answers were right, groups. Out: a `Curve`, and what each answer gets from those of other groups.

A method is a row of `METHODS`; that with the lower log-loss on groups it was not fitted to is taken. Does not know: records.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from spantune.confidence import Calibration, Curve, from_log_odds, log_odds
from spantune.errors import EvaluationError

FEWEST = 30  # answers of one kind, below which a curve says more of luck than of the reader
PARTS = 5
_GRID = np.linspace(-16.0, 16.0, 9)  # any two points would do for a straight line
_FLOOR = 1e-6

Floats = NDArray[np.float64]
Fit = Callable[[Floats, Floats], tuple[tuple[float, float], ...]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration, and the confidence that each answer gets from curves that its group had no part in (`None`: too few)."""

    calibration: Calibration
    cross_fitted: tuple[float | None, ...]


def fit_calibration(
    probabilities: Sequence[float], right: Sequence[bool], answered: Sequence[bool], groups: Sequence[str]
) -> Fitted:
    """Fit one curve for answers and one for "no answer", each where there are `FEWEST` at least, right and wrong ones.

    In, one entry a question: the probability given to what was said, whether it matches exactly, whether it was an answer, and
    the group whose questions are held apart together for the cross-fitted confidences. Raises `EvaluationError` for columns of
    different lengths and probabilities beyond 0 to 1.

    >>> rng = np.random.default_rng(0)
    >>> said = rng.random(400)
    >>> fitted = fit_calibration(said.tolist(), (rng.random(400) < said**2).tolist(), [True] * 400, list(map(str, range(400))))
    >>> 0.2 < fitted.calibration.confidence(0.5, answered=True) < 0.3, fitted.calibration.none
    (True, None)
    """
    columns = (probabilities, right, answered, groups)
    if len({len(column) for column in columns}) > 1 or not all(0 <= one <= 1 for one in probabilities):
        raise EvaluationError(
            f"columns of {', '.join(str(len(column)) for column in columns)} entries, probabilities beyond 0 to 1 among them: "
            f"{sum(not 0 <= one <= 1 for one in probabilities)}",
            expected="one entry a question in each, probabilities from 0 to 1",
            next_move="build all of them from one list of answers",
        )
    curves: dict[bool, Curve | None] = {True: None, False: None}
    crossed: list[float | None] = [None] * len(probabilities)
    for kind in curves:
        at = [index for index, one in enumerate(answered) if bool(one) is kind]
        labels = {bool(right[index]) for index in at}
        if len(at) < FEWEST or len(labels) < 2:
            continue
        x = np.array([log_odds(probabilities[index]) for index in at])
        y = np.array([float(right[index]) for index in at])
        part = parts_of([groups[index] for index in at])
        by_method = {method: _cross_fitted(x, y, part, method) for method in METHODS}
        method = min(by_method, key=lambda name: _log_loss(by_method[name], y))
        curves[kind] = fit_curve(x, y, method)
        for index, value in zip(at, by_method[method].tolist(), strict=True):
            crossed[index] = None if np.isnan(value) else value
    return Fitted(Calibration(curves[True], curves[False]), tuple(crossed))


def parts_of(groups: Sequence[str]) -> NDArray[np.int64]:
    """For each entry the part, 0 to `PARTS` - 1, that its group belongs to, whatever other groups there are."""
    return np.array([zlib.crc32(group.encode("utf-8", "surrogatepass")) % PARTS for group in groups], dtype=np.int64)


def fit_curve(x: Floats, y: Floats, method: str) -> Curve:
    """The curve of one method: `x` are log-odds, `y` is 1 where the answer was right, else 0."""
    return Curve(method, len(x), METHODS[method](x, y))


def _cross_fitted(x: Floats, y: Floats, part: NDArray[np.int64], method: str) -> Floats:
    """What each answer gets from a curve that its part had no share in; NaN where the others are too few for one."""
    found = np.full_like(y, np.nan)
    for one in range(PARTS):
        own = part == one
        if (~own).sum() < FEWEST // 2 or len(set(y[~own].tolist())) < 2:
            continue
        curve = fit_curve(x[~own], y[~own], method)
        found[own] = [curve(from_log_odds(value)) for value in x[own].tolist()]
    return found


def _log_loss(confidence: Floats, y: Floats) -> float:
    known = ~np.isnan(confidence)
    if not known.any():
        return 0.0
    kept, y = np.clip(confidence[known], _FLOOR, 1 - _FLOOR), y[known]
    return float(-np.mean(y * np.log(kept) + (1 - y) * np.log(1 - kept)))


def _temperature(x: Floats, y: Floats) -> tuple[tuple[float, float], ...]:
    """Log-odds times a slope plus a shift, by Newton's method (Platt 1999, whose softened targets keep it from certainty).

    The slope is kept above 0: where the data says that surer answers are worse, it says nothing, and all get the same.
    """
    rights, wrongs = y.sum(), (1 - y).sum()
    target = np.where(y > 0, (rights + 1) / (rights + 2), 1 / (wrongs + 2))
    columns = np.stack([x, np.ones_like(x)], axis=1)
    start = np.array([1.0, 0.0])

    def loss(weights: Floats) -> float:
        """Convex; a tenth of a question's worth of belief that the model is right keeps it from running away."""
        odds = columns @ weights
        return float((np.logaddexp(0, odds) - target * odds).sum() + 0.05 * ((weights - start) ** 2).sum())

    weights = start
    for _ in range(100):
        said = np.exp(-np.logaddexp(0, -(columns @ weights)))
        slope = columns.T @ (said - target) + 0.1 * (weights - start)
        curvature = (columns * (said * (1 - said))[:, None]).T @ columns + 0.1 * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        before, size = loss(weights), 1.0
        while loss(weights - size * step) > before and size > 1e-9:
            size /= 2
        weights = weights - size * step
        if np.abs(size * step).max() < 1e-9:
            break
    factor, shift = weights
    if factor <= 0:
        factor, shift = 0.0, log_odds(float(target.mean()))
    return tuple((float(at), float(factor * at + shift)) for at in _GRID)


def _isotonic(x: Floats, y: Floats) -> tuple[tuple[float, float], ...]:
    """The best rising steps, by pooling neighbours that fall (Ayer et al. 1955; Zadrozny and Elkan 2002), joined by lines.

    Each step gets half a right and half a wrong answer more, so that none says "always" or "never".
    """
    levels, member, counts = np.unique(x, return_inverse=True, return_counts=True)
    rights_at = np.bincount(member, weights=y)
    blocks: list[list[float]] = []  # sum of log-odds, right answers, answers
    for at, right, number in zip(levels.tolist(), rights_at.tolist(), counts.tolist(), strict=True):
        blocks.append([at * number, right, float(number)])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last, strict=True)]
    knots: list[tuple[float, float]] = []
    highest = -np.inf
    for total, rights, count in blocks:
        highest = max(highest, log_odds((rights + 0.5) / (count + 1)))
        knots.append((total / count, float(highest)))
    return tuple(knots)


METHODS: Mapping[str, Fit] = MappingProxyType({"temperature": _temperature, "isotonic": _isotonic})
