"""In: a History. Out: the training trace as a table, as bars in the terminal, as a PNG. Does not know: models, runs.

matplotlib is imported inside `save_curves` only: it takes about half a second, and the table must come at once.
"""

import io
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from spantune.data.atomic import write_bytes
from spantune.training.history import Epoch, History, score_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOTHING = "-"  # shown where a value was not measured
BEST_MARK = "*"  # ASCII, so that every terminal can show it
OBSERVATION_WIDTH = 40  # with fewer columns left beside the numbers, observations fold into towers of words
GAP = 2  # columns between two columns of numbers


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the trace: its head (at most two lines), and how an epoch fills it."""

    head: str
    cell: Callable[[Epoch], str]


def columns(history: History) -> tuple[Column, ...]:
    """The columns with something to show, observation excluded: held-out columns appear where there is held-out data.

    A head of two lines has a line break in it, shown as a space here.

    >>> epoch = Epoch(1, 2.5, None, {}, None, 3e-4, 9.54, 40.26, "first epoch")
    >>> for column in columns(History((epoch,))):
    ...     print(" ".join(column.head.split()), "|", column.cell(epoch))
    epoch | 1
    training loss | 2.500
    learning rate | 3.0e-04
    seconds | 9.5
    windows per s | 40.3
    """
    keys = dict.fromkeys(key for epoch in history.epochs for key in epoch.scores)
    mark = {history.best_epoch: f" {BEST_MARK}"} if history.best_epoch is not None else {}
    every = (
        Column("epoch", lambda epoch: f"{epoch.epoch}{mark.get(epoch.epoch, '  ' if mark else '')}"),
        Column("training\nloss", lambda epoch: _loss(epoch.training_loss)),
        Column("held-out\nloss", lambda epoch: _loss(epoch.held_out_loss)),
        *(_score_column(key) for key in keys),
        Column("token\nspan", lambda epoch: _tenths(epoch.span_accuracy)),
        Column("learning\nrate", lambda epoch: _rate(epoch.learning_rate)),
        Column("seconds", lambda epoch: _tenths(epoch.seconds)),
        Column("windows\nper s", lambda epoch: _tenths(epoch.windows_per_second)),
    )
    measured = tuple(column for column in every if any(column.cell(epoch) != NOTHING for epoch in history.epochs))
    return measured or every


def history_table(history: History, width: int = 80) -> Table:
    """The training trace, an epoch a row, the best epoch marked.

    `width` is that of the terminal, in columns. Where 40 are left beside the numbers, the observation is the last
    column; else the observations stand below the table, a line each. Where even the numbers do not fit, the rightmost
    columns are left out, and named below: a number that is cut off would be a wrong number.
    """
    every = columns(history)
    shown = _that_fit(every, history, width)
    beside = width - _width(shown, history) >= OBSERVATION_WIDTH
    notes = _notes(history, with_observations=not beside, left_out=every[len(shown) :])
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, GAP - 1, 0, 0),  # the box adds the other column of the gap
        caption=Text("\n").join(notes),
        caption_justify="left",
        caption_style="",
        min_width=min(width, max(map(len, notes), default=0)),  # a caption is folded to the width of its table
    )
    for column in shown:
        table.add_column(column.head, justify="right", no_wrap=True)
    if beside:
        table.add_column("observation", overflow="fold")
    for epoch in history.epochs:
        cells = [column.cell(epoch) for column in shown]
        observation = [Text(epoch.observation)] if beside else []
        table.add_row(*cells, *observation, style="bold" if epoch.epoch == history.best_epoch else None)
    return table


def loss_bars(history: History, width: int = 40, *, encoding: str | None = "utf-8") -> str:
    """Training and held-out loss of each epoch as bars, the largest finite loss `width` characters long.

    `encoding` is that of the stream the text goes to (`sys.stdout.encoding`); one that cannot carry block characters,
    or `None`, gets `#`. A loss that is not finite is named and gets no bar. Lines are at most `width + 33` long.

    >>> epochs = [Epoch(1, 2.0, 1.5, {}, None, 3e-4, 9.5, 40.0), Epoch(2, 1.0, float("nan"), {}, None, 0, 9.5, 40.0)]
    >>> print(loss_bars(History(tuple(epochs)), width=8))
    epoch 1  training  ████████  2.000
             held-out  ██████    1.500
    epoch 2  training  ████      1.000
             held-out            nan
    """
    draw = _block_bar if _carries_blocks(encoding) else _hash_bar
    bars = [(epoch.epoch, kind, loss) for epoch in history.epochs for kind, loss in _losses(epoch)]
    longest = max((loss for _, _, loss in bars if math.isfinite(loss)), default=0.0)
    digits = max((len(str(epoch.epoch)) for epoch in history.epochs), default=1)
    lines = []
    for number, kind, loss in bars:
        label = f"epoch {number:>{digits}}" if kind == "training" else " " * (6 + digits)
        share = loss / longest if longest > 0 and math.isfinite(loss) else 0.0
        lines.append(f"{label}  {kind}  {draw(share, width):<{width}}  {_loss(loss)}")
    return "\n".join(lines)


def save_curves(history: History, path: Path | str) -> Path:
    """Draw losses (left) and held-out scores (right) over the epochs and save them as a PNG at `path`.

    Without held-out scores there is one panel. The file appears whole or not at all. Returns the path; raises
    `OutputError` when it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = curves_figure(history)
    FigureCanvasAgg(figure)
    write_bytes(path, _png(figure))
    return Path(path)


