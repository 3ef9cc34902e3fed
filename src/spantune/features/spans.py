"""Start and end scores in, answer spans out: the inverse of labelling.

Every pair of a start and an end that is a valid answer is compared (end not before start, inside the context, not longer
than the limit), not only the pairs of the best few starts and ends: one banded matrix a window, in NumPy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spantune.features.windows import Integers, Windows

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible answer: `start` and `end` in code points of the context, `score` the sum of its two logits.

    `window` is the index of the window it comes from, `first` and `last` its token positions there.
    """

    start: int
    end: int
    score: float
    window: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class SpanScores:
    """What remains of a window's logits: its best spans, the score of "no answer", and the log of the sum over all spans."""

    window: int
    candidates: tuple[Candidate, ...]
    null: float
    log_total: float


def best_spans(
    windows: Windows, indices: Integers, start_logits: Floats, end_logits: Floats, answer_length: int, top: int
) -> list[SpanScores]:
    """The `top` best valid spans of each window.

    `start_logits`, `end_logits`: (B, T) for the windows at `indices`. `answer_length`: longest answer in tokens.
    `log_total` is log sum exp of start + end logits over all valid spans of the window.
    """
    rows, width = np.asarray(start_logits).shape
    start_logits, end_logits = start_logits.astype(np.float64), end_logits.astype(np.float64)
    reach = min(answer_length, width)
    column = np.arange(width)
    context = windows.context[indices]
    inside = (column >= context[:, :1]) & (column < context[:, 1:])
    starts = np.where(inside, start_logits, -np.inf)
    ends = np.where(inside, end_logits, -np.inf)
    padded = np.concatenate((ends, np.full((rows, reach - 1), -np.inf)), axis=1)
    pair_scores = starts[:, :, None] + sliding_window_view(padded, reach, axis=1)
    flat = pair_scores.reshape(rows, width * reach)
    log_totals = _log_sum_exp(flat)
    few = min(top, flat.shape[1])
    best = np.argpartition(-flat, few - 1, axis=1)[:, :few]
    found = np.take_along_axis(flat, best, axis=1)
    order = np.lexsort((best, -found), axis=1)
    best, found = np.take_along_axis(best, order, axis=1), np.take_along_axis(found, order, axis=1)
    results = []
    for row, window in enumerate(np.asarray(indices)):
        null_at = windows.null[window]
        candidates = tuple(
            _candidate(windows, int(window), int(pair // reach), int(pair // reach + pair % reach), float(score))
            for pair, score in zip(best[row], found[row], strict=True)
            if np.isfinite(score)
        )
        null = float(start_logits[row, null_at] + end_logits[row, null_at])
        results.append(SpanScores(int(window), candidates, null, float(log_totals[row])))
    return results


def merge_candidates(context: str, candidates: Iterable[Candidate], top: int) -> list[Candidate]:
    """The `top` best candidates of all windows of one context, best first, trimmed of white space and without duplicates.

    Overlapping windows find the same span twice, and a context may hold the same text twice: of spans with equal text the
    best one stays.
    """
    merged: list[Candidate] = []
    seen: set[str] = set()
    for candidate in sorted(candidates, key=_by_score):
        trimmed = trim(context, candidate)
        text = context[trimmed.start : trimmed.end]
        if text and text not in seen:
            seen.add(text)
            merged.append(trimmed)
            if len(merged) == top:
                break
    return merged


def trim(context: str, candidate: Candidate) -> Candidate:
    """The candidate without white space at its edges: some tokenizers count the space before a word to it.

    >>> trim("in Paris", Candidate(2, 8, 1.0, 0, 4, 5)).start
    3
    """
    text = context[candidate.start : candidate.end]
    start = candidate.start + len(text) - len(text.lstrip())
    end = start + len(text.strip())
    return Candidate(start, end, candidate.score, candidate.window, candidate.first, candidate.last)


def no_answer_score(scores: Sequence[SpanScores]) -> float:
    """The score of "no answer" for a context: the least of its windows', as in BERT's SQuAD 2.0 (Devlin et al., 2019).

    One window that sees an answer is enough; the others are right to see none.
    """
    return min(score.null for score in scores)


def _candidate(windows: Windows, window: int, first: int, last: int, score: float) -> Candidate:
    base = int(windows.bounds[window])
    return Candidate(int(windows.starts[base + first]), int(windows.ends[base + last]), score, window, first, last)


def _by_score(candidate: Candidate) -> tuple[float, int, int]:
    return (-candidate.score, candidate.start, candidate.end)


def _log_sum_exp(values: Floats) -> Floats:
    """(rows,) log of the sum of exp over each row; -inf for a row without a finite value."""
    highest = values.max(axis=1)
    shift = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        total: Floats = np.log(np.exp(values - shift[:, None]).sum(axis=1)) + shift
    return total
