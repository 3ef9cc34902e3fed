"""A search for settings: the recipe's first, others around it, resumed, and written down for `spantune train`."""

import json
import re
import sys

import pytest
from conftest import WINDOWS, made_examples, quick_config
from test_road_training import Listener, at
from typer.testing import CliRunner

from spantune.cli import show
from spantune.cli.main import app
from spantune.config import Config, KeepConfig, ModelConfig, TrainingConfig, load_config, with_settings
from spantune.data import write_examples
from spantune.errors import ConfigError, RunError, TrainingError
from spantune.road import train_run, tune_settings
from spantune.road.tuning import SPACE, Tried, Tuned


@pytest.fixture
def config(reader_run):
    training = TrainingConfig(precision="fp32", epochs=2)
    return Config(model=ModelConfig(name=str(reader_run)), windows=WINDOWS, training=training, keep=KeepConfig(probe=False))


@pytest.fixture
def data(tmp_path):
    file = tmp_path / "data.json"
    write_examples(made_examples(30, seed=3), file)
    return [file]


def test_the_recipes_settings_are_tried_first_and_what_is_set_is_not_searched(data, config, tmp_path):
    made = tune_settings(data, tmp_path / "search", config, trials=3)
    assert [one.number for one in made.trials] == [1, 2, 3]
    first = made.trials[0].settings
    assert first == {
        "training.learning_rate": 2e-4,
        "training.batch_size": 16,
        "training.layer_decay": 1.0,
        "keep.replay": 0.0,
    }
    assert "training.epochs" in SPACE
    assert all(2e-4 / 4 <= one.settings["training.learning_rate"] <= 2e-4 * 4 for one in made.trials)
    told = made.as_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["score"] >= told["recipe_score"]


def test_the_best_settings_are_a_file_that_training_takes(data, config, tmp_path):
    made = tune_settings(data, tmp_path / "search", config, trials=2)
    best = load_config(made.file)
    assert best.training.batch_size == made.best.settings["training.batch_size"]
    merged = config.model_copy(update={"training": config.training.model_copy(update={"batch_size": best.training.batch_size})})
    assert train_run(data, tmp_path / "run", merged).facts.config.training.batch_size == best.training.batch_size


def test_a_second_call_goes_on_and_an_interrupted_trial_is_told(data, config, tmp_path):
    tune_settings(data, tmp_path / "search", config, trials=1)
    with pytest.raises(KeyboardInterrupt):
        tune_settings(data, tmp_path / "search", config, trials=1, watch=Listener(interrupt=at("training", 1)))
    made = tune_settings(data, tmp_path / "search", config, trials=1)
    assert [one.state for one in made.trials] == ["complete", "fail", "complete"]


