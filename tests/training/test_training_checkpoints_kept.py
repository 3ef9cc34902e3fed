"""What a checkpoint keeps and gives back, which checkpoints stay, and what is told of those that are not whole."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import whole_checkpoint
from lines import Saving, line_trainer
from transformers import Trainer, TrainerCallback

from spantune import durable
from spantune.errors import RunError
from spantune.training import newest_checkpoint, remove_unfinished
from spantune.training.checkpoints import Found, damage, listed, told

pytestmark = pytest.mark.filterwarnings("ignore")  # the Trainer's own

WHOLE = [
    "manifest.json",
    "model.safetensors",
    "optimizer.safetensors",
    "rng_state.safetensors",
    "running.safetensors",
    "scheduler.safetensors",
    "trainer_state.json",
]
FILES = {"model.safetensors": b"weights", "part/more.bin": b"12345"}


def made(folder, step, **changes):
    return whole_checkpoint(folder, step, FILES, **changes)


def numbers(folder):
    return sorted(int(path.name.removeprefix("checkpoint-")) for path in folder.glob("checkpoint-*"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# -- what is whole


def test_the_newest_is_the_one_of_most_steps_that_is_whole(tmp_path):
    for step in (2, 9, 10, 11):
        made(tmp_path, step)
    (tmp_path / "checkpoint-10" / "part" / "more.bin").write_bytes(b"1234")
    (tmp_path / "checkpoint-11" / "part" / "more.bin").unlink()
    (tmp_path / "checkpoint-12").write_text("a file")
    (tmp_path / "checkpoint-last").mkdir()
    (tmp_path / "checkpoint-").mkdir()
    found = newest_checkpoint(str(tmp_path))
    assert found == Found(
        tmp_path / "checkpoint-9",
        (
            (tmp_path / "checkpoint-11", "part/more.bin is missing"),
            (tmp_path / "checkpoint-10", "part/more.bin has 4 bytes, not 5"),
        ),
    )
    assert told(found) == (
        f"{tmp_path / 'checkpoint-11'} is passed over: part/more.bin is missing",
        f"{tmp_path / 'checkpoint-10'} is passed over: part/more.bin has 4 bytes, not 5",
    )
    assert listed(tmp_path) == [tmp_path / f"checkpoint-{step}" for step in (2, 9, 10, 11)]


WRONGS = {
    "another format": ({"format": 2}, "its manifest.json has format 2, not 1"),
    "no file": ({"files": {}}, "its manifest lists no file"),
    "a path out": ({"files": {"../a": {"size": 0, "sha256": ""}}}, "its manifest.json names '../a', which is outside of it"),
    "an absolute path": ({"files": {"/a": {"size": 0, "sha256": ""}}}, "its manifest.json names '/a', which is outside of it"),
    "files in a list": ({"files": ["model.safetensors"]}, "its manifest.json cannot be read: "),
    "a file without size": ({"files": {"a": {"sha256": ""}}}, "its manifest.json cannot be read: 'size'"),
    "a size in words": ({"files": {"a": {"size": "large", "sha256": ""}}}, "its manifest.json cannot be read: invalid literal"),
}


@pytest.mark.parametrize(("changes", "words"), WRONGS.values(), ids=WRONGS)
def test_a_manifest_that_is_wrong_is_told(tmp_path, changes, words):
    assert damage(made(tmp_path, 3)) is None
    assert damage(made(tmp_path, 3, **changes)).startswith(words)


def test_what_a_file_holds_is_compared_and_not_its_size_alone(tmp_path):
    checkpoint = made(tmp_path, 3)
    (checkpoint / "model.safetensors").write_bytes(b"wEights")
    assert damage(checkpoint) == "model.safetensors is not what was written: its SHA-256 differs"
    (checkpoint / "model.safetensors").write_bytes(b"weights" * 1000)
    assert damage(checkpoint) == "model.safetensors has 7,000 bytes, not 7"
    (checkpoint / "manifest.json").write_text("{")
    assert damage(checkpoint).startswith("its manifest.json cannot be read: ")
    (checkpoint / "manifest.json").unlink()
    assert damage(checkpoint) == "it has no manifest.json: a part of a checkpoint, or one of another program"


def test_a_folder_that_cannot_be_looked_into_holds_no_checkpoint(tmp_path):
    assert newest_checkpoint(tmp_path / ("x" * 5000)) == Found(None, ())
    assert listed(tmp_path / "nowhere") == []


def test_what_a_kill_left_is_removed_and_nothing_else_is(tmp_path):
    made(tmp_path, 3)
    made(tmp_path, 6, format=2)
    for name in ("checkpoint-9", ".saving", ".removing-checkpoint-1", "checkpoint-best", "runs"):
        (tmp_path / name / "deep").mkdir(parents=True)
    remove_unfinished(tmp_path)
    assert names(tmp_path) == ["checkpoint-3", "checkpoint-6", "checkpoint-best", "runs"]


# -- what is written


def test_a_checkpoint_holds_what_its_manifest_lists_and_no_pickle(tmp_path):
    line_trainer(tmp_path, max_steps=3, save_steps=3).train()
    checkpoint = tmp_path / "checkpoint-3"
    assert names(checkpoint) == WHOLE
    noted = json.loads((checkpoint / "manifest.json").read_text())
    assert (noted["format"], noted["step"]) == (1, 3)
    assert noted["files"] == {
        name: {"size": (checkpoint / name).stat().st_size, "sha256": durable.sha256(checkpoint / name)}
        for name in WHOLE
        if name != "manifest.json"
    }
    assert names(tmp_path) == ["checkpoint-3"]


def test_weights_alone_are_a_whole_checkpoint_too(tmp_path):
    line_trainer(tmp_path, max_steps=2, save_only_model=True).train()
    assert names(tmp_path / "checkpoint-2") == ["manifest.json", "model.safetensors", "trainer_state.json"]
    assert newest_checkpoint(tmp_path) == Found(tmp_path / "checkpoint-2", ())


def test_a_save_sweeps_what_an_earlier_one_left(tmp_path):
    for name in (".saving", ".removing-checkpoint-1"):
        (tmp_path / name / "checkpoint-2").mkdir(parents=True)
        (tmp_path / name / "checkpoint-2" / "half").write_text("")
    line_trainer(tmp_path, max_steps=2).train()
    assert names(tmp_path) == ["checkpoint-2"]
    assert names(tmp_path / "checkpoint-2") == WHOLE


def test_a_checkpoint_of_the_same_step_is_written_over(tmp_path):
    old = made(tmp_path, 2)
    line_trainer(tmp_path, max_steps=2).train()
    assert names(old) == WHOLE
    assert damage(old) is None


@pytest.mark.parametrize("step", [2, 14])
def test_a_save_that_fails_leaves_nothing_of_itself(tmp_path, fail_at, step):
    fail_at(f"EIO@{step}")
    with pytest.raises(OSError, match="Input/output error"):
        line_trainer(tmp_path, max_steps=2).train()
    assert names(tmp_path) == []


def test_a_folder_that_is_gone_is_not_made_again(tmp_path):
    class Removing(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            shutil.rmtree(tmp_path / "out")

    with pytest.raises(FileNotFoundError):
        line_trainer(tmp_path / "out", max_steps=2, save_steps=1, callbacks=[Removing()]).train()
    assert names(tmp_path) == []


def test_what_is_uploaded_is_the_checkpoint_at_its_place(tmp_path):
    seen = []

    class Uploading(Trainer):
        def _push_from_checkpoint(self, checkpoint_folder):
            seen.append((checkpoint_folder, damage(Path(checkpoint_folder))))

    class Both(Saving, Uploading):
        pass

    trainer = line_trainer(tmp_path, Both, max_steps=4)
    trainer.args.push_to_hub = True
    trainer._finish_current_push = lambda: None  # there is no Hub here
    trainer.push_to_hub = lambda **_: None
    trainer.train()
    assert seen == [(str(tmp_path / f"checkpoint-{step}"), None) for step in (2, 4)]


# -- which stay


class Scored(Saving):
    """Its held-out score falls from step to step: the first checkpoint is the best."""

    def evaluate(self, *given, **named):
        return {"eval_score": -self.state.global_step}


BEST = {"eval_strategy": "steps", "metric_for_best_model": "score", "greater_is_better": True, "save_steps": 1, "eval_steps": 1}


@pytest.mark.parametrize(("most", "left"), [(1, [12]), (2, [11, 12]), (9, [8, 9, 10, 11, 12]), (None, [8, 9, 10, 11, 12])])
def test_the_newest_stay_by_their_steps(tmp_path, most, left):
    for step in (9, 11, 10, 8):
        made(tmp_path, step)
    line_trainer(tmp_path, max_steps=12, save_steps=12, save_total_limit=most).train()
    assert numbers(tmp_path) == left


class Seeing(TrainerCallback):
    """Looks which checkpoints are there after each save."""

    def __init__(self):
        self.seen = []

    def on_save(self, args, state, control, **_):
        self.seen.append(numbers(Path(args.output_dir)))


@pytest.mark.parametrize(("most", "left"), [(1, [1, 4]), (2, [1, 4]), (3, [1, 3, 4])])
def test_the_best_stays_beside_the_newest(tmp_path, most, left):
    seeing = Seeing()
    trainer = line_trainer(tmp_path, Scored, max_steps=4, save_total_limit=most, callbacks=[seeing], **BEST)
    trainer.train()
    assert seeing.seen[0] == [1]
    assert seeing.seen[-1] == left
    assert trainer.state.best_model_checkpoint == str(tmp_path / "checkpoint-1")
    for step in numbers(tmp_path):
        noted = json.loads((tmp_path / f"checkpoint-{step}" / "trainer_state.json").read_text())
        assert noted["best_model_checkpoint"] == str(tmp_path / "checkpoint-1")


def test_checkpoints_of_others_are_neither_counted_nor_removed(tmp_path):
    (tmp_path / "checkpoint-1" / "theirs").mkdir(parents=True)
    made(tmp_path, 2), made(tmp_path, 3)
    line_trainer(tmp_path, max_steps=4, save_steps=4, save_total_limit=2).train()
    assert numbers(tmp_path) == [1, 3, 4]


def test_the_best_of_a_folder_that_moved_is_the_best_still(tmp_path):
    """Previously the Trainer forgot it, and kept the last epoch's weights for the best."""
    settings = {**BEST, "save_total_limit": 2, "load_best_model_at_end": True, "lr_scheduler_type": "constant"}
    best = line_trainer(tmp_path / "begun", Scored, max_steps=2, **settings)
    best.train()
    (tmp_path / "begun").rename(tmp_path / "moved")
    resumed = line_trainer(tmp_path / "moved", Scored, max_steps=3, **settings)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.best_model_checkpoint == str(tmp_path / "moved" / "checkpoint-1")
    assert torch.equal(resumed.model.weight, best.model.weight)
    assert numbers(tmp_path / "moved") == [1, 3]


