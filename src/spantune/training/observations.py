"""In: the epochs so far. Out: one plain-word observation on the newest. Does not know: models, how training is run.

The rules are a table, tried in order; the first that has something to say is taken. An epoch is judged by the headline
score where held-out data gave one, else by the held-out loss, else by the training loss.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from spantune.training.history import Epoch, History, merit, score_name

FLAT_SCORE = 0.5  # points; on 1,000 held-out questions the standard error of F1 is larger than one point
FLAT_LOSS = 0.01  # share of the loss; the order of the batches alone moves it by about that much
# Mean loss in nats below which the right position has more than 90 % of the probability: little is left to learn.
LEARNED_LOSS = 0.1


def observe(history_so_far: Sequence[Epoch], headline: str) -> str:
    """Say in plain words what the newest (last) of the epochs tells. Raises `ValueError` when there is none.

    >>> epochs = [Epoch(n, loss, None, {"f1": f1}, None, 3e-4, 9.5, 40.0)
    ...           for n, loss, f1 in [(1, 2.5, 60.0), (2, 1.2, 71.0), (3, 0.8, 69.0), (4, 0.5, 66.0)]]
    >>> [observe(epochs[:count], "f1") for count in (1, 2)]
    ['first epoch', 'still improving']
    >>> observe(epochs[:3], "f1")
    'held-out F1 fell once, which may be chance'
    >>> observe(epochs, "f1")
    'held-out F1 fell twice: overfitting'
    """
    if not history_so_far:
        raise ValueError("observe needs at least one epoch")
    seen = _look(tuple(history_so_far), headline)
    return next(said for rule in RULES if (said := rule(seen)) is not None)


def observed(history: History, epoch: Epoch) -> History:
    """`history` with `epoch` added and its observation filled in.

    Equivalent to `history.with_epoch(replace(epoch, observation=observe((*history.epochs, epoch), history.headline)))`.

    >>> observed(History(), Epoch(1, 2.5, 1.7, {"f1": 60.5}, 44.0, 3e-4, 9.5, 40.0)).epochs[-1].observation
    'first epoch'
    """
    said = observe((*history.epochs, epoch), history.headline)
    return history.with_epoch(replace(epoch, observation=said))


def averaged(histories: Sequence[History]) -> History:
    """The history of several trainings, epoch by epoch: means, but the seconds of all of them together.

    What one of them did not measure is left out, as are epochs that one of them did not have. No epoch of it is the best:
    each training kept its last one.

    >>> one = observed(History(), Epoch(1, 2.0, 1.5, {"f1": 60.0}, 44.0, 3e-4, 9.0, 40.0))
    >>> other = observed(History(), Epoch(1, 1.0, 2.5, {"f1": 70.0}, 54.0, 3e-4, 9.0, 30.0))
    >>> mean = averaged([one, other]).epochs[0]
    >>> mean.training_loss, mean.held_out_loss, mean.scores, mean.seconds
    (1.5, 2.0, {'f1': 65.0}, 18.0)
    """
    history = History(headline=histories[0].headline)
    for epochs in zip(*(one.epochs for one in histories), strict=False):
        history = observed(history, _mean_epoch(epochs))
    return replace(history, best_epoch=None)


def _mean_epoch(epochs: Sequence[Epoch]) -> Epoch:
    names = [name for name in epochs[0].scores if all(name in one.scores for one in epochs)]
    return Epoch(
        epoch=epochs[0].epoch,
        training_loss=fmean(one.training_loss for one in epochs),
        held_out_loss=_mean_of_all([one.held_out_loss for one in epochs]),
        scores={name: fmean(one.scores[name] for one in epochs) for name in names},
        span_accuracy=_mean_of_all([one.span_accuracy for one in epochs]),
        learning_rate=fmean(one.learning_rate for one in epochs),
        seconds=sum(one.seconds for one in epochs),
        windows_per_second=fmean(one.windows_per_second for one in epochs),
    )


def _mean_of_all(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


@dataclass(frozen=True, slots=True)
class _Seen:
    """The epochs, and the one measure by which they are judged.

    `goodness` has one number an epoch, higher is better: the score itself, or the loss with its sign turned.
    `flat` is the change, in the measure's own unit, that is not worth words; `flat_words` says it.
    """

    epochs: tuple[Epoch, ...]
    measure: str
    goodness: tuple[float, ...]
    worse_word: str
    flat: float
    flat_words: str

    @property
    def newest(self) -> Epoch:
        return self.epochs[-1]

    @property
    def change(self) -> float:
        """Goodness gained since the epoch before."""
        return self.goodness[-1] - self.goodness[-2]

    @property
    def best_before(self) -> int:
        """Position of the best epoch before the newest; of equal ones the one that `History` has for the best."""
        earlier = [merit(good, epoch.held_out_loss) for good, epoch in zip(self.goodness, self.epochs[:-1], strict=False)]
        return earlier.index(max(earlier))

    @property
    def gain(self) -> float:
        """Goodness gained over the best epoch before; negative when the newest is worse."""
        return self.goodness[-1] - self.goodness[self.best_before]

    @property
    def falls_running(self) -> int:
        """How many epochs in a row, the newest last, were worse than the one before them."""
        falls = 0
        for before, after in reversed(list(zip(self.goodness, self.goodness[1:], strict=False))):
            if after >= before:
                break
            falls += 1
        return falls


Rule = Callable[[_Seen], str | None]


def _look(epochs: tuple[Epoch, ...], headline: str) -> _Seen:
    scores = tuple(epoch.scores.get(headline, math.nan) for epoch in epochs)
    if all(map(math.isfinite, scores)):
        measure = f"held-out {score_name(headline)}"
        return _Seen(epochs, measure, scores, "fell", FLAT_SCORE, f"within {FLAT_SCORE:g}")
    held_out = tuple(epoch.held_out_loss for epoch in epochs)
    if all(loss is not None for loss in held_out):
        return _look_at_loss(epochs, "held-out loss", tuple(loss for loss in held_out if loss is not None))
    return _look_at_loss(epochs, "training loss", tuple(epoch.training_loss for epoch in epochs))


def _look_at_loss(epochs: tuple[Epoch, ...], measure: str, losses: tuple[float, ...]) -> _Seen:
    goodness = tuple(-loss if math.isfinite(loss) else -math.inf for loss in losses)
    return _Seen(epochs, measure, goodness, "rose", FLAT_LOSS * abs(losses[-1]), f"within {FLAT_LOSS:.0%}")


def _not_finite(seen: _Seen) -> str | None:
    """NaN or infinity: a step was so large that the weights, or the loss computed from them, overflowed."""
    losses = {"training loss": seen.newest.training_loss, "held-out loss": seen.newest.held_out_loss}
    broken = next((name for name, loss in losses.items() if loss is not None and not math.isfinite(loss)), None)
    return broken and f"{broken} is not finite: the learning rate is too high"


def _first_epoch(seen: _Seen) -> str | None:
    """There is nothing to compare with yet."""
    return "first epoch" if len(seen.epochs) == 1 else None


def _nothing_learned(seen: _Seen) -> str | None:
    """The training loss is where it was after the first epoch, is not small, and the measure did not gain either.

    A rate far too low does this, one too high as well (the weights jump about), and so do labels that are noise.
    """
    loss, first = seen.newest.training_loss, seen.epochs[0].training_loss
    stuck = loss > first * (1 - FLAT_LOSS) and loss > LEARNED_LOSS
    if stuck and seen.goodness[-1] - seen.goodness[0] <= seen.flat:
        return "training loss does not fall: nothing is being learned; try another learning rate, or check the data"
    return None


def _overfitting(seen: _Seen) -> str | None:
    """The training loss still falls while the held-out measure got worse two epochs running: learning by heart."""
    falls = seen.falls_running
    if falls < 2 or not seen.measure.startswith("held-out") or seen.goodness[-3] - seen.goodness[-1] <= seen.flat:
        return None
    losses = [epoch.training_loss for epoch in seen.epochs[-3:]]
    if not losses[0] > losses[1] > losses[2]:
        return None
    return f"{seen.measure} {seen.worse_word} {'twice' if falls == 2 else f'{falls} times running'}: overfitting"


def _fell_once(seen: _Seen) -> str | None:
    """The first clear step back."""
    if seen.falls_running == 1 and -seen.change > seen.flat:
        return f"{seen.measure} {seen.worse_word} once, which may be chance"
    return None


def _over_confident(seen: _Seen) -> str | None:
    """More answers are right, yet the held-out loss rises: the wrong ones are given ever higher probabilities."""
    before, now = (epoch.held_out_loss for epoch in seen.epochs[-2:])
    if before is None or now is None or seen.measure.endswith("loss"):
        return None
    if seen.gain > 0 and now > before * (1 + FLAT_LOSS):
        score = seen.measure.removeprefix("held-out ")
        return f"held-out loss rises while {score} still improves: growing over-confident"
    return None


def _still_improving(seen: _Seen) -> str | None:
    """Clearly better than every epoch before."""
    return "still improving" if seen.gain > seen.flat else None


def _flat(seen: _Seen) -> str | None:
    """As good as the best epoch before, give or take what chance does."""
    return f"{seen.measure} is flat ({seen.flat_words})" if abs(seen.gain) <= seen.flat else None


def _no_better(seen: _Seen) -> str | None:
    """Below an earlier epoch, without having fallen just now. It always speaks, so it stands last."""
    return f"no better than the best epoch {seen.epochs[seen.best_before].epoch}"


RULES: tuple[Rule, ...] = (
    _not_finite,
    _first_epoch,
    _nothing_learned,
    _overfitting,
    _fell_once,
    _over_confident,
    _still_improving,
    _flat,
    _no_better,
)
