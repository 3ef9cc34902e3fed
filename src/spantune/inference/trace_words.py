"""Words that the trace as text and the trace as a page share: which window, which tokens, how much of a context.

What comes from outside cannot steer a terminal or a page: control characters, and those that turn the reading direction
around, are shown as escapes.
"""

import unicodedata
from dataclasses import dataclass

from spantune.inference.trace import Trace, TraceWindow

AROUND = 240  # characters of context on each side of the answer: about three lines
JOINERS = frozenset("\u200c\u200d")  # invisible, but part of the spelling of Persian, Hindi and emoji


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


def visible(text: str) -> str:
    r"""`text` with every character that could steer a terminal or a page shown as its escape; line feeds stay.

    These are control characters, those that embed, override or isolate a direction, other invisible ones and halves of
    surrogate pairs.

    >>> print(visible("a\x1b[2Jb\u202ec"))
    a\x1b[2Jb\u202ec
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(one) if _steers(one) else one for one in text)


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


def percent(probability: float) -> str:
    """A probability with one decimal; what would round to nothing or to all says so.

    >>> percent(0.4321), percent(0.0001), percent(0.99999), percent(1.0)
    ('43.2%', '<0.1%', '>99.9%', '100.0%')
    """
    if 0 < probability < 0.001:
        return "<0.1%"
    return ">99.9%" if 0.999 < probability < 1 else f"{probability:.1%}"


def count(number: int, noun: str) -> str:
    """A number and what it counts.

    >>> count(1, "token"), count(1024, "window")
    ('1 token', '1,024 windows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _steers(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cf":  # Arabic number signs (class AN) are visible, the joiners are spelling; the rest is neither
        return character not in JOINERS and unicodedata.bidirectional(character) != "AN"
    return category in {"Cc", "Cs", "Zl", "Zp"} and character != "\n"


def _escape(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii") if ord(character) > 127 else repr(character)[1:-1]
