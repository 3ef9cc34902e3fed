"""In: a judgement. Out: pictures as SVG: how confidence fits, what is wrong among the surest. Does not know: pages.

Nothing that comes from data is written into a picture. matplotlib is imported when something is drawn: it takes half a second.
"""

import io
from typing import TYPE_CHECKING, Any

from spantune.evaluation.calibration import Reliability, Selective
from spantune.evaluation.judging import Judgement
from spantune.evaluation.report.about import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, BLUE, ORANGE = "#1b2430", "#8793a1", "#2563eb", "#db5c0c"


def pictures_of(found: Judgement) -> tuple[Picture, ...]:
    """The pictures that a judgement has something to show in."""
    if found.reliability is None or found.selective is None:
        return ()
    return _fit(found.reliability, calibrated=found.calibrated), _order(found.selective)


def svg_of(figure: Any) -> bytes:
    """A figure as SVG, the same bytes each time."""
    from matplotlib import rc_context

    out = io.BytesIO()
    with rc_context({"svg.hashsalt": "spantune", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _fit(found: Reliability, *, calibrated: bool) -> Picture:
    def draw(axes: "Axes") -> None:
        most = max(bin.count for bin in found.bins)
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle="--", label="every confidence true")
        sizes = [20 + 160 * bin.count / most for bin in found.bins]
        axes.scatter([bin.confidence for bin in found.bins], [bin.right for bin in found.bins], s=sizes, color=BLUE, zorder=3)
        axes.plot([bin.confidence for bin in found.bins], [bin.right for bin in found.bins], color=BLUE, linewidth=1)
        axes.set(
            xlim=(0, 1), ylim=(0, 1), xlabel="confidence" if calibrated else "probability", ylabel="share that matches exactly"
        )
        axes.legend(frameon=False, fontsize=9)

    bins = "; ".join(f"said {bin.confidence:.0%}, right {bin.right:.0%} of {bin.count}" for bin in found.bins)
    return Picture("How sure answers are, and how often right", _drawn(draw), f"{bins}. Off by {found.ece:.3f} on average.")


def _order(found: Selective) -> Picture:
    def draw(axes: "Axes") -> None:
        axes.plot(found.coverage, found.risk, color=ORANGE, linewidth=2, label="the surest first")
        axes.axhline(found.blind, color=SOFT, linewidth=1, linestyle="--", label="in any order")
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of the questions answered", ylabel="share of these not right")
        axes.legend(frameon=False, fontsize=9)

    at = [min(range(len(found.coverage)), key=lambda k: abs(found.coverage[k] - share)) for share in (0.25, 0.5, 0.75, 1.0)]
    said = "; ".join(f"of the surest {found.coverage[k]:.0%}, {found.risk[k]:.0%} are not right" for k in at)
    areas = f"{found.area:.3f}; the best order would give {found.best:.3f}, any order {found.blind:.3f}"
    words = f"{said}. Mean over all shares {areas}."
    return Picture("What is wrong among the surest", _drawn(draw), words)


def _drawn(draw: Any) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    return svg_of(figure)
