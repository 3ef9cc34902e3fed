"""In: one predicted answer and its references. Out: its scores, 0 to 1. Does not know: records, averages.

Definitions of Rajpurkar et al. 2016 (arXiv:1606.05250, section 6.1) and 2018 (arXiv:1806.03822), with the guard that
`normalise` tells about. Answers are compared as bags of words: word order counts for exact match and not for F1.

    P = shared words / words predicted      R = shared words / words of the reference      F1 = 2 P R / (P + R)

A question takes the reference that gives it the highest F1; blank references beside others are passed over. No reference
with text, as in `()`, means that the question has no answer: a prediction that normalises to nothing scores 1, any other
scores 0.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from spantune.evaluation.normalise import LANGUAGES, comparable_form


def exact_match(prediction: str, references: Sequence[str], language: str = "en") -> float:
    """Give 1.0 if the prediction equals any reference after normalisation, else 0.0.

    >>> exact_match("the Eiffel Tower!", ["Eiffel tower", "tower in Paris"])
    1.0
    >>> exact_match("Paris is the capital of France", ["The capital of France is Paris"])
    0.0
    """
    return match(prediction, references, partial(prepare, language=language)).exact_match


def token_f1(prediction: str, references: Sequence[str], language: str = "en") -> float:
    """Give the highest F1 of the words of the prediction against a reference, 0 to 1. Word order does not count.

    >>> token_f1("in Paris", ["Paris"])
    0.6666666666666666
    >>> token_f1("Paris is the capital of France", ["The capital of France is Paris"])
    1.0
    """
    return match(prediction, references, partial(prepare, language=language)).f1


def token_precision(prediction: str, references: Sequence[str]) -> float:
    """Give the share of predicted words that are in the reference with the highest F1, 0 to 1.

    Of references with the same F1 the one with the highest precision counts, whatever their order.

    >>> token_precision("in Paris", ["Paris"])
    0.5
    """
    return match(prediction, references).precision


def token_recall(prediction: str, references: Sequence[str]) -> float:
    """Give the share of the words of the reference with the highest F1 that were predicted, 0 to 1.

    >>> token_recall("in Paris", ["Paris"])
    1.0
    """
    return match(prediction, references).recall


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer made ready for comparison: its form.

    `normalised_away` is true for an answer, blank or not, that the official normalisation leaves nothing of.
    """

    form: str
    normalised_away: bool


def prepare(text: str, language: str = "en") -> Prepared:
    """Normalise one answer by a row of `normalise.LANGUAGES`.

    >>> prepare("the Seine"), prepare("The")
    (Prepared(form='seine', normalised_away=False), Prepared(form='the', normalised_away=True))
    """
    normalised = LANGUAGES[language](text)
    return Prepared(normalised, False) if normalised else Prepared(comparable_form(text, language), True)


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """How well one prediction agrees with one reference, each 0 to 1. The better match is the greater one.

    `guarded`: both normalise to nothing and the reference has text, the one case that may differ from the official
    scripts.
    """

    f1: float
    precision: float
    recall: float
    exact_match: float
    guarded: bool = False


# No article is as long, or holds a digit, so an answer with one of these is not normalised away.
_SURVIVES = re.compile("[A-Za-z0-9]{4}|[0-9]")
_EQUAL = Match(1.0, 1.0, 1.0, 1.0)
_DISJOINT = Match(0.0, 0.0, 0.0, 0.0)


def match(prediction: str, references: Sequence[str], prepare: Callable[[str], Prepared] = prepare) -> Match:
    """Compare a prediction with the reference that fits it best; hand in a cached `prepare` to compare many."""
    quoted = prediction in references
    if quoted and _SURVIVES.search(prediction):
        return _EQUAL
    given = prepare(prediction)
    if quoted and not given.normalised_away:
        return _EQUAL
    with_text = dict.fromkeys([reference for reference in references if reference.strip()])
    wanted = [prepare(reference) for reference in with_text or ("",)]
    if not given.normalised_away and any(given.form == one.form for one in wanted):
        return _EQUAL
    matches = [_compare(given, one) for one in wanted]
    return matches[0] if len(matches) == 1 else max(matches)


def _compare(prediction: Prepared, reference: Prepared) -> Match:
    if not reference.form:
        return _EQUAL if prediction.normalised_away else _DISJOINT
    if prediction.normalised_away and reference.normalised_away:
        return replace(_overlap(prediction.form, reference.form), guarded=True)
    return _overlap(prediction.form, reference.form)


def _overlap(prediction: str, reference: str) -> Match:
    if prediction == reference:
        return _EQUAL
    said, wanted = prediction.split(), reference.split()
    shared = _shared_words(said, wanted)
    if not shared:
        return _DISJOINT
    precision = shared / len(said)
    recall = shared / len(wanted)
    return Match(2 * precision * recall / (precision + recall), precision, recall, 0.0)


def _shared_words(one: list[str], other: list[str]) -> int:
    """Size of the intersection of two bags of words."""
    distinct, others = set(one), set(other)
    common = distinct & others
    if not common or len(one) == len(distinct) or len(other) == len(others):
        # A side without repeated words shares each of them at most once; this spares most pairs the slow counting.
        return len(common)
    return (Counter(one) & Counter(other)).total()
