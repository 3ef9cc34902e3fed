"""In: a finished run, and how it is to answer. Out: its reader or classifier. Does not know: what it is asked."""

from pathlib import Path
from typing import Any

from spantune.errors import ConfigError
from spantune.tasks import Task


def opened(
    task: Task,
    run: str | Path,
    backend: str,
    *,
    always_answer: bool,
    device: str | None = None,
    threads: int | None = None,
) -> Any:
    """The predictor of a run, on a GPU where there is one and no `device` is named.

    Raises `ConfigError` where a run that classifies is to answer always: it does. Other errors are those of `Task.open`.
    """
    if always_answer and task.name != "answer":
        raise ConfigError(
            f"--always-answer for a run of the task {task.name!r}",
            expected="a run that answers questions, and may give no answer",
            next_move="leave it away: every text gets a label",
        )
    predictor = task.open(run, backend, device=device, threads=threads)
    return predictor.always_answering() if always_answer else predictor
