"""In: scores of models trained on ever more records. Out: what more records would give, how sure that is, what to do.

Does not know: how the models were trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spantune.errors import EvaluationError

Floats = NDArray[np.float64]

# How fast the gain from more records shrinks: from hardly at all (a straight line over the logarithm) to at once.
POWERS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5)
TYPICAL = 0.3  # the middle one
DRAWS, SEED = 1000, 13
LOW, HIGH = 5, 95  # percentiles of the range that is told
FITTED = 3  # numbers of the law
WORTH, PER = 1.0, 200  # points that so many labels should give to be worth a day's work
FEWEST = 16  # records under which a training is mostly luck

Advice = Literal["label more", "stop labelling", "retrieve or prompt instead"]


@dataclass(frozen=True, slots=True)
class Point:
    """One training: on so many records, drawn by this seed; its headline score in percent on the held-out records."""

    records: int
    seed: int
    score: float
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What `more` records would give beyond the last size measured, in points, and the range that nine draws of ten lie in."""

    more: int
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """Scores in percent by the number of training records. `untuned` is the score before any, `None` for a new head.

    >>> points = [Point(n, seed, f1 + seed) for n, f1 in ((16, 50.0), (32, 56.0), (64, 60.0)) for seed in (0, 1)]
    >>> curve = LearningCurve(tuple(points), untuned=45.0, headline="f1")
    >>> curve.means
    {16: 50.5, 32: 56.5, 64: 60.5}
    >>> 0 < curve.estimate(200).gain < 20
    True
    """

    points: tuple[Point, ...]
    untuned: float | None
    headline: str = "f1"

    def __post_init__(self) -> None:
        if not self.points:
            raise EvaluationError(
                "a learning curve without a point", expected="at least one training", next_move="measure one size or more"
            )

    @cached_property
    def means(self) -> dict[int, float]:
        """The mean score at each size, over the seeds, from small to large."""
        return {size: float(np.mean(scores)) for size, scores in self._by_size.items()}

    @cached_property
    def spreads(self) -> dict[int, float | None]:
        """The standard deviation over the seeds at each size; `None` where there is one."""
        return {size: float(np.std(own, ddof=1)) if len(own) > 1 else None for size, own in self._by_size.items()}

    @property
    def largest(self) -> int:
        """The most records that a training had."""
        return max(self._by_size)

    @cached_property
    def error(self) -> float:
        """The standard error of the mean at one size, in points: pooled over the sizes, or from what the fit leaves over.

        Infinite where neither can be known: one training of each size, and no more sizes than the fit has numbers.
        """
        spreads = [(spread**2, len(self._by_size[size]) - 1) for size, spread in self.spreads.items() if spread is not None]
        freedom = sum(weight for _, weight in spreads)
        within = sum(square * weight for square, weight in spreads) / freedom if freedom else 0.0
        sizes, means = self._measured
        left = means - self.at(sizes)
        if not freedom and len(left) <= FITTED:
            return float("inf")
        beside = float((left**2).sum() / max(1, len(left) - FITTED))
        seeds = float(np.mean([len(own) for own in self._by_size.values()]))
        return float(np.sqrt(max(within / seeds, beside)))

    def at(self, sizes: Floats) -> Floats:
        """The fitted score at these sizes: a - b x size^-c, the usual law of learning curves (Figueroa et al., 2012)."""
        return self._fit(sizes)

    def band(self, sizes: Floats) -> tuple[Floats, Floats]:
        """The range of the fitted score at these sizes: what the fit gives when every mean is drawn again within its error.

        Two sizes do not tell how fast the gain shrinks: with no more, the power of the law is drawn as well.
        """
        drawn = np.array([fit(sizes) for fit in self._redrawn])
        return np.percentile(drawn, LOW, axis=0), np.percentile(drawn, HIGH, axis=0)

    @property
    def is_known(self) -> bool:
        """Whether the trainings say anything of more records: they are of two sizes or more, and their error can be told."""
        return len(self.means) > 1 and np.isfinite(self.error).item()

    def estimate(self, more: int = 200) -> Estimate:
        """What `more` records would give: the middle and the range of the redrawn fits. Where nothing is known, everything."""
        if not self.is_known:
            return Estimate(more, float("nan"), float("-inf"), float("inf"))
        ends = np.array([self.largest, self.largest + more], dtype=float)
        gains = [float(np.diff(fit(ends))[0]) for fit in self._redrawn]
        low, middle, high = (float(one) for one in np.percentile(gains, (LOW, 50, HIGH)))
        return Estimate(more, middle, low, high)

    def advice(self, more: int = 200) -> tuple[Advice, str]:
        """What to do, and why, in plain words."""
        best, told = self.means[self.largest], f"{self.largest:,} records"
        other = "Give the untuned model better passages, or prompt a large one, until there are more labels"
        if self.untuned is not None and self.largest < FEWEST:
            return "retrieve or prompt instead", f"what is learned from {told}, fewer than {FEWEST}, is mostly luck. {other}"
        if not self.is_known:
            return "label more", f"{told} and fewer say too little of more; measure more sizes, or more draws of each"
        if self.untuned is not None and best - self.untuned <= self.error:
            return (
                "retrieve or prompt instead",
                f"with {told} the tuned model scores {best:.1f}, the untuned one {self.untuned:.1f}: that is no clear gain "
                f"(standard error {self.error:.1f}). {other}",
            )
        estimate = self.estimate(more)
        said = f"{more} more labels would give about {estimate.gain:.1f} points ({estimate.low:.1f} to {estimate.high:.1f})"
        worth = WORTH * more / PER
        if estimate.gain >= worth:
            return "label more", said
        doubt = "" if estimate.high < worth else f", though {worth:.1f} and more is not ruled out"
        return "stop labelling", said + doubt

    @cached_property
    def _by_size(self) -> Mapping[int, list[float]]:
        sizes = sorted({point.records for point in self.points})
        return {size: [point.score for point in self.points if point.records == size] for size in sizes}

    @cached_property
    def _measured(self) -> tuple[Floats, Floats]:
        return np.array(list(self.means), dtype=float), np.array(list(self.means.values()))

    @cached_property
    def _fit(self) -> "_Fit":
        return _fitted(*self._measured, TYPICAL)

    @cached_property
    def _redrawn(self) -> "list[_Fit]":
        generator = np.random.default_rng(SEED)
        sizes, means = self._measured
        drawn = [means + self.error * generator.standard_normal(len(means)) for _ in range(DRAWS)]
        powers = generator.choice(POWERS, DRAWS)
        return [_fitted(sizes, scores, float(power)) for scores, power in zip(drawn, powers, strict=True)]


