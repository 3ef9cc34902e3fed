"""In: cases. Out: each answer that does not match exactly, in a class of mistakes, with counts. Does not know: readers.

The classes are tried in the order of `MISTAKES`; the first that fits is taken, so that counts add up.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from spantune.evaluation.cases import Case, Cases
from spantune.evaluation.normalise import comparable_form

_SENTENCE_END = re.compile(r"[.!?]+\s|[\u3002\uff01\uff1f]+|\n")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One answer that does not match, and the name of its class."""

    case: Case
    kind: str


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Every mistake, the lowest F1 first; `counts` has each class that occurs, the most frequent first.

    `elsewhere` counts answers that match the text of a reference at another place of the context: scores take them for right.
    """

    each: tuple[Mistake, ...] = field(repr=False)
    counts: Mapping[str, int]
    elsewhere: int

    def of(self, kind: str) -> tuple[Mistake, ...]:
        """Those of one class."""
        return tuple(one for one in self.each if one.kind == kind)


def _answered_the_unanswerable(case: Case, language: str) -> bool:
    return not case.score.has_answer


def _refused_the_answerable(case: Case, language: str) -> bool:
    return not case.given.text


def _gold_in_no_window(case: Case, language: str) -> bool:
    return case.unreachable


def _right_words_elsewhere(case: Case, language: str) -> bool:
    return place_of(case) is not None and not _touches(case) and _shares_words(case, language)


def _boundary_too_long(case: Case, language: str) -> bool:
    return any(_inside(one, case.given.text, language) for one in case.score.references)


def _boundary_too_short(case: Case, language: str) -> bool:
    return any(_inside(case.given.text, one, language) for one in case.score.references)


def _boundary_shifted(case: Case, language: str) -> bool:
    return _touches(case)


def _same_sentence(case: Case, language: str) -> bool:
    place = place_of(case)
    if place is None or not _starts(case):
        return False
    ends = [found.end() for found in _SENTENCE_END.finditer(case.record.context)]

    def sentence(at: int) -> int:
        return sum(end <= at for end in ends)

    return any(sentence(start) == sentence(place) for start in _starts(case))


def _wrong_sentence(case: Case, language: str) -> bool:
    return place_of(case) is not None


MISTAKES: Mapping[str, tuple[Callable[[Case, str], bool], str]] = MappingProxyType(
    {
        "answered the unanswerable": (_answered_the_unanswerable, "the question has no answer in its context, and got one"),
        "gold in no window": (_gold_in_no_window, "no window of the reader shows a whole reference, so none could be found"),
        "refused the answerable": (_refused_the_answerable, "the question has an answer, and got none"),
        "boundary too long": (_boundary_too_long, "a reference with words before or behind it that do not belong to it"),
        "boundary too short": (_boundary_too_short, "a part of a reference"),
        "boundary shifted": (_boundary_shifted, "overlaps a reference and leaves it at one end"),
        "right words elsewhere": (_right_words_elsewhere, "words of a reference, at another place of the context"),
        "other words of the sentence": (_same_sentence, "no overlap, in the sentence of a reference"),
        "wrong sentence": (_wrong_sentence, "no overlap, in another sentence than any reference"),
        "not in the context": (lambda case, language: True, "no overlap with a reference, and not quoted from the context"),
    }
)


def mistakes_of(cases: Cases) -> Mistakes:
    """Each answer without an exact match, in its class."""
    wrong = sorted((case for case in cases.each if not case.score.exact_match), key=lambda case: case.score.f1)
    each = tuple(Mistake(case, kind_of(case, cases.language)) for case in wrong)
    counts = {kind: sum(one.kind == kind for one in each) for kind in MISTAKES}
    elsewhere = sum(_elsewhere(case) for case in cases.each)
    return Mistakes(each, dict(sorted(((k, n) for k, n in counts.items() if n), key=lambda item: -item[1])), elsewhere)


def _elsewhere(case: Case) -> bool:
    """Whether an answer that matches stands at another place than every label; one that is written otherwise has no place."""
    return bool(case.score.exact_match and _starts(case) and place_of(case) is not None and not _touches(case))


def kind_of(case: Case, language: str = "en") -> str:
    """The class of one mistake."""
    return next(kind for kind, (fits, _) in MISTAKES.items() if fits(case, language))


def place_of(case: Case) -> int | None:
    """Where the answer stands: where its tool says, or the place of its text nearest to a reference."""
    text, context = case.given.text, case.record.context
    if text and case.given.start is not None and context.startswith(text, case.given.start):
        return case.given.start
    places = [found.start() for found in re.finditer(re.escape(text), context)] if text.strip() else []
    starts = _starts(case) or [0]
    return min(places, key=lambda at: min(abs(at - start) for start in starts), default=None)


def _starts(case: Case) -> Sequence[int]:
    return [span.start for span in case.record.answers or () if span.start is not None]


def _touches(case: Case) -> bool:
    place = place_of(case)
    if place is None:
        return False
    end = place + len(case.given.text)
    spans = [span for span in case.record.answers or () if span.start is not None]
    return any(place < span.end and (span.start or 0) < end for span in spans)


def _shares_words(case: Case, language: str) -> bool:
    said = set(comparable_form(case.given.text, language).split())
    return any(said & set(comparable_form(one, language).split()) for one in case.score.references)


def _inside(part: str, whole: str, language: str) -> bool:
    """Whether the words of `part` stand in a row within `whole`, and are fewer."""
    words, of = comparable_form(part, language).split(), comparable_form(whole, language).split()
    if not words or len(words) >= len(of):
        return False
    return any(of[at : at + len(words)] == words for at in range(len(of) - len(words) + 1))
