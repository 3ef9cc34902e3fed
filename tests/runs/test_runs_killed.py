"""A run whose save is killed, at each step of the system: nothing of it is taken for a run, and --resume saves it."""

import json
import os
import signal

import pytest
import several
from conftest import quick_config

from spantune import durable
from spantune.config import with_settings
from spantune.road import evaluate_run, train_run
from spantune.road import training as road
from spantune.runs.folder import STAGING
from spantune.runs.lock import LOCK
from spantune.runs.reading import FACTS


def trained(data, held_out, out, model_folder, fail_at, resume):
    """Train; the steps that are counted are those of saving the run. Gives their number."""
    save_run = road.save_run

    def counting(*given, **named):
        durable._steps = 0
        os.environ[durable.FAIL_AT] = fail_at
        return save_run(*given, **named)

    road.save_run = counting
    config = with_settings(quick_config(model_folder, method="lora"), {"training.save_steps": 2})
    train_run([data], out, config, eval_data=[held_out], resume=resume)
    return durable._steps


FEW = (1, 13, 18, 25)  # before the first sync, at the note of what moves in, amid the moves
NEVER = f"{durable.KILL}@100000"


@pytest.fixture(scope="module")
def words(data_folder, tiny_model_folder):
    return str(data_folder / "questions.json"), str(data_folder / "held-out.json"), str(tiny_model_folder)


@pytest.fixture(scope="module")
def whole(words, tmp_path_factory):
    """A run that nothing disturbed, and how many steps its save took."""
    data, held_out, model = words
    out = tmp_path_factory.mktemp("whole") / "run"
    (steps,) = several.run(1, trained, data, held_out, str(out), model, NEVER, False)
    return out, steps


def _killed_and_gone_on_with(words, whole, tmp_path, at):
    (undisturbed, steps), (data, held_out, model) = whole, words
    if at > steps:
        return
    out = tmp_path / "run"
    children, results = several.start(1, trained, data, held_out, str(out), model, f"{durable.KILL}@{at}", False)
    children[0].join(several.PATIENCE)
    several.finish(children, results, expected=0)
    assert children[0].exitcode == -signal.SIGKILL
    whole_already = (out / FACTS).exists()
    assert whole_already == (at == steps)
    if not whole_already:
        several.run(1, trained, data, held_out, str(out), model, NEVER, True)
    assert _beside_the_run(out, undisturbed) == (["checkpoints", LOCK, STAGING] if whole_already else [])
    for name in ("model.safetensors", "adapter/adapter_model.safetensors"):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes()
    mine, theirs = (json.loads((folder / "spantune.json").read_text()) for folder in (out, undisturbed))
    assert mine["scores"] == theirs["scores"]
    assert evaluate_run(out, [held_out]).scores.f1 == pytest.approx(mine["scores"]["f1"])


def _beside_the_run(out, undisturbed):
    """What lies in the folder of a run besides all that a run has, hidden names too; the lock and the staging hold nothing."""
    names, usual = ({path.name for path in folder.iterdir()} for folder in (out, undisturbed))
    assert usual <= names
    staged = {name for name in names if name.startswith(STAGING)}
    assert [list((out / name).iterdir()) for name in staged] == [[] for _ in staged]
    assert not (out / LOCK).exists() or (out / LOCK).stat().st_size == 0
    return sorted([*(names - usual - staged), *(STAGING for _ in staged)], key=lambda name: name.lstrip("."))


@pytest.mark.parametrize("at", FEW)
def test_a_save_that_is_killed_is_done_again(words, whole, tmp_path, at):
    """Previously the folder of an adapter that had been moved in was in the way of the next save."""
    _killed_and_gone_on_with(words, whole, tmp_path, at)


@pytest.mark.nightly
@pytest.mark.parametrize("at", [at for at in range(1, 60) if at not in FEW])
def test_a_save_that_is_killed_at_any_step_is_done_again(words, whole, tmp_path, at):
    _killed_and_gone_on_with(words, whole, tmp_path, at)


def test_a_save_that_is_killed_when_all_is_in_its_place_is_a_run(words, whole, tmp_path):
    """Its process could not take the lock, the folder that it moved out of and the checkpoints with it."""
    _killed_and_gone_on_with(words, whole, tmp_path, whole[1])


def test_a_save_takes_as_many_steps_as_these_tests_kill(whole):
    assert max(FEW) < whole[1] < 60
