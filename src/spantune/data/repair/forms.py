"""In: an answer whose text differs in form from its context. Out: the places of the context that say the same.

Does not know: outcomes. A new way in which texts may differ is a new row of `FORMS`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from spantune.data.records import Span
from spantune.data.repair import folds
from spantune.data.repair.layers import Fold, Folded, fold, folded_context

FEW_LETTERS = 3
"""Letters and digits that an answer must have to be believed wherever it stands, when its form was changed: 'US' is found
as 'us' in most contexts by accident. A Han character is a word or half of one and counts twice."""


MOST_PLACES = 1_000
"""Places that are looked at: an answer that fits in more is ambiguous, and a hostile one ('a' in a million of them) is too."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which two texts may differ and say the same: what makes them equal, and the letters it takes to believe it.

    `letters` is 0 where nothing a person sees is changed. `joins` is whether the ends of words are among what may differ: then
    a place that cuts a word is one by accident.
    """

    code: str
    folds: tuple[Fold, ...]
    letters: int
    joins: bool = False


_ALL = (
    folds.unescaped,
    folds.compatible,
    folds.composed,
    folds.visible,
    folds.quotes,
    folds.letters,
    folds.composed,
    folds.spaces,
)

FORMS: tuple[Form, ...] = (
    Form("white_space", (folds.visible, folds.spaces), 0),
    Form("unicode_form", (folds.composed,), 0),
    Form("compatible_characters", (folds.compatible, folds.composed), FEW_LETTERS),
    Form("quotes_dashes", (folds.quotes,), FEW_LETTERS),
    Form("html_entities", (folds.unescaped,), FEW_LETTERS),
    Form("letter_case", (folds.letters,), FEW_LETTERS),
    Form("several_forms", _ALL, FEW_LETTERS),
    Form("no_spaces", (*_ALL, folds.no_spaces), FEW_LETTERS, joins=True),
)
"""The forms, in order of certainty."""

SEVERAL = next(form for form in FORMS if form.code == "several_forms")


def in_form(form: Form, context: str, text: str) -> Iterator[Span]:
    """The places of the context that equal a text in this form, as the context writes them, in their order.

    Of the places of the folded text the first `MOST_PLACES` are looked at.

    A place that starts or ends inside a rewritten piece (half of a ligature), or between a letter and its mark, is none.

    >>> list(in_form(FORMS[5], "Ada saw ADA", "ada"))
    [Span(text='Ada', start=0), Span(text='ADA', start=8)]
    """
    sought = fold(text, form.folds).text.strip()
    if not sought:  # it would be found everywhere
        return
    folded = folded_context(context, form.folds)
    for at in islice(_places(folded.text, sought), MOST_PLACES):
        span = _quoted(context, folded, at, at + len(sought))
        if span is not None and fold(span.text, form.folds).text.strip() == sought:
            yield span


def weight(text: str) -> int:
    """Letters and digits of a text; Han characters and kana count twice.

    >>> weight("U.S."), weight("东京"), weight("“…”")
    (2, 4, 0)
    """
    return sum(character.isalnum() + ("\u2e80" <= character <= "\u9fff") for character in text)


def _places(text: str, sought: str) -> Iterator[int]:
    at = text.find(sought)
    while at >= 0:
        yield at
        at = text.find(sought, at + 1)


def _quoted(context: str, folded: Folded, start: int, end: int) -> Span | None:
    """What the context has at a place of its folded text, if both edges of the place are edges of letters there."""
    first, last = folded.start_in_source(start), folded.end_in_source(end)
    if first is None or last is None or first >= last:
        return None
    split = any(place < len(context) and folds.joins(context[place]) for place in (first, last) if place)
    return None if split else Span(context[first:last], first)
