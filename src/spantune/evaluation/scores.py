"""In: labelled questions and the answers given. Out: the official SQuAD scores. Does not know: models, thresholds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import compress
from math import fsum
from typing import Protocol, overload

from spantune.data.records import Example
from spantune.evaluation.aliases import Aliases
from spantune.evaluation.metrics import Match, match, prepare
from spantune.evaluation.normalise import scored_by
from spantune.evaluation.pairing import labelled, pair

# References of a question mostly repeat each other and the prediction, so a cache that outlives a few hundred questions
# catches nearly every repetition, and its size does not depend on the number of questions.
_CACHED_TEXTS = 4096


class Answered(Protocol):
    """An answer to one question; `text` is "" where the reader says that there is none."""

    @property
    def id(self) -> str:
        """The id of the question."""

    @property
    def text(self) -> str:
        """The answer."""


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """The scores of one question, each 0 to 1. `references` is `()` for a question that has no answer.

    `guarded`: prediction and a reference are made of articles and punctuation only; see `normalise`.
    """

    id: str
    prediction: str
    references: tuple[str, ...]
    exact_match: float
    f1: float
    precision: float
    recall: float
    guarded: bool = False

    @property
    def has_answer(self) -> bool:
        """True if the question is labelled with at least one answer."""
        return self.references != ()

    def as_row(self) -> dict[str, object]:
        """Give one row of an error sheet, the scores 0 to 1, ready for JSON."""
        return {
            "id": self.id,
            "prediction": self.prediction,
            "references": list(self.references),
            "exact_match": self.exact_match,
            "f1": self.f1,
            "precision": self.precision,
            "recall": self.recall,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Scores in percent of `count` questions of one kind."""

    count: int
    exact_match: float
    f1: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over `count` questions, in percent, and what each question scored.

    `has_answer` and `no_answer` are the same means over the questions that have an answer and those that have none,
    `None` where there is no such question. `guarded` counts the questions whose scores may differ from the official
    scripts, because prediction and reference are made of articles and punctuation only (see `normalise`).
    """

    count: int
    exact_match: float
    f1: float
    precision: float
    recall: float
    has_answer: Group | None
    no_answer: Group | None
    guarded: int
    per_question: Sequence[QuestionScore] = field(repr=False)

    def errors(self) -> tuple[QuestionScore, ...]:
        """Give the questions without an exact match, the lowest F1 first, else in the order they were scored."""
        return tuple(sorted((q for q in self.per_question if not q.exact_match), key=lambda q: q.f1))

    def among(self, places: Sequence[int]) -> "Scores":
        """Give the scores of the questions at these places alone, at least one of them."""
        found = [self.per_question[at] for at in places]
        rows = [(one.id, one.prediction, one.references) for one in found]
        return _summary(
            _PerQuestion(rows, [Match(one.f1, one.precision, one.recall, one.exact_match, one.guarded) for one in found])
        )

    def as_rows(self) -> list[dict[str, object]]:
        """Give the rows of the error sheet, worst first; the order is that of `errors()`."""
        return [question.as_row() for question in self.errors()]

    def as_dict(self) -> dict[str, float]:
        """Give the scores for JSON, in percent.

        With unanswerable questions among them, the names of the official SQuAD 2.0 script join (`HasAns_exact`,
        `NoAns_f1`, …); `guarded` joins when it is not 0.
        """
        numbers: dict[str, float] = {
            "count": self.count,
            "exact_match": self.exact_match,
            "f1": self.f1,
            "precision": self.precision,
            "recall": self.recall,
        }
        if self.no_answer:
            numbers |= _official_names("HasAns", self.has_answer) | _official_names("NoAns", self.no_answer)
        if self.guarded:
            numbers["guarded"] = self.guarded
        return numbers


def score_answers(
    examples: Iterable[Example], answers: Iterable[Answered], *, language: str = "en", aliases: Aliases | None = None
) -> Scores:
    """Score answers against labelled examples, in the order of the examples.

    `answers` is consumed once, one answer at a time, so it may be a generator over any number of questions; of each
    answer the text is kept. Definitions: official SQuAD 1.1 and 2.0, see `metrics`; SQuAD 2.0 is what the same
    functions do when examples without an answer are among them. Other `language`s have normalisations of their own, see
    `normalise`; `aliases` count beside the references that they are other names of.

    Raises `EvaluationError` for no examples at all, examples without label, and answers that do not belong to the
    examples position by position.

    >>> from types import SimpleNamespace
    >>> from spantune.data.records import Example, Span
    >>> paris = Example("1", "Where?", "It is in Paris.", answers=(Span("Paris", 9),))
    >>> nobody = Example("2", "Who?", "It is in Paris.", answers=())
    >>> answers = [SimpleNamespace(id="1", text="in Paris"), SimpleNamespace(id="2", text="")]
    >>> scores = score_answers([paris, nobody], answers)
    >>> scores.count, scores.exact_match, round(scores.f1, 2), scores.no_answer
    (2, 50.0, 83.33, Group(count=1, exact_match=100.0, f1=100.0))
    >>> [(wrong.prediction, wrong.references) for wrong in scores.errors()]
    [('in Paris', ('Paris',))]
    """
    scored = labelled(examples, lambda example: example.answers is not None, label="answer label")
    compare = comparing(language, aliases)
    rows: list[_Row] = []
    matches: list[Match] = []
    for example, answer in pair(scored, answers):
        references, found = compare(example, answer.text)
        rows.append((example.id, answer.text, references))
        matches.append(found)
    return _summary(_PerQuestion(rows, matches))


def comparing(language: str, aliases: Aliases | None) -> Callable[[Example, str], tuple[tuple[str, ...], Match]]:
    """A function from a question and a predicted text to the references, aliases among them, and how well it fits them."""
    code = scored_by(language)
    prepare_cached = lru_cache(_CACHED_TEXTS)(partial(prepare, language=code))

    def compare(example: Example, text: str) -> tuple[tuple[str, ...], Match]:
        references = tuple([span.text for span in example.answers or ()])
        if aliases is not None:
            references = aliases.joined_by(references, code)
        return references, match(text, references, prepare_cached)

    return compare


# An id, what was predicted, the references.
_Row = tuple[str, str, tuple[str, ...]]


class _PerQuestion(Sequence[QuestionScore]):
    """What each question scored. Its rows are made when they are looked at: mostly the means alone are."""

    __slots__ = ("matches", "rows")

    def __init__(self, rows: Sequence[_Row], matches: Sequence[Match]) -> None:
        self.rows = rows
        self.matches = matches

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> QuestionScore: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[QuestionScore, ...]: ...
    def __getitem__(self, index: int | slice) -> QuestionScore | tuple[QuestionScore, ...]:
        if isinstance(index, slice):
            return tuple(map(_question_score, self.rows[index], self.matches[index]))
        return _question_score(self.rows[index], self.matches[index])

    def __iter__(self) -> Iterator[QuestionScore]:
        return map(_question_score, self.rows, self.matches)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def _question_score(row: _Row, found: Match) -> QuestionScore:
    return QuestionScore(*row, found.exact_match, found.f1, found.precision, found.recall, found.guarded)


def _summary(questions: _PerQuestion) -> Scores:
    matches = questions.matches
    answerable = [references != () for _, _, references in questions.rows]
    return Scores(
        count=len(questions),
        exact_match=_percent([one.exact_match for one in matches]),
        f1=_percent([one.f1 for one in matches]),
        precision=_percent([one.precision for one in matches]),
        recall=_percent([one.recall for one in matches]),
        has_answer=_group(list(compress(matches, answerable))),
        no_answer=_group([one for one, has_answer in zip(matches, answerable, strict=True) if not has_answer]),
        guarded=sum([one.guarded for one in matches]),
        per_question=questions,
    )


def _group(questions: Sequence[Match]) -> Group | None:
    if not questions:
        return None
    return Group(
        count=len(questions),
        exact_match=_percent([q.exact_match for q in questions]),
        f1=_percent([q.f1 for q in questions]),
    )


def _percent(values: Sequence[float]) -> float:
    return 100.0 * fsum(values) / len(values)


def _official_names(prefix: str, group: Group | None) -> dict[str, float]:
    if group is None:
        return {}
    return {f"{prefix}_exact": group.exact_match, f"{prefix}_f1": group.f1, f"{prefix}_total": group.count}
