"""Many questions in, answers out in the same order: blocks of questions, encoded in the background while the model runs.

In: anything with a question and a context; two functions, one that encodes and one that scores.
Out: answers, one block after another, so that memory does not grow with the number of questions.
Does not know: which tokenizer encodes, what computes the scores.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spantune.ahead import ahead
from spantune.data.problems import describe
from spantune.errors import DataError
from spantune.features import SpanScores, Windows
from spantune.features.scores import WindowScores
from spantune.inference.answers import Answer, Asked
from spantune.inference.choosing import SPANS_KEPT, by_example, checked, choose, close_call, decode, spans_compared
from spantune.inference.settings import ReaderSettings

# Questions whose windows are sorted by length together. It bounds the memory of a stream, and how long the first answer of a
# long one takes. Of SQuAD's tokens, padding adds 7.6% with blocks of 128 questions, 3.8% with 512 and 3.1% with 1,024.
QUESTIONS_AT_ONCE = 512
CHARACTERS_AT_ONCE = 1_000_000  # of their contexts, about 250,000 tokens: long contexts make a block of fewer questions

Encode = Callable[[Sequence[Asked]], Windows]
Score = Callable[[Windows], Iterator[WindowScores]]


@dataclass(frozen=True, slots=True)
class Scorers:
    """What computes the scores of windows. Questions that `first` leaves too close to call are scored again by `careful`."""

    first: Score
    careful: Score | None = None


def answer_stream(
    examples: Iterable[Asked],
    encode: Encode,
    scorers: Scorers,
    settings: ReaderSettings,
    top: int = 1,
    progress: Callable[[int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Iterator[Answer]:
    """Answers in the order of `examples`, with their `top` best spans; one block is read ahead.

    `encode` runs in a thread of its own, one block at a time and in order; everything else, reading `examples` included, in
    the caller's. A question asked twice of one context within a block is scored once. `progress` is told how many questions
    were answered, `say` what encoding has lost.
    """
    for pair in ahead((_distinct(block) for block in blocks(examples)), lambda block: encode(block.asked)):
        if say is not None:
            for lost in pair.made.lost.sentences():
                say(lost)
        answers = answer_block(pair.item.asked, pair.made, scorers, settings, top)
        for name, place in zip(pair.item.names, pair.item.places, strict=True):
            yield replace(answers[place], id=name)
        if progress is not None:
            progress(len(pair.item.names))


def answer_block(
    asked: Sequence[Asked], windows: Windows, scorers: Scorers, settings: ReaderSettings, top: int = 1
) -> list[Answer]:
    """The answers to the questions whose windows these are. Raises `ModelError` for scores that are not numbers."""
    most = top if scorers.careful is None else max(top, spans_compared(settings))
    found = _scored(windows, scorers.first, settings, most)
    answers = [choose(one, spans, settings, most) for one, spans in zip(asked, found, strict=True)]
    close = [place for place, answer in enumerate(answers) if close_call(answer, settings)]
    if scorers.careful is not None and close:
        again = windows.take(np.flatnonzero(np.isin(windows.example, close)))
        found = _scored(again, scorers.careful, settings, most)
        for place in close:
            answers[place] = choose(asked[place], found[place], settings, most)
    return [replace(answer, alternatives=answer.alternatives[: max(top, 1)]) for answer in answers]


def _scored(windows: Windows, score: Score, settings: ReaderSettings, top: int) -> list[list[SpanScores]]:
    """The best spans of every window, example by example. Raises `ModelError` for scores that are not numbers."""
    found = (spans for batch in score(windows) for spans in decode(windows, batch, settings, max(top, SPANS_KEPT)))
    return by_example(windows, map(checked, found))


def blocks(examples: Iterable[Asked]) -> Iterator[list[Asked]]:
    """The examples in lists of at most `QUESTIONS_AT_ONCE`, and of contexts of about `CHARACTERS_AT_ONCE` together.

    Raises `DataError` for what is no example.
    """
    block: list[Asked] = []
    characters = 0
    for number, example in enumerate(examples):
        _check(example, number)
        block.append(example)
        characters += len(example.context)
        if len(block) == QUESTIONS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield block
            block, characters = [], 0
    if block:
        yield block


def _check(example: Asked, number: int) -> None:
    """Raise `DataError` for what has no question and context, or another thing than texts for them."""
    texts = (getattr(example, "question", None), getattr(example, "context", None))
    if not all(isinstance(text, str) for text in texts):
        raise DataError(
            f"number {number} of what is asked, counted from 0, is {describe(example)}",
            expected="records with a question and a context, both texts",
            next_move="make one of it: Example(id, question, context)",
        )


@dataclass(frozen=True, slots=True)
class _Block:
    """The distinct questions of a block; for each one asked, its id and its place among them."""

    asked: tuple[Asked, ...]
    names: tuple[str, ...]
    places: tuple[int, ...]


def _distinct(block: Sequence[Asked]) -> _Block:
    first: dict[tuple[str, str], int] = {}
    asked: list[Asked] = []
    places = []
    for one in block:
        place = first.setdefault((one.question, one.context), len(asked))
        if place == len(asked):
            asked.append(one)
        places.append(place)
    return _Block(tuple(asked), tuple(one.id for one in block), tuple(places))
