"""Few questions: several trainings, each without one part of them, become one model that every question measured once."""

import json
from dataclasses import replace

import pytest
import torch
from conftest import WINDOWS, made_examples, quick, quick_config, same_weights
from test_road_training import Listener

from spantune.config import Config, KeepConfig, ModelConfig, with_settings
from spantune.data import find_leaks, write_examples
from spantune.errors import ConfigError
from spantune.inference import Reader
from spantune.models import load_reader
from spantune.models.mixing import Weights, added
from spantune.road import train_run
from spantune.road.keeping import QUARTERS
from spantune.training import Epoch, History, averaged


def config_from(run, folds=3, **keep):
    training = quick(folds=folds, epochs=2)
    return Config(
        model=ModelConfig(name=str(run)), windows=WINDOWS, training=training, keep=KeepConfig(**{"probe": False, **keep})
    )


@pytest.fixture
def few(tmp_path):
    file = tmp_path / "few.json"
    write_examples(made_examples(24, seed=3, unanswerable=0.3), file)
    return file


def test_each_question_is_held_out_once_and_all_of_them_are_scored(reader_run, few, tmp_path):
    listener = Listener()
    made = train_run([few], tmp_path / "run", config_from(reader_run), watch=listener)
    assert len(made.held_out) == len({one.id for one in made.held_out}) == 24
    assert made.facts.data["train"]["count"] == made.facts.data["held_out"]["count"] == 24
    assert "3 trainings" in made.facts.data["split"]
    told = [note for note in listener.notes if note.startswith("training ")]
    assert [note.partition(":")[0] for note in told if " of 3" in note] == [f"training {number} of 3" for number in (1, 2, 3)]
    assert len(listener.epochs) == 6
    said = listener.notes + listener.warnings
    assert sum("held-out scores by share" in one or "as it was before training" in one for one in said) == 1
    assert [one.epoch for one in made.history.epochs] == [1, 2]
    assert made.history.best_epoch is None
    assert made.facts.scores["f1"] >= made.facts.untuned_scores["f1"] - 1e-9
    assert made.facts.config.training.folds == 3


def test_long_contexts_are_measured_after_the_last_epoch_alone_and_at_fewer_shares(reader_run, tmp_path):
    """Previously 16 questions about long papers were read through 17 times, each time 27 windows for the 5 trained on."""
    filler = " ".join(f"Nothing was said on day {day}." for day in range(120))
    long_ones = [replace(one, context=f"{one.context} {filler}") for one in made_examples(12, seed=3)]
    write_examples(long_ones, tmp_path / "long.json")
    listener = Listener()
    made = train_run([tmp_path / "long.json"], tmp_path / "run", config_from(reader_run, folds=2), watch=listener)
    stages = [stage for stage, *_ in listener.stages]
    assert "measuring held-out" not in stages
    assert [one for one in stages if "% tuned" in one] == 2 * [f"measuring {share:.0%} tuned" for share in QUARTERS]
    assert [one.held_out_loss for one in made.history.epochs] == [None, None]
    assert sum("measured after the last epoch alone" in one for one in listener.notes) == 1
    assert len(made.held_out) == 12
    assert "On all 12 question-context pairs" in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")


def test_the_run_of_folds_answers_when_it_is_read_again(reader_run, few, tmp_path):
    made = train_run([few], tmp_path / "run", config_from(reader_run), watch=Listener())
    again = Reader.load(tmp_path / "run")
    asked = made.held_out[:5]
    assert [one.text for one in again.answer_many(asked)] == [one.text for one in made.predictor.answer_many(asked)]
    assert sorted(path.name for path in (tmp_path / "run").iterdir() if path.is_dir()) == []
    assert find_leaks(made.held_out, made_examples(5, seed=99)).ok


def test_the_card_of_a_run_of_folds_says_who_scored_what(reader_run, few, tmp_path):
    made = train_run([few], tmp_path / "run", config_from(reader_run))
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    told = {True: "each answered by one of 3 models that did not see it", False: "as before training"}
    assert "On all 24 question-context pairs" in card
    assert told[made.facts.share > 0] in card
    assert "24, each once, in 3 trainings" in card
    assert "best epoch" not in card
    assert ("tuned, the rest as before" in card) == (0 < made.facts.share < 1)


def test_a_run_of_folds_is_the_same_every_time(reader_run, few, tmp_path):
    for name in ("one", "two"):
        train_run([few], tmp_path / name, config_from(reader_run, mix=True))
    assert same_weights(load_reader(str(tmp_path / "one")), load_reader(str(tmp_path / "two")))


