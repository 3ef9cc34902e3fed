"""What readers and classifiers give back."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from spantune.errors import ModelError


class Asked(Protocol):
    """Anything with a question and its context: an `Example` is one. Labels are neither needed nor read."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def question(self) -> str: ...  # noqa: D102
    @property
    def context(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Alternative:
    """A possible answer: `text == context[start:end]`, offsets in code points; probability as in `Answer`."""

    text: str
    start: int
    end: int
    probability: float
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    `text == context[start:end]`, offsets in code points; an empty text with `start == end == 0` means "no answer".
    `probability` is the softmax of `score` over all valid spans of all windows of the context and "no answer" together;
    `no_answer_probability` is the share of "no answer" in the same softmax. `no_answer_score` is the logit sum of "no
    answer" minus that of the first alternative (1e6 where no span is possible): SQuAD 2.0's threshold is applied to it.
    `alternatives` are the best spans without duplicates: first the one that is given where any is, which has the highest score
    but for a reader with a `spread`, then the others, best first. `confidence` is how often answers with such a probability
    matched exactly on held-out data (for "no answer": how often there was none); `None` where the reader is not calibrated.
    """

    id: str
    text: str
    start: int
    end: int
    probability: float
    score: float
    no_answer_probability: float
    no_answer_score: float
    alternatives: tuple[Alternative, ...] = ()
    confidence: float | None = None

    @property
    def other_probability(self) -> float:
        """The share of all other spans: with it the alternatives and "no answer" sum up to one.

        >>> Answer("1", "Ada", 0, 3, 0.7, 5.0, 0.2, -3.0, (Alternative("Ada", 0, 3, 0.7, 5.0),)).other_probability
        0.1
        """
        return max(0.0, round(1.0 - self.no_answer_probability - sum(one.probability for one in self.alternatives), 12))

    def as_dict(self) -> dict[str, Any]:
        """The answer as JSON can carry it."""
        return {**asdict(self), "other_probability": self.other_probability}


@dataclass(frozen=True, slots=True)
class Prediction:
    """The label of one text: `probability` of it, and of every other label, most probable first."""

    id: str
    label: str
    probability: float
    probabilities: tuple[tuple[str, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """The prediction as JSON can carry it."""
        return {
            "id": self.id,
            "label": self.label,
            "probability": self.probability,
            "probabilities": dict(self.probabilities),
        }


def diverged() -> ModelError:
    """What to raise when a model's scores are not numbers."""
    return ModelError(
        "the model's scores are not finite numbers: its weights overflowed in training",
        expected="a model whose training loss stayed finite",
        next_move="train again with a lower training.learning_rate",
    )