@dataclass(frozen=True, slots=True)
class _Fit:
    """a - b x size^-c, with b not negative."""

    a: float
    b: float
    c: float

    def __call__(self, sizes: Floats) -> Floats:
        made: Floats = self.a - self.b * sizes**-self.c
        return made


def _fitted(sizes: Floats, scores: Floats, power: float) -> _Fit:
    """The law that lies nearest to the scores, by least squares, among those that never promise more than 100.

    Two sizes fit with every power, so that one is given for them.
    """
    if len(sizes) < FITTED:
        return _line(sizes, scores, power)
    fits = [_line(sizes, scores, power) for power in POWERS]
    return min(fits, key=lambda fit: float(((fit(sizes) - scores) ** 2).sum()))


def _line(sizes: Floats, scores: Floats, power: float) -> _Fit:
    """For one power the law is a line over size^-c: a falling one would say that labels harm, so it is made flat."""
    x = sizes**-power
    centred = x - x.mean()
    spread = float((centred**2).sum())
    b = max(0.0, -float((centred * scores).sum()) / spread) if spread else 0.0
    a = float(scores.mean()) + b * float(x.mean())
    if a > 100:  # towards 100 at most: least squares with that end held
        b = max(0.0, float((x * (100 - scores)).sum()) / float((x**2).sum()))
        a = 100.0
    return _Fit(a, b, power)


def doubling(most: int, first: int = FEWEST) -> Sequence[int]:
    """The sizes of a curve: 16, 32, 64, … as far as three quarters of all there are, and all.

    >>> doubling(100), doubling(70), doubling(10)
    ([16, 32, 64, 100], [16, 32, 70], [10])
    """
    sizes = []
    while first < 0.75 * most:
        sizes.append(first)
        first *= 2
    return [*sizes, most]
