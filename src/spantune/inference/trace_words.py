"""Words that the trace as text and the trace as a page share: which window, which tokens, how much of a context."""

from dataclasses import dataclass

from spantune.inference.trace import Trace, TraceWindow

AROUND = 240  # characters of context on each side of the answer: about three lines


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A context cut around a span: `before` and `after` count the characters left out at each side."""

    before: int
    head: str
    span: str
    tail: str
    after: int


def excerpt(context: str, start: int, end: int, around: int = AROUND) -> Excerpt:
    """The span `[start, end)` of `context` with about `around` characters on each side, cut between words.

    >>> excerpt("Paris is the capital of France.", 13, 20, around=5)
    Excerpt(before=9, head='the ', span='capital', tail=' of', after=8)
    """
    low, high = max(start - around, 0), min(end + around, len(context))
    if low:
        space = context.find(" ", low, start - 1)
        low = low if space < 0 else space + 1
    if high < len(context):
        space = context.rfind(" ", end + 1, high)
        high = high if space < 0 else space
    return Excerpt(low, context[low:start], context[start:end], context[end:high], len(context) - high)


def answer_window(trace: Trace) -> TraceWindow:
    """The window that the answer was read in; without an answer, the one that was least sure of "no answer"."""
    chosen = next((one.window for one in trace.candidates if one.chosen), None)
    found = next((window for window in trace.windows if window.window == chosen), None)
    answer = trace.answer
    holding = (one for one in trace.windows if answer.text and one.start <= answer.start and answer.end <= one.end)
    return found or next(holding, None) or min(trace.windows, key=lambda window: window.no_answer_score)


def answer_tokens(trace: Trace, window: TraceWindow) -> frozenset[int]:
    """Positions of the tokens of `window` that the answer is made of."""
    answer = trace.answer
    return frozenset(
        token.position
        for token in window.tokens
        if token.start is not None and token.end is not None and token.start < answer.end and token.end > answer.start
    )
