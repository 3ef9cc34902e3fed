"""The trace of a prediction as one HTML page that needs nothing else: no network, no script, no other file.

In: a `Trace`. Out: the text of the page. Does not know: servers, files.

The page forbids itself everything but its own style sheet (a Content-Security-Policy with the sheet's hash), so nothing that
a document or a question contains can run or load, even if it were not escaped. It is escaped all the same: Jinja2's
autoescape for markup, `visible` for control characters. Bars are drawn in SVG, since that policy forbids style attributes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from spantune.inference.trace import TopScore, Trace, TraceCandidate, TraceWindow
from spantune.inference.trace_words import answer_tokens, answer_window, excerpt
from spantune.pages import rendered
from spantune.wording import counted, direction, percent, visible

AROUND = 400  # characters of context on each side of the answer that are visible at once
LEVELS = 5  # shades of the heat; the style sheet has a class for each
SAME_SCORE = 1e-3  # scores of the trace were added in single precision, those of the answer in double
WARM = 0.01  # tokens with a lower probability are left unshaded: a shade would not be visible


def trace_html(trace: Trace, title: str = "Prediction trace") -> str:
    """The trace as a self-contained page: the answer in its context, then encoding, forward pass and selection.

    To be written as UTF-8. A page of 30 windows of 384 tokens has about 1.5 MB.
    """
    home = answer_window(trace)
    values = {
        "title": title,
        "trace": trace,
        "home": home,
        "cut": excerpt(trace.context, trace.answer.start, trace.answer.end, AROUND),
        "answer_at": answer_tokens(trace, home),
        "direction": direction(trace.context),
        "heat": heat,
    }
    return rendered("spantune.inference", "trace", (visible, percent, number, share, shade, counted, verdict, chance), values)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a window's text and the probabilities that the answer starts and ends in it; 0 if not among the highest."""

    text: str
    start: float = 0.0
    end: float = 0.0


def heat(trace: Trace, window: TraceWindow) -> Iterator[Piece]:
    """The context that a window covers, cut where the tokens with the highest probabilities begin and end."""
    starts, ends = _chances(window.top_starts), _chances(window.top_ends)
    warm: list[tuple[int, int, float, float]] = []
    edges = {window.start, window.end}
    for position in sorted({*starts, *ends}):
        token = window.tokens[position]
        if token.start is not None and token.end is not None and token.start < token.end:
            warm.append((token.start, token.end, starts.get(position, 0.0), ends.get(position, 0.0)))
            edges |= {token.start, token.end}
    # A character can be spread over several tokens (byte-level vocabularies), so pieces may belong to more than one.
    for low, high in pairwise(sorted(edges)):
        over = [one for one in warm if one[0] <= low and high <= one[1]]
        start, end = (max((one[side] for one in over), default=0.0) for side in (2, 3))
        yield Piece(trace.context[low:high], start, end)


def _chances(scores: tuple[TopScore, ...]) -> dict[int, float]:
    return {score.position: score.probability for score in scores if score.part == "context" and score.probability >= WARM}


def shade(piece: Piece) -> str:
    """The style classes of a piece: which colours, and how strong from 1 to `LEVELS` in equal steps.

    >>> shade(Piece("Paris", start=0.97, end=0.31)), shade(Piece("Paris", end=0.01))
    ('h hs s5 he e2', 'h he e1')
    """
    sides = (("s", piece.start), ("e", piece.end))
    return " ".join(["h", *(f"h{side} {side}{min(int(p * LEVELS) + 1, LEVELS)}" for side, p in sides if p >= WARM)])


def number(value: float) -> str:
    """A logit with two decimals and a true minus sign.

    >>> number(-2.5)
    '−2.50'
    """
    return f"{value:z.2f}".replace("-", "−")


def share(probability: float) -> str:
    """A probability as the length of a bar of 100, with what an SVG attribute accepts for a broken number."""
    return f"{100 * probability:.1f}" if 0 <= probability <= 1 else "0"


def verdict(one: TraceCandidate) -> str:
    """The reason of a candidate, introduced by what became of it."""
    return f"chosen: {one.reason}" if one.chosen else one.reason


def chance(one: TraceCandidate, trace: Trace) -> float | None:
    """The probability of a candidate, known for "no answer" and for the answer's alternatives."""
    if one.window is None:
        return trace.answer.no_answer_probability
    # The score as well: the same span seen through another window is a candidate of its own.
    same = (
        other.probability
        for other in trace.answer.alternatives
        if (other.start, other.end) == (one.start, one.end) and abs(other.score - one.score) < SAME_SCORE
    )
    return next(same, None)
