"""In: an example, other records of the same data, a random generator. Out: the example beside, or asked of, another passage.

A passage of another document is safe only where it does not answer the question by chance, which nobody can tell for
certain. What can be told is looked at: the passage holds none of the answers' texts, and the question is not a general one,
asked of several passages. Does not know: files, how many copies are wanted.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random

from spantune.data.augmenting.wording import evened, words_of
from spantune.data.records import Example, Span

SEPARATOR = "\n\n"  # between an example's own context and a passage put beside it: a blank line, as between paragraphs
DRAWS = 50  # passages tried beside a context before it is left alone: with fewer than these, each is tried
# A word in more passages than these, and in more than a fifth of all, hardly says which is similar; leaving it out saves most
# of the work on a large data set.
COMMON, COMMON_SHARE = 100, 0.2


@dataclass(frozen=True, slots=True)
class Passage:
    """A context of the data, and the documents that it stands in."""

    context: str
    documents: frozenset[str]


class Pool:
    """The passages of a data set, and what must be known of all its questions; worked out when first asked for.

    Nothing depends on the order of the records.
    """

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = tuple(examples)

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """Each context once, sorted."""
        documents: dict[str, set[str]] = defaultdict(set)
        for example in self._examples:
            documents[example.context] |= {example.document} if example.document else set()
        return tuple(Passage(context, frozenset(names)) for context, names in sorted(documents.items()))

    def is_general(self, example: Example) -> bool:
        """Whether the same question is asked of several contexts: another passage may well answer it too."""
        return self._contexts_of[evened(example.question)] > 1

    def foreign(self, example: Example, order: Iterable[int]) -> Iterator[Passage]:
        """The passages, in this order of their numbers, from other documents and without any of the answers' texts.

        Where all records name one document or none, every other context counts as another document.
        """
        own = self._documents_of.get(example.context, frozenset()) if self._tells_documents_apart else frozenset()
        answers = [evened(span.text) for span in example.answers or ()]
        for number in order:
            passage = self.passages[number]
            if passage.context != example.context and own.isdisjoint(passage.documents):
                text = self._evened[number]
                if not any(answer in text for answer in answers):
                    yield passage

    def by_shared_words(self, question: str) -> Sequence[int]:
        """The numbers of the passages that share a word with a question, the most similar first.

        Ranked by BM25 (Robertson et al., 1994) with each word counted once in a passage: rare words weigh more, and a long
        passage, which has many words to share, less.
        """
        scores: dict[int, float] = defaultdict(float)
        for word in sorted(words_of(question)):
            holders = self._holders.get(word, ())
            if 0 < len(holders) <= max(COMMON, COMMON_SHARE * len(self.passages)):
                weight = math.log1p((len(self.passages) - len(holders) + 0.5) / (len(holders) + 0.5))
                for number in holders:
                    scores[number] += weight * self._length_weights[number]
        return sorted(scores, key=lambda number: (-scores[number], number))

    @cached_property
    def _contexts_of(self) -> Counter[str]:
        return Counter(question for question, _ in {(evened(one.question), one.context) for one in self._examples})

    @cached_property
    def _tells_documents_apart(self) -> bool:
        return len({name for passage in self.passages for name in passage.documents}) > 1

    @cached_property
    def _documents_of(self) -> Mapping[str, frozenset[str]]:
        return {passage.context: passage.documents for passage in self.passages}

    @cached_property
    def _evened(self) -> tuple[str, ...]:
        return tuple(evened(passage.context) for passage in self.passages)

    @cached_property
    def _words(self) -> tuple[frozenset[str], ...]:
        return tuple(words_of(passage.context) for passage in self.passages)

    @cached_property
    def _length_weights(self) -> tuple[float, ...]:
        """BM25's factor for a word that occurs once, with its usual k = 1.2 and b = 0.75."""
        mean = sum(map(len, self._words)) / max(1, len(self._words))
        return tuple(1 / (1 + 1.2 * (0.25 + 0.75 * len(words) / max(1.0, mean))) for words in self._words)

    @cached_property
    def _holders(self) -> Mapping[str, Sequence[int]]:
        holders: dict[str, list[int]] = defaultdict(list)
        for number, words in enumerate(self._words):
            for word in words:
                holders[word].append(number)
        return holders


def distractor(example: Example, draw: Random, pool: Pool) -> Example | None:
    r"""The question on its context with a passage of another document before or after it, a blank line between them.

    `None` for unanswerable questions, which the passage may answer, for general questions, and where no passage is fit.

    >>> ada = Example("1", "Who wrote it?", "Ada wrote it.", (Span("Ada", 0),))
    >>> made = distractor(ada, Random(1), Pool([ada, Example("2", "Did it rain?", "It rained.", ())]))
    >>> made.context, made.answers
    ('Ada wrote it.\n\nIt rained.', (Span(text='Ada', start=0),))
    """
    if not example.answers or pool.is_general(example):
        return None
    order = draw.sample(range(len(pool.passages)), min(DRAWS, len(pool.passages)))
    passage = next(pool.foreign(example, order), None)
    if passage is None:
        return None
    if draw.random() < 0.5:
        return replace(example, context=example.context + SEPARATOR + passage.context)
    before = passage.context + SEPARATOR
    moved = tuple(Span(span.text, (span.start or 0) + len(before)) for span in example.answers)
    return replace(example, context=before + example.context, answers=moved)


def unanswerable(example: Example, _: Random, pool: Pool) -> Example | None:
    """The question asked of the most similar passage of another document, which does not answer it.

    The record takes the passage's document: whoever splits by document must find it there. `None` for questions that are
    unanswerable already, for general questions, and where no passage shares a word with the question.
    """
    if not example.answers or pool.is_general(example):
        return None
    passage = next(pool.foreign(example, pool.by_shared_words(example.question)), None)
    if passage is None:
        return None
    return replace(example, context=passage.context, answers=(), document=min(passage.documents, default=None))