# -- what comes back


class Drawing(TrainerCallback):
    """Draws from every generator at each step."""

    def __init__(self):
        self.drawn = []

    def on_step_end(self, args, state, control, **_):
        self.drawn.append((random.random(), np.random.rand(), torch.rand(()).item()))  # noqa: NPY002


class Counting(TrainerCallback):
    """Counts steps; what it has counted is kept."""

    def __init__(self):
        self.steps = 0

    def on_step_end(self, args, state, control, **_):
        self.steps += 1

    def kept(self):
        return {"steps": self.steps}

    def take_back(self, state):
        self.steps = state["steps"]


def gone_on(folder, steps=6, at=4, scaler=None, **settings):
    """A trainer that trained straight, and one that began anew from the checkpoint of step `at`, each with its callbacks."""
    both = []
    for resume in (None, str(folder / f"checkpoint-{at}")):
        random.seed(1), np.random.seed(1)  # noqa: NPY002
        callbacks = [Drawing(), Counting()]
        trainer = line_trainer(folder, max_steps=steps, save_total_limit=None, callbacks=callbacks, **settings)
        trainer.accelerator.scaler = None if scaler is None else scaler()
        both.append((trainer, trainer.train(resume_from_checkpoint=resume), callbacks))
        random.seed(2), np.random.seed(2), torch.manual_seed(2)  # noqa: NPY002
    return both


