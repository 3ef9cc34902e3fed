"""`ExportedReader`: answers questions with an exported model, where PyTorch and Transformers need not be installed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spantune.errors import RunError
from spantune.features import Windows, batches_by_length, collate
from spantune.features.scores import WindowScores
from spantune.inference.across import Found
from spantune.inference.answering import Answering
from spantune.inference.answers import Answer, Asked
from spantune.inference.cores import check_threads, usual_threads
from spantune.inference.exported.engines import ENGINES, Engine
from spantune.inference.exported.folder import TOKENIZER, ExportedFolder, read_export
from spantune.inference.exported.tokens import Tokens
from spantune.inference.settings import ReaderSettings
from spantune.inference.trace import Trace

TOKENS_AT_ONCE = 4096  # padded tokens in a forward pass: bounds the memory of a batch; not tuned for speed


@dataclass(frozen=True, slots=True)
class ExportedReader:
    """Answers questions as `Reader` does. `ExportedReader.load(run)` opens a run folder with an exported model in it."""

    settings: ReaderSettings
    engine: str
    _answering: Answering

    @classmethod
    def load(cls, folder: Path | str, threads: int | None = None) -> "ExportedReader":
        """The exported model of a run folder, or of the folder of an export alone.

        `threads` compute together; by default `usual_threads`. Raises `ConfigError` for what is no such number, `RunError` for
        a folder without an export, or a damaged one, `MissingExtraError` where its engine is not installed.
        """
        return cls.of(*read_export(folder), threads)

    @classmethod
    def of(cls, home: Path, found: ExportedFolder, threads: int | None = None) -> "ExportedReader":
        """The same from what `read_export` gave, which is not read again."""
        try:
            tokens = Tokens.from_file(home / TOKENIZER, found.special)
        except ValueError as error:
            raise RunError(
                f"{home} cannot be read: {error}",
                expected="the folder as spantune export wrote it",
                next_move="export the run again",
            ) from None
        if threads is not None:
            check_threads(threads)
        engine = ENGINES[found.engine](home / found.model, threads or usual_threads())
        scoring = Scoring(engine, found.inputs)
        return cls(found.settings, found.engine, Answering(tokens, found.settings, scoring))

    def always_answering(self) -> "ExportedReader":
        """The same reader, which gives its best span even where "no answer" scores higher, or confidence is low."""
        settings = replace(self.settings, may_abstain=False, least_confidence=0.0)
        return ExportedReader(settings, self.engine, replace(self._answering, settings=settings))

    def answer(self, question: str, context: str, top: int = 1) -> Answer:
        """The answer to one question. Raises `DataError` for an empty text, `QuestionTooLongError` for a long question."""
        return self._answering.answer(question, context, top)

    def answer_many(
        self,
        examples: Iterable[Asked],
        top: int = 1,
        progress: Callable[[int], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Iterator[Answer]:
        """Answers in the order of `examples`, made while they are read; as `Reader.answer_many`."""
        return self._answering.answer_many(examples, top, progress, say)

    def best_of(self, question: str, contexts: Iterable[str], top: int = 1) -> tuple[Found, ...]:
        """The `top` best answers to one question across many contexts, best first; as `Reader.best_of`."""
        return self._answering.best_of(question, contexts, top)

    def trace(self, question: str, context: str, top: int = 5) -> Trace:
        """Every step from the question to its answer. Errors as for `answer`."""
        return self._answering.trace(question, context, top)


@dataclass(frozen=True, slots=True)
class Scoring:
    """An engine and the inputs it takes: from windows to their scores, batch by batch, longest windows first."""

    engine: Engine
    inputs: tuple[str, ...]

    def __call__(self, windows: Windows) -> Iterator[WindowScores]:
        """Start and end logits of every window once."""
        for indices in batches_by_length(windows.lengths, TOKENS_AT_ONCE):
            numbers = np.asarray(indices)
            batch = collate(windows, numbers)
            start, end = self.engine({name: batch[name] for name in self.inputs})
            yield WindowScores(numbers, start, end, batch["candidates"])
