"""In: two scorings of the same questions. Out: what the second gained, and how sure that is. Does not know: models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol, TypeVar

from spantune.errors import EvaluationError


class Scored(Protocol):
    """What one question scored, 0 to 1."""

    @property
    def id(self) -> str:
        """The id of the question."""

    @property
    def f1(self) -> float:
        """Its F1."""


Row = TypeVar("Row", bound=Scored)


@dataclass(frozen=True, slots=True)
class Gain:
    """The mean gain in points, and the standard error of that mean; `error` is infinite for fewer than two questions."""

    mean: float
    error: float

    def shrunk_to(self, other: "Gain") -> "Gain":
        """The two put together, each weighed by its precision: what is known of a gain that was seen and was expected.

        >>> Gain(10.0, 4.0).shrunk_to(Gain(2.0, 4.0)).mean, Gain(10.0, float("inf")).shrunk_to(Gain(2.0, 4.0))
        (6.0, Gain(mean=2.0, error=4.0))
        """
        if self.error == 0:
            return self
        mine, others = self.error**-2, other.error**-2
        return Gain((self.mean * mine + other.mean * others) / (mine + others), (mine + others) ** -0.5)


def _f1(question: Scored) -> float:
    return question.f1


def paired_gain(before: Sequence[Row], after: Sequence[Row], of: Callable[[Row], float] = _f1) -> Gain:
    """What each question gained, averaged. Paired, because questions differ far more from one another than models do.

    In: what the same questions scored twice, in one order; `of` takes the number, 0 to 1, from a score, and is F1 by default.
    Raises `EvaluationError` where they are not the same questions.

    >>> from types import SimpleNamespace as Row
    >>> gain = paired_gain([Row(id="a", f1=0.5), Row(id="b", f1=1.0)], [Row(id="a", f1=1.0), Row(id="b", f1=1.0)])
    >>> gain.mean, gain.error
    (25.0, 25.0)
    """
    if len(before) != len(after) or any(one.id != other.id for one, other in zip(before, after, strict=True)):
        raise EvaluationError(
            f"{len(before)} and {len(after)} scores of different questions",
            expected="the same questions in the same order, scored twice",
            next_move="score both sets of answers against one list of records",
        )
    gains = [100.0 * (of(other) - of(one)) for one, other in zip(before, after, strict=True)]
    count = len(gains)
    mean = sum(gains) / count if count else 0.0
    if count < 2:
        return Gain(mean, float("inf"))
    return Gain(mean, sqrt(sum((gain - mean) ** 2 for gain in gains) / (count - 1) / count))
