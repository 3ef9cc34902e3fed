"""In: degrees of freedom, whole or not. Out: quantiles and tails of Student's t. Does not know: what they are for.

With t = sqrt(df) tan(a), the density over the angle a is cos(a) to the power df - 1, which is smooth on a finite interval and
so is summed up on a grid: from one degree of freedom on, probabilities are right to 1e-6 and quantiles to 1e-4 of themselves.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_GRID = 20_001


def t_quantile(probability: float, df: float) -> float:
    """The value that t stays below with this probability.

    >>> round(t_quantile(0.975, 9), 4), round(t_quantile(0.975, 1e6), 4)
    (2.2622, 1.96)
    """
    angles, below = _distribution(df)
    return float(np.sqrt(df) * np.tan(np.interp(probability, below, angles)))


def t_two_sided(t: float, df: float) -> float:
    """The probability of a value at least as far from 0 as `t`.

    >>> round(t_two_sided(2.2622, 9), 4)
    0.05
    """
    angles, below = _distribution(df)
    return float(2.0 * np.interp(-abs(np.arctan(t / np.sqrt(df))), angles, below))


@lru_cache(maxsize=256)
def _distribution(df: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angles, and the probability of staying below each; with many degrees all of it lies in a narrow angle."""
    widest = min(np.pi / 2, 12.0 / np.sqrt(df))
    angles = widest * np.linspace(-1.0, 1.0, _GRID)
    middles = (angles[1:] + angles[:-1]) / 2
    below = np.concatenate(([0.0], np.cumsum(np.exp((df - 1) * np.log(np.cos(middles))))))
    return angles, below / below[-1]
