"""`ask_run`: one question to a finished run, with every step of the way on request."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spantune.data import write_text
from spantune.errors import ConfigError, MissingDataError, UnreadableDataError
from spantune.inference import Answer, Prediction, Trace, trace_html, trace_text
from spantune.inference.backends import AUTO, TORCH, backend_of
from spantune.road.opening import opened
from spantune.runs import read_facts
from spantune.tasks import TASKS

if TYPE_CHECKING:
    from spantune.road.training import Trained

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run said to one question (with the trace of it) or to one text (without one), and what it computed with."""

    said: Answer | Prediction
    context: str
    trace: Trace | None
    backend: str = TORCH

    def as_dict(self, with_trace: bool = False) -> dict[str, Any]:
        """The answer or prediction as JSON can carry it, with its trace if wanted. Raises `ConfigError` as `trace_text`."""
        found = {**self.said.as_dict(), "backend": self.backend}
        return {**found, "trace": self._traced().as_dict()} if with_trace else found

    def trace_text(self, width: int, encoding: str | None) -> str:
        """The trace for people. Raises `ConfigError` for a classified text, which has none."""
        return trace_text(self._traced(), width=width, encoding=encoding)

    def write_html(self, file: Path) -> Path:
        """Write the trace as a web page that needs nothing else. Raises `OutputError`, or `ConfigError` as above."""
        write_text(file, trace_html(self._traced()))
        return file

    def _traced(self) -> Trace:
        if self.trace is None:
            raise ConfigError(
                "a trace of a classified text",
                expected="a run that answers questions",
                next_move="leave --trace and --html away; every label's probability is shown with --top",
            )
        return self.trace


def ask_run(
    run: str | Path,
    question: str,
    *,
    context: str | None = None,
    context_file: str | Path | None = None,
    top: int = 1,
    always_answer: bool = False,
    backend: str = AUTO,
) -> Asked:
    """Ask a finished run one question about a context, given as text, as a file, or as "-" for standard input.

    A run that classifies takes the question as its text and no context. `backend` is what computes, one of
    `inference.backends.BACKENDS`; for errors, see `open_with` there. Raises `ConfigError` when the context is missing or
    given twice, `DataError` for an empty question or context, `QuestionTooLongError` for a question that fills the window.
    """
    facts = read_facts(run)
    given = [one for one in (context, context_file) if one is not None]
    wanted = 1 if facts.task == "answer" else 0
    if len(given) != wanted:
        raise ConfigError(
            f"{len(given)} contexts for a run of the task {facts.task!r}",
            expected="one of --context TEXT, --context-file FILE or - (standard input)" if wanted else "none, only a text",
            next_move="give the text that the answer is in" if wanted else "leave the context away",
        )
    predictor = opened(TASKS[facts.task], run, backend, always_answer=always_answer)
    if not wanted:
        return Asked(predictor.predict(question), "", None)
    text = context if context is not None else _read_text(str(context_file))
    trace = predictor.trace(question, text, max(top, 1))
    return Asked(trace.answer, text, trace, backend_of(predictor))


def worth_asking(trained: "Trained") -> Any:
    """A held-out question that the reader answers right, with a short context, so that its trace fits on a screen.

    The one with the shortest context where no answer is right. For a run that answers questions.
    """
    by_length = sorted(trained.held_out, key=lambda record: len(getattr(record, "context", "")))
    answers = trained.predictor.answer_many(by_length)
    right = (
        record
        for record, answer in zip(by_length, answers, strict=True)
        if answer.text in {span.text for span in getattr(record, "answers", ())}
    )
    return next(right, by_length[0])


def free_folder(name: str) -> Path:
    """The first of `name`, `name-2`, `name-3`, … that is not there yet."""
    return next(path for path in (Path(name), *(Path(f"{name}-{n}") for n in range(2, 10_000))) if not path.exists())


def _read_text(source: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if source == STANDARD_INPUT else Path(source).read_bytes()
    except OSError as error:
        raise MissingDataError(
            f"the context file {source} cannot be read: {error.strerror}",
            expected="a text file",
            next_move="check the path given to --context-file",
        ) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        name = "standard input" if source == STANDARD_INPUT else source
        raise UnreadableDataError(
            f"{name} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}",
            expected="text in UTF-8",
            next_move=f"convert it, for example with: iconv -f latin1 -t utf-8 {name}",
        ) from error
