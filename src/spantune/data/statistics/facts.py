"""In: nothing. Out: Statistics, the values that a person looks at. Does not know: how they are counted, how they look."""

from dataclasses import asdict, dataclass
from typing import Any

from spantune.data.rows import Task
from spantune.data.statistics.distributions import Distribution
from spantune.data.statistics.measured import TokenMeasures


@dataclass(frozen=True, slots=True)
class Counted:
    """A name and how often it was met."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """The lengths of one kind of text, in code points and in words."""

    characters: Distribution
    words: Distribution


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the references of questions with two or more of them agree.

    `identical`: questions whose references are all the same text, letter case and white space aside. `overlap`: mean, over
    these questions, of the characters that two of their references share among those that either has, from 0 to 1.
    """

    questions: int
    identical: int
    overlap: float


@dataclass(frozen=True, slots=True)
class QuestionFacts:
    """What is to be known of questions. Facts of answers are of every reference answer that has a place in its context.

    `positions`: answers by where they begin, from the first place they could have (0) to the last (1), in equal parts;
    `whole_context` answers have no choice and are left out there. `unaligned`: answers without a start, or not at it.
    `repeated`: questions that ask a context what was asked before. `again`: answers whose text occurs in the context more
    than once. `cut_words`: answers that begin or end inside a word. `language` is that of the question words in `kinds`;
    without one it is `None` and there are no kinds. `first_words`: the most frequent ones.
    """

    questions: int
    unlabelled: int
    unanswerable: int
    answers: int
    contexts: int
    documents: int
    repeated: int
    unaligned: int
    again: int
    cut_words: int
    whole_context: int
    positions: tuple[int, ...]
    answers_per_question: Distribution | None
    questions_per_context: Distribution | None
    contexts_per_document: Distribution | None
    agreement: Agreement | None
    language: str | None
    kinds: tuple[Counted, ...]
    first_words: tuple[Counted, ...]
    answer_kinds: tuple[Counted, ...]
    context_lengths: Lengths | None
    question_lengths: Lengths | None
    answer_lengths: Lengths | None


@dataclass(frozen=True, slots=True)
class TextFacts:
    """What is to be known of texts to classify.

    `labels`: every label with its texts, the most frequent first. `imbalance`: texts of the largest class for one of the
    smallest. `repeated`: texts that occurred before; `contradicting`: those among them with another label than before.
    """

    texts: int
    unlabelled: int
    labels: tuple[Counted, ...]
    imbalance: float | None
    repeated: int
    contradicting: int
    lengths: Lengths | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a person should know of data before training on it.

    One of `questions` and `texts` is there, according to `task`. `tokens` is there where a tokenizer measured them.
    `remarks`: what stands out, in sentences.
    """

    records: int
    task: Task
    questions: QuestionFacts | None
    texts: TextFacts | None
    tokens: TokenMeasures | None
    remarks: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The statistics as plain values, for JSON."""
        return asdict(self)
