"""What tests of saved runs share: a training that did not happen, and the folder of files that it makes."""

import pytest
from conftest import WINDOWS, quick, whole_checkpoint

from spantune.config import Config
from spantune.runs import save_run
from spantune.training import FineTuned, History

FILES = [
    "README.md",
    "config.json",
    "curves.png",
    "history.json",
    "model.safetensors",
    "spantune.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "trained-on.sketch",
]


def result_of(model, **settings):
    """A training that did not happen: saving wants only what came of it."""
    return FineTuned(model, History(), quick(**settings), (), 1, (), answer_length=30, may_abstain=False)


def saved(folder, result, tokenizer, **more):
    return save_run(folder, result.model, tokenizer, Config(windows=WINDOWS, training=quick()), result, **more)


def told(error):
    return error.value.found and error.value.expected and error.value.next_move


def refusal(kind, call, *given, **named):
    """The error that a call ends with; it tells what it found, what was expected and what to do."""
    with pytest.raises(kind) as caught:
        call(*given, **named)
    assert told(caught)
    return caught.value


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def checkpoint(folder, step):
    return whole_checkpoint(folder, step, {"model.safetensors": b"weights"})
