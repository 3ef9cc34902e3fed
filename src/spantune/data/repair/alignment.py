"""In: an answer as the data gives it, and its context. Out: the span that matches, and how it was found.

Does not know: records, files. Steps are tried from the surest to the least sure; a new repair is a new row of `STEPS`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import Literal

from spantune.data.records import Span
from spantune.data.repair.causes import CAUSES, NOT_FOUND, Cause
from spantune.data.repair.forms import FORMS, SEVERAL, Form, in_form, weight
from spantune.data.repair.layers import fold
from spantune.data.repair.words import cuts_word, inside_word, uncut

NEAR = 3
"""How many characters a wrong start may be off for the nearest of several occurrences to be believed.

Annotation tools that count from 1, or count a line end or a byte order mark once too often, are off by 1 to 3; all 234
wrong starts of COVID-QA are. Beyond that the nearest occurrence is a guess.
"""

ACCIDENT = 0.05
"""How likely it may be that one way or another to count hits one of the occurrences by accident."""

EDGES = " \t\n\r\u00a0.,;:!?…。，、；：！？．\"'“”‘’„«»「」『』《》()[]（）【】"
"""White space and punctuation that may be missing in the context. No sign that changes what is said: not -, % or $."""


REACH = 3
"""How many times longer an answer may be in the context's form: '&amp;' for '&', 'ﬁ' for 'fi', runs of white space."""

BELIEVED = 2
"""Letters or digits that an answer must have to be believed in another form at the start that is given: 'R&D' for 'R&amp;D'."""

