"""What tests of saved runs share: a training that did not happen, and the folder of files that it makes."""

import hashlib
import json

import pytest
from conftest import WINDOWS, quick

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


def checkpoint(folder, step, files=None):
    """A checkpoint that is whole, of files that mean nothing."""
    place = folder / f"checkpoint-{step}"
    noted = {}
    for name, content in (files or {"model.safetensors": b"weights"}).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
        noted[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (place / "manifest.json").write_text(json.dumps({"format": 1, "step": step, "files": noted}))
    return place
