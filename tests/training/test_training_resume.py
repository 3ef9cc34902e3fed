"""Killed and gone on with: the same weights, the whole history, and no trust in half-written checkpoints."""

import json
import shutil

import pytest
from conftest import quick, same_weights
from resuming import STEPS, by_weights, killed_at

from spantune.errors import RunError
from spantune.training import Held, fine_tune, newest_checkpoint


def told(history):
    """What of a history does not depend on the clock."""
    return [(one.epoch, one.held_out_loss, dict(one.scores), one.learning_rate) for one in history.epochs]


def losses(history):
    return [epoch.training_loss for epoch in history.epochs]


@pytest.mark.parametrize("step", [1 + STEPS, 2 * STEPS])
def test_a_resumed_run_gives_the_weights_and_the_history_of_one_that_was_never_stopped(tmp_path, new_model, windows, step):
    straight, interrupted, resumed = new_model(), new_model(), new_model()
    config = quick(epochs=3, early_stopping=0)
    whole = fine_tune(straight, windows, config, evaluate=by_weights)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(interrupted, windows, config, evaluate=by_weights, checkpoints=tmp_path, progress=killed_at(step))
    assert newest_checkpoint(tmp_path).folder == tmp_path / f"checkpoint-{STEPS}"
    rest = fine_tune(resumed, windows, config, evaluate=by_weights, checkpoints=tmp_path, resume=True)
    assert same_weights(straight, resumed, 1e-6)
    assert told(rest.history) == told(whole.history)
    assert losses(rest.history) == pytest.approx(losses(whole.history), abs=1e-5)
    assert rest.history.best_epoch == whole.history.best_epoch
    assert all(epoch.seconds > 0 and epoch.windows_per_second > 0 and epoch.observation for epoch in rest.history.epochs)


@pytest.mark.parametrize("evaluate", [by_weights, None])
def test_a_run_goes_on_inside_an_epoch_where_save_steps_asked_for_a_checkpoint(tmp_path, new_model, windows, evaluate):
    straight, resumed = new_model(), new_model()
    config = quick(epochs=3, early_stopping=0, save_steps=2)
    whole = fine_tune(straight, windows, config, evaluate=evaluate)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(new_model(), windows, config, evaluate=evaluate, checkpoints=tmp_path, progress=killed_at(5))
    assert newest_checkpoint(tmp_path).folder.name == "checkpoint-4"
    rest = fine_tune(resumed, windows, config, evaluate=evaluate, checkpoints=tmp_path, resume=True)
    assert same_weights(straight, resumed, 1e-6)
    assert told(rest.history) == told(whole.history)


def test_an_interrupted_evaluation_is_made_up_for(tmp_path, new_model, windows):
    """Previously a checkpoint that `save_steps` asked for at the last step of an epoch was saved before the epoch was
    measured: a run resumed from it never measured that epoch, and its history lacked it.
    """
    calls = []

    def interrupted_once(model):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return by_weights(model)

    config = quick(epochs=3, early_stopping=0, save_steps=STEPS)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(new_model(), windows, config, evaluate=interrupted_once, checkpoints=tmp_path)
    rest = fine_tune(new_model(), windows, config, evaluate=by_weights, checkpoints=tmp_path, resume=True)
    assert [epoch.epoch for epoch in rest.history.epochs] == [1, 2, 3]
    assert all(epoch.scores for epoch in rest.history.epochs)


def test_the_history_is_whole_where_the_evaluation_gives_no_loss(tmp_path, new_model, windows):
    """Previously the epochs before a resume were found by their held-out loss, and lost where there was none."""

    def without_loss(model):
        return Held(None, by_weights(model).scores)

    config = quick(epochs=3, early_stopping=0)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(new_model(), windows, config, evaluate=without_loss, checkpoints=tmp_path, progress=killed_at(2 * STEPS + 1))
    rest = fine_tune(new_model(), windows, config, evaluate=without_loss, checkpoints=tmp_path, resume=True)
    assert [epoch.epoch for epoch in rest.history.epochs] == [1, 2, 3]


def falling():
    scores = iter([30.0, 20.0, 10.0, 5.0, 4.0, 3.0])
    return lambda _: Held(1.0, {"f1": next(scores)})


