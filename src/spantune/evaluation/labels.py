"""In: labelled texts and the labels predicted. Out: accuracy, macro-F1, confusions. Does not know: models."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from spantune.data.records import TextExample
from spantune.evaluation.pairing import labelled, pair


class Classified(Protocol):
    """The label given to one text."""

    @property
    def id(self) -> str:
        """The id of the text."""

    @property
    def label(self) -> str:
        """The label."""


@dataclass(frozen=True, slots=True)
class LabelScore:
    """Precision, recall and F1 of one label, in percent. `support` counts the texts that carry it.

    A label that is never predicted has precision 0, one that no text carries has recall 0.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often texts labelled `label` were called `predicted`."""

    label: str
    predicted: str
    count: int


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Scores over `count` texts, in percent.

    `macro_f1` is the plain mean of F1 over every label that was carried or predicted, scikit-learn's default.
    `per_label` is in alphabetical order, `confusions` starts with the most frequent.
    """

    count: int
    accuracy: float
    macro_f1: float
    per_label: tuple[LabelScore, ...] = field(repr=False)
    confusions: tuple[Confusion, ...] = field(repr=False)

    def as_dict(self) -> dict[str, object]:
        """Give the scores for JSON, in percent; `per_label` maps a label to its own."""
        return {
            "count": self.count,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "per_label": {
                score.label: {
                    "precision": score.precision,
                    "recall": score.recall,
                    "f1": score.f1,
                    "support": score.support,
                }
                for score in self.per_label
            },
        }


def score_labels(examples: Iterable[TextExample], predictions: Iterable[Classified]) -> LabelScores:
    """Score predicted labels against labelled texts, in the order of the texts; `predictions` is consumed once.

    Raises `EvaluationError` for no texts at all, texts without label, and predictions that do not belong to the texts
    position by position.

    >>> from types import SimpleNamespace
    >>> from spantune.data.records import TextExample
    >>> texts = [TextExample("1", "Fine.", "good"), TextExample("2", "Bad.", "bad"), TextExample("3", "Ugh.", "bad")]
    >>> given = [SimpleNamespace(id=i, label=label) for i, label in [("1", "good"), ("2", "bad"), ("3", "good")]]
    >>> scores = score_labels(texts, given)
    >>> round(scores.accuracy, 2), round(scores.macro_f1, 2), scores.confusions
    (66.67, 66.67, (Confusion(label='bad', predicted='good', count=1),))
    """
    texts = labelled(examples, lambda text: text.label is not None, label="label")
    pairs: Counter[tuple[str, str]] = Counter()
    for text, given in pair(texts, predictions):
        pairs[(str(text.label), given.label)] += 1
    return _summary(pairs)


def _summary(pairs: Counter[tuple[str, str]]) -> LabelScores:
    carried: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    for (label, called), times in pairs.items():
        carried[label] += times
        predicted[called] += times
    per_label = tuple(
        _label_score(label, right=pairs[(label, label)], carried=carried[label], predicted=predicted[label])
        for label in sorted(carried | predicted)
    )
    wrong = [Confusion(label, called, times) for (label, called), times in pairs.items() if label != called]
    right = sum(pairs[(label, label)] for label in carried)
    return LabelScores(
        count=pairs.total(),
        accuracy=100.0 * right / pairs.total(),
        macro_f1=sum(score.f1 for score in per_label) / len(per_label),
        per_label=per_label,
        confusions=tuple(sorted(wrong, key=lambda c: (-c.count, c.label, c.predicted))),
    )


def _label_score(label: str, *, right: int, carried: int, predicted: int) -> LabelScore:
    return LabelScore(
        label=label,
        precision=100.0 * right / predicted if predicted else 0.0,
        recall=100.0 * right / carried if carried else 0.0,
        f1=100.0 * 2 * right / (predicted + carried),
        support=carried,
    )
