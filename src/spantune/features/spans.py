"""Start and end scores in, answer spans out: the inverse of labelling.

Every pair of a start and an end that is a valid answer is compared (end not before start, inside the context, not longer
than the limit), not only the pairs of the best few starts and ends; `pairs` tells how. Pairs of equal score are ordered by
their first token, then by their last.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import overload

import numpy as np
from numpy.typing import NDArray

from spantune.features.pairs import (
    BestPairs,
    ContextLogits,
    Floats,
    Pairs,
    best_pairs,
    context_logits,
    log_totals,
    top_pairs,
    try_every_pair,
)
from spantune.features.windows import Integers, Windows


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
    """What remains of a window's logits: its best spans, the score of "no answer", and the log of the sum over all spans.

    `candidates` are made when they are looked at: mostly the first one alone is.
    """

    window: int
    candidates: Sequence[Candidate]
    null: float
    log_total: float


def best_spans(
    windows: Windows,
    indices: Integers,
    start_logits: Floats,
    end_logits: Floats,
    answer_length: int,
    top: int,
    alone: float = -math.inf,
) -> list[SpanScores]:
    """The `top` best valid spans of each window, best first; pairs whose score is no finite number are none of them.

    `start_logits`, `end_logits`: (B, T) for the windows at `indices`. `answer_length`: longest answer in tokens.
    `log_total` is log sum exp of start + end logits over all valid spans of the window, -inf where there is none. The other
    spans of a window will hardly be asked for where the log of the best one's share in that sum is at least `alone`: they are
    found at once for the rest, and for these when they are asked for.
    """
    indices = np.asarray(indices)
    if not len(indices):
        return []
    logits = context_logits(windows.context[indices], start_logits, end_logits, answer_length)
    totals = log_totals(logits)
    usual = np.isfinite(totals)
    odd = {int(row): try_every_pair(logits, int(row), top) for row in np.flatnonzero(~usual)}
    logits.starts[~usual] = logits.ends[~usual] = -np.inf
    best = best_pairs(logits)
    rows = np.arange(len(indices))
    null_at = windows.null[indices]
    with np.errstate(invalid="ignore"):  # a model that diverged may give inf and -inf
        nulls = start_logits[rows, null_at].astype(np.float64) + end_logits[rows, null_at]
    offered = _offered(windows, indices, logits, best, top, best.scores - totals >= alone)
    results = [
        SpanScores(window, candidates, null, total)
        for window, candidates, null, total in zip(indices.tolist(), offered, nulls.tolist(), totals.tolist(), strict=True)
    ]
    for row, (pairs, total) in odd.items():
        spans = tuple(_Candidates(_Batch(windows, indices[row : row + 1], pairs), 0, int(pairs.counts[0])))
        results[row] = SpanScores(int(indices[row]), spans, float(nulls[row]), total)
    return results


def _offered(
    windows: Windows, indices: Integers, logits: ContextLogits, best: BestPairs, top: int, enough: NDArray[np.bool_]
) -> list[Sequence[Candidate]]:
    """The candidates of each row. Only rows whose best pair is `enough` keep the logits of the batch.

    Those are the ones of contexts of a single window, which are answered with their batch; others wait for their last window.
    """
    bases = windows.bounds[indices]
    alone = best.clear & enough & ~_shared(windows, indices)
    firsts, lasts = best.firsts, best.lasts
    starts = windows.starts[np.where(alone, bases + firsts, 0)].tolist()
    ends = windows.ends[np.where(alone, bases + lasts, 0)].tolist()
    made = zip(starts, ends, best.scores.tolist(), indices.tolist(), firsts.tolist(), lasts.tolist(), strict=True)
    rest = _Rest(windows, indices, logits, top)
    offered: list[Sequence[Candidate]] = [_BestFirst(one, rest, row) for row, one in enumerate(made)]
    others = np.flatnonzero(~alone)
    if len(others):
        found = top_pairs(logits.take(others), top)
        batch = _Batch(windows, indices[others], found)
        for place, (row, count) in enumerate(zip(others.tolist(), found.counts.tolist(), strict=True)):
            offered[row] = _Candidates(batch, place, count) if count else ()
    return offered


def _shared(windows: Windows, indices: Integers) -> NDArray[np.bool_]:
    """(B,) whether the context of a window has other windows too: they lie side by side."""
    example = windows.example
    own = example[indices]
    before, after = np.maximum(indices - 1, 0), np.minimum(indices + 1, len(example) - 1)
    shared: NDArray[np.bool_] = ((example[before] == own) & (before != indices)) | (
        (example[after] == own) & (after != indices)
    )
    return shared


def merge_windows(context: str, scores: Sequence[SpanScores], top: int) -> list[Candidate]:
    """What `merge_candidates` gives for all candidates of the windows of one context; only those it needs are made.

    As in `best_spans`' results, each window's candidates are best first.
    """
    if len(scores) == 1:
        only = scores[0].candidates
        if top == 1 and isinstance(only, _BestFirst):
            best = trim(context, only.best)
            if best.start < best.end:
                return [best]
        return _distinct(context, _settled(scores[0].candidates), top)
    return _distinct(context, _settled(heapq.merge(*(one.candidates for one in scores), key=_worst_first)), top)


def merge_candidates(context: str, candidates: Iterable[Candidate], top: int) -> list[Candidate]:
    """The `top` best candidates of all windows of one context, best first, trimmed of white space and without duplicates.

    Overlapping windows find the same span twice, and a context may hold the same text twice: of spans with equal text the
    best one stays. Of equal scores the one that starts, then ends first comes first.
    """
    return _distinct(context, sorted(candidates, key=_by_score), top)


def trim(context: str, candidate: Candidate) -> Candidate:
    """The candidate without white space at its edges: some tokenizers count the space before a word to it.

    >>> trim("in Paris", Candidate(2, 8, 1.0, 0, 4, 5)).start
    3
    """
    text = context[candidate.start : candidate.end]
    stripped = text.strip()
    if len(stripped) == len(text):
        return candidate
    start = candidate.start + len(text) - len(text.lstrip())
    return Candidate(start, start + len(stripped), candidate.score, candidate.window, candidate.first, candidate.last)


def no_answer_score(scores: Sequence[SpanScores]) -> float:
    """The score of "no answer" for a context: the least of its windows', as in BERT's SQuAD 2.0 (Devlin et al., 2019).

    One window that sees an answer is enough; the others are right to see none.
    """
    return min([score.null for score in scores])


# -- candidates, made when they are looked at --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Batch:
    windows: Windows
    indices: Integers
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class _Rest:
    windows: Windows
    indices: Integers
    logits: ContextLogits
    top: int

    def of(self, row: int) -> Sequence[Candidate]:
        at = np.array([row])
        found = top_pairs(self.logits.take(at), self.top)
        return _Candidates(_Batch(self.windows, self.indices[at], found), 0, int(found.counts[0]))


class _BestFirst(Sequence[Candidate]):
    """A candidate that has no equal, and the others below it, which are looked for when they are asked for."""

    __slots__ = ("_best", "_rest", "_row")

    def __init__(self, best: tuple[int, int, float, int, int, int], rest: _Rest, row: int) -> None:
        self._best = best
        self._rest = rest
        self._row = row

    @property
    def best(self) -> Candidate:
        return Candidate(*self._best)

    def __len__(self) -> int:
        return len(self._rest.of(self._row))

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Candidate]: ...
    def __getitem__(self, index: int | slice) -> Candidate | Sequence[Candidate]:
        return self.best if index == 0 else self._rest.of(self._row)[index]

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._rest.of(self._row))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


class _Candidates(Sequence[Candidate]):
    """The candidates of one row of a batch: making all of all windows took longer than finding them."""

    __slots__ = ("_batch", "_count", "_row")

    def __init__(self, batch: _Batch, row: int, count: int) -> None:
        self._batch = batch
        self._row = row
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, index: int | slice) -> Candidate | tuple[Candidate, ...]:
        places = range(self._count)[index]
        return self._made(places) if isinstance(places, int) else tuple(map(self._made, places))

    def __iter__(self) -> Iterator[Candidate]:
        return map(self._made, range(self._count))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _made(self, place: int) -> Candidate:
        windows, pairs, row = self._batch.windows, self._batch.pairs, self._row
        window = self._batch.indices.item(row)
        first, last = pairs.firsts.item(row, place), pairs.lasts.item(row, place)
        base = windows.bounds.item(window)
        return Candidate(
            windows.starts.item(base + first),
            windows.ends.item(base + last),
            pairs.scores.item(row, place),
            window,
            first,
            last,
        )


def _by_score(candidate: Candidate) -> tuple[float, int, int]:
    return (-candidate.score, candidate.start, candidate.end)


def _worst_first(candidate: Candidate) -> float:
    return -candidate.score


def _settled(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The candidates, best first already, with those of equal score in the order of `_by_score`."""
    for _, equal in groupby(candidates, key=_worst_first):
        yield from sorted(equal, key=_by_score)


def _distinct(context: str, ordered: Iterable[Candidate], top: int) -> list[Candidate]:
    merged: list[Candidate] = []
    seen: set[str] = set()
    for candidate in ordered:
        trimmed = trim(context, candidate)
        text = context[trimmed.start : trimmed.end]
        if text and text not in seen:
            seen.add(text)
            merged.append(trimmed)
            if len(merged) == top:
                break
    return merged