def test_the_recipe_takes_folds_by_itself_and_says_why(reader_run, few, tmp_path):
    listener = Listener()
    config = config_from(reader_run, folds=None)
    made = train_run([few], tmp_path / "run", config, watch=listener)
    assert any(note.startswith("training.folds = 4 (24 questions are too few") for note in listener.notes)
    assert any(choice["key"] == "training.folds" for choice in made.facts.choices)
    saved = json.loads((tmp_path / "run" / "spantune.json").read_text(encoding="utf-8"))
    assert saved["config"]["training"]["folds"] == 4
    assert saved["config"]["keep"]["replay"] == 0.0


@pytest.mark.parametrize("what", ["new head", "eval data", "texts", "prompt", "checkpoints"])
def test_folds_where_they_make_no_sense_are_refused_and_leave_nothing(
    what, reader_run, tiny_model_folder, data_folder, few, tmp_path
):
    config = quick_config(tiny_model_folder, folds=3) if what == "new head" else config_from(reader_run)
    if what == "prompt":
        config = with_settings(config, {"training.method": "prompt"})
    if what == "checkpoints":
        config = with_settings(config, {"training.save_steps": 5})
    data = data_folder / "texts.json" if what == "texts" else few
    given = [data_folder / "held-out.json"] if what == "eval data" else []
    with pytest.raises(ConfigError, match=r"training.folds = 3 with"):
        train_run([data], tmp_path / "run", config, eval_data=given)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("method", ["lora", "unfreeze"])
def test_other_methods_are_averaged_too_and_unmixed_where_no_mixture_is_wanted(method, reader_run, few, tmp_path):
    config = with_settings(config_from(reader_run, mix=False), {"training.method": method, "training.learning_rate": 1e-2})
    made = train_run([few], tmp_path / "run", config)
    assert made.facts.share == 1.0
    assert made.facts.config.training.method == method
    assert not (tmp_path / "run" / "adapter").exists()
    assert not same_weights(load_reader(str(tmp_path / "run")), load_reader(str(reader_run)))


def test_the_mean_of_weights_is_that_of_all_of_them():
    torch.manual_seed(1)
    all_of_them = [Weights({"w": torch.randn(4, 4)}) for _ in range(5)]
    mean = None
    for count, one in enumerate(all_of_them, 1):
        mean = added(mean, one, count)
    assert torch.allclose(mean.by_name["w"], torch.stack([one.by_name["w"] for one in all_of_them]).mean(0), atol=1e-6)


def test_a_history_of_trainings_of_unequal_length_has_the_epochs_of_all():
    """Previously folds of unequal size, with the plain recipe, had unequal epochs and failed when all of them were trained."""
    epochs = tuple(Epoch(number, 2.0, 1.0, {"f1": 60.0}, 40.0, 1e-3, 2.0, 10.0) for number in (1, 2, 3))
    assert [one.epoch for one in averaged([History(epochs), History(epochs[:2])]).epochs] == [1, 2]


def test_settings_of_a_single_training_are_not_passed_over_in_silence(reader_run, few, tmp_path):
    """Previously a share to hold out that was set, and patience, were ignored in folds without a word; so was the last seed."""
    config = with_settings(config_from(reader_run), {"held_out": 0.4, "training.early_stopping": 1, "training.seed": 2**32 - 1})
    listener = Listener()
    train_run([few], tmp_path / "run", config, watch=listener)
    told = [one for one in listener.warnings if "not used in folds" in one]
    assert len(told) == 1
    assert told[0].startswith("held_out = 0.4 and training.early_stopping = 1: ")


def test_a_history_of_several_trainings_leaves_out_what_one_of_them_did_not_measure():
    one = History((Epoch(1, 2.0, 1.0, {"f1": 60.0, "exact_match": 50.0}, 40.0, 1e-3, 2.0, 10.0),), best_epoch=1)
    other = History((Epoch(1, 1.0, None, {"f1": 70.0}, None, 1e-3, 3.0, 20.0),), best_epoch=1)
    mean = averaged([one, other])
    epoch = mean.epochs[0]
    assert (epoch.training_loss, epoch.held_out_loss, epoch.span_accuracy) == (1.5, None, None)
    assert (epoch.scores, epoch.seconds, epoch.windows_per_second) == ({"f1": 65.0}, 5.0, 15.0)
    assert (mean.best_epoch, epoch.observation) == (None, "first epoch")
