"""In: a context and a place or a span in it. Out: whether it lies inside a word, and what it was meant to be.

Does not know: offsets, folds. Scripts without spaces between words have no such places.
"""

import re

from spantune.data.records import Span

SHIFTS = (-1, 1, -2, 2, -3, 3)
"""How far a span that cuts its words may be shifted: the slips of annotation tools, the smallest first (see NEAR)."""

ENOUGH_LETTERS = 5
"""Letters that a span must have to be judged by its edges: any shift makes words of 'a ' or 'in'."""

_UNSPACED = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\ua980-\uaa7f\uf900-\ufaff\uff66-\uff9d\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff]"
)
"""Thai, Lao, Tibetan, Myanmar, Khmer, Han, kana, Javanese, Tai: words follow each other without a space."""


def inside_word(context: str, place: int) -> bool:
    """Whether a place has a letter on either side, or a digit on either side. '10|m' has not.

    >>> inside_word("in October", 5), inside_word("in October", 3), inside_word("10m", 2), inside_word("东京塔", 1)
    (True, False, False, False)
    """
    if not 0 < place < len(context):
        return False
    left, right = context[place - 1], context[place]
    if left.isalpha() and right.isalpha():
        return not (_UNSPACED.match(left) or _UNSPACED.match(right))
    return left.isdigit() and right.isdigit()


def cuts_word(context: str, span: Span) -> bool:
    """Whether a span starts or ends inside a word: a sign of wrong offsets, or a suffix left out on purpose ('Norman|s').

    >>> cuts_word("in October 1973 ", Span("ctober 1973 ", 4)), cuts_word("in October 1973 ", Span("October", 3))
    (True, False)
    """
    return span.start is not None and (inside_word(context, span.start) or inside_word(context, span.end))


def uncut(context: str, span: Span) -> Span | None:
    """The span that one slip of up to three characters turned into one that is wrong at both of its ends.

    Both ends must be wrong: one inside a word, the other inside a word too or at white space. And one shift must right
    them both. Of 99,000 answers of public data this says so of 6, all of them cut.

    >>> uncut("in October 1973 they met", Span("ctober 1973 ", 4))
    Span(text='October 1973', start=3)
    >>> uncut("the Normans met", Span("Norman", 4)) is None
    True
    """
    start = span.start
    if start is None:
        return None
    end = start + len(span.text)
    if not (_is_cut(context, start) or _is_cut(context, end)):  # nearly every span of clean data ends here
        return None
    if not (_is_wrong(context, start, span.text[0]) and _is_wrong(context, end, span.text[-1])):
        return None
    if sum(map(str.isalpha, span.text)) < ENOUGH_LETTERS:
        return None
    right = [by for by in SHIFTS if _is_whole(context, start + by, end + by)]
    if not right or -right[0] in right:  # as well to the left as to the right: a guess
        return None
    return Span(context[start + right[0] : end + right[0]], start + right[0])


def unslipped(context: str, span: Span, by: int) -> Span | None:
    """The span, moved as all of its file's have to be, where it is not whole and becomes whole by that.

    >>> unslipped("in October 1973 they met", Span("ctober 1973 ", 4), -1)
    Span(text='October 1973', start=3)
    >>> unslipped("in October 1973 they met", Span("October 1973", 3), -1) is None
    True
    """
    if span.start is None:
        return None
    start, end = span.start + by, span.end + by
    if _is_whole(context, span.start, span.end) or not _is_whole(context, start, end):
        return None
    return Span(context[start:end], start)


def _is_cut(context: str, place: int) -> bool:
    if not 0 < place < len(context) or not context[place].isalpha():
        return False
    return context[place - 1].isalpha() and inside_word(context, place)


def _is_wrong(context: str, place: int, edge: str) -> bool:
    return edge.isspace() or _is_cut(context, place)


def _is_whole(context: str, start: int, end: int) -> bool:
    if start < 0 or end > len(context):
        return False
    edges = context[start] + context[end - 1]
    return not (inside_word(context, start) or inside_word(context, end) or any(edge.isspace() for edge in edges))
