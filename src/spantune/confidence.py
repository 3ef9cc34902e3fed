"""In: the probability that a model gives its answer. Out: how often such answers are right. Does not know: models, records.

A map fitted on held-out data (`evaluation.calibration`) and kept in the run. It never falls, so that a better answer never gets
less confidence, and it is the same for all questions and contexts, so that answers of different ones can be compared.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import exp, log

_LEAST = 1e-7  # probabilities nearer to 0 and 1 than this are no different


@dataclass(frozen=True, slots=True)
class Curve:
    """A map from log-odds to probability: straight lines on the scale of log-odds between knots, flat beyond the ends.

    `method` says how it was fitted, `questions` to how many.

    >>> half = Curve("temperature", 100, ((-10.0, -5.0), (10.0, 5.0)))
    >>> round(half(0.5), 3), round(half(0.9), 3)
    (0.5, 0.75)
    """

    method: str
    questions: int
    knots: tuple[tuple[float, float], ...]

    def __call__(self, probability: float) -> float:
        """How often answers with this probability are right."""
        at = log_odds(probability)
        knots = self.knots
        after = bisect_right(knots, (at, float("inf")))
        if after == 0:
            return from_log_odds(knots[0][1])
        if after == len(knots):
            return from_log_odds(knots[-1][1])
        (x, y), (next_x, next_y) = knots[after - 1], knots[after]
        return from_log_odds(y + (next_y - y) * (at - x) / (next_x - x))


@dataclass(frozen=True, slots=True)
class Calibration:
    """How sure to be of an answer, and of "no answer"; `None` where held-out data had too few of one kind to say.

    >>> curve = Curve("temperature", 100, ((-10.0, -5.0), (10.0, 5.0)))
    >>> Calibration(curve, None).confidence(0.9, answered=False) is None
    True
    """

    answer: Curve | None
    none: Curve | None

    def confidence(self, probability: float, *, answered: bool) -> float | None:
        """The probability that what was said matches exactly; for "no answer", that there is none."""
        curve = self.answer if answered else self.none
        return None if curve is None else curve(probability)


def log_odds(probability: float) -> float:
    """The logarithm of p / (1 - p), with p kept off 0 and 1.

    >>> log_odds(0.5)
    0.0
    """
    kept = min(max(probability, _LEAST), 1 - _LEAST)
    return log(kept / (1 - kept))


def from_log_odds(value: float) -> float:
    """The inverse of `log_odds`.

    >>> from_log_odds(0.0)
    0.5
    """
    return 1 / (1 + exp(-value)) if value >= 0 else 1 - 1 / (1 + exp(value))
