"""In: no-answer scores, F1 of the answers, labels. Out: from which score on not to answer. Does not know: models."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spantune.errors import EvaluationError

# Chosen on sets that the benchmark does not use (docs/recipes.md): how much a question's gain in F1 counts, and how far, in
# units of the no-answer score, half of all thresholds lie from the expected one at most.
WEIGHT = 0.5
DEVIATION = 3.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """Answer a question when its no-answer score is at most `value`; `f1` in percent is what that scores."""

    value: float
    f1: float


def best_threshold(no_answer_scores: ArrayLike, answer_f1_if_answered: ArrayLike, has_answer: ArrayLike) -> Threshold:
    """Find the no-answer threshold with the highest F1: `find_best_thresh` of the official SQuAD 2.0 script.

    Three sequences of one entry a question: the no-answer score (any scale, higher means "no answer"); the F1, 0 to 1,
    that the best answer gets if it is given (0 for a question that has none, unless that answer is empty); whether the
    question has an answer. Source: Rajpurkar et al. 2018, arXiv:1806.03822. Of equal F1 the lowest threshold is taken,
    the one that answers least.

    Two details differ from the script, which expects probabilities and none of them equal. Questions with the same
    no-answer score are answered together or not at all, so `f1` is what the threshold really gives; and if it is best
    to answer nothing, `value` lies below every score instead of being 0.

    Raises `EvaluationError` for empty, unequal or non-finite input, for F1 beyond 0 to 1, and for no-answer scores that
    are all the same though some questions have an answer and some have none.

    >>> best_threshold([0.1, 0.4, 0.8], [1.0, 0.5, 0.0], [True, True, False])
    Threshold(value=0.4, f1=83.33333333333333)
    """
    scores, f1, labels = _columns(no_answer_scores, answer_f1_if_answered, has_answer)
    edges, totals = _totals(scores, f1, labels)
    best = int(np.argmax(totals))
    value = edges[best - 1] if best else _below(edges[0])
    return Threshold(value=float(value), f1=float(100.0 * totals[best] / len(scores)))


def likely_threshold(
    no_answer_scores: ArrayLike, answer_f1_if_answered: ArrayLike, has_answer: ArrayLike, expected: float = 0.0
) -> Threshold:
    """Find the no-answer threshold that promises the best F1 on other questions, from what is expected and what is seen.

    The same three sequences as for `best_threshold`, the scores as readers give them (how much more "no answer" scores than
    the best span, as logarithms), and the threshold that was best for other data. On a few questions the best threshold is
    mostly luck: two that score the same may lie far apart, and one question more moves it. So each threshold is weighed by
    what it scores: a Gibbs posterior (Bissiri, Holmes and Walker 2016, arXiv:1306.6430), with half of the summed F1 for the
    log-likelihood, and a Cauchy distribution around the expected threshold before anything is seen. The posterior's median is
    given. Many questions leave little of what was expected; none that tell thresholds apart leave all of it.

    Raises `EvaluationError` as `best_threshold` does, and for an expected threshold that is not finite.

    >>> few = [-9.0, -2.0, 1.0, 3.0], [1.0, 1.0, 0.0, 0.0], [True, True, False, False]
    >>> f"{best_threshold(*few).value:.1f}", f"{likely_threshold(*few, expected=-5.0).value:.1f}"
    ('-2.0', '-4.5')
    """
    scores, f1, labels = _columns(no_answer_scores, answer_f1_if_answered, has_answer)
    if not math.isfinite(expected):
        raise EvaluationError(
            f"the expected threshold {expected}",
            expected="a finite number",
            next_move="give that of a run, or 0",
        )
    edges, totals = _totals(scores, f1, labels)
    cdf = np.concatenate(([0.0], 0.5 + np.arctan((edges - expected) / DEVIATION) / math.pi, [1.0]))
    weights = np.exp(WEIGHT * (totals - totals.max())) * np.diff(cdf)
    if not weights.any():  # scores so far from what is expected that nothing is left of it
        return best_threshold(scores, f1, labels)
    below = np.concatenate(([0.0], np.cumsum(weights)))
    half = below[-1] / 2
    at = int(np.searchsorted(below, half, side="right")) - 1
    middle = cdf[at] + (half - below[at]) / weights[at] * (cdf[at + 1] - cdf[at])
    value = expected + DEVIATION * math.tan(math.pi * (middle - 0.5))
    answered = int(np.searchsorted(edges, value, side="right"))
    return Threshold(value=float(value), f1=float(100.0 * totals[answered] / len(scores)))


def _totals(
    scores: NDArray[np.float64], f1: NDArray[np.float64], labels: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The different scores in order, and the summed F1 if the questions with the lowest k of them are answered, for each k."""
    edges, place = np.unique(scores, return_inverse=True)
    gains = np.bincount(place, weights=f1 - ~labels)
    return edges, np.cumsum(np.concatenate(([float(np.count_nonzero(~labels))], gains)))


def _below(score: float) -> float:
    # Far enough that a comparison in single precision cannot round it back to the score, and still finite for JSON.
    return score - max(1.0, abs(score))


def _columns(
    no_answer_scores: ArrayLike, answer_f1_if_answered: ArrayLike, has_answer: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    scores = np.asarray(no_answer_scores, dtype=np.float64)
    f1 = np.asarray(answer_f1_if_answered, dtype=np.float64)
    labels = np.asarray(has_answer, dtype=np.bool_)
    if not (scores.ndim == 1 and scores.shape == f1.shape == labels.shape and scores.size):
        raise EvaluationError(
            f"no-answer scores of shape {scores.shape}, F1 of shape {f1.shape}, labels of shape {labels.shape}",
            expected="three sequences of the same length, one entry a question, at least one question",
            next_move="build all three from the same list of questions",
        )
    if not np.isfinite(scores).all():
        at = int(np.argmin(np.isfinite(scores)))
        raise EvaluationError(
            f"no-answer score {scores[at]} at position {at}",
            expected="finite numbers",
            next_move="look at that question's prediction; a model whose training diverged gives such scores",
        )
    if not ((f1 >= 0) & (f1 <= 1)).all():
        raise EvaluationError(
            f"F1 from {f1.min():g} to {f1.max():g}",
            expected="F1 of each question between 0 and 1",
            next_move="hand in the F1 of the questions (`token_f1`), not percentages",
        )
    if (scores == scores[0]).all() and labels.any() and not labels.all():
        raise EvaluationError(
            f"all {len(scores)} no-answer scores are {scores[0]:g}",
            expected="scores that are higher for questions without an answer",
            next_move="hand in the score that the reader gave to 'no answer', not a placeholder",
        )
    return scores, f1, labels
