"""Scores of windows in, the pipeline's answers out: its probabilities, its words, its way to add equal answers up.

In: the windows and scores of one context, and its tokens. Out: dictionaries, best first.
Does not know: models.

A start and an end have a probability each, the softmax over the context and the classification token of one window; an answer's
score is their product, and equal texts add theirs up, over windows too. Scores of different windows are therefore not shares of
one whole: that is how the pipeline had it, and why `Reader` gives one softmax over all windows instead.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spantune.features.scores import WindowScores
from spantune.features.spans import Candidate, best_spans
from spantune.features.windows import Integers, Windows
from spantune.inference.drop_in.calls import Options


@dataclass(frozen=True, slots=True)
class Scored:
    """One window: its best spans, the log of the two softmaxes' denominators together, and the probability of no answer."""

    window: int
    candidates: Sequence[Candidate]
    log_total: float
    null: float


@dataclass(frozen=True, slots=True)
class Words:
    """The tokens of one context: where each begins and ends in the text, and the number of its word, -1 where it has none."""

    starts: Integers
    ends: Integers
    numbers: Integers

    def span(self, first: int, last: int, inside: range) -> tuple[int, int]:
        """Code points of tokens `first` to `last`, widened to whole words as far as the tokens `inside` the window show them.

        >>> Words(np.array([0, 3, 8]), np.array([3, 6, 11]), np.array([0, 0, 1])).span(1, 2, range(3))
        (0, 11)
        """
        if self.numbers[first] < 0 or self.numbers[last] < 0:
            return int(self.starts[first]), int(self.ends[last])
        while first > inside.start and self.numbers[first - 1] == self.numbers[first]:
            first -= 1
        while last < inside.stop - 1 and self.numbers[last + 1] == self.numbers[last]:
            last += 1
        return int(self.starts[first]), int(self.ends[last])


def read_words(encoding: Any) -> Words:
    """The words of an encoding of the `tokenizers` library, made without special tokens."""
    offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    numbers = np.array([-1 if number is None else number for number in encoding.word_ids], dtype=np.int64)
    return Words(offsets[:, 0], offsets[:, 1], numbers)


def scored(windows: Windows, batch: WindowScores, options: Options, null_first: bool, classified: bool) -> Iterable[Scored]:
    """The windows of one batch.

    `classified`: the tokenizer has a classification token, which has a share in the softmax wherever it stands. `null_first`:
    it stands first, and is where "no answer" is read.
    """
    candidates = batch.candidates.copy()
    if not classified:
        candidates[np.arange(len(batch.indices)), windows.null[batch.indices]] = False
    totals, null = np.zeros(len(batch.indices)), np.zeros(len(batch.indices))
    for logits in (batch.start, batch.end):
        among = np.where(candidates, logits.astype(np.float64), -np.inf)
        highest = among.max(axis=1)
        total = highest + np.log(np.exp(among - highest[:, None]).sum(axis=1))
        totals, null = totals + total, null + (among[:, 0] - total if null_first else -np.inf)
    wanted = options.top_k * 2 + 10 if options.align_to_words else options.top_k
    spans = best_spans(windows, batch.indices, batch.start, batch.end, options.max_answer_len, wanted)
    for found, total, none in zip(spans, totals, null, strict=True):
        yield Scored(found.window, found.candidates, float(total), float(np.exp(none)))


def answers_of(
    context: str, windows: Windows, found: Sequence[Scored], words: Words, options: Options, stride: int
) -> dict[str, Any] | list[dict[str, Any]]:
    """What the pipeline gives for one question: a dictionary, or a list where there is more than one.

    `found` are the context's windows in order, `stride` the tokens that neighbours share.
    """
    made: dict[str, dict[str, Any]] = {}
    for one, inside in zip(found, _tokens_inside(windows, found, stride), strict=True):
        base = inside.start - int(windows.context[one.window, 0])
        for candidate in one.candidates:
            start, end = _chars(candidate, base, words, inside, options)
            text = context[start:end]
            score = float(np.exp(candidate.score - one.log_total))
            if text.lower() in made:
                made[text.lower()]["score"] += score
            else:
                made[text.lower()] = {"score": score, "start": start, "end": end, "answer": text}
    answers = list(made.values())
    if options.handle_impossible_answer:
        answers.append({"score": min(one.null for one in found), "start": 0, "end": 0, "answer": ""})
    if not answers:  # a context of white space
        answers.append({"score": 0.0, "start": 0, "end": 0, "answer": ""})
    best = sorted(answers, key=_score, reverse=True)[: options.top_k]
    return best[0] if len(best) == 1 else best


def _tokens_inside(windows: Windows, found: Sequence[Scored], stride: int) -> Iterable[range]:
    """Which tokens of the context each of its windows shows: neighbours share `stride` of them, all but the last are full."""
    place = 0
    for one in found:
        size = int(windows.context[one.window, 1] - windows.context[one.window, 0])
        yield range(place, place + size)
        place += size - stride


def _chars(candidate: Candidate, base: int, words: Words, inside: range, options: Options) -> tuple[int, int]:
    first, last = base + candidate.first, base + candidate.last
    if options.align_to_words:
        return words.span(first, last, inside)
    return int(words.starts[first]), int(words.ends[last])


def _score(answer: dict[str, Any]) -> float:
    return float(answer["score"])
