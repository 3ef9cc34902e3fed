"""Of the likely spans of a context, the one that agrees most with all of them.

In: spans, the most probable first. Out: the same, the one to give first. Does not know: texts, labels, windows.

The most probable span is the best answer where only an exact match counts. Where a part of an answer counts too, the best one
is that whose expected overlap with the right one is largest, each span being right with its own probability: minimum Bayes
risk decoding (Kumar and Byrne, 2004, aclanthology.org/N04-1022). A model that is unsure where an answer ends has many spans
that overlap, none of which is probable, and this is the one in their middle.
"""

import math
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

CONSIDERED = 20  # spans of a context that have a say; with 40 answers score the same
# A span of this probability or more overlaps most, whatever the others are. For two spans that overlap by f, what each overlaps
# with a third differs by at most 4 (1 - f): one minus the Jaccard index is a metric, and F1 changes by less than twice what the
# index does. So the first loses at most 0.2 * 4 (1 - f) to the second by the others, and is ahead by 0.8 (1 - f) by itself.
UNDISPUTED = 0.8


def undisputed(spread: float) -> float:
    """The log of a span's share in the sum over all spans from which on it is the one to give."""
    if spread == 0:
        return -math.inf
    return math.log(UNDISPUTED) if spread <= 1 else math.inf  # softer, its share is smaller than it is in that sum


class Scored(Protocol):
    """A span of a context, not empty, in code points, and the sum of its two logits."""

    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102
    @property
    def score(self) -> float: ...  # noqa: D102


Span = TypeVar("Span", bound=Scored)


def most_agreed(spans: Sequence[Span], spread: float) -> list[Span]:
    """The spans, given best first, with the one of largest expected overlap in front; of equal ones the more probable.

    `spread`: temperature of the spans' softmax. 0 leaves the most probable one first; the higher, the more the others count.

    >>> from spantune.inference import Alternative
    >>> likely = [("1999", 0, 2.0), ("the first oil crisis", 20, 1.8), ("first oil crisis", 24, 1.7)]
    >>> spans = [Alternative(text, at, at + len(text), 0.3, score) for text, at, score in likely]
    >>> most_agreed(spans, 0.0)[0].text, most_agreed(spans, 1.0)[0].text
    ('1999', 'the first oil crisis')
    """
    if spread == 0 or len(spans) < 3:  # of two the more probable one is that with the larger expected overlap
        return list(spans)
    first = int(expected_overlaps(spans, spread).argmax())
    return [spans[first], *spans[:first], *spans[first + 1 :]]


def expected_overlaps(spans: Sequence[Scored], spread: float) -> NDArray[np.float64]:
    """(n,) from 0 to 1: expected overlap of each span with the right one, in F1 of the code points that they cover."""
    overlaps, weights = _table(spans, spread)
    found: NDArray[np.float64] = overlaps @ weights
    return found


def lead(spans: Sequence[Scored], spread: float) -> float:
    """By how much, about, two scores would have to come nearer for another span than the first to have the largest overlap.

    `spans` are those that `most_agreed` gave: to first order, scores that move by half of the lead, each as it does most, make
    another one equal. Infinite where there is no other.
    """
    if len(spans) < 3:
        return math.inf if len(spans) < 2 else spans[0].score - spans[1].score
    overlaps, weights = _table(spans, spread)
    ahead = overlaps[0] - overlaps[1:]
    return float((2 * spread * (ahead @ weights) / (np.abs(ahead) @ weights)).min())


def _table(spans: Sequence[Scored], spread: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, n) overlap of each span with each, and (n,) the weight of each, which sum up to one."""
    starts, ends, scores = np.array([(one.start, one.end, one.score) for one in spans], dtype=np.float64).T
    weights = np.exp((scores - scores.max()) / spread)
    shared = np.minimum(ends[:, None], ends) - np.maximum(starts[:, None], starts)
    lengths = ends - starts
    return 2 * np.maximum(shared, 0.0) / (lengths[:, None] + lengths), weights / weights.sum()
