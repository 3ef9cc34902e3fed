"""A training in a process of its own, to be killed: the parent sees how far it came and what it left behind."""

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import torch
from conftest import WINDOWS, made_examples, quick, tiny_reader
from resuming import by_weights
from several import SERVER
from transformers import PreTrainedTokenizerFast

from spantune.durable import FAIL_AT
from spantune.features import encode
from spantune.training import fine_tune, newest_checkpoint
from spantune.training.plain_state import load_state, save_state

STEPS = 12  # of the whole training: three epochs
DONE, WEIGHTS = "done.json", "weights.safetensors"


def digest_of(model):
    content = b"".join(one.detach().float().numpy().tobytes() for _, one in sorted(model.state_dict().items()))
    return hashlib.sha256(content).hexdigest()


def train(folder, tokenizer, settings, fail_at, reached, threads=1):
    """Train to the end, or go on to it; leave the weights' hash and what the history tells beside the checkpoints."""
    os.setpgid(0, 0)
    multiprocessing.set_start_method("fork", force=True)  # of the workers that prepare batches: they see their parent die
    torch.set_num_threads(threads)
    os.environ.pop(FAIL_AT, None)
    if fail_at is not None:
        os.environ[FAIL_AT] = fail_at
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer)
    model = tiny_reader(tokenizer)
    accumulated = settings.get("gradient_accumulation", 1)
    windows = encode(made_examples(8 * STEPS // 3 * accumulated), tokenizer, WINDOWS)
    checkpoints = Path(folder) / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)

    def progress(done, _):
        reached.value = done

    result = fine_tune(
        model,
        windows,
        quick(epochs=3, early_stopping=0, **settings),
        evaluate=by_weights,
        checkpoints=checkpoints,
        resume=newest_checkpoint(checkpoints).folder is not None,
        progress=progress,
    )
    epochs = [(one.training_loss, dict(one.scores), one.learning_rate) for one in result.history.epochs]
    told = {"weights": digest_of(result.model), "epochs": epochs, "best": result.history.best_epoch}
    save_state(Path(folder) / WEIGHTS, dict(result.model.state_dict()))
    (Path(folder) / DONE).write_text(json.dumps(told))


def run(folder, tokenizer, settings, *, fail_at=None, kill_after=None, threads=1):
    """Train in a child; give its exit code and the steps that it did. `kill_after`: seconds from its start to SIGKILL.

    `tokenizer` is a folder: one that is trained anew in each process would have other ids.
    """
    reached = SERVER.Value("i", -1)
    child = SERVER.Process(target=train, args=(str(folder), str(tokenizer), settings, fail_at, reached, threads))
    child.start()
    if kill_after is not None:
        while reached.value < 0 and child.is_alive():
            time.sleep(0.001)
        child.join(kill_after)
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
    child.join()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # workers that have not seen it yet
    return child.exitcode, reached.value


def outcome(folder):
    return json.loads((Path(folder) / DONE).read_text())


def weights(folder):
    return load_state(Path(folder) / WEIGHTS)
