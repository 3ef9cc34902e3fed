"""In: a finished run, and how it is to answer. Out: its reader or classifier. Does not know: what it is asked."""

from pathlib import Path
from typing import Any

from spantune.errors import ConfigError
from spantune.tasks import Task


def opened(task: Task, run: str | Path, backend: str, *, always_answer: bool) -> Any:
    """The predictor of a run. Raises `ConfigError` where a run that classifies is to answer always: it does."""
    if always_answer and task.name != "answer":
        raise ConfigError(
            f"--always-answer for a run of the task {task.name!r}",
            expected="a run that answers questions, and may give no answer",
            next_move="leave it away: every text gets a label",
        )
    predictor = task.open(run, backend)
    return predictor.always_answering() if always_answer else predictor
