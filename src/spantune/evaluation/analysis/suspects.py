"""In: cases. Out: labels that look wrong, for a person to look at, the most suspicious first. Does not know: answers' makers.

A label is suspected for a reason of `REASONS`; nothing is corrected here, and scores are not changed by it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

from spantune.evaluation.cases import Case, Cases, agreement
from spantune.evaluation.metrics import token_f1
from spantune.evaluation.normalise import comparable_form

SURE = 0.7  # calibrated; of readers that say no more than a probability, 0.9 of that
SURE_UNCALIBRATED = 0.9
APART = 0.3  # mean F1 between annotators, below which they do not mean the same

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "sure of another answer": "the reader is sure of an answer that shares no word with any reference",
        "sure that there is one": "the reader is sure of an answer where the label says that there is none",
        "annotators disagree": "the references of the question hardly share a word",
        "labelled twice": "the same question about the same context has another answer in another record",
        "cuts a word": "a reference begins or ends inside a word of the context",
    }
)
_WEIGHT = {name: len(REASONS) - at for at, name in enumerate(("labelled twice", "cuts a word", "annotators disagree"))}


@dataclass(frozen=True, slots=True)
class Suspect:
    """One label to look at, and why, names of `REASONS`."""

    case: Case
    reasons: tuple[str, ...]

    def as_row(self) -> dict[str, object]:
        """One row of a review sheet."""
        score = self.case.score
        return {
            "id": score.id,
            "question": self.case.record.question,
            "references": list(score.references),
            "prediction": score.prediction,
            "confidence": _sureness(self.case) or None,
            "reasons": list(self.reasons),
        }


def suspects_of(cases: Cases) -> tuple[Suspect, ...]:
    """Every label with a reason to doubt it: most reasons first, then by how sure the reader is of something else."""
    twice = _labelled_twice(cases.each, cases.language)
    found = []
    for case in cases.each:
        reasons = tuple(name for name in REASONS if _fits(name, case, twice, cases.language))
        if reasons:
            found.append(Suspect(case, reasons))
    return tuple(sorted(found, key=lambda one: (-sum(_WEIGHT.get(name, 1) for name in one.reasons), -_sureness(one.case))))


def _fits(reason: str, case: Case, twice: frozenset[str], language: str) -> bool:
    if reason == "labelled twice":
        return case.record.id in twice
    if reason == "annotators disagree":
        agreed = agreement(case, language)
        return agreed is not None and agreed < APART
    if reason == "cuts a word":
        return any(_cuts(case, span.start, span.text) for span in case.record.answers or ())
    if case.score.f1 > 0 or not case.given.text or not _is_sure(case):
        return False
    return (reason == "sure of another answer") == bool(case.score.references)


def _is_sure(case: Case) -> bool:
    if case.confidence is not None:
        return case.confidence >= SURE
    return (case.given.probability or 0.0) >= SURE_UNCALIBRATED


def _sureness(case: Case) -> float:
    value = case.confidence if case.confidence is not None else case.given.probability or 0.0
    return value if isfinite(value) else 0.0


def _cuts(case: Case, start: int | None, text: str) -> bool:
    """Letters or digits on both sides of an end; scripts without spaces cut words wherever they end."""
    context = case.record.context
    if start is None or not context.startswith(text, start) or not text:
        return False
    ends = ((start - 1, start), (start + len(text) - 1, start + len(text)))
    return any(
        left >= 0 and right < len(context) and all(_in_a_word(context[at]) for at in (left, right)) for left, right in ends
    )


# Thai, Lao, Myanmar, Khmer; from 2E80 on Chinese, Japanese, Korean: words are not parted by spaces there, or endings join them.
_WITHOUT_SPACES = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x10FFFF))


def _in_a_word(sign: str) -> bool:
    return sign.isalnum() and not any(low <= ord(sign) <= high for low, high in _WITHOUT_SPACES)


def _labelled_twice(cases: Sequence[Case], language: str) -> frozenset[str]:
    """Ids of questions asked more than once about one context, whose answers share no words."""
    same: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        same[comparable_form(case.record.question, language), case.record.context].append(case)
    found: set[str] = set()
    for group in same.values():
        for case in group:
            others = [text for other in group if other is not case for text in other.score.references or ("",)]
            own = case.score.references or ("",)
            if others and max(token_f1(text, others, language) if text else float("" in others) for text in own) == 0:
                found.add(case.record.id)
    return frozenset(found)
