"""In: a start that was counted in some other way. Out: the code point it means; and what a whole file's starts have in common.

Does not know: how a span is found where nobody knows the cause. A new cause is a new row of `CAUSES`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from spantune.data.records import Span
from spantune.data.repair import folds
from spantune.data.repair.layers import Fold, folded_context

FEWEST = 5
"""Wrong starts that a cause must explain: four that agree can be an annotator's habit on one page."""

MOST_OF = 0.8
"""The share of a file's wrong starts that a cause must explain: slips to either side make half of them 'count from 1'."""

MOST_SHIFT = 300
"""The largest constant shift that is a cause, in characters: a long title that was cut off. Others are chance or edits."""

NOT_FOUND = -1
"""A start that says nothing: exporters write what a search returns for a text that it does not find."""

_SHIFTED = "shifted_by_"


@dataclass(frozen=True, slots=True)
class Cause:
    """One way to count that gives wrong starts.

    `sentence` goes on from 'the starts of this file …'. `convert` takes a context and an answer with a start counted
    that way, and gives the code point meant; `None` where the start means no place in this context.
    """

    code: str
    sentence: str
    convert: Callable[[str, Span], int | None]


def shifted(by: int) -> Cause:
    """Starts that are all off by the same number of characters: something was cut off, or put, before the context.

    >>> shifted(12).convert("", Span("a", 3))
    15
    """
    sentence = f"are {abs(by)} too {'small' if by > 0 else 'large'}: the context was changed after they were counted"
    return Cause(f"{_SHIFTED}{by}", sentence, lambda context, given: None if given.start is None else given.start + by)


def _from_one(context: str, given: Span) -> int | None:
    return None if given.start is None else given.start - 1


def _after_strip(context: str, given: Span) -> int | None:
    """White space at the head of the context, and of the answer, was stripped before the start was counted."""
    if given.start is None:
        return None
    lead = len(context) - len(context.lstrip())
    return given.start + lead - (len(given.text) - len(given.text.lstrip()))


def _bytes(encoding: str, width: int) -> Callable[[str, Span], int | None]:
    """Starts counted in code units of an encoding, `width` bytes each."""

    def convert(context: str, given: Span) -> int | None:
        if given.start is None or given.start < 0:
            return None
        if context.isascii():
            return given.start
        try:
            return len(_encoded(context, encoding)[: given.start * width].decode(encoding))
        except UnicodeError:  # half a character
            return None

    return convert


def _in(*counted_in: Fold) -> Callable[[str, Span], int | None]:
    """Starts counted in another form of the context."""

    def convert(context: str, given: Span) -> int | None:
        if given.start is None or given.start < 0:
            return None
        return folded_context(context, counted_in).start_in_source(given.start)

    return convert


def _token(context: str, given: Span) -> int | None:
    """The start is the number of a word, from 0; words are what white space separates."""
    words = _words(context)
    return words[given.start] if given.start is not None and 0 <= given.start < len(words) else None


CAUSES: Mapping[str, Cause] = {
    cause.code: cause
    for cause in (
        Cause("counted_from_one", "count from 1", _from_one),
        Cause("counted_after_strip", "leave out white space at the head of the context or of the answer", _after_strip),
        Cause("counted_in_bytes", "count bytes of UTF-8", _bytes("utf-8", 1)),
        Cause("counted_in_utf16", "count UTF-16 units: two for an emoji", _bytes("utf-16-le", 2)),
        Cause("counted_with_crlf", "count each line end as two characters", _in(folds.carriage_returns)),
        Cause("counted_without_cr", "count each line end as one character", _in(folds.line_feeds)),
        Cause("counted_in_nfc", "were counted in Unicode's composed form, NFC", _in(folds.composed)),
        Cause("counted_in_nfd", "were counted in Unicode's decomposed form, NFD", _in(folds.decomposed)),
        Cause("counted_in_plain_text", "were counted after HTML entities were replaced", _in(folds.unescaped)),
        Cause("counted_in_html", "were counted in HTML, with entities for &, < and >", _in(folds.escaped)),
        Cause("counted_in_single_spaces", "were counted with every run of white space as one", _in(folds.spaces)),
        Cause("counted_in_words", "count words", _token),
    )
}
"""The ways to count, by code, the simplest first."""


def causes_of(context: str, given: Span, found: Span) -> tuple[str, ...]:
    """The codes of the causes that turn the given start into the one found. One that changes nothing does not count.

    >>> causes_of("ßa b", Span("b", 4), Span("b", 3))
    ('counted_from_one', 'counted_in_bytes')
    >>> causes_of("ä b c", Span("c", 1), Span("c", 4))
    ('shifted_by_3',)
    """
    if given.start is None or found.start is None or given.start in (NOT_FOUND, found.start):
        return ()
    codes = [cause.code for cause in CAUSES.values() if cause.convert(context, given) == found.start]
    by = found.start - given.start
    if by != -1 and abs(by) <= MOST_SHIFT:  # -1 is counted_from_one
        codes.append(f"{_SHIFTED}{by}")
    return tuple(codes)


def weigh(counts: Mapping[str, int], wrong: int) -> Cause | None:
    """The systematic cause, if there is one, of the wrong starts of a file (or of a context).

    In: how many wrong starts each code of `causes_of` explains, and of how many wrong starts it is known what they
    should have been. Out: the cause that explains the most, if it explains at least `FEWEST` and `MOST_OF` of them; of
    several, the simplest.

    >>> weigh({"counted_in_bytes": 40, "counted_from_one": 40, "shifted_by_3": 2}, wrong=45).code
    'counted_from_one'
    >>> weigh({"counted_from_one": 40}, wrong=100) is None
    True
    """
    most = max(counts.values(), default=0)
    if most < FEWEST or most < MOST_OF * wrong:
        return None
    code = min((code for code, count in counts.items() if count == most), key=_simplicity)
    return cause_named(code)


def cause_named(code: str) -> Cause:
    """The cause with this code, a constant shift among them. Raises `KeyError` for any other code."""
    return CAUSES[code] if code in CAUSES else shifted(_shift_in(code))


def _shift_in(code: str) -> int:
    if not re.fullmatch(rf"{_SHIFTED}-?[0-9]+", code):
        raise KeyError(code)
    return int(code.removeprefix(_SHIFTED))


def _simplicity(code: str) -> tuple[int, int]:
    """A smaller value for a simpler cause: the rows of the table in their order, then shifts, small ones first."""
    return (list(CAUSES).index(code), 0) if code in CAUSES else (len(CAUSES), abs(_shift_in(code)))


# Questions of one context follow each other, so the last few contexts are remembered, in each form that was asked for.
@lru_cache(maxsize=4)
def _encoded(context: str, encoding: str) -> bytes:
    return context.encode(encoding)


@lru_cache(maxsize=2)
def _words(context: str) -> tuple[int, ...]:
    return tuple(match.start() for match in re.finditer(r"\S+", context))
