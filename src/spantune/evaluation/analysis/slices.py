"""In: cases. Out: the scores of parts of them, those that are surely worse than the rest first. Does not know: readers.

What a question is sliced by is a row of `SLICERS`, or a field that the records carry. Many slices are looked at, so
p-values are corrected (Holm), and "worse" means worse than all other questions, resampled by group.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from spantune.evaluation.cases import Case, Cases, agreement
from spantune.evaluation.uncertainty import LEVEL, Interval, Mean, Resampling, freedom, holm, interval_of, t_two_sided

FEWEST = 10  # questions, below which a slice is not shown
MOST_VALUES = 20  # of one field: a field with a value of its own for each question slices nothing
MOST_DOCUMENTS = 40  # the largest ones: more slices only make the correction for their number harsher
ROUNDS = 1000
WORDS_IN_A_WINDOW = 250  # 384 tokens less a question, at about 1.4 tokens a word

QUESTION_WORDS = ("how many", "how much", "how long", "how", "what", "when", "where", "which", "who", "whose", "whom", "why")
_OPENING = re.compile(rf"\b({'|'.join(QUESTION_WORDS)})\b", re.IGNORECASE)
_YES_NO = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "am",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "can",
        "could",
        "will",
        "would",
        "shall",
        "should",
        "may",
        "might",
        "must",
    ]
)


@dataclass(frozen=True, slots=True)
class Slice:
    """The questions for which `name` is `value`: scores 0 to 1, and `behind`, their mean F1 less that of all others.

    `p` is corrected for the number of slices; `behind`, its interval and `p` are `None` where there are no others or one group.
    """

    name: str
    value: str
    count: int
    f1: Mean
    exact_match: Mean
    behind: float | None
    interval: Interval | None
    p: float | None

    @property
    def surely_worse(self) -> bool:
        """Whether chance alone does not explain that it is behind."""
        return self.p is not None and self.p < 1 - LEVEL and (self.behind or 0.0) < 0


@dataclass(frozen=True, slots=True)
class Sliced:
    """Every slice with enough questions, surely worse ones first, the worst of them first; how many were too small."""

    slices: tuple[Slice, ...]
    too_small: int

    @property
    def worse(self) -> tuple[Slice, ...]:
        """Those that are surely worse than the rest."""
        return tuple(one for one in self.slices if one.surely_worse)


def question_word(case: Case) -> str:
    """The question word: the first one anywhere in the question, or `yes/no` for one that opens with a verb.

    >>> from types import SimpleNamespace as S
    >>> [question_word(S(record=S(question=text))) for text in ("In what year?", "Is it so?", "Name a river.")]
    ['what', 'yes/no', 'other']
    """
    question = case.record.question
    first = question.split(maxsplit=1)[0].lower() if question.split() else ""
    if first in _YES_NO:
        return "yes/no"
    found = _OPENING.search(question)
    return found[1].lower() if found else "other"


def answer_length(case: Case) -> str | None:
    """Words of the shortest reference."""
    words = min((len(text.split()) for text in case.score.references), default=None)
    return None if words is None else _band(words, (1, 2, 5, 10), "word")


def context_length(case: Case) -> str:
    """Words of the context."""
    return _band(len(case.record.context.split()), (100, 250, 500, 1000), "word")


def position(case: Case) -> str | None:
    """Where in the context the first reference stands."""
    starts = [span.start for span in case.record.answers or () if span.start is not None]
    if not starts:
        return None
    quarter = min(int(4 * min(starts) / max(len(case.record.context), 1)), 3)
    return ("first quarter", "second quarter", "third quarter", "last quarter")[quarter]


def windows(case: Case) -> str:
    """About how many windows a context takes, by its words."""
    return _band(-(-len(case.record.context.split()) // WORDS_IN_A_WINDOW) or 1, (1, 2, 4), "window")


def annotators(case: Case, language: str = "en") -> str | None:
    """How well the annotators of a question agree."""
    agreed = agreement(case, language)
    return None if agreed is None else "all agree" if agreed == 1 else "mostly agree" if agreed >= 0.6 else "disagree"


def answerable(case: Case) -> str:
    """Whether the question has an answer."""
    return "has an answer" if case.score.has_answer else "has none"


def document(case: Case) -> str | None:
    """The document that the data names."""
    return case.record.document


SLICERS: Mapping[str, Callable[[Case], str | None]] = MappingProxyType(
    {
        "question word": question_word,
        "answer": answerable,
        "answer length": answer_length,
        "context length": context_length,
        "position of the answer": position,
        "windows": windows,
        "annotators": annotators,
        "document": document,
    }
)


def slices_of(cases: Cases) -> Sliced:
    """The scores of every slice that has `FEWEST` questions and is not all of them."""
    members, too_small = _members(cases)
    if not members:
        return Sliced((), too_small)
    count = len(cases)
    inside = np.zeros((count, len(members)), dtype=bool)
    for column, (_, _, own) in enumerate(members):
        inside[own, column] = True
    f1 = np.array([case.score.f1 for case in cases.each])
    em = np.array([case.score.exact_match for case in cases.each])
    sums = Resampling(3 * len(members), rounds=ROUNDS)
    for begin in range(0, count, _PORTION):
        part = slice(begin, begin + _PORTION)
        own = inside[part]
        values = np.concatenate([np.broadcast_to(one[part, None], own.shape) for one in (f1, em, f1)], axis=1)
        groups = [case.group for case in cases.each[part]]
        sums.add(groups, values, np.concatenate([own, own, ~own], axis=1))
    rows = [_slice(sums, column, len(members), name, value) for column, (name, value, _) in enumerate(members)]
    corrected = iter(holm([row.p for row in rows if row.p is not None]))
    rows = [row if row.p is None else replace(row, p=next(corrected)) for row in rows]
    return Sliced(tuple(sorted(rows, key=_worst_first)), too_small)


_PORTION = 4096


def _worst_first(row: Slice) -> tuple[bool, float]:
    return not row.surely_worse, (row.behind or 0.0) if row.surely_worse else 0.0


def _slice(sums: Resampling, column: int, of: int, name: str, value: str) -> Slice:
    f1, em = sums.mean(column), sums.mean(of + column)
    behind = f1.value - sums.mean(2 * of + column).value
    groups = min(sums.groups(column), sums.groups(2 * of + column))
    if f1.interval is None or groups < FEWEST_GROUPS:
        return Slice(name, value, f1.count, f1, em, behind, None, None)
    drawn = sums.drawn(column, bounded=False) - sums.drawn(2 * of + column, bounded=False)
    # A normal tail beyond what a thousand rounds can show, so that a correction for a hundred slices leaves something.
    error = float(drawn.std())
    p = t_two_sided(behind / error, freedom(groups)) if error > 0 else float(behind == 0)
    return Slice(name, value, f1.count, f1, em, behind, interval_of(drawn, behind, groups), p)


FEWEST_GROUPS = 4.0  # of questions inside and outside: with fewer, no correction for many slices makes up for chance


def _members(of: Cases) -> tuple[list[tuple[str, str, NDArray[np.int64]]], int]:
    """Name, value and questions of every slice that is shown, and how many were too small."""
    cases = of.each
    found: list[tuple[str, str, NDArray[np.int64]]] = []
    too_small = 0
    for name, values in _values(cases, of.language):
        sizes = Counter(value for value in values if value is not None)
        if len(sizes) < 2:
            continue
        for value, size in sizes.most_common(MOST_DOCUMENTS):
            if size < FEWEST or size > len(cases) - FEWEST:
                too_small += size < FEWEST
                continue
            found.append((name, value, np.array([at for at, one in enumerate(values) if one == value])))
    return found, too_small


def _values(cases: Sequence[Case], language: str) -> Iterable[tuple[str, list[str | None]]]:
    slicers: dict[str, Callable[[Case], str | None]] = {**SLICERS, "annotators": partial(annotators, language=language)}
    for name, of in slicers.items():
        yield name, [of(case) for case in cases]
    fields = dict.fromkeys(name for case in cases for name, _ in case.record.fields)
    for name in fields:
        values = [dict(case.record.fields).get(name) for case in cases]
        if len(set(values)) <= MOST_VALUES:
            yield name, [None if value is None else str(value) for value in values]


def _band(number: int, ends: Sequence[int], noun: str) -> str:
    """The band that a number falls into.

    >>> [_band(number, (1, 2, 5), "word") for number in (1, 2, 4, 9)]
    ['1 word', '2 words', '3 to 5 words', 'over 5 words']
    """
    low = 0
    for end in ends:
        if number <= end:
            return f"{end} {noun}{'s' if end != 1 else ''}" if end - low <= 1 else f"{low + 1} to {end} {noun}s"
        low = end
    return f"over {low} {noun}s"
