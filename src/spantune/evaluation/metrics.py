"""In: one predicted answer and its references. Out: its scores, 0 to 1. Does not know: records, averages.

Definitions of Rajpurkar et al. 2016 (arXiv:1606.05250, section 6.1) and 2018 (arXiv:1806.03822), with the guard that
`normalise` tells about. Answers are compared as bags of words: word order counts for exact match and not for F1.

    P = shared words / words predicted      R = shared words / words of the reference      F1 = 2 P R / (P + R)

A question takes the reference that gives it the highest F1; blank references beside others are passed over. No reference
with text, as in `()`, means that the question has no answer: a prediction that normalises to nothing scores 1, any other
scores 0.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from spantune.evaluation.normalise import comparable_form, normalise_answer


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """Give 1.0 if the prediction equals any reference after normalisation, else 0.0.

    >>> exact_match("the Eiffel Tower!", ["Eiffel tower", "tower in Paris"])
    1.0
    >>> exact_match("Paris is the capital of France", ["The capital of France is Paris"])
    0.0
    """
    return match(prediction, references).exact_match


def token_f1(prediction: str, references: Sequence[str]) -> float:
    """Give the highest F1 of the words of the prediction against a reference, 0 to 1. Word order does not count.

    >>> token_f1("in Paris", ["Paris"])
    0.6666666666666666
    >>> token_f1("Paris is the capital of France", ["The capital of France is Paris"])
    1.0
    """
    return match(prediction, references).f1


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
    """An answer made ready for comparison: its form, the words in it, and the distinct ones among them.

    `normalised_away` is true for an answer, blank or not, that the official normalisation leaves nothing of.
    """

    form: str
    words: tuple[str, ...]
    distinct: frozenset[str]
    normalised_away: bool


def prepare(text: str) -> Prepared:
    """Normalise and split one answer.

    >>> prepare("the Seine").words, prepare("The").words, prepare("The").normalised_away
    (('seine',), ('the',), True)
    """
    normalised = normalise_answer(text)
    form = normalised or comparable_form(text)
    words = tuple(form.split())
    return Prepared(form, words, frozenset(words), normalised_away=not normalised)


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


_EQUAL = Match(1.0, 1.0, 1.0, 1.0)
_DISJOINT = Match(0.0, 0.0, 0.0, 0.0)


def match(prediction: str, references: Sequence[str], prepare: Callable[[str], Prepared] = prepare) -> Match:
    """Compare a prediction with the reference that fits it best; hand in a cached `prepare` to compare many."""
    given = prepare(prediction)
    with_text = [reference for reference in references if reference.strip()]
    return max(_compare(given, prepare(reference)) for reference in with_text or [""])


def _compare(prediction: Prepared, reference: Prepared) -> Match:
    if not reference.form:
        return _EQUAL if prediction.normalised_away else _DISJOINT
    if prediction.normalised_away and reference.normalised_away:
        return replace(_overlap(prediction, reference), guarded=True)
    return _overlap(prediction, reference)


def _overlap(prediction: Prepared, reference: Prepared) -> Match:
    if prediction.form == reference.form:
        return _EQUAL
    shared = _shared_words(prediction, reference)
    if not shared:
        return _DISJOINT
    precision = shared / len(prediction.words)
    recall = shared / len(reference.words)
    return Match(2 * precision * recall / (precision + recall), precision, recall, 0.0)


def _shared_words(one: Prepared, other: Prepared) -> int:
    """Size of the intersection of two bags of words."""
    common = one.distinct & other.distinct
    if not common or len(one.words) == len(one.distinct) or len(other.words) == len(other.distinct):
        # A side without repeated words shares each of them at most once; this spares most pairs the slow counting.
        return len(common)
    return (Counter(one.words) & Counter(other.words)).total()