def test_a_resume_goes_on_as_if_nothing_had_been(tmp_path):
    (straight, whole, (drawn, counted)), (resumed, rest, (again, taken)) = gone_on(tmp_path, logging_steps=3)
    assert torch.equal(straight.model.weight, resumed.model.weight)
    assert straight.model.losses[4:] == resumed.model.losses
    assert drawn.drawn[4:] == again.drawn
    assert (counted.steps, taken.steps) == (6, 6)
    logs = [
        [(one["step"], one["loss"], one["learning_rate"]) for one in trainer.state.log_history if "loss" in one]
        for trainer in (straight, resumed)
    ]
    assert logs[0] == logs[1]
    assert whole.training_loss == pytest.approx(sum(straight.model.losses) / 6)
    assert rest.training_loss == pytest.approx(sum(resumed.model.losses) / 2)  # of the steps of this call
    assert straight.optimizer.state_dict()["state"][0]["step"] == resumed.optimizer.state_dict()["state"][0]["step"] == 6


def test_the_scale_of_mixed_precision_is_kept_and_comes_back(tmp_path):
    """Previously (Hugging Face Trainer) it was a pickle."""

    def scaler():
        return torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=3)

    (straight, *_), (resumed, *_) = gone_on(tmp_path, steps=8, scaler=scaler)
    assert names(tmp_path / "checkpoint-4") == sorted([*WHOLE, "scaler.safetensors"])
    assert straight.accelerator.scaler.state_dict() == resumed.accelerator.scaler.state_dict()
    assert straight.accelerator.scaler.get_scale() == 32.0
    assert torch.equal(straight.model.weight, resumed.model.weight)