def test_patience_is_remembered_over_a_resume(tmp_path, new_model, windows):
    """Previously a resumed run began with full patience, and trained longer than one that was never stopped."""
    config = quick(epochs=6, early_stopping=2)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(new_model(), windows, config, evaluate=falling(), checkpoints=tmp_path, progress=killed_at(2 * STEPS + 1))
    worse = iter([10.0, 50.0, 60.0])
    rest = fine_tune(
        new_model(), windows, config, evaluate=lambda _: Held(1.0, {"f1": next(worse)}), checkpoints=tmp_path, resume=True
    )
    assert [epoch.scores["f1"] for epoch in rest.history.epochs] == [30.0, 20.0, 10.0]
    assert (rest.history.best_epoch, rest.history.stopped_early) == (1, True)


def test_a_run_that_had_stopped_early_trains_no_more_when_it_is_resumed(tmp_path, new_model, windows):
    """Previously a run that was lost after its last epoch, to a full disk say, trained one epoch more than it should."""
    config = quick(epochs=6, early_stopping=2)
    model, resumed = new_model(), new_model()
    first = fine_tune(model, windows, config, evaluate=falling(), checkpoints=tmp_path)
    assert len(first.history.epochs) == 3
    steps = []
    rest = fine_tune(
        resumed,
        windows,
        config,
        evaluate=falling(),
        checkpoints=tmp_path,
        resume=True,
        progress=lambda done, _: steps.append(done),
    )
    assert set(steps) == {3 * STEPS}
    assert told(rest.history) == told(first.history)
    assert (rest.history.best_epoch, rest.history.stopped_early) == (1, True)
    assert same_weights(model, resumed)


def test_save_steps_saves_between_epochs_and_two_checkpoints_are_kept(tmp_path, new_model, windows):
    seen = set()

    def look(*_):
        seen.update(path.name for path in tmp_path.glob("checkpoint-*"))

    fine_tune(new_model(), windows, quick(epochs=2, save_steps=1), checkpoints=tmp_path, progress=look)
    assert {"checkpoint-1", "checkpoint-2", "checkpoint-4", "checkpoint-5"} <= seen
    assert sorted(path.name for path in tmp_path.glob("checkpoint-*")) == ["checkpoint-5", "checkpoint-6"]


def cut(name, share=0.5):
    def damage(checkpoint):
        file = checkpoint / name
        file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])

    return damage


def without(name):
    return lambda checkpoint: (checkpoint / name).unlink()


DAMAGES = {
    "state cut": cut("trainer_state.json"),
    "state empty": cut("trainer_state.json", 0.0),
    "no state": without("trainer_state.json"),
    "no optimiser": without("optimizer.safetensors"),
    "optimiser cut": cut("optimizer.safetensors"),
    "optimiser cut at its end": cut("optimizer.safetensors", 0.999),
    "no schedule": without("scheduler.safetensors"),
    "schedule cut": cut("scheduler.safetensors"),
    "random state cut": cut("rng_state.safetensors"),
    "no weights": without("model.safetensors"),
    "weights cut": cut("model.safetensors"),
    "weights cut at their end": cut("model.safetensors", 0.9999),
    "weights empty": cut("model.safetensors", 0.0),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_half_written_checkpoint_is_passed_over(tmp_path, saved, damage):
    """Previously (Hugging Face Trainer 5.23) a kill during a save left a checkpoint that crashed the resume."""
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    assert newest_checkpoint(folder).folder.name == "checkpoint-6"
    damage(folder / "checkpoint-6")
    assert newest_checkpoint(folder).folder.name == "checkpoint-3"


def test_a_resume_passes_over_a_half_written_checkpoint_and_comes_to_the_same_weights(tmp_path, new_model, windows):
    straight, resumed = new_model(), new_model()
    config = quick(epochs=3)
    fine_tune(straight, windows, config)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(new_model(), windows, config, checkpoints=tmp_path, progress=killed_at(2 * STEPS + 1))
    cut("model.safetensors")(tmp_path / f"checkpoint-{2 * STEPS}")
    fine_tune(resumed, windows, config, checkpoints=tmp_path, resume=True)
    assert same_weights(straight, resumed, 1e-6)


def test_nothing_whole_to_resume_is_told(tmp_path, new_model, windows):
    (tmp_path / "checkpoint-3").mkdir()
    (tmp_path / "checkpoint-3" / "trainer_state.json").write_text(json.dumps({"global_step": 3}))
    (tmp_path / "checkpoint-final").mkdir()
    assert newest_checkpoint(tmp_path).folder is None
    assert newest_checkpoint(tmp_path / "nowhere").folder is None
    with pytest.raises(RunError, match="no whole checkpoint") as caught:
        fine_tune(new_model(), windows, quick(), checkpoints=tmp_path, resume=True)
    assert "without --resume" in caught.value.next_move
