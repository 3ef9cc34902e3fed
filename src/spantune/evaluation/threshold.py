"""In: no-answer scores, F1 of the answers, labels. Out: from which score on not to answer. Does not know: models."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spantune.errors import EvaluationError


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
    order = np.argsort(scores, kind="stable")
    scores, gain = scores[order], (f1 - ~labels)[order]
    # Entry k of the totals is the summed F1 when the k questions with the lowest scores are answered.
    totals = np.cumsum(np.concatenate(([float(np.count_nonzero(~labels))], gain)))
    possible = np.concatenate(([True], scores[1:] != scores[:-1], [True]))
    answered = int(np.argmax(np.where(possible, totals, -np.inf)))
    value = scores[answered - 1] if answered else _below(scores[0])
    return Threshold(value=float(value), f1=float(100.0 * totals[answered] / len(scores)))


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