def curves_figure(history: History) -> "Figure":
    """The same as a matplotlib figure."""
    # Imported here because it takes about half a second. `Figure` alone, without pyplot, keeps no global state: two
    # threads may draw at once, and no window system is looked for.
    from matplotlib.figure import Figure

    panels = [_draw_losses, *([_draw_scores] if any(epoch.scores for epoch in history.epochs) else [])]
    figure = Figure(figsize=(5.2 * len(panels), 4.2), dpi=150, layout="constrained")
    for place, draw in enumerate(panels, start=1):
        draw(figure.add_subplot(1, len(panels), place), history)
    figure.suptitle(_title(history), fontsize=12, fontweight="bold")
    return figure


# -- cells and notes ---------------------------------------------------------------------------------------------------


def _loss(loss: float | None) -> str:
    """Three decimals; a loss too large for that gets three digits.

    >>> _loss(2.3456), _loss(123456.0), _loss(float("inf")), _loss(None)
    ('2.346', '1.23e+05', 'inf', '-')
    """
    if loss is None:
        return NOTHING
    return f"{loss:.3f}" if not abs(loss) >= 1000 else f"{loss:.3g}"


def _tenths(value: float | None) -> str:
    """One decimal below 1,000, none above.

    >>> _tenths(71.25), _tenths(12345.6), _tenths(None)
    ('71.2', '12,346', '-')
    """
    if value is None:
        return NOTHING
    return f"{value:.1f}" if not abs(value) >= 1000 else f"{value:,.0f}"


def _rate(rate: float) -> str:
    """Two digits and a power of ten, so that a column of them lines up.

    >>> _rate(0.000226), _rate(0.0)
    ('2.3e-04', '0')
    """
    return f"{rate:.1e}" if rate else "0"


def _that_fit(every: tuple[Column, ...], history: History, width: int) -> tuple[Column, ...]:
    """The first columns that fit in `width` together; the first one always."""
    counts = range(len(every), 1, -1)
    return every[: next((count for count in counts if _width(every[:count], history) <= width), 1)]


def _width(shown: Sequence[Column], history: History) -> int:
    """How wide the table of these columns is: each with its gap, and the edge on the left."""
    texts = ([*column.head.split("\n"), *(column.cell(epoch) for epoch in history.epochs)] for column in shown)
    return 1 + sum(max(map(len, each)) + GAP for each in texts)


def _score_column(key: str) -> Column:
    return Column(score_name(key), lambda epoch: _tenths(epoch.scores.get(key)))


def _notes(history: History, *, with_observations: bool, left_out: Sequence[Column]) -> list[Text]:
    """The lines below the table: what each epoch told, what the mark means, why training ended, what is not shown."""
    if not history.epochs:
        return [Text("no epoch has ended yet")]
    notes = []
    if with_observations:
        digits = max((len(str(epoch.epoch)) for epoch in history.epochs), default=1)
        notes += [Text(f"epoch {epoch.epoch:>{digits}}: {epoch.observation}") for epoch in history.epochs]
    if history.best is not None:
        notes.append(Text(f"{BEST_MARK} best held-out {score_name(history.headline)}: the epoch that was kept"))
    if history.stopped_early:
        notes.append(Text("stopped early: the held-out score no longer improved"))
    if left_out:
        heads = ", ".join(" ".join(column.head.split()) for column in left_out)
        notes.append(Text(f"not shown in a terminal this narrow: {heads}"))
    return notes


# -- bars --------------------------------------------------------------------------------------------------------------

EIGHTHS = " ▏▎▍▌▋▊▉█"


def _losses(epoch: Epoch) -> list[tuple[str, float]]:
    held_out = [] if epoch.held_out_loss is None else [("held-out", epoch.held_out_loss)]
    return [("training", epoch.training_loss), *held_out]


def _block_bar(share: float, width: int) -> str:
    """A bar in eighths of a character.

    >>> _block_bar(0.5, 5), _block_bar(0.0, 5), _block_bar(1.0, 3)
    ('██▌', '', '███')
    """
    whole, eighths = divmod(round(share * width * 8), 8)
    return "█" * whole + (EIGHTHS[eighths] if eighths else "")


def _hash_bar(share: float, width: int) -> str:
    return "#" * round(share * width)


def _carries_blocks(encoding: str | None) -> bool:
    """Whether text in this encoding can hold block characters.

    >>> _carries_blocks("utf-8"), _carries_blocks("cp1252"), _carries_blocks("no such encoding"), _carries_blocks(None)
    (True, False, False, False)
    """
    try:
        EIGHTHS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


# -- picture -----------------------------------------------------------------------------------------------------------