def test_without_the_state_of_a_callback_it_begins_anew(tmp_path):
    line_trainer(tmp_path, max_steps=2).train()
    counting = Counting()
    line_trainer(tmp_path, max_steps=4, callbacks=[counting]).train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert counting.steps == 2


def test_weights_alone_can_be_gone_on_from(tmp_path):
    """The rest begins anew, as with the Trainer's own."""
    trainer = line_trainer(tmp_path, max_steps=2, save_only_model=True)
    trainer.train()
    resumed = line_trainer(tmp_path, max_steps=3, learning_rate=0.0)
    resumed.train(resume_from_checkpoint=True)
    assert torch.equal(resumed.model.weight, trainer.model.weight)
    assert len(resumed.model.losses) == 1


def test_where_a_training_went_on_from_is_told(tmp_path):
    trainer = line_trainer(tmp_path, max_steps=2, save_steps=1)
    trainer.train()
    assert trainer.taken_up is None
    trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-1"))
    assert trainer.taken_up == tmp_path / "checkpoint-1"
    trainer.train(resume_from_checkpoint=True)
    assert trainer.taken_up == tmp_path / "checkpoint-2"
    trainer.train(resume_from_checkpoint=False)
    assert trainer.taken_up is None


def test_a_resume_from_nothing_whole_is_told_with_each_reason(tmp_path):
    trainer = line_trainer(tmp_path)
    with pytest.raises(RunError) as caught:
        trainer.train(resume_from_checkpoint=True)
    assert caught.value.found == f"no whole checkpoint in {tmp_path}"
    none = made(tmp_path, 2, files={})
    (tmp_path / "checkpoint-4").mkdir()
    with pytest.raises(RunError) as caught:
        trainer.train(resume_from_checkpoint=True)
    assert caught.value.found == (
        f"no whole checkpoint in {tmp_path}; {tmp_path / 'checkpoint-4'} is passed over: it has no manifest.json: a part of a "
        f"checkpoint, or one of another program; {tmp_path / 'checkpoint-2'} is passed over: its manifest lists no file"
    )
    with pytest.raises(RunError) as caught:
        trainer.train(resume_from_checkpoint=str(none))
    assert caught.value.found == f"no whole checkpoint in {none}; {none} is passed over: its manifest lists no file"
    assert trainer.taken_up is None
