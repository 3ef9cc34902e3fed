"""In: labelled questions, what was answered, what that scored. Out: the three side by side, with the group each belongs to.

Does not know: who answered. What a tool did not say, `None`, is not made up.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from spantune.data.records import Example, Record
from spantune.data.splitting import GROUPINGS
from spantune.errors import EvaluationError
from spantune.evaluation.metrics import exact_match, token_f1
from spantune.evaluation.pairing import pair
from spantune.evaluation.scores import QuestionScore, Scores
from spantune.evaluation.uncertainty import Mean, Resampling

TOP = (1, 3, 5)  # how many best answers are looked at for recall


@dataclass(frozen=True, slots=True)
class Given:
    """What was answered to one question; `text` is "" for "no answer".

    `start` is a code point of the context; `probability` is that of the answer as its tool gave it, `no_answer_score` higher
    for "no answer"; `alternatives` are the texts of the best answers, best first, the one given among them.
    """

    id: str
    text: str
    start: int | None = None
    probability: float | None = None
    no_answer_score: float | None = None
    alternatives: tuple[str, ...] = ()
    confidence: float | None = None

    @classmethod
    def of(cls, answer: Any) -> "Given":
        """What any answer with `id` and `text` says; its other fields where it has them.

        >>> from types import SimpleNamespace
        >>> Given.of(SimpleNamespace(id="1", text="Ada", probability=0.9))
        Given(id='1', text='Ada', start=None, probability=0.9, no_answer_score=None, alternatives=(), confidence=None)
        """
        if isinstance(answer, cls):
            return answer
        return cls(
            answer.id,
            answer.text,
            getattr(answer, "start", None) if answer.text else None,
            getattr(answer, "probability", None),
            getattr(answer, "no_answer_score", None),
            tuple(one.text for one in getattr(answer, "alternatives", ())),
            getattr(answer, "confidence", None),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One question, what was answered, and what that scored. `group` names what it was resampled with: its document, mostly.

    `confidence` is the calibrated probability that the answer matches exactly, where one is known; `unreachable` is whether no
    window of the reader shows a whole reference.
    """

    record: Example
    given: Given
    score: QuestionScore
    group: str
    confidence: float | None = None
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Grouped:
    """For each record the name of its group, and how they were grouped, in words."""

    names: tuple[str, ...]
    sentence: str
    count: int


@dataclass(frozen=True, slots=True)
class Cases:
    """Questions, answers and scores, in order, how the questions were grouped, and by which language texts are compared."""

    each: tuple[Case, ...] = field(repr=False)
    grouped: Grouped
    language: str = "en"

    def __len__(self) -> int:
        return len(self.each)

    def known(self, confidence: Sequence[float | None] | None, unreachable: Collection[str] = ()) -> "Cases":
        """The same with calibrated probabilities, one a case, and the ids of questions whose answer no window shows."""
        values = [None] * len(self.each) if confidence is None else confidence
        if len(values) != len(self.each):
            raise EvaluationError(
                f"{len(values)} confidences for {len(self.each)} questions",
                expected="one for each question, in their order",
                next_move="hand in the confidences of these answers",
            )
        both = zip(self.each, values, strict=True)
        each = (replace(case, confidence=value, unreachable=case.record.id in unreachable) for case, value in both)
        return replace(self, each=tuple(each))


def agreement(case: Case, language: str) -> float | None:
    """How well the annotators of a question agree: the mean F1 of each label against the others; `None` for fewer than two.

    Of the labels as the data has them: aliases are no annotators.
    """
    texts = [span.text for span in case.record.answers or ()]
    each = [token_f1(text, [*texts[:at], *texts[at + 1 :]], language) for at, text in enumerate(texts)]
    return sum(each) / len(each) if len(each) > 1 else None


def cases_of(
    records: Sequence[Example], answers: Iterable[Any], scores: Scores, language: str = "en", grouped: Grouped | None = None
) -> Cases:
    """Put together what belongs together. Raises `EvaluationError` for answers of other questions.

    `grouped` is that of the records where they were grouped already.
    """
    grouped = grouped or groups_of(records)
    both = zip(pair(tuple(records), answers), scores.per_question, grouped.names, strict=True)
    return Cases(
        tuple(Case(record, Given.of(answer), score, group) for (record, answer), score, group in both), grouped, language
    )


def groups_of(records: Sequence[Record]) -> Grouped:
    """Questions about one document belong together; of one document alone, those about one paragraph.

    >>> rows = [Example(str(number), "Who?", f"Ada, {number}.", document=f"d{number // 5}") for number in range(20)]
    >>> groups_of(rows).count
    4
    """
    for by in ("document", "context"):
        grouping = GROUPINGS[by](records)
        roots = grouping.roots
        count = len(set(roots))
        if count > 1:
            break
    names: dict[int, str] = {}
    for root, record in zip(roots, records, strict=True):  # by content: the order of the questions changes no interval
        names[root] = min(names.get(root, record.id), record.id)
    return Grouped(tuple(names[root] for root in roots), grouping.sentence, count)


def means_of(of: Cases) -> dict[str, Mean]:
    """Every score of the questions with its interval, 0 to 1, under the names that `Scores.as_dict` has them by.

    `top_3` is the share of questions that have an exact match among the three best answers, where alternatives are known.
    """
    cases = of.each
    table: dict[str, list[float]] = {
        name: [getattr(case.score, name) for case in cases] for name in ("exact_match", "f1", "precision", "recall")
    }
    present: dict[str, list[bool]] = {}
    answerable = [case.score.has_answer for case in cases]
    if not all(answerable) and any(answerable):
        for group, wanted in (("HasAns", True), ("NoAns", False)):
            for name, column in (("exact", "exact_match"), ("f1", "f1")):
                table[f"{group}_{name}"] = table[column]
                present[f"{group}_{name}"] = [one is wanted for one in answerable]
    if any(len(case.given.alternatives) > 1 for case in cases):
        for most in TOP[1:]:
            table[f"top_{most}"] = [_hit(case, most, of.language) for case in cases]
    shown = np.ones((len(cases), len(table)), dtype=bool)
    for at, name in enumerate(table):
        if name in present:
            shown[:, at] = present[name]
    sums = Resampling(len(table))
    sums.add([case.group for case in cases], np.array(list(table.values())).T, shown)
    return {name: sums.mean(column) for column, name in enumerate(table)}


def _hit(case: Case, most: int, language: str) -> float:
    if case.score.exact_match:
        return 1.0
    return max((exact_match(text, case.score.references, language) for text in case.given.alternatives[:most]), default=0.0)
