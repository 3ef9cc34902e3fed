"""Logits in, the best pairs of a start and an end out, and the sum over all of them. Does not know: windows, texts.

Not every pair is written down: the best end of each start comes from a sliding maximum, and of the `top` best pairs each begins
at one of the `top` starts whose best pair is highest, or as many better pairs would begin elsewhere. The sum over all
pairs is that of each start with a sliding sum of the ends.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spantune.features.windows import Integers

Floats = NDArray[np.floating]

# Below this the two largest exponentials are so far from the largest valid pair that other pairs may have been lost to
# underflow (doubles end at 1e-308); above it, what was lost is less than 1e-50 of the sum.
SAFE_SUM = 1e-250


@dataclass(frozen=True, slots=True)
class Pairs:
    """The best pairs of `B` windows, best first: (B, top) scores and token positions, and (B,) how many of them count."""

    scores: Floats
    firsts: Integers
    lasts: Integers
    counts: Integers


@dataclass(frozen=True, slots=True)
class ContextLogits:
    """float64 logits of the columns from `low` on that hold context in some row; -inf where a row has none.

    `starts`: (B, C). `ends`: (B, C + reach - 1), so that each start has `reach` ends, the last ones -inf. `inside`, shaped as
    `ends`: (B, C + reach - 1) bool, what is context.
    """

    starts: Floats
    ends: Floats
    inside: NDArray[np.bool_]
    low: int
    reach: int

    def take(self, rows: Integers) -> "ContextLogits":
        """Some of the rows."""
        return ContextLogits(self.starts[rows], self.ends[rows], self.inside[rows], self.low, self.reach)


def context_logits(context: Integers, start_logits: Floats, end_logits: Floats, answer_length: int) -> ContextLogits:
    """The logits of the context alone. `context`: (B, 2) first and one past the last position; logits: (B, T)."""
    held = context[context[:, 0] < context[:, 1]]
    low, high = (int(held[:, 0].min()), int(held[:, 1].max())) if len(held) else (0, 1)
    reach = min(answer_length, high - low)
    column = np.arange(low, high + reach - 1)
    inside = (column >= context[:, :1]) & (column < context[:, 1:])
    starts = start_logits[:, low:high].astype(np.float64)
    ends = np.full(inside.shape, -np.inf)
    ends[:, : high - low] = end_logits[:, low:high]
    starts[~inside[:, : high - low]] = -np.inf
    ends[~inside] = -np.inf
    return ContextLogits(starts, ends, inside, low, reach)


def log_totals(logits: ContextLogits) -> Floats:
    """(B,) log of the sum of exp(start + end) over all pairs; NaN for a row that `try_every_pair` must look at.

    Nothing is subtracted from a running sum, so nothing cancels: the sum is as exact as its terms.
    """
    ends = logits.ends[:, : logits.starts.shape[1]]
    best_start, best_end = logits.starts.max(axis=1, keepdims=True), ends.max(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        sums = _sliding_sum(np.exp(ends - best_end), logits.reach)
        total = np.einsum("bc,bc->b", np.exp(logits.starts - best_start), sums)
        logs: Floats = np.log(total) + best_start[:, 0] + best_end[:, 0]
    return np.where(total > SAFE_SUM, logs, np.nan)


@dataclass(frozen=True, slots=True)
class BestPairs:
    """The best pair of each of `B` windows: (B,) scores and token positions.

    `clear`, (B,) bool: it is finite, and no other pair of its window has the same score.
    """

    scores: Floats
    firsts: Integers
    lasts: Integers
    clear: NDArray[np.bool_]


def best_pairs(logits: ContextLogits) -> BestPairs:
    """The best pair of each row alone, which nothing has to be sorted for. No NaN, no +inf."""
    width, reach = logits.starts.shape[1], logits.reach
    best_pair = _sliding_max(logits.ends[:, :width], reach)
    best_pair += logits.starts
    rows = np.arange(len(best_pair))
    firsts = best_pair.argmax(axis=1)
    pairs = sliding_window_view(logits.ends, reach, axis=1)[rows, firsts]
    pairs += logits.starts[rows, firsts][:, None]
    scores = best_pair[rows, firsts]
    equal = np.count_nonzero(best_pair == scores[:, None], axis=1) + np.count_nonzero(pairs == scores[:, None], axis=1)
    first = firsts + logits.low
    return BestPairs(scores, first, first + pairs.argmax(axis=1), (equal == 2) & np.isfinite(scores))


def top_pairs(logits: ContextLogits, top: int) -> Pairs:
    """The `top` best pairs of each row, best first; of equal ones the first start, then the first end. No NaN, no +inf."""
    width, reach = logits.starts.shape[1], logits.reach
    best_pair = logits.starts + _sliding_max(logits.ends[:, :width], reach)
    firsts = _highest(best_pair, top)
    rows = np.arange(len(firsts))[:, None]
    pairs = sliding_window_view(logits.ends, reach, axis=1)[rows, firsts]
    pairs += logits.starts[rows, firsts][:, :, None]
    flat = pairs.reshape(len(firsts), -1)
    at = _highest(flat, top)
    at = at[rows, np.argsort(-flat[rows, at], axis=1, kind="stable")]
    scores = flat[rows, at]
    first = firsts[rows, at // reach] + logits.low
    return Pairs(scores, first.astype(np.int32), (first + at % reach).astype(np.int32), np.isfinite(scores).sum(axis=1))


def try_every_pair(logits: ContextLogits, row: int, top: int) -> tuple[Pairs, float]:
    """The best pairs of one row and the log of its sum, from all of them: for scores that are not finite, or far apart."""
    inside = logits.inside[row]
    valid = np.flatnonzero(inside[: logits.starts.shape[1], None] & sliding_window_view(inside, logits.reach))
    with np.errstate(invalid="ignore"):
        pairs = (logits.starts[row][:, None] + sliding_window_view(logits.ends[row], logits.reach)).ravel()
        total = float(np.logaddexp.reduce(pairs[valid], initial=-np.inf))
    finite = valid[np.isfinite(pairs[valid])]
    at = finite[np.argsort(-pairs[finite], kind="stable")[:top]][None]
    first = at // logits.reach + logits.low
    return Pairs(pairs[at], first, first + at % logits.reach, np.array([at.shape[1]])), total


def _highest(values: Floats, count: int) -> Integers:
    """(B, count) columns of the `count` highest values of each row, in the order of the columns; of equals the first ones."""
    rows, width = values.shape
    if width <= count:
        return np.broadcast_to(np.arange(width), (rows, width))
    least = np.partition(values, width - count, axis=1)[:, width - count, None]
    kept = values >= least
    if np.count_nonzero(kept) > rows * count:
        above = values > least
        room = count - above.sum(axis=1, keepdims=True)
        equal = kept & ~above
        kept = above | (equal & (np.cumsum(equal, axis=1) <= room))
    columns: Integers = np.flatnonzero(kept) % width
    return columns.reshape(rows, count)


def _sliding_max(values: Floats, reach: int) -> Floats:
    """(B, C) the maximum of `values[:, i : i + reach]` for each i, by doubling: windows may overlap in it."""
    found = values.copy()
    width = 1
    while width < reach:
        step = min(width, reach - width)
        np.maximum(found[:, :-step], found[:, step:], out=found[:, :-step])
        width += step
    return found


def _sliding_sum(values: Floats, reach: int) -> Floats:
    """(B, C) the sum of `values[:, i : i + reach]` for each i, of blocks of 1, 2, 4, …; `values` is used up."""
    total = np.zeros_like(values)
    offset, width = 0, 1
    while width <= reach:
        if reach & width:
            total[:, : values.shape[1] - offset] += values[:, offset:]
            offset += width
        if 2 * width <= reach:
            values[:, :-width] += values[:, width:]
        width *= 2
    return total
