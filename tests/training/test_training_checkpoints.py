"""Checkpoints that are whole or not there: what is kept, what is verified, and what a disk may do meanwhile."""

import errno
import json
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import FullyShardedDataParallelPlugin
from accelerate.utils.deepspeed import HfDeepSpeedConfig
from conftest import quick, same_weights
from lines import Saving, SavingSeq2Seq, line_trainer
from resuming import STEPS, by_weights
from transformers import Trainer

from spantune import durable
from spantune.errors import OutputError, RunError, StoppedError
from spantune.training import AtomicCheckpoints, fine_tune, newest_checkpoint, remove_unfinished
from spantune.training.checkpoints import damage

EXAMPLES = Path(__file__).parents[2] / "examples" / "several"


def test_a_checkpoint_holds_no_pickle_and_all_that_a_resume_needs(saved):
    assert sorted(path.name for path in (saved / "checkpoint-6").iterdir()) == [
        "config.json",
        "manifest.json",
        "model.safetensors",
        "optimizer.safetensors",
        "rng_state.safetensors",
        "running.safetensors",
        "scheduler.safetensors",
        "trainer_state.json",
    ]
    manifest = json.loads((saved / "checkpoint-6" / "manifest.json").read_text())
    assert (manifest["format"], manifest["step"], len(manifest["files"])) == (1, 6, 7)


# -- what is verified


def altered(name, change):
    def damage(checkpoint):
        content = bytearray((checkpoint / name).read_bytes())
        (checkpoint / name).write_bytes(change(content))

    return damage


