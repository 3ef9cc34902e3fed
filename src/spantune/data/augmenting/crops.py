"""In: an example and a random generator. Out: the same question on a part of its context. Does not know: other records.

The context is cut where sentences end, so that what is left reads as a text. Of a crop every reference of the question is a
part; of a context with the answer removed none is.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

from spantune.data.augmenting.wording import evened
from spantune.data.records import Example, Span

# A sentence ends at a stop of any script, with the quotes and brackets that close it, or with its line. Where white space
# separates words it must follow the stop, which leaves 3.5 and spantune.org whole. A run of stops is looked at once only:
# the lines of dots in a table of contents would otherwise take time with the square of their length.
STOPS = ".!?؟۔।॥…"
SENTENCE_END = re.compile(rf"[。！？｡]++[”’」』）)\"']*+\s*+|(?<![{STOPS}])[{STOPS}]++[”’»\"')\]]*+\s++|\n\s*+")
LONGEST_ABBREVIATION = 3  # 'Dr.', 'Inc.', 'J.'; a name as short hides a sentence's end, so a crop is coarser, not wrong


def crop(example: Example, draw: Random) -> Example | None:
    """The question on a run of whole sentences that holds all its references; `None` where nothing can be cut off.

    Every such run has the same chance. An unanswerable question keeps a sentence drawn at random and a run around it: what a
    text does not answer, its parts do not either.

    >>> made = crop(Example("1", "Who?", "It rained. Ada wrote it. Then she slept.", (Span("Ada", 11),)), Random(5))
    >>> made.context, made.answers
    ('Ada wrote it.', (Span(text='Ada', start=0),))
    """
    context, spans = example.context, example.answers or ()
    bounds = sentence_bounds(context)
    first, last = _kept(bounds, spans, draw)
    starts = [start for start in bounds[:-1] if start <= first]
    ends = [end for end in bounds[1:] if end >= last][::-1]
    runs = len(starts) * len(ends)
    if runs == 1:
        return None
    run = draw.randrange(1, runs)  # run 0 is the whole context: the first start with the last end
    start, end = _without_blanks(context, starts[run // len(ends)], ends[run % len(ends)], first, last)
    moved = tuple(replace(span, start=(span.start or 0) - start) for span in spans)
    return replace(example, context=context[start:end], answers=moved)


def removed(example: Example, _: Random) -> Example | None:
    """The question on its context without the sentences that hold an answer, so that nothing answers it any more.

    What is left is about the same matter, which makes it harder to tell than another passage. A sentence goes if it holds
    any of an answer's text, in whichever case or width. `None` for unanswerable questions, and where less than half of the
    context would be left: a reader could learn to answer nothing wherever a text is short.

    >>> made = removed(Example("1", "Who?", "It rained. Ada wrote it. Then she slept.", (Span("Ada", 11),)), Random(5))
    >>> made.context, made.answers
    ('It rained. Then she slept.', ())
    """
    context, spans = example.context, example.answers
    if not spans:
        return None
    texts = [evened(span.text) for span in spans]
    kept = [
        context[start:end]
        for start, end in pairwise(sentence_bounds(context))
        if not any(span.start is not None and span.start < end and start < span.end for span in spans)
        and not any(text in evened(context[start:end]) for text in texts)
    ]
    left = "".join(kept).strip()
    if 2 * len(left) < len(context) or any(text in evened(left) for text in texts):
        return None
    return replace(example, context=left, answers=())


def sentence_bounds(text: str) -> list[int]:
    """Where sentences begin, and the text's end: neighbours in the list enclose a sentence and the blanks after it.

    >>> sentence_bounds("Dr. No paid 3.5 dollars. Why? 他走了。")
    [0, 25, 30, 34]
    """
    bounds = [0]
    last = len(text.rstrip())
    for found in SENTENCE_END.finditer(text):
        at = found.end()
        if _ends_a_sentence(text, found) and at < last and not text[bounds[-1] : at].isspace():
            bounds.append(at)
    return [*bounds, len(text)]


def _ends_a_sentence(text: str, found: re.Match[str]) -> bool:
    following = text[found.end() : found.end() + 1]
    if following.islower() or (following and unicodedata.category(following) in ("Mn", "Mc", "Me", "Cf")):
        return False
    if not found[0].startswith("."):
        return True
    before = text[max(0, found.start() - LONGEST_ABBREVIATION - 2) : found.start()]
    word = before.split()[-1].lstrip("([\"'") if before and not before[-1].isspace() else ""
    return not (word[:1].isupper() and len(word) <= LONGEST_ABBREVIATION)


def _kept(bounds: Sequence[int], spans: Sequence[Span], draw: Random) -> tuple[int, int]:
    """What must stay: from the first reference to the last, or one sentence."""
    if spans:
        return min(span.start or 0 for span in spans), max(span.end for span in spans)
    sentence = draw.randrange(len(bounds) - 1)
    return bounds[sentence], bounds[sentence + 1]


def _without_blanks(text: str, start: int, end: int, first: int, last: int) -> tuple[int, int]:
    """The piece without white space at its ends, unless it is part of what must stay: some references end in a blank."""
    piece = text[start:end]
    return (
        min(start + len(piece) - len(piece.lstrip()), first),
        max(start + len(piece.rstrip()), last),
    )
