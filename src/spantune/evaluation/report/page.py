"""In: a judgement and what is known of it. Out: one page that needs no network, no script, no other file. Does not know: files.

The page forbids itself everything but its own style sheet and pictures that it carries (a Content-Security-Policy), so nothing
that a document or a question contains can run or load, even if it were not escaped. It is escaped all the same: Jinja2's
autoescape for markup, `visible` for control characters.
"""

import base64

from spantune.evaluation.analysis.mistakes import MISTAKES
from spantune.evaluation.analysis.suspects import REASONS
from spantune.evaluation.judging import Judgement
from spantune.evaluation.report.about import About
from spantune.evaluation.report.excerpts import excerpt
from spantune.evaluation.report.texts import ERRORS, SLICES, SUSPECTS, score_rows
from spantune.evaluation.uncertainty import Mean
from spantune.pages import rendered
from spantune.wording import counted, direction, percent, shortened, visible


def report_html(found: Judgement, about: About) -> str:
    """The page, to be written as UTF-8: the verdict first, then scores, pictures, slices, mistakes, labels to look at."""
    values = {
        "found": found,
        "about": about,
        "rows": score_rows(found),
        "slices": found.sliced.slices[:SLICES],
        "errors": found.mistakes.each[:ERRORS],
        "suspects": found.suspects[:SUSPECTS],
        "meanings": {kind: meaning for kind, (_, meaning) in MISTAKES.items()},
        "reasons": REASONS,
    }
    helpers = (visible, percent, points, interval, bar, embedded, counted, direction, cut, excerpt)
    return rendered("spantune.evaluation.report", "report", helpers, values)


def points(value: float) -> str:
    """A share in percent with one decimal and a true minus sign.

    >>> points(-0.123)
    '−12.3'
    """
    return f"{100 * value:.1f}".replace("-", "−")


def interval(mean: Mean) -> str:
    """Both ends of an interval.

    >>> interval(Mean(0.5, 3, 1.0, None, None))
    'unknown'
    """
    return "unknown" if mean.interval is None else f"{points(mean.interval.low)} to {points(mean.interval.high)}"


def bar(value: float) -> str:
    """A share as the length of a bar of 100."""
    return f"{100 * min(max(value, 0.0), 1.0):.1f}"


def embedded(svg: bytes) -> str:
    """A picture as an address of its own, which is loaded as an image: nothing in it can run."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def cut(text: str, most: int = 400) -> str:
    """A text, or its head and tail."""
    return shortened(text, most)
