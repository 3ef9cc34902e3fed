"""In: what the same questions scored with several systems. Out: which is better, and how sure that is. Does not know: systems.

Questions differ far more from one another than systems do, so each question's difference is what is averaged and resampled. The
verdict rests on the interval of the mean difference in F1; McNemar's test of exact matches is shown beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, log2
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spantune.errors import EvaluationError
from spantune.evaluation.uncertainty.resampling import LEVEL, Interval, Resampling, freedom, interval_of, shows, wider
from spantune.evaluation.uncertainty.student import t_quantile, t_two_sided

Outcome = Literal["better", "worse", "not distinguishable"]
ROUNDS_COMPARED = 4000
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference of two systems, the second minus the first, on the scale of the scores.

    `p` is two-sided: how often a difference as large would be seen between equals. `detectable` is the smallest true difference
    that questions like these would have shown 8 times out of 10. All three are `None` where questions of one group alone were
    compared.
    """

    value: float
    interval: Interval | None
    p: float | None
    detectable: float | None

    @property
    def outcome(self) -> Outcome:
        """Better or worse where 0 is not in the interval."""
        if self.interval is None or self.interval.low <= 0 <= self.interval.high:
            return "not distinguishable"
        return "better" if self.interval.low > 0 else "worse"


def mean_difference(before: Sequence[float], after: Sequence[float], groups: Sequence[str], *, seed: int = 13) -> Difference:
    """The mean of `after - before` over questions, with its interval over groups.

    In: two scores of each question, from 0 to 1, and its group. Raises `EvaluationError` for no question, other lengths, and
    numbers that are not finite.

    >>> found = mean_difference([0.0] * 30, [1.0, 0.0, 0.0] * 10, [str(number) for number in range(30)])
    >>> found.outcome, f"{found.value:.2f}", 0.1 < found.detectable < 0.4
    ('better', '0.33', True)
    """
    if not len(before) == len(after) == len(groups):
        raise _of_other_questions(f"{len(before)} and {len(after)} scores, {len(groups)} groups")
    differences = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    sums = Resampling(2, rounds=ROUNDS_COMPARED, seed=seed)
    sums.add(groups, np.stack([differences, differences**2], axis=1))
    found = sums.mean(0, bounded=False)
    if found.interval is None or found.error is None:
        return Difference(found.value, None, None, None)
    drawn, df = sums.drawn_difference(0, 1), freedom(found.groups)
    error = float(drawn.std()) * wider(found.groups)
    # Of a few questions that differ the rounds know the far end better than the near one: the wider of two intervals is told.
    ends, half = interval_of(drawn, found.value, found.groups), t_quantile((1 + LEVEL) / 2, df) * error
    interval = Interval(max(min(ends.low, found.value - half), -1.0), min(max(ends.high, found.value + half), 1.0))
    p = 1.0 if error == 0 else max(t_two_sided(found.value / error, df), _p(drawn, found.groups))
    detectable = half + t_quantile(POWER, df) * error
    return Difference(found.value, interval, p, detectable if 0 < detectable < 1 else None)


def _p(drawn: NDArray[np.float64], groups: float) -> float:
    """The level at which the rounds' interval would just reach 0; 0 where they cannot show it, and Student's alone decides."""
    if not shows(len(drawn), groups):
        return 0.0
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    if not beyond:
        return 0.0
    tail = beyond / len(drawn)
    return min(1.0, t_two_sided(NormalDist().inv_cdf(min(tail, 0.5)) / wider(groups), freedom(groups)))


def _of_other_questions(found: str) -> EvaluationError:
    return EvaluationError(
        found, expected="one of each for every question", next_move="score both systems on one list of questions"
    )


@dataclass(frozen=True, slots=True)
class Discordant:
    """Exact matches of one system alone. `p` is that of McNemar's exact test, which takes questions as independent."""

    first_alone: int
    second_alone: int
    p: float


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> Discordant:
    """The exact test of McNemar (1947, doi:10.1007/BF02295996): do both systems win equally often where one wins alone?

    >>> mcnemar([True] * 9 + [False], [False] * 9 + [True])
    Discordant(first_alone=9, second_alone=1, p=0.021484375)
    """
    if len(first) != len(second):
        raise _of_other_questions(f"exact matches of {len(first)} and {len(second)} questions")
    one = sum(a and not b for a, b in zip(first, second, strict=True))
    other = sum(b and not a for a, b in zip(first, second, strict=True))
    count, fewer = one + other, min(one, other)
    if count > _EXACT:  # beyond it the two are the same to the second digit
        z = (fewer + 0.5 - count / 2) / (count / 4) ** 0.5
        return Discordant(one, other, min(1.0, 2 * NormalDist().cdf(z)))
    tail = sum(comb(count, wins) for wins in range(fewer + 1))
    return Discordant(one, other, min(1.0, 2 * 2.0 ** (log2(tail) - count)))


_EXACT = 1000


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """P-values of several comparisons, corrected so that one false "better" among all is as rare as with one (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    order = sorted(range(len(ps)), key=lambda at: ps[at])
    corrected = [0.0] * len(ps)
    highest = 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[at]))
        corrected[at] = highest
    return tuple(corrected)
