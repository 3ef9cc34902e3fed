"""`Reader`: a fine-tuned model that answers questions about contexts by quoting them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from spantune.confidence import Calibration
from spantune.features import SpanScores, Windows
from spantune.features.scores import WindowScores
from spantune.inference.across import Found
from spantune.inference.answering import Answering
from spantune.inference.answers import Answer, Asked
from spantune.inference.choosing import SPANS_KEPT, by_example
from spantune.inference.precision import Precision, halved
from spantune.inference.settings import ANSWER_LENGTH, ReaderSettings
from spantune.inference.stream import QUESTIONS_AT_ONCE
from spantune.inference.threads import fit_threads
from spantune.inference.trace import Trace
from spantune.models import check_window_fits, score_windows
from spantune.models.devices import chosen_device, placed
from spantune.models.memory import let_wait
from spantune.runs import load_run

__all__ = ["ANSWER_LENGTH", "QUESTIONS_AT_ONCE", "Reader", "ReaderSettings", "by_example"]


class Reader:
    """Answers questions from their contexts. Long contexts are read in overlapping windows, always.

    `model` is a Transformers question-answering model, `tokenizer` its fast tokenizer. `Reader.load(run)` makes one from the
    folder of a finished run. `precision` is what it computes with: `auto` is bf16 where the processor multiplies it, and then a
    copy of the model as it is now does most of the work; questions too close to call are left to the model itself.
    """

    def __init__(
        self, model: Any, tokenizer: Any, settings: ReaderSettings | None = None, *, precision: Precision = "fp32"
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings or ReaderSettings()
        check_window_fits(self.settings.windows.length, model)
        self._halved = halved(model, precision)
        self._answering = self._with(self._halved)

    @classmethod
    def load(
        cls, folder: Path | str, *, precision: Precision = "auto", device: str | None = None, threads: int | None = None
    ) -> "Reader":
        """The reader of a finished run, on a GPU where there is one; `device` names another place, such as "cpu" or "cuda:1".

        `threads` is how many PyTorch computes with in this process; by default no more than the process has processors.
        Raises `RunError` or `ModelError` for a folder that is not one, or is damaged; `ConfigError` for a device that is not
        there, `ModelError` for one without room.
        """
        place = chosen_device(device)
        fit_threads(threads)
        run = load_run(folder, task="answer")
        settings = ReaderSettings(
            windows=run.facts.config.windows,
            answer_length=run.facts.answer_length or ANSWER_LENGTH,
            may_abstain=run.facts.may_abstain,
            threshold=run.facts.threshold,
            calibration=run.facts.calibration,
            least_confidence=run.facts.least_confidence,
            spread=run.facts.spread,
        )
        reader = cls(placed(run.model, place), run.tokenizer, settings, precision=precision)
        if reader._halved is not None:
            let_wait(reader.model.parameters())  # the copy does most of the work
        return reader

    def with_threshold(self, threshold: float) -> "Reader":
        """The same reader with another threshold for "no answer"."""
        return self._changed(replace(self.settings, threshold=threshold))

    def with_spread(self, spread: float) -> "Reader":
        """The same reader with another say of the other likely spans in which one is given."""
        return self._changed(replace(self.settings, spread=spread))

    def calibrated(self, calibration: Calibration | None) -> "Reader":
        """The same reader, whose answers carry the confidence that a calibration gives them."""
        return self._changed(replace(self.settings, calibration=calibration))

    def always_answering(self) -> "Reader":
        """The same reader, which gives its best span even where "no answer" scores higher, or confidence is low."""
        return self._changed(replace(self.settings, may_abstain=False, least_confidence=0.0))

    def answer(self, question: str, context: str, top: int = 1) -> Answer:
        """The answer to one question, with its `top` best spans as alternatives.

        Equivalent to `next(reader.answer_many([Example("", question, context)], top))`, but raises
        `QuestionTooLongError` where a question would have to be cut, and `DataError` for an empty question or context.
        """
        return self._answering.answer(question, context, top)

    def answer_many(
        self,
        examples: Iterable[Asked],
        top: int = 1,
        progress: Callable[[int], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Iterator[Answer]:
        """Answers in the order of `examples`, made while they are read: memory does not grow with their number.

        A question too long for a window is cut at its end, and `say` is told which. `progress` is told how many questions
        were answered. One block of questions is read ahead, and tokenised in a thread while the model runs.
        """
        return self._answering.answer_many(examples, top, progress, say)

    def best_of(self, question: str, contexts: Iterable[str], top: int = 1) -> tuple[Found, ...]:
        """The `top` best answers to one question across many contexts, best first, each with the number of its context.

        Contexts are compared by logits, not by the probabilities within each of them. Every context is read. Errors as for
        `answer`, but a blank context only holds no answer; the result is empty where no context has one.
        """
        return self._answering.best_of(question, contexts, top)

    def trace(self, question: str, context: str, top: int = 5) -> Trace:
        """Every step from the question to its answer: encoding, forward pass, selection. Errors as for `answer`."""
        return self._answering.trace(question, context, top)

    def encode(self, examples: Sequence[Asked]) -> Windows:
        """The windows of `examples`, without labels."""
        return self._answering.encode(examples)

    def decode(self, windows: Windows, scores: WindowScores, top: int = SPANS_KEPT) -> list[SpanScores]:
        """The best spans of one batch of windows."""
        return self._answering.decode(windows, scores, top)

    def choose(self, asked: Asked, scores: Sequence[SpanScores], top: int = 1) -> Answer:
        """The answer among the best spans of all windows of one context, with its `top` best spans as alternatives.

        Scores that are not numbers, which training that diverged gives while it is measured, make "no answer".
        """
        return self._answering.choose(asked, scores, top)

    def _changed(self, settings: ReaderSettings) -> "Reader":
        changed = Reader(self.model, self.tokenizer, settings)
        changed._halved = self._halved
        changed._answering = changed._with(self._halved)
        return changed

    def _with(self, copied: Any | None) -> Answering:
        if copied is None:
            return Answering(self.tokenizer, self.settings, self._score)
        return Answering(self.tokenizer, self.settings, partial(self._score_with, copied), self._score)

    def _score(self, windows: Windows) -> Iterator[WindowScores]:
        return score_windows(self.model, windows)

    def _score_with(self, copied: Any, windows: Windows) -> Iterator[WindowScores]:
        moved = copied.device != self.model.device  # to a GPU, after the copy was made
        return score_windows(self.model if moved else copied, windows)
