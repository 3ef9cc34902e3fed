"""In: a learning curve. Out: its picture, a PNG. Does not know: how it was measured."""

import io
from pathlib import Path

import numpy as np

from spantune.data import write_bytes
from spantune.evaluation import LearningCurve
from spantune.training.curves import LOSS_LINES, SCORE_LINES
from spantune.training.history import score_name

SMOOTH = 200  # points that a curve is drawn with
MARGIN = 4.0  # points above and below what is drawn


def save_curve(curve: LearningCurve, more: int, path: Path) -> Path:
    """Draw every training, the means, the fit with its range as far as `more` labels, and the untuned model; save a PNG.

    Labels are on a logarithmic axis: each doubling is as far as the one before. Raises `OSError` where it cannot be written.
    """
    # Imported here because it takes about half a second; `Figure` alone, without pyplot, keeps no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colour, other = SCORE_LINES[0][0], LOSS_LINES[1][0]
    sizes = np.array(list(curve.means), dtype=float)
    axes.plot([point.records for point in curve.points], [point.score for point in curve.points], ".", color=colour, alpha=0.5)
    axes.errorbar(
        sizes,
        list(curve.means.values()),
        yerr=[spread or 0.0 for spread in curve.spreads.values()],
        fmt="o",
        color=colour,
        capsize=3,
        label="trained: mean and standard deviation",
    )
    shown = [point.score for point in curve.points] + ([] if curve.untuned is None else [curve.untuned])
    if curve.is_known:
        line = np.geomspace(sizes[0], sizes[-1] + more, SMOOTH)
        low, high = curve.band(line)
        axes.plot(line, curve.at(line), "--", color=colour, linewidth=1, label=f"fit, as far as {more} more labels")
        axes.fill_between(line, low, high, color=colour, alpha=0.15, linewidth=0)
        shown += [low.min(), high.max()]
    if curve.untuned is not None:
        axes.axhline(curve.untuned, color=other, linestyle=":", label="before training")
    axes.set_ylim(max(0.0, min(shown) - MARGIN), min(100.0, max(shown) + 2 * MARGIN))
    axes.set_xscale("log")
    ticks = [*sizes, sizes[-1] + more] if curve.is_known else list(sizes)
    axes.set_xticks(ticks, [f"{int(tick):,}" for tick in ticks], rotation=45)
    axes.minorticks_off()
    axes.set_xlabel("training records")
    axes.set_ylabel(f"held-out {score_name(curve.headline)}, percent")
    axes.set_title(curve.advice(more)[0], fontweight="bold")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_bytes(path, picture.getvalue())
    return path
