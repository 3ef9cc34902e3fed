"""`Answering`: everything that a reader does, whatever computes the scores of its windows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spantune.data.records import Example
from spantune.errors import DataError, QuestionTooLongError
from spantune.features import SpanScores, Windows, encode
from spantune.features.scores import WindowScores
from spantune.features.template import fast_backend
from spantune.inference.across import Found, close_merits, one_a_context, ranked
from spantune.inference.answers import Answer, Asked
from spantune.inference.choosing import SPANS_KEPT, checked, choose, close_call, decode, spans_compared
from spantune.inference.settings import ReaderSettings
from spantune.inference.stream import Score, Scorers, answer_block, answer_stream
from spantune.inference.trace import Trace, build_trace

NO_CONTEXT = "-"  # what a question is checked with before its contexts are


@dataclass(frozen=True, slots=True)
class Answering:
    """A tokenizer, settings, and a function from windows to their scores, which together answer questions.

    `score` gives the scores of every window once, batch by batch, in any order; so does `careful`, where it is given, for the
    questions that `score` leaves too close to call. Long contexts are read in overlapping windows, always. Needs neither
    PyTorch nor Transformers.
    """

    tokenizer: Any
    settings: ReaderSettings
    score: Score
    careful: Score | None = None

    def answer(self, question: str, context: str, top: int = 1) -> Answer:
        """The answer to one question. Raises `DataError` for an empty text, `QuestionTooLongError` for a long question."""
        asked = self.one(question, context)
        return answer_block([asked], self.encode([asked]), self._scorers, self.settings, top)[0]

    def answer_many(
        self,
        examples: Iterable[Asked],
        top: int = 1,
        progress: Callable[[int], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Iterator[Answer]:
        """Answers in the order of `examples`; see `stream.answer_stream`."""
        return answer_stream(examples, self.encode, self._scorers, self.settings, top, progress, say)

    def best_of(self, question: str, contexts: Iterable[str], top: int = 1) -> tuple[Found, ...]:
        """The `top` best answers to one question across many contexts, best first; see `across.ranked` for what is best.

        The windows of all contexts are scored in one stream, longest first. Every context is read: how high a window scores
        cannot be bounded before the model has seen it. Contexts too close to rank are scored again, as close answers are.
        Blank contexts hold no answer. Raises `DataError` for an empty question and for contexts that are no texts,
        `QuestionTooLongError` as `answer` does.
        """
        passages = [contexts] if isinstance(contexts, str) else list(contexts)
        rows = one_a_context(self.one(question, NO_CONTEXT), passages)
        answers = {answer.id: answer for answer in self.answer_many(rows)}
        if self.careful is not None:
            near = close_merits(ranked(answers.values(), self.settings, len(rows)), max(top, 1))
            again = answer_stream(
                [one for one in rows if int(one.id) in near], self.encode, Scorers(self.careful), self.settings
            )
            answers |= {answer.id: answer for answer in again}
        return ranked(answers.values(), self.settings, top)

    def trace(self, question: str, context: str, top: int = 5) -> Trace:
        """Every step from the question to its answer: encoding, forward pass, selection. Errors as for `answer`."""
        asked = self.one(question, context)
        windows = self.encode([asked])
        traced = self._traced(asked, windows, self.score, top)
        if self.careful is not None and close_call(traced.answer, self.settings):
            traced = self._traced(asked, windows, self.careful, top)
        return replace(traced, answer=replace(traced.answer, alternatives=traced.answer.alternatives[: max(top, 1)]))

    def encode(self, examples: Sequence[Asked]) -> Windows:
        """The windows of `examples`, without labels."""
        plain = [Example(asked.id, asked.question, asked.context) for asked in examples]
        return encode(plain, self.tokenizer, self.settings.windows)

    def decode(self, windows: Windows, scores: WindowScores, top: int = SPANS_KEPT) -> list[SpanScores]:
        """The best spans of one batch of windows."""
        return decode(windows, scores, self.settings, top)

    def choose(self, asked: Asked, scores: Sequence[SpanScores], top: int = 1) -> Answer:
        """The answer among the best spans of all windows of one context."""
        return choose(asked, scores, self.settings, top)

    @property
    def _scorers(self) -> Scorers:
        return Scorers(self.score, self.careful)

    def _traced(self, asked: Example, windows: Windows, score: Score, top: int) -> Trace:
        logits = sorted(score(windows), key=lambda scores: int(scores.indices[0]))
        spans = [checked(found) for batch in logits for found in self.decode(windows, batch, max(top, SPANS_KEPT))]
        return build_trace(
            asked,
            self.tokenizer,
            windows,
            logits,
            self.choose(asked, spans, max(top, spans_compared(self.settings))),
            answer_length=self.settings.answer_length,
            may_abstain=self.settings.may_abstain,
            least_confidence=self.settings.least_confidence,
        )

    def one(self, question: str, context: str) -> Example:
        """One question, ready to be encoded. Raises `DataError` and `QuestionTooLongError` as `answer` says."""
        for name, text in (("question", question), ("context", context)):
            if not isinstance(text, str) or not text.strip():
                raise DataError(
                    f"the {name} is {text!r}",
                    expected="a text with at least one visible character",
                    next_move=f"give the {name} as a string",
                )
        asked = Example("", question.strip(), context)
        if self.encode([replace(asked, context="")]).lost.cut_questions:  # the context has no say in it, and may be long
            tokens = fast_backend(self.tokenizer).encode(question, add_special_tokens=False).ids
            raise QuestionTooLongError(
                f"the question has {len(tokens)} tokens, too many beside "
                f"{self.settings.windows.stride + 1} tokens of context in a window of {self.settings.windows.length}",
                expected="a question that leaves room for the context",
                next_move="shorten the question, or train with a larger windows.length",
            )
        return asked