def test_an_interrupted_first_trial_is_tried_again_as_the_recipe_would(data, config, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        tune_settings(data, tmp_path / "search", config, trials=1, watch=Listener(interrupt=at("training", 1)))
    made = tune_settings(data, tmp_path / "search", config, trials=1)
    assert [one.state for one in made.trials] == ["fail", "complete"]
    assert made.trials[1].settings["training.learning_rate"] == 2e-4
    assert made.as_dict()["recipe_score"] == made.trials[1].score


def test_the_best_settings_so_far_are_there_after_an_interruption(data, config, tmp_path):
    tune_settings(data, tmp_path / "search", config, trials=1)
    (tmp_path / "search" / "best.yaml").unlink()
    seen = []

    def second(stage, done, total):
        seen.append(stage)
        return stage == "training" and (tmp_path / "search" / "best.yaml").exists()

    with pytest.raises(KeyboardInterrupt):
        tune_settings(data, tmp_path / "search", config, trials=2, watch=Listener(interrupt=second))
    assert load_config(tmp_path / "search" / "best.yaml").training.folds == 1


def test_previously_folds_made_a_search_train_on_what_it_scored(data, config, tmp_path):
    """Previously `training.folds` put every record on both sides."""
    made = tune_settings(data, tmp_path / "search", with_settings(config, {"training.folds": 3}), trials=1)
    assert made.held_out == 6
    best = load_config(made.file)
    assert (best.model.name, best.windows.length) == (config.model.name, config.windows.length)


def test_previously_folds_of_ones_own_were_lost_in_the_best_settings(data, config, tmp_path):
    watch = Listener()
    made = tune_settings(data, tmp_path / "search", with_settings(config, {"training.folds": 3}), trials=1, watch=watch)
    assert load_config(made.file).training.folds == 3
    assert "training.folds = 3 is for the run that you train: each trial is one training" in watch.notes


def test_whether_some_trial_beats_the_recipe_is_said(tmp_path, capsys):
    def search(*scores):
        trials = [Tried(number, {}, score, "complete", number == 1) for number, score in enumerate(scores, 1)]
        return Tuned(tmp_path / "best.yaml", "f1", 20, tuple(trials))

    assert (search(50.0, 50.0).beats_the_recipe, search(50.0, 51.0).beats_the_recipe) == (False, True)
    show.tuned(search(50.0, 49.0))
    assert "No trial did better than the recipe" in capsys.readouterr().out
    show.tuned(search(50.0, 51.0))
    assert "No trial" not in capsys.readouterr().out
    lost = Tuned(tmp_path / "best.yaml", "f1", 20, (Tried(1, {}, None, "pruned", True), Tried(2, {}, 40.0, "complete", False)))
    assert (lost.recipe_score, lost.beats_the_recipe) == (None, None)
    show.tuned(lost)
    assert "--config" in capsys.readouterr().out


def test_the_recipes_row_is_shown_however_many_are_better(tmp_path, capsys):
    trials = tuple(Tried(number, {}, 40.0 + number, "complete", number == 1) for number in range(1, 15))
    show.tuned(Tuned(tmp_path / "best.yaml", "f1", 20, trials))
    told = capsys.readouterr().out
    assert re.search(r"^ +1 +41\.0 +the recipe's$", told, re.MULTILINE)
    assert "and 3 more" in told


def test_previously_a_search_without_any_finished_trial_fell_over(data, config, tmp_path, monkeypatch):
    def diverges(*_, **__):
        raise TrainingError("the loss is nan at step 1 of 8", expected="a number", next_move="lower training.learning_rate")

    monkeypatch.setattr("spantune.road.tuning.Scene.fit", diverges)
    with pytest.raises(TrainingError, match=r"none of 2 trials came to its end"):
        tune_settings(data, tmp_path / "search", config, trials=2)
    assert not (tmp_path / "search" / "best.yaml").exists()


def test_previously_folds_that_training_refuses_were_searched_for(data, config, tiny_model_folder, tmp_path):
    new_head = with_settings(config, {"training.folds": 3, "model.name": str(tiny_model_folder)})
    with pytest.raises(ConfigError, match="a new head"):
        tune_settings(data, tmp_path / "search", new_head, trials=1)
    assert not (tmp_path / "search").exists()


def test_what_is_set_to_its_default_is_set(data, config, tmp_path):
    made = tune_settings(data, tmp_path / "search", with_settings(config, {"training.layer_decay": 1.0}), trials=1)
    assert "training.layer_decay" not in made.best.settings


def test_trials_of_other_data_or_settings_are_refused(data, config, tmp_path):
    tune_settings(data, tmp_path / "search", config, trials=1)
    with pytest.raises(RunError, match="other data or settings"):
        tune_settings(data, tmp_path / "search", config.model_copy(update={"recipe": "plain"}), trials=1)


def test_time_that_is_over_ends_the_search_after_the_first_trial(data, config, tmp_path):
    made = tune_settings(data, tmp_path / "search", config, minutes=0.0001)
    assert [one.state for one in made.trials] == ["complete"]


def test_a_new_head_has_no_replay_to_search(data, tiny_model_folder, tmp_path):
    config = quick_config(tiny_model_folder, learning_rate=None)
    made = tune_settings(data, tmp_path / "search", config, trials=1)
    assert set(made.best.settings) == {"training.learning_rate", "training.layer_decay"}


def test_of_equal_trials_the_earliest_is_the_best_and_pruned_ones_never_are(tmp_path):
    trials = (Tried(1, {}, 50.0, "complete"), Tried(2, {}, 60.0, "complete"), Tried(3, {}, 60.0, "complete"))
    assert Tuned(tmp_path, "f1", 9, (*trials, Tried(4, {}, 99.0, "pruned"))).best.number == 2


@pytest.mark.parametrize("budget", [{"minutes": 0}, {"minutes": float("nan")}, {"minutes": float("inf")}, {"trials": 0}])
def test_no_time_and_no_trials_are_refused(budget, data, config, tmp_path):
    with pytest.raises(ConfigError, match="minutes"):
        tune_settings(data, tmp_path / "search", config, **budget)


def test_nothing_left_to_search_is_refused(data, config, tmp_path):
    training = config.training.model_copy(update={"learning_rate": 1e-4, "batch_size": 8, "layer_decay": 0.9})
    config = config.model_copy(update={"training": training, "keep": KeepConfig(probe=False, replay=0.5)})
    with pytest.raises(ConfigError, match="every setting that could be searched is set"):
        tune_settings(data, tmp_path / "search", config, trials=1)


def test_without_optuna_the_extra_is_named(data, config, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"spantune\[tune\]"):
        tune_settings(data, tmp_path / "search", config, trials=1)


def test_on_the_command_line(data, config, tmp_path):
    settings = tmp_path / "config.yaml"
    settings.write_text(json.dumps(config.model_dump(mode="json")), encoding="utf-8")
    call = ["tune", str(data[0]), "--out", str(tmp_path / "search"), "--config", str(settings), "--trials", "1"]
    shown = CliRunner().invoke(app, call)
    assert shown.exit_code == 0, shown.output
    assert "the recipe's" in shown.output and "Next: spantune train" in shown.output
    assert len(json.loads(CliRunner().invoke(app, [*call, "--json"]).stdout)["trials"]) == 2


def test_a_partial_last_line_of_the_trials_is_dropped_and_other_damage_told(data, config, tmp_path):
    """Previously what a full disk leaves of the trials ended in a traceback, at every call from then on."""
    tune_settings(data, tmp_path / "search", config, trials=1)
    log, listener = tmp_path / "search" / "trials.log", Listener()
    with log.open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    assert len(tune_settings(data, tmp_path / "search", config, trials=1, watch=listener).trials) == 2
    assert any("its last line was cut off" in note for note in listener.notes)
    lines = log.read_bytes().splitlines(keepends=True)
    for damaged in (b"{\n", b'{"op_code": 4}\n', b"[]\n"):
        log.write_bytes(b"".join((*lines[:3], damaged, *lines[3:])))
        with pytest.raises(RunError, match=r"trials\.log cannot be read"):
            tune_settings(data, tmp_path / "search", config, trials=1)


def test_the_highest_seed_can_be_searched_with_again(data, config, tmp_path):
    """Previously a search that goes on asked for a seed above the highest."""
    highest = with_settings(config, {"training.seed": 2**32 - 1})
    for count in (1, 2):
        assert len(tune_settings(data, tmp_path / "search", highest, trials=1).trials) == count
