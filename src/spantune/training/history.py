"""In: what was measured after each epoch. Out: a frozen History that JSON can carry. Does not know: models, pictures.

Losses are means over windows in nats; scores are percent, 0 to 100; times are seconds of training, evaluation excluded.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from spantune.errors import RunError

# How the scores of both tasks are called where people read them.
SCORE_NAMES = {
    "exact_match": "EM",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
}


def score_name(key: str) -> str:
    """The readable name of a score; a score that nobody named yet is shown by its key.

    >>> score_name("macro_f1"), score_name("top_5")
    ('macro-F1', 'top 5')
    """
    return SCORE_NAMES.get(key, key.replace("_", " "))


LOSS_WEIGHS = 1e-9  # points of a score for each nat: of two scores that are not equal it never turns the order
HIGHEST_LOSS = 1e3  # nats that count


def merit(score: float, held_out_loss: float | None) -> float:
    """What epochs are compared by: the score, in percent; of equal ones the lower loss on the same records is better.

    Few held-out records give few different scores, and of the first epochs of a slow start many are equal.

    >>> merit(60.0, 1.5) > merit(60.0, 1.7) > merit(59.999, 0.5)
    True
    """
    if held_out_loss is None or not math.isfinite(held_out_loss):
        held_out_loss = HIGHEST_LOSS
    return score - LOSS_WEIGHS * min(held_out_loss, HIGHEST_LOSS)


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training windows, and what the held-out data said after it.

    `held_out_loss` and `span_accuracy` are `None`, and `scores` is empty, where there is no held-out data.
    `span_accuracy` is the percentage of held-out windows whose predicted token span is a reference span.
    """

    epoch: int
    training_loss: float
    held_out_loss: float | None
    scores: Mapping[str, float]
    span_accuracy: float | None
    learning_rate: float
    seconds: float
    windows_per_second: float
    observation: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The epoch as JSON can carry it: numbers that are not finite become `None`.

        >>> Epoch(1, float("nan"), None, {"f1": 70.5}, None, 3e-4, 9.5, 40.0, "first epoch").as_dict()["training_loss"]
        """
        return {
            "epoch": self.epoch,
            "training_loss": _finite(self.training_loss),
            "held_out_loss": _finite(self.held_out_loss),
            "scores": {key: _finite(value) for key, value in self.scores.items()},
            "span_accuracy": _finite(self.span_accuracy),
            "learning_rate": _finite(self.learning_rate),
            "seconds": _finite(self.seconds),
            "windows_per_second": _finite(self.windows_per_second),
            "observation": self.observation,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Epoch":
        """The inverse of `as_dict`, except that what was not finite comes back as NaN (or `None` where that may be).

        >>> epoch = Epoch(1, 2.5, 1.75, {"exact_match": 51.0, "f1": 60.5}, 44.0, 3e-4, 9.5, 40.0, "first epoch")
        >>> Epoch.from_dict(epoch.as_dict()) == epoch
        True
        """
        return cls(
            epoch=int(record["epoch"]),
            training_loss=_number(record["training_loss"]),
            held_out_loss=_number_or_none(record["held_out_loss"]),
            scores={str(key): _number(value) for key, value in record["scores"].items()},
            span_accuracy=_number_or_none(record["span_accuracy"]),
            learning_rate=_number(record["learning_rate"]),
            seconds=_number(record["seconds"]),
            windows_per_second=_number(record["windows_per_second"]),
            observation=str(record["observation"]),
        )


@dataclass(frozen=True, slots=True)
class History:
    """The training trace: its epochs in order, the score that decides, and the epoch whose weights were kept.

    `headline` is the key of the deciding score (`f1` or `macro_f1`). `best_epoch` counts from 1; `None` means that
    the last one's were, because no held-out score could choose, or none was to; or none's, where nothing of the training was
    kept.
    """

    epochs: tuple[Epoch, ...] = ()
    headline: str = "f1"
    best_epoch: int | None = None
    stopped_early: bool = False

    @property
    def best(self) -> Epoch | None:
        """The epoch that `best_epoch` names.

        >>> History().best is None
        True
        """
        return next((epoch for epoch in self.epochs if epoch.epoch == self.best_epoch), None)

    def with_epoch(self, epoch: Epoch) -> "History":
        """A history that is one epoch longer; its `best_epoch` is the one with the highest finite headline score.

        Of equal ones it is that with the lower held-out loss, then the earliest, which had less time to overfit.

        >>> first = Epoch(1, 2.5, 1.7, {"f1": 60.5}, 44.0, 3e-4, 9.5, 40.0)
        >>> second = Epoch(2, 1.5, 1.8, {"f1": 60.0}, 43.0, 1e-4, 9.5, 40.0)
        >>> third = Epoch(3, 1.0, 1.6, {"f1": 60.5}, 44.0, 1e-4, 9.5, 40.0)
        >>> History().with_epoch(first).with_epoch(second).best_epoch
        1
        >>> History().with_epoch(first).with_epoch(third).best_epoch
        3
        """
        epochs = (*self.epochs, epoch)
        merits = {one.epoch: merit(one.scores.get(self.headline, math.nan), one.held_out_loss) for one in epochs}
        usable = [number for number, value in merits.items() if math.isfinite(value)]
        return replace(self, epochs=epochs, best_epoch=max(usable, key=lambda number: merits[number], default=None))

    def as_dict(self) -> dict[str, Any]:
        """The history as JSON can carry it, finite numbers only.

        >>> History(headline="macro_f1").as_dict()
        {'headline': 'macro_f1', 'best_epoch': None, 'stopped_early': False, 'epochs': []}
        """
        return {
            "headline": self.headline,
            "best_epoch": self.best_epoch,
            "stopped_early": self.stopped_early,
            "epochs": [epoch.as_dict() for epoch in self.epochs],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "History":
        """The inverse of `as_dict`. Raises `RunError` when a field is missing or of the wrong kind.

        >>> History.from_dict(History(headline="macro_f1").as_dict()) == History(headline="macro_f1")
        True
        """
        try:
            best = record["best_epoch"]
            return cls(
                epochs=tuple(Epoch.from_dict(epoch) for epoch in record["epochs"]),
                headline=str(record["headline"]),
                best_epoch=None if best is None else int(best),
                stopped_early=bool(record["stopped_early"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            detail = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise RunError(
                f"the training history cannot be read: {detail}",
                expected="history.json as spantune writes it",
                next_move="restore the file from a copy, or train again",
            ) from None


def _finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity, and other languages' parsers refuse Python's spelling of them."""
    return float(value) if value is not None and math.isfinite(value) else None


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _number_or_none(value: Any) -> float | None:
    return None if value is None else float(value)
