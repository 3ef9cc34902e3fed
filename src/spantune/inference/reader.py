"""`Reader`: a fine-tuned model that answers questions about contexts by quoting them."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from spantune.config import WindowsConfig
from spantune.data.records import Example
from spantune.errors import DataError, QuestionTooLongError
from spantune.features import Candidate, SpanScores, Windows, best_spans, encode, merge_candidates
from spantune.features.spans import no_answer_score
from spantune.inference.answers import Alternative, Answer, Asked, diverged
from spantune.inference.trace import Trace, build_trace
from spantune.models import WindowScores, check_window_fits, score_windows
from spantune.runs import load_run

ANSWER_LENGTH = 30  # tokens; the usual limit where the training data has not taught another
QUESTIONS_AT_ONCE = 128  # questions whose windows are batched together; what bounds the memory of answer_many
NO_SPAN = 1e6  # no-answer score of a context without any token: finite, so that JSON can carry it
SPANS_KEPT = 20  # best spans kept of each window: duplicates and unwanted ones are dropped later


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How a reader reads: its windows, and when it says that there is no answer.

    `answer_length` is in tokens. With `may_abstain`, "no answer" is given when `no_answer_score` is above `threshold`;
    a reader that never saw an unanswerable question always answers.
    """

    windows: WindowsConfig = field(default_factory=WindowsConfig)
    answer_length: int = ANSWER_LENGTH
    may_abstain: bool = False
    threshold: float = 0.0