Lines = tuple[tuple[str, str, str], ...]  # colour, marker, dash

# Okabe and Ito's colours, which people with every kind of colour blindness tell apart. Marker and dash differ as well,
# so that a print in grey still reads. Scores take other rows than losses: one colour means one thing in the picture.
LOSS_LINES: Lines = (("#0072B2", "o", "-"), ("#D55E00", "s", "--"))
SCORE_LINES: Lines = (("#009E73", "^", "-"), ("#CC79A7", "D", "--"), ("#E69F00", "v", "-."), ("#56B4E9", "P", ":"))
SMALLEST_RANGE = 10.0  # points on the score axis: without a floor, a change of 0.2 points would look like a cliff


def _title(history: History) -> str:
    count = len(history.epochs)
    epochs = f"{count} epoch{'' if count == 1 else 's'}"
    if history.best is None:
        return f"Training: {epochs}"
    score = _tenths(history.best.scores.get(history.headline))
    return f"Training: {epochs}, best held-out {score_name(history.headline)} {score} after epoch {history.best_epoch}"


def _draw_losses(axes: "Axes", history: History) -> None:
    series: dict[str, list[float | None]] = {"training": [epoch.training_loss for epoch in history.epochs]}
    if any(epoch.held_out_loss is not None for epoch in history.epochs):
        series["held-out"] = [epoch.held_out_loss for epoch in history.epochs]
    _plot(axes, history, series, LOSS_LINES)
    broken = sum(any(not math.isfinite(loss) for _, loss in _losses(epoch)) for epoch in history.epochs)
    axes.set_title(f"Loss (not finite in {broken} of {len(history.epochs)} epochs)" if broken else "Loss")
    axes.set_ylabel("mean loss per window (nats)")
    axes.margins(y=0.1)
    axes.set_ylim(bottom=0)  # a loss of 0 is the floor: drawing it shows how much of the loss is left
    _dress(axes, history)


def _draw_scores(axes: "Axes", history: History) -> None:
    keys = dict.fromkeys(key for epoch in history.epochs for key in epoch.scores)
    # The headline first: it decides, and so it gets the solid line.
    keys = dict.fromkeys(sorted(keys, key=lambda key: key != history.headline))
    series = {score_name(key): [epoch.scores.get(key) for epoch in history.epochs] for key in keys}
    if any(epoch.span_accuracy is not None for epoch in history.epochs):
        series["token span"] = [epoch.span_accuracy for epoch in history.epochs]
    _plot(axes, history, series, SCORE_LINES)
    axes.set_title("Held-out scores")
    axes.set_ylabel("percent")
    axes.set_ylim(*_score_range([value for values in series.values() for value in values]))
    _mark_best(axes, history)
    _dress(axes, history)


def _plot(axes: "Axes", history: History, series: Mapping[str, Sequence[float | None]], lines: Lines) -> None:
    """A line for each series; what was not measured or is not finite leaves a gap.

    Each epoch gets a marker, so that a single epoch is visible.
    """
    numbers = [epoch.epoch for epoch in history.epochs]
    for (label, values), (colour, marker, dash) in zip(series.items(), itertools.cycle(lines), strict=False):
        heights = [value if value is not None and math.isfinite(value) else math.nan for value in values]
        axes.plot(numbers, heights, color=colour, marker=marker, linestyle=dash, linewidth=1.8, markersize=6, label=label)


def _mark_best(axes: "Axes", history: History) -> None:
    """The kept epoch's headline score, written beside its point."""
    score = history.best.scores.get(history.headline, math.nan) if history.best else math.nan
    if history.best and math.isfinite(score):
        place = (history.best.epoch, score)
        axes.annotate(_tenths(score), place, textcoords="offset points", xytext=(6, 7), fontsize=10, fontweight="bold")


def _score_range(values: Sequence[float | None]) -> tuple[float, float]:
    """The limits of the score axis, in percent: some air around the values, at least ten points, never past 0 or 100.

    >>> _score_range([70.0, 70.5]), _score_range([1.0]), _score_range([None])
    ((65.25, 75.25), (0.0, 10.0), (0.0, 100.0))
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return 0.0, 100.0
    middle = (min(finite) + max(finite)) / 2
    half = max(SMALLEST_RANGE, 1.25 * (max(finite) - min(finite))) / 2
    low = max(0.0, min(middle - half, 100.0 - 2 * half))
    return low, min(100.0, low + 2 * half)


def _dress(axes: "Axes", history: History) -> None:
    """What both panels share: whole epochs on the axis, the best one marked, a light grid, a legend."""
    from matplotlib.ticker import MaxNLocator

    numbers = [epoch.epoch for epoch in history.epochs] or [1]
    axes.set_xlim(min(numbers) - 0.5, max(numbers) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    if history.best_epoch is not None:
        axes.axvline(history.best_epoch, color="0.35", linewidth=1, linestyle=(0, (1, 2)), label="kept (best epoch)")
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=True, framealpha=0.9, edgecolor="none", fontsize=9, handlelength=3)


def _png(figure: "Figure") -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
