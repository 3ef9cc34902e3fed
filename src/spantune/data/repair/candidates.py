"""In: an answer that could not be aligned, and its context. Out: the spans that it may have meant, for a person to choose.

Does not know: outcomes. Nothing here is ever applied without a person.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from spantune.data.records import Span
from spantune.data.repair.alignment import NEAR, occurrences, rival
from spantune.data.repair.causes import NOT_FOUND
from spantune.data.repair.forms import FORMS, MOST_PLACES, SEVERAL, in_form
from spantune.data.repair.layers import Folded, fold, folded_context
from spantune.data.repair.words import inside_word

LEAST_ALIKE = 0.5
"""Quotes that share less than half of their letters with the answer are not shown: they would hide that it is absent."""

MOST_SOUGHT = 400
"""Characters of an answer that are sought at once. A longer one is sought by its head, which keeps 50,000 characters of
context within some tens of milliseconds."""

LONGEST_WORD = 40  # characters that a candidate is widened by at most, where a 'word' never ends


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span that may be the answer; `similarity` of its text and the answer's, from 0 to 1; and why it is shown."""

    span: Span
    similarity: float
    why: str


def candidates(context: str, given: Span, most: int = 5) -> tuple[Candidate, ...]:
    """The spans that an answer may have meant, the best first, at most `most`.

    All places that have the answer letter for letter, the nearest to its start first; where there is none, those that say
    the same in another form; where there is none either, the quotes most like it.

    >>> [one.span.start for one in candidates("Ada met Ada", Span("Ada", 7))]
    [8, 0]
    >>> candidates("It was built in 1843 by Ada.", Span("build in 1843"))[0].span
    Span(text='built in 1843', start=7)
    """
    if not given.text.strip():
        return ()
    alike = [Candidate(span, 1.0, "the same text") for span in islice(occurrences(context, given.text.strip()), MOST_PLACES)]
    forms = iter(FORMS)
    while not alike and (form := next(forms, None)):
        why = f"the same but for its form: {form.code.replace('_', ' ')}"
        alike = [Candidate(span, 1.0, why) for span in in_form(form, context, given.text)]
    if not alike:
        return tuple(islice(_quotes_like(context, given.text, most), most))
    alike.sort(key=lambda one: _distance(one.span, given.start))
    other = rival(context, given, alike[0].span) if _distance(alike[0].span, given.start) <= NEAR else None
    if other is not None:
        alike.insert(1, Candidate(other, _ratio(given.text, other.text), "what stands at the start that is given"))
    return tuple(alike[:most])


def _ratio(one: str, other: str) -> float:
    from rapidfuzz.fuzz import ratio

    return ratio(one, other) / 100


def _distance(span: Span, start: int | None) -> int:
    assert span.start is not None
    return span.start if start is None or start == NOT_FOUND else abs(span.start - start)


def _quotes_like(context: str, text: str, most: int) -> Iterator[Candidate]:
    """The quotes most like a text, by rapidfuzz's best partial match, each search in what the ones before left over."""
    folded, sought = folded_context(context, SEVERAL.folds), fold(text, SEVERAL.folds).text.strip()
    found: dict[Span, float] = {}
    for start, end in _best_parts(sought, folded.text, most):
        span = _quote(context, folded, start, end)
        if span is not None:
            found[span] = _ratio(sought, fold(span.text, SEVERAL.folds).text)
    for span, similarity in sorted(found.items(), key=lambda one: -one[1]):
        if similarity >= LEAST_ALIKE:
            yield Candidate(span, similarity, "a similar text")


def _best_parts(sought: str, text: str, most: int) -> Iterator[tuple[int, int]]:
    """Places of a text that are most like what is sought; they do not overlap."""
    from rapidfuzz.fuzz import partial_ratio_alignment

    head = sought[:MOST_SOUGHT]
    regions = [(0, len(text))]
    for _ in range(most):
        best = None
        for region in regions:
            if region[1] - region[0] < len(head):  # the shorter text would be sought in the longer
                continue
            match = partial_ratio_alignment(head, text[region[0] : region[1]], score_cutoff=100 * LEAST_ALIKE)
            if match and (best is None or match.score > best[0]):
                best = (match.score, region, region[0] + match.dest_start, region[0] + match.dest_end)
        if best is None:
            return
        _, region, start, end = best
        yield start, min(region[1], end + len(sought) - len(head))
        regions.remove(region)
        regions += [(region[0], start), (end, region[1])]


def _quote(context: str, folded: Folded, start: int, end: int) -> Span | None:
    """A place of the folded text as a quote of the context, widened to whole words, without white space at its edges."""
    first, last = folded.start_in_source(start), folded.end_in_source(end)
    while first is None and start > 0:
        start -= 1
        first = folded.start_in_source(start)
    while last is None and end < len(folded.text):
        end += 1
        last = folded.end_in_source(end)
    if first is None or last is None or first >= last:
        return None
    first = next((place for place in range(first, max(-1, first - LONGEST_WORD), -1) if not inside_word(context, place)), first)
    last = next((place for place in range(last, last + LONGEST_WORD) if not inside_word(context, place)), last)
    text = context[first:last]
    first += len(text) - len(text.lstrip())
    return Span(text.strip(), first) if text.strip() else None