def flipped(content):
    content[len(content) // 2] ^= 1
    return content


def listing(change):
    def damage(checkpoint):
        manifest = json.loads((checkpoint / "manifest.json").read_text())
        (checkpoint / "manifest.json").write_text(json.dumps(change(manifest)))

    return damage


def naming(name):
    entry = {"size": 0, "sha256": ""}
    return listing(lambda manifest: {**manifest, "files": {name: entry, **manifest["files"]}})


WRONGS = {
    "a bit of the weights": (altered("model.safetensors", flipped), "model.safetensors is not what was written"),
    "a bit of the optimiser": (altered("optimizer.safetensors", flipped), "optimizer.safetensors is not what was written"),
    "cut": (altered("rng_state.safetensors", lambda content: content[:-1]), "bytes, not"),
    "gone": (lambda checkpoint: (checkpoint / "scheduler.safetensors").unlink(), "scheduler.safetensors is missing"),
    "no manifest": (lambda checkpoint: (checkpoint / "manifest.json").unlink(), "has no manifest.json"),
    "no json": (altered("manifest.json", lambda _: b"{"), "cannot be read"),
    "a list": (altered("manifest.json", lambda _: b"[]"), "cannot be read"),
    "bytes": (altered("manifest.json", lambda _: b"\xff\xfe"), "cannot be read"),
    "another format": (listing(lambda manifest: {**manifest, "format": 2}), "format 2, not 1"),
    "no files": (listing(lambda manifest: {**manifest, "files": {}}), "lists no file"),
    "a path out": (naming("../../checkpoint-3/model.safetensors"), "outside of it"),
    "an absolute path": (naming("/etc/passwd"), "outside of it"),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_is_not_as_it_was_written_is_passed_over_with_the_reason(tmp_path, saved, wrong):
    change, told = WRONGS[wrong]
    folder = shutil.copytree(saved, tmp_path / "checkpoints")
    assert damage(folder / "checkpoint-6") is None
    change(folder / "checkpoint-6")
    found = newest_checkpoint(folder)
    assert found.folder == folder / "checkpoint-3"
    ((path, why),) = found.passed_over
    assert path == folder / "checkpoint-6"
    assert told in why
    (folder / ".saving").mkdir()
    remove_unfinished(folder)  # a checkpoint that cannot be read may be readable tomorrow
    parts = [] if wrong == "no manifest" else ["checkpoint-6"]
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-3", *parts]


def test_a_resume_says_what_it_passes_over(tmp_path, saved, new_model, windows):
    folder = shutil.copytree(saved, tmp_path / "checkpoints")
    altered("model.safetensors", flipped)(folder / "checkpoint-6")
    said = []
    fine_tune(new_model(), windows, quick(epochs=2), checkpoints=folder, resume=True, say=said.append)
    assert said == [f"{folder / 'checkpoint-6'} is passed over: model.safetensors is not what was written: its SHA-256 differs"]
    assert damage(folder / "checkpoint-6") is None  # made anew


def test_rotation_never_removes_the_last_whole_checkpoint_and_none_of_another_trainer(tmp_path, new_model, windows):
    """Previously (Hugging Face Trainer 5.23) the newest folder was kept, whether it was whole or not."""
    for number in (1, 98, 99):
        (tmp_path / f"checkpoint-{number}").mkdir()
    fine_tune(new_model(), windows, quick(epochs=3), checkpoints=tmp_path)
    numbers = sorted(int(path.name.removeprefix("checkpoint-")) for path in tmp_path.iterdir())
    assert numbers == [1, 6, 9, 98, 99]


@pytest.mark.filterwarnings("ignore")
def test_the_folder_of_a_trial_is_made_as_the_trainer_makes_it(tmp_path):
    """Previously a search over settings, whose trials have folders of their own, ended at its first save."""

    class Searching(Trainer):
        def _get_output_dir(self, trial):
            return str(tmp_path / "run-0")

    class Trial(AtomicCheckpoints, Searching):
        pass

    trainer = line_trainer(tmp_path, Trial)
    trainer.train()
    assert newest_checkpoint(tmp_path / "run-0").folder is not None


# -- disks


@pytest.mark.parametrize(("name", "step"), [("ENOSPC", 3), ("EIO", 9), ("EROFS", 1), ("EIO", 18), ("EIO", 19), ("ENOSPC", 24)])
def test_a_disk_that_fails_at_a_step_of_a_save_is_told_and_the_training_can_go_on(
    tmp_path, new_model, windows, fail_at, monkeypatch, name, step
):
    straight, resumed = new_model(), new_model()
    config = quick(epochs=2, save_steps=1)
    fine_tune(straight, windows, config)
    fail_at(f"{name}@{step}")
    with pytest.raises(OutputError, match=os.strerror(getattr(errno, name))) as caught:
        fine_tune(new_model(), windows, config, checkpoints=tmp_path)
    found = newest_checkpoint(tmp_path)
    assert ("--resume" in caught.value.next_move) == (found.folder is not None)
    assert not found.passed_over
    monkeypatch.delenv(durable.FAIL_AT)
    fine_tune(resumed, windows, config, checkpoints=tmp_path, resume=found.folder is not None)
    assert same_weights(straight, resumed)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("mounting a small disk takes root, and only a disk that is full fails as one")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_disk_that_fills_up_loses_no_checkpoint(small_disk, new_model, windows):
    """Room for two checkpoints and a part of the third."""
    large = {"hidden_size": 128, "intermediate_size": 160}
    straight, resumed = new_model(**large), new_model(**large)
    fine_tune(straight, windows, quick(epochs=3))
    with pytest.raises(OutputError, match=r"No space left|os error 28") as caught:
        fine_tune(new_model(**large), windows, quick(epochs=3), checkpoints=small_disk)
    assert "--resume" in caught.value.next_move
    found = newest_checkpoint(small_disk)
    assert (found.folder.name, found.passed_over) == ("checkpoint-6", ())
    shutil.rmtree(small_disk / "checkpoint-3")
    fine_tune(resumed, windows, quick(epochs=3), checkpoints=small_disk, resume=True)
    assert same_weights(straight, resumed)


def test_a_folder_that_vanishes_is_told(tmp_path, new_model, windows):
    folder = tmp_path / "checkpoints"
    folder.mkdir()

    def vanishing(done, _):
        if done == STEPS + 1:
            shutil.rmtree(folder)

    with pytest.raises(OutputError, match="No such file") as caught:
        fine_tune(new_model(), windows, quick(epochs=2), checkpoints=folder, progress=vanishing)
    assert caught.value.expected == "the folder to stay where it was while training runs"


# -- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [2, STEPS, STEPS + 1])
def test_a_signal_ends_the_training_after_its_step_and_nothing_is_lost(tmp_path, new_model, windows, number, step):
    straight, resumed = new_model(), new_model()
    config = quick(epochs=2, early_stopping=0)
    whole = fine_tune(straight, windows, config, evaluate=by_weights)
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    said = []

    def signalled(done, _):
        if done == step:
            os.kill(os.getpid(), number)

    with pytest.raises(StoppedError, match=f"stopped by {number.name} after step {step} of 6, which is saved") as caught:
        fine_tune(new_model(), windows, config, evaluate=by_weights, checkpoints=tmp_path, progress=signalled, say=said.append)
    assert "--resume" in caught.value.next_move
    assert [one.partition(":")[0] for one in said] == [number.name]
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert newest_checkpoint(tmp_path).folder.name == f"checkpoint-{step}"
    rest = fine_tune(resumed, windows, config, evaluate=by_weights, checkpoints=tmp_path, resume=True)
    assert same_weights(straight, resumed)
    assert [(one.epoch, one.training_loss, one.scores) for one in rest.history.epochs] == [
        (one.epoch, one.training_loss, one.scores) for one in whole.history.epochs
    ]


def test_a_second_signal_stops_at_once(tmp_path, new_model, windows):
    def signalled(done, _):
        if done == 1:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fine_tune(new_model(), windows, quick(epochs=2), checkpoints=tmp_path, progress=signalled)


def test_a_training_in_another_thread_leaves_signals_alone(tmp_path, new_model, windows):
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def looking(*_):
        seen.append(signal.getsignal(signal.SIGTERM))

    def train():
        fine_tune(new_model(), windows, quick(epochs=1), checkpoints=tmp_path, progress=looking)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert set(seen) == {before}


# -- as a part for any Trainer


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [Saving, SavingSeq2Seq])
@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant_with_warmup"])
def test_any_trainer_can_take_it(tmp_path, kind, schedule):
    straight = line_trainer(tmp_path / "straight", kind, lr_scheduler_type=schedule)
    straight.train()
    begun = line_trainer(tmp_path / "begun", kind, lr_scheduler_type=schedule)
    begun.train()
    folder = tmp_path / "begun"
    assert sorted(path.name for path in folder.glob("check*")) == ["checkpoint-10", "checkpoint-12", "checkpoint-8"]
    (folder / "checkpoint-12" / "trainer_state.json").unlink()
    (folder / "checkpoint-10" / "optimizer.safetensors").write_bytes(b"")
    resumed = line_trainer(folder, kind, lr_scheduler_type=schedule)
    resumed.train(resume_from_checkpoint=True)
    assert torch.equal(straight.model.weight, resumed.model.weight)
    losses = [[entry["loss"] for entry in one.state.log_history if "loss" in entry] for one in (straight, resumed)]
    assert losses[0] == losses[1]


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_that_is_not_whole_is_not_resumed_from(tmp_path):
    trainer = line_trainer(tmp_path)
    with pytest.raises(RunError, match="no whole checkpoint in"):
        trainer.train(resume_from_checkpoint=True)
    trainer.train()
    (tmp_path / "checkpoint-12" / "trainer_state.json").unlink()
    with pytest.raises(RunError, match=r"checkpoint-12 is passed over: trainer_state\.json is missing"):
        line_trainer(tmp_path).train(resume_from_checkpoint=str(tmp_path / "checkpoint-12"))
    line_trainer(tmp_path).train(resume_from_checkpoint=str(tmp_path / "checkpoint-10"))


@pytest.mark.parametrize("name", ["fsdp.yaml", "deepspeed.yaml"])
def test_accelerate_reads_the_settings_that_the_docs_give_for_weights_that_are_spread(name, monkeypatch):
    """What the docs show is what Accelerate makes of it; DeepSpeed itself needs a GPU."""
    monkeypatch.chdir(EXAMPLES)
    read = load_config_from_file(name)
    assert read.num_processes == 2
    if name == "fsdp.yaml":
        keys = {key.removeprefix("fsdp_"): value for key, value in read.fsdp_config.items()}
        plugin = FullyShardedDataParallelPlugin(
            fsdp_version=keys["version"],
            auto_wrap_policy=keys["auto_wrap_policy"],
            reshard_after_forward=keys["reshard_after_forward"],
            state_dict_type=keys["state_dict_type"],
        )
        assert (plugin.fsdp_version, plugin.state_dict_type.name) == (2, "FULL_STATE_DICT")
    else:
        engine = HfDeepSpeedConfig(read.deepspeed_config["deepspeed_config_file"])
        assert engine.is_zero2()
        assert not engine.is_offload()
