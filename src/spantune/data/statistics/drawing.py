"""In: distributions and counts. Out: pictures as numbers: where each bar and each label of an SVG goes.

Does not know: markup. A picture is `WIDTH` by `HEIGHT` units; the page scales it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from spantune.data.statistics.distributions import Distribution
from spantune.data.statistics.facts import Counted

WIDTH, HEIGHT = 480, 150
TOP, BASE = 22, 126  # the bars stand between these heights; labels above and below
GAP = 1.5  # between two bars
TICKS = 6  # most labels below a picture: more would touch each other
LETTER = 8  # width of a letter of a label


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a picture and what it says when it is pointed at."""

    x: str
    y: str
    width: str
    height: str
    says: str


@dataclass(frozen=True, slots=True)
class Label:
    """A label at a place from left to right; `anchor` is as SVG has it: start, middle, end."""

    x: str
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Picture:
    """A histogram: bars, labels below them, marks (a line and a label above), and all of it in a sentence."""

    title: str
    sentence: str
    bars: tuple[Bar, ...]
    ticks: tuple[Label, ...]
    marks: tuple[Label, ...] = ()
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a bar chart on its side: `share` is the length of its bar, of 100; `part` its share of all, 0 to 1."""

    name: str
    count: int
    share: str
    part: float


def histogram(title: str, unit: str, found: Distribution) -> Picture:
    """The picture of a distribution, with its median and the length that 95% of the values keep to marked."""
    edges, counts = found.histogram.edges, found.histogram.counts
    names = [f"{low:,}" if high == low + 1 else f"{low:,} to {high - 1:,}" for low, high in pairwise(edges)]
    says = [f"{name} {unit}: {count:,}" for name, count in zip(names, counts, strict=True)]
    step = -(-len(counts) // TICKS)
    ticks = [Label(_place(at, len(counts)), f"{edges[at]:,}", "start") for at in range(0, len(counts), step)]
    marks = _marks([(found.median, f"median {found.median:,}"), (found.p95, f"95% ≤ {found.p95:,}")], edges)
    scale = " The bars are of growing width." if found.histogram.scale == "log" else ""
    sentence = (
        f"{title}, in {unit}: {found.count:,} of them, half have {found.median:,} or fewer, 95% have {found.p95:,} or fewer, "
        f"the longest has {found.maximum:,}.{scale}"
    )
    return Picture(f"{title}, in {unit}", sentence, tuple(_bars(counts, says)), tuple(ticks), marks)


def positions(counts: Sequence[int]) -> Picture:
    """Where answers begin in their contexts; the line is the level of answers spread evenly."""
    total, size = sum(counts), len(counts)
    says = [f"{100 * at // size} to {100 * (at + 1) // size}% into the context: {n:,}" for at, n in enumerate(counts)]
    ticks = (Label("0", "first words", "start"), Label(str(WIDTH // 2), "middle"), Label(str(WIDTH), "last words", "end"))
    fifths = [sum(counts[at * size // 5 : (at + 1) * size // 5]) for at in range(5)]
    shares = ", ".join(f"{100 * one / total:.0f}%" for one in fifths) if total else "none"
    level = f"{BASE - (BASE - TOP) * total / size / max(counts):.1f}" if total else None
    sentence = f"Where {total:,} answers begin, by fifths of their contexts: {shares}."
    return Picture("Where answers begin", sentence, tuple(_bars(counts, says)), ticks, level=level)


def bar_rows(counted: Iterable[Counted], whole: int) -> tuple[Row, ...]:
    """Rows of a bar chart on its side, the longest bar 100 long.

    >>> bar_rows([Counted("what", 6), Counted("who", 3)], 12)
    (Row(name='what', count=6, share='100.0', part=0.5), Row(name='who', count=3, share='50.0', part=0.25))
    """
    rows = tuple(counted)
    most = max((row.count for row in rows), default=0) or 1
    return tuple(Row(row.name, row.count, f"{100 * row.count / most:.1f}", row.count / max(whole, 1)) for row in rows)


def _bars(counts: Sequence[int], says: Sequence[str]) -> Iterator[Bar]:
    most = max(counts, default=0) or 1
    width = WIDTH / max(len(counts), 1)
    for at, (count, words) in enumerate(zip(counts, says, strict=True)):
        height = max((BASE - TOP) * count / most, 1 if count else 0)  # a single one is seen beside a million
        yield Bar(f"{at * width:.1f}", f"{BASE - height:.1f}", f"{width - GAP:.1f}", f"{height:.1f}", words)


def _place(at: float, size: int) -> str:
    return f"{WIDTH * at / size:.1f}"


def _within(value: int, edges: Sequence[int]) -> float:
    """Where a value stands among the bars: the number of bars to its left, and its share of its own."""
    at = max(index for index, edge in enumerate(edges[:-1]) if edge <= value)
    return at + (value + 0.5 - edges[at]) / (edges[at + 1] - edges[at])


def _marks(values: Iterable[tuple[int, str]], edges: Sequence[int]) -> tuple[Label, ...]:
    """A label for each value, on the side of its line where there is room; left out where another one stands."""
    kept: list[Label] = []
    taken = 0.0
    for value, text in values:
        x = WIDTH * _within(value, edges) / (len(edges) - 1)
        wide = LETTER * len(text)
        low = x if x - wide < taken else x - wide
        if kept and x + wide <= WIDTH:
            low = max(x, low)  # the second label stands to the right of its line: the first one is on the left
        if low >= taken and low + wide <= WIDTH + LETTER:
            kept.append(Label(f"{x:.1f}", text, "start" if low == x else "end"))
            taken = low + wide + LETTER
    return tuple(kept)
