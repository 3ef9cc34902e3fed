"""In: whole numbers, counted exactly. Out: a Distribution: quantiles and a histogram. Does not know: what was counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

BINS = 24  # most bars in a picture: more are too thin to tell apart on a telephone
LINEAR_UP_TO = 8  # a maximum of more than so many medians would leave most bars of a linear scale empty
NICE_STEPS = (1, 2, 5)
NICE_EDGES = (10, 15, 20, 30, 50, 70)  # tenths of a power of ten: about equally far apart on a logarithmic scale


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values fall into each bin: `counts[i]` of them in `edges[i] <= value < edges[i + 1]`.

    `scale` is 'linear' (bins of one width) or 'log' (bins that grow with the values).
    """

    scale: str
    edges: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Whole numbers in short. Quantiles are values that occur: `p95` is the lowest that 95% of the values keep to."""

    count: int
    mean: float
    minimum: int
    p5: int
    quarter: int
    median: int
    three_quarters: int
    p95: int
    p99: int
    maximum: int
    histogram: Histogram


def distribution(values: Mapping[int, int]) -> Distribution | None:
    """Values and how often each occurs, in short; `None` where there are none.

    >>> short = distribution({1: 1, 2: 2, 3: 1, 10: 1})
    >>> short.count, short.mean, short.median, short.p95, short.histogram.counts
    (5, 3.6, 2, 10, (1, 2, 1, 0, 0, 0, 0, 0, 0, 1))
    """
    ordered = sorted((value, count) for value, count in values.items() if count)
    if not ordered:
        return None
    total = sum(count for _, count in ordered)
    found = [quantile(ordered, share) for share in (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)]
    return Distribution(
        count=total,
        mean=sum(value * count for value, count in ordered) / total,
        minimum=ordered[0][0],
        p5=found[0],
        quarter=found[1],
        median=found[2],
        three_quarters=found[3],
        p95=found[4],
        p99=found[5],
        maximum=ordered[-1][0],
        histogram=_histogram(ordered, found[2]),
    )


def quantile(ordered: Sequence[tuple[int, int]], share: float) -> int:
    """The lowest value that at least `share` of all values keep to. `ordered`: (value, count) pairs by rising value.

    >>> quantile([(1, 50), (2, 49), (90, 1)], 0.99), quantile([(1, 50), (2, 49), (90, 1)], 0.995)
    (2, 90)
    """
    total = sum(count for _, count in ordered)
    reached = accumulate(count for _, count in ordered)
    wanted = share * total - 1e-9  # 0.995 * 200 is 199 and a rounding error
    return next(value for (value, _), so_far in zip(ordered, reached, strict=True) if so_far >= wanted)


def _histogram(ordered: Sequence[tuple[int, int]], median: int) -> Histogram:
    low, high = ordered[0][0], ordered[-1][0]
    scale = "log" if high > LINEAR_UP_TO * max(median, BINS // LINEAR_UP_TO) else "linear"
    edges = _log_edges(low, high) if scale == "log" else _linear_edges(low, high)
    counts = [0] * (len(edges) - 1)
    at = 0
    for value, count in ordered:
        while value >= edges[at + 1]:
            at += 1
        counts[at] += count
    return Histogram(scale, edges, tuple(counts))


def _linear_edges(low: int, high: int) -> tuple[int, ...]:
    steps = (nice * 10**power for power in range(30) for nice in NICE_STEPS)
    step = next(step for step in steps if high // step - low // step < BINS)
    return tuple(range(low // step * step, high // step * step + 2 * step, step))


def _log_edges(low: int, high: int) -> tuple[int, ...]:
    """The round numbers around the values; every third of them where the values reach over many powers of ten."""
    powers = range(len(str(high)) + 1)
    rising = sorted(set(chain((0, 1), (nice * 10**power // 10 for power in powers for nice in NICE_EDGES))))
    first = max(at for at, edge in enumerate(rising) if edge <= low)
    last = next(at for at, edge in enumerate(rising) if edge > high)
    within = rising[first : last + 1]
    every = -(-(len(within) - 1) // BINS)
    return tuple(chain(within[:-1:every], within[-1:]))