class Reader:
    """Answers questions from their contexts. Long contexts are read in overlapping windows, always.

    `model` is a Transformers question-answering model, `tokenizer` its fast tokenizer. `Reader.load(run)` makes one from the
    folder of a finished run.
    """

    def __init__(self, model: Any, tokenizer: Any, settings: ReaderSettings | None = None) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings or ReaderSettings()
        check_window_fits(self.settings.windows.length, model)

    @classmethod
    def load(cls, folder: Path | str) -> "Reader":
        """The reader of a finished run. Raises `RunError` or `ModelError` for a folder that is not one, or is damaged."""
        run = load_run(folder, task="answer")
        settings = ReaderSettings(
            windows=run.facts.config.windows,
            answer_length=run.facts.answer_length or ANSWER_LENGTH,
            may_abstain=run.facts.may_abstain,
            threshold=run.facts.threshold,
        )
        return cls(run.model, run.tokenizer, settings)

    def with_threshold(self, threshold: float) -> "Reader":
        """The same reader with another threshold for "no answer"."""
        return Reader(self.model, self.tokenizer, replace(self.settings, threshold=threshold))

    def answer(self, question: str, context: str, top: int = 1) -> Answer:
        """The answer to one question, with its `top` best spans as alternatives.

        Equivalent to `next(reader.answer_many([Example("", question, context)], top))`, but raises
        `QuestionTooLongError` where a question would have to be cut, and `DataError` for an empty question or context.
        """
        asked = self._one(question, context)
        return next(self.answer_many([asked], top))

    def answer_many(
        self,
        examples: Iterable[Asked],
        top: int = 1,
        progress: Callable[[int], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Iterator[Answer]:
        """Answers in the order of `examples`, made while they are read: memory does not grow with their number.

        A question too long for a window is cut at its end, and `say` is told which. `progress` is told how many questions
        were answered.
        """
        for block in _blocks(examples):
            windows = self.encode(block)
            if say is not None:
                for lost in windows.lost.sentences():
                    say(lost)
            spans = by_example(windows, map(_finite, self._span_scores(windows, top)))
            for asked, scores in zip(block, spans, strict=True):
                yield self.choose(asked, scores, top)
            if progress is not None:
                progress(len(block))

    def trace(self, question: str, context: str, top: int = 5) -> Trace:
        """Every step from the question to its answer: encoding, forward pass, selection. Errors as for `answer`."""
        asked = self._one(question, context)
        windows = self.encode([asked])
        logits = sorted(score_windows(self.model, windows), key=lambda scores: int(scores.indices[0]))
        spans = [_finite(found) for batch in logits for found in self.decode(windows, batch, max(top, SPANS_KEPT))]
        answer = self.choose(asked, spans, top)
        return build_trace(
            asked,
            self.tokenizer,
            windows,
            logits,
            answer,
            answer_length=self.settings.answer_length,
            may_abstain=self.settings.may_abstain,
        )

    def encode(self, examples: Sequence[Asked]) -> Windows:
        """The windows of `examples`, without labels."""
        plain = [Example(asked.id, asked.question, asked.context) for asked in examples]
        return encode(plain, self.tokenizer, self.settings.windows)

    def decode(self, windows: Windows, scores: WindowScores, top: int = SPANS_KEPT) -> list[SpanScores]:
        """The best spans of one batch of windows."""
        return best_spans(windows, scores.indices, scores.start, scores.end, self.settings.answer_length, top)

    def choose(self, asked: Asked, scores: Sequence[SpanScores], top: int = 1) -> Answer:
        """The answer among the best spans of all windows of one context, with its `top` best spans as alternatives.

        Scores that are not numbers, which training that diverged gives while it is measured, make "no answer".
        """
        null = no_answer_score(scores)
        total = _log_sum_exp([null, *(window.log_total for window in scores)])
        pool: list[Candidate] = [candidate for window in scores for candidate in window.candidates]
        if not math.isfinite(total):
            return Answer(asked.id, "", 0, 0, 0.0, 0.0, 0.0, NO_SPAN)
        best = merge_candidates(asked.context, pool, max(top, 1))
        alternatives = tuple(
            Alternative(asked.context[c.start : c.end], c.start, c.end, math.exp(c.score - total), c.score) for c in best
        )
        none = math.exp(null - total)
        margin = null - best[0].score if best else NO_SPAN
        shown = alternatives if top > 1 else alternatives[:1]
        if not best or (self.settings.may_abstain and margin > self.settings.threshold):
            return Answer(asked.id, "", 0, 0, none, null, none, margin, shown)
        first = alternatives[0]
        return Answer(asked.id, first.text, first.start, first.end, first.probability, first.score, none, margin, shown)

    def _span_scores(self, windows: Windows, top: int) -> Iterator[SpanScores]:
        for batch in score_windows(self.model, windows):
            yield from self.decode(windows, batch, max(top, SPANS_KEPT))

    def _one(self, question: str, context: str) -> Example:
        for name, text in (("question", question), ("context", context)):
            if not isinstance(text, str) or not text.strip():
                raise DataError(
                    f"the {name} is {text!r}",
                    expected="a text with at least one visible character",
                    next_move=f"give the {name} as a string",
                )
        asked = Example("", question.strip(), context)
        if self.encode([replace(asked, context="")]).lost.cut_questions:  # the context has no say in it, and may be long
            raise QuestionTooLongError(
                f"the question has {len(self.tokenizer.tokenize(question))} tokens, too many beside "
                f"{self.settings.windows.stride + 1} tokens of context in a window of {self.settings.windows.length}",
                expected="a question that leaves room for the context",
                next_move="shorten the question, or train with a larger windows.length",
            )
        return asked


def _blocks(examples: Iterable[Asked]) -> Iterator[list[Asked]]:
    iterator = iter(examples)
    while block := list(islice(iterator, QUESTIONS_AT_ONCE)):
        yield block


def by_example(windows: Windows, scores: Iterable[SpanScores]) -> list[list[SpanScores]]:
    """The scores of each example's windows: batches come by length and mix the examples."""
    grouped: list[list[SpanScores]] = [[] for _ in range(windows.size)]
    for score in scores:
        grouped[int(windows.example[score.window])].append(score)
    return grouped


def _finite(scores: SpanScores) -> SpanScores:
    if not math.isfinite(scores.null) or math.isnan(scores.log_total):
        raise diverged()
    return scores


def _log_sum_exp(values: Sequence[float]) -> float:
    highest = max(values)
    return highest + math.log(sum(math.exp(value - highest) for value in values))