MOST_SIGNS = 8
"""Signs that are taken off one by one; of more, such as a line of dots, all or none."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way to find a span: its reason code, what it makes of the record, and the search itself.

    The search gives no span, where it has nothing to say; one; or several, between which it cannot decide: then no less
    certain step is asked.
    """

    code: str
    outcome: Literal["kept", "repaired"]
    find: Callable[[str, Span], Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Alignment:
    """The span found and the step that found it; or no span, and the code 'absent' or 'ambiguous'."""

    span: Span | None
    code: str
    outcome: Literal["kept", "repaired", "quarantined"]


def align(context: str, given: Span, cause: Cause | None = None) -> Alignment:
    """Find the answer's span in its context; the text of a span that is found is always the context's own.

    `cause` is what the wrong starts of the file have in common, if anything (`weigh`). It is asked after the start as
    given: an answer that matches where it says it is stays there, even if it would match where the cause says, too. It
    says the same words in either place, and nothing shows that this one start is wrong. Nor is it changed if it cuts its
    words, for text and start agree on that: `mended` is for files in which many do.

    >>> align("a b c b", Span("c", 4)).code, align("a b c b", Span("c")).code
    ('exact', 'located')
    >>> align("a b c b", Span("c", 9)).span
    Span(text='c', start=4)
    >>> align("a b c b", Span("b", 7)), align("a b c b", Span("b")).code
    (Alignment(span=Span(text='b', start=6), code='exact_elsewhere_nearest', outcome='repaired'), 'ambiguous')
    >>> align("It was Ada Byron’s.", Span("ada byron's", 7)).span
    Span(text='Ada Byron’s', start=7)
    """
    if not given.text.strip():
        return Alignment(None, "absent", "quarantined")  # an empty text would match everywhere
    start = given.start
    if start is not None and start >= 0 and context.startswith(given.text, start):
        return Alignment(given, "exact", "kept")
    meant = given
    if cause is not None and start != NOT_FOUND:
        meant = Span(given.text, cause.convert(context, given))
        if exact(context, meant):
            return mended(context, Alignment(meant, cause.code, "repaired"))
    for step in STEPS:
        spans = step.find(context, given if meant.start is None else meant)
        if len(spans) > 1:
            return Alignment(None, "ambiguous", "quarantined")
        if spans:
            return mended(context, Alignment(spans[0], step.code, step.outcome))
    return Alignment(None, "ambiguous" if given.text.strip() in context else "absent", "quarantined")


def mended(context: str, alignment: Alignment) -> Alignment:
    """The alignment, or that of the words which its span cuts, where that is beyond doubt (`uncut`).

    >>> mended("in October 1973 they met", align("in October 1973 they met", Span("ctober 1973 ", 4))).span
    Span(text='October 1973', start=3)
    """
    assert alignment.span is not None
    whole = uncut(context, alignment.span)
    return alignment if whole is None else Alignment(whole, "cut_word", "repaired")


def exact(context: str, given: Span) -> Sequence[Span]:
    """The span as given, where it matches."""
    if given.start is not None and given.start >= 0 and context.startswith(given.text, given.start):
        return (given,)
    return ()


def located(context: str, given: Span) -> Sequence[Span]:
    """The only occurrence of an answer that came without a start."""
    return exact_elsewhere_unique(context, given) if given.start is None else ()


def exact_elsewhere_unique(context: str, given: Span) -> Sequence[Span]:
    """The only occurrence, wherever the wrong start pointed."""
    first_two = tuple(islice(occurrences(context, given.text), 2))
    return first_two if len(first_two) == 1 and _stands_alone(context, first_two[0]) else ()


def exact_elsewhere_nearest(context: str, given: Span) -> Sequence[Span]:
    """The one of several occurrences that lies within `NEAR` characters of the wrong start, and nearer than any other.

    Two spans, which is no decision, where it may be the text that is off and not the start (`rival`).
    """
    if given.start is None or given.start == NOT_FOUND:
        return ()
    places = range(max(given.start - NEAR, 0), given.start + NEAR + 1)
    hits = [Span(given.text, place) for place in places if context.startswith(given.text, place)]
    whole = [hit for hit in hits if not cuts_word(context, hit)]  # 'is' at 3 in 'This is' is the word, not the end of one
    near = _nearest(whole or hits, given.start)
    other = rival(context, given, near[0]) if len(near) == 1 else None
    return near if other is None else (*near, other)


def rival(context: str, given: Span, hit: Span) -> Span | None:
    """What stands at the start that is given, where a word begins and the text's own place is inside one.

    An answer sliced one character too late beside a right start looks like that; so does a part of a word beside a wrong
    start. Which of the two it is, a person must say.

    >>> rival("by Ada Lovelace.", Span("da Lovelace.", 3), Span("da Lovelace.", 4))
    Span(text='Ada Lovelace', start=3)
    >>> rival("by Ada Lovelace.", Span("Ada Lovelace", 4), Span("Ada Lovelace", 3)) is None
    True
    """
    if given.start is None or hit.start is None or uncut(context, hit) is not None:
        return None
    there = Span(context[given.start : given.end], given.start)
    if not there.text[:1].isalnum() or inside_word(context, given.start) or not inside_word(context, hit.start):
        return None
    return there


def counted_otherwise(code: str, context: str, given: Span) -> Sequence[Span]:
    """The one of several occurrences to which the start points, if it was counted as this cause says.

    Only where all causes that hit an occurrence hit the same one, and where that is no accident: the more occurrences
    there are, and the more ways to count, the easier it is to hit one. A cause that moves the start by `NEAR` characters
    or less has had its say.
    """
    decided = _decided(context, given)
    return (decided[1],) if decided and decided[0] == code else ()


def occurs_often(context: str, given: Span) -> Sequence[Span]:
    """The first two of several occurrences: no step so far could decide."""
    first_two = tuple(islice(occurrences(context, given.text), 2))
    return first_two if len(first_two) > 1 else ()


def edges_trimmed(context: str, given: Span) -> Sequence[Span]:
    """The answer without the white space at its edges."""
    text = given.text.strip()
    return () if text == given.text else _trimmed(context, given, text)


def at_start(code: str, context: str, given: Span) -> Sequence[Span]:
    """What the context says at the very start that is given, where it differs from the answer in this form alone.

    Text and start agree on it, so it is surer than the same letters somewhere else.
    """
    there = _at_start(context, given)
    return (there[1],) if there and there[0] == code else ()


def same_in(form: Form, context: str, given: Span) -> Sequence[Span]:
    """What the context says instead, which is equal in this form: near the start, or the only one and no accident."""
    spans = tuple(span for span in in_form(form, context, given.text) if not (form.joins and cuts_word(context, span)))
    near = _nearest(spans, given.start)
    if near or len(spans) != 1:
        return near or spans
    return spans if weight(given.text) >= form.letters and not cuts_word(context, spans[0]) else ()


def edge_punctuation(context: str, given: Span) -> Sequence[Span]:
    """The answer without the punctuation at its edges, which the context has not: as little of it as will do."""
    for text in _without_edges(given.text):
        trimmed = _trimmed(context, given, text)
        if len(trimmed) > 1 or (trimmed and _believable(context, given, trimmed[0])):
            return trimmed
    whole = given.text.strip(EDGES)
    return same_in(SEVERAL, context, Span(whole, given.start)) if whole not in ("", given.text) else ()


def spreadsheet_number(context: str, given: Span) -> Sequence[Span]:
    """The whole number that a spreadsheet or a data frame turned into '1900.0', where the context has it as a number."""
    number = re.fullmatch(r"(\d+)\.0", given.text.strip())
    if not number:
        return ()
    pattern = rf"(?<![\d.,]){number[1]}(?!\d|[.,]\d)"
    spans = [Span(number[1], match.start()) for match in re.finditer(pattern, context)]
    near = _nearest(spans, given.start)
    return near or (spans if len(spans) > 1 or weight(number[1]) >= SEVERAL.letters else ())


STEPS: tuple[Step, ...] = (
    Step("located", "kept", located),
    *(Step(form.code, "repaired", partial(at_start, form.code)) for form in FORMS),
    Step("edge_punctuation", "repaired", partial(at_start, "edge_punctuation")),
    Step("exact_elsewhere_unique", "repaired", exact_elsewhere_unique),
    Step("exact_elsewhere_nearest", "repaired", exact_elsewhere_nearest),
    *(Step(code, "repaired", partial(counted_otherwise, code)) for code in CAUSES),
    Step("ambiguous", "repaired", occurs_often),
    Step("edges_trimmed", "repaired", edges_trimmed),
    *(Step(form.code, "repaired", partial(same_in, form)) for form in FORMS),
    Step("edge_punctuation", "repaired", edge_punctuation),
    Step("spreadsheet_number", "repaired", spreadsheet_number),
)
"""After 'exact' and the file's systematic cause."""


def occurrences(context: str, text: str) -> Iterator[Span]:
    """Every place where the context has the text letter for letter, overlapping ones too."""
    start = context.find(text)
    while start >= 0:
        yield Span(text, start)
        start = context.find(text, start + 1)


def _stands_alone(context: str, span: Span) -> bool:
    """Whether a span is no part of a word ('man' in 'woman'), or the head of a long enough one ('Norman|s'), or mended."""
    if not cuts_word(context, span) or uncut(context, span) is not None:
        return True
    assert span.start is not None
    return not inside_word(context, span.start) and weight(span.text) >= SEVERAL.letters and not _cuts_number(context, span)


def _cuts_number(context: str, span: Span) -> bool:
    """Whether a span begins or ends between two digits: '500' is nowhere in '5000', as a suffix may be left out of a word."""
    assert span.start is not None
    return any(inside_word(context, place) and context[place].isdigit() for place in (span.start, span.end))


def _trimmed(context: str, given: Span, text: str) -> Sequence[Span]:
    """Where the context has a part of the answer: where it should be, or the only place, or several."""
    if given.start is not None:
        part = Span(text, given.start + given.text.index(text))
        for find in (exact, exact_elsewhere_unique, exact_elsewhere_nearest):
            spans = find(context, part) or find(context, Span(text, given.start))
            if len(spans) == 1:
                return spans
    return tuple(islice(occurrences(context, text), 2))


def _nearest(spans: Sequence[Span], start: int | None) -> Sequence[Span]:
    """Those of the spans that are nearest to a start and within `NEAR` of it: one, two at the same distance, or none."""
    if start is None or start == NOT_FOUND:
        return ()
    away = [abs(span.start - start) for span in spans if span.start is not None]
    least = min(away, default=NEAR + 1)
    return [span for span, distance in zip(spans, away, strict=True) if distance == least <= NEAR]


def _believable(context: str, given: Span, span: Span) -> bool:
    """Whether a changed text is where the start says, or is whole and has enough letters to be no accident."""
    enough = weight(span.text) >= SEVERAL.letters and not cuts_word(context, span)
    return enough or bool(_nearest((span,), given.start))


def _without_edges(text: str) -> Iterator[str]:
    """The text without the punctuation at its end, one character after the other; at its head; at both."""
    end, start = len(text.rstrip(EDGES)), len(text) - len(text.lstrip(EDGES))
    if start >= end:  # nothing but punctuation
        return
    yield from (text[:to] for to in range(len(text) - 1, max(end, len(text) - MOST_SIGNS) - 1, -1))
    yield from (text[begin:] for begin in range(1, min(start, MOST_SIGNS) + 1))
    if start or end < len(text):
        yield text[start:end]


@lru_cache(maxsize=2)  # every form's step asks this of one answer in turn
def _at_start(context: str, given: Span) -> tuple[str, Span] | None:
    start = given.start
    if start is None or not 0 <= start < len(context) or given.text != given.text.strip():
        return None
    part = context[start : start + REACH * len(given.text) + REACH]
    for text, code in ((given.text, None), (given.text.strip(EDGES), "edge_punctuation")):
        sought = fold(text, SEVERAL.folds).text.strip()
        if weight(sought) < BELIEVED or not fold(part, SEVERAL.folds).text.startswith(sought):
            continue
        for form in FORMS:
            first = next(in_form(form, part, text), None)
            if first is not None and first.start == 0:
                span = Span(first.text, start)
                return None if cuts_word(context, span) else (code or form.code, span)
    return None


@lru_cache(maxsize=2)  # every cause's step asks this of one answer in turn
def _decided(context: str, given: Span) -> tuple[str, Span] | None:
    if given.start is None or given.start == NOT_FOUND:
        return None
    bound = int(len(context) * ACCIDENT) + 2
    often = sum(1 for _ in islice(occurrences(context, given.text), bound))
    if not 2 <= often < bound:
        return None
    meant = {code: cause.convert(context, given) for code, cause in CAUSES.items()}
    far = {code: start for code, start in meant.items() if start is not None and abs(start - given.start) > NEAR}
    hits = {code: start for code, start in far.items() if start >= 0 and context.startswith(given.text, start)}
    accident = often * len(set(far.values())) / len(context)
    if len(set(hits.values())) != 1 or accident > ACCIDENT:
        return None
    code, start = next(iter(hits.items()))
    return code, Span(given.text, start)
