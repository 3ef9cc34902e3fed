"""Recipes: what is open is chosen by the data and the model, what was set stays as it is."""

from dataclasses import replace

import pytest

from spantune.config import Config, KeepConfig, TrainingConfig
from spantune.training import Profile, choose
from spantune.training.recipes import FEW, RECIPES, WORK

SMALL = Profile(
    task="answer",
    questions=64,
    groups=10,
    windows=1.0,
    parameters=22_000_000,
    hidden_size=384,
    answers=True,
    held_out_given=False,
    one_training=False,
)


def chosen(config=None, **differing):
    made = choose(config or Config(), replace(SMALL, **differing))
    return made.config, {choice.key: choice.value for choice in made.choices}


def test_the_settings_and_the_table_name_the_same_recipes():
    assert set(RECIPES) == set(Config.model_fields["recipe"].annotation.__args__)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("answers", [True, False])
def test_after_a_recipe_nothing_is_open_that_the_room_of_training_does_not_close(recipe, answers):
    config, _ = chosen(Config(recipe=recipe), answers=answers)
    assert None not in (config.training.method, config.training.folds, config.keep.replay)


def test_the_plain_recipe_chooses_nothing():
    config, choices = chosen(Config(recipe="plain"), parameters=10**9)
    assert choices == {}
    assert (config.training.method, config.training.folds, config.keep.replay) == ("full", 1, 0.0)
    assert (config.training.learning_rate, config.training.epochs, config.training.batch_size) == (None, None, None)


def test_a_model_with_a_new_head_is_trained_as_ever():
    for differing in ({"answers": False}, {"task": "classify"}):
        _, choices = chosen(**differing)
        assert choices == {}


def test_what_was_set_stays_and_what_follows_from_it_is_chosen_to_fit():
    config = Config(
        training=TrainingConfig(learning_rate=1e-4, batch_size=8, folds=1, method="lora"), keep=KeepConfig(replay=0.0)
    )
    made, choices = chosen(config)
    assert choices == {"training.epochs": 8}
    assert (made.training.learning_rate, made.training.batch_size, made.training.folds) == (1e-4, 8, 1)
    assert (made.training.method, made.keep.replay) == ("lora", 0.0)


def test_the_rate_fits_width_and_method():
    assert chosen()[1]["training.learning_rate"] == 2e-4
    assert chosen(hidden_size=768)[1]["training.learning_rate"] == 2e-5
    assert chosen(Config(training=TrainingConfig(method="lora")))[1]["training.learning_rate"] == 6.7e-4


def test_a_large_model_gets_updates_of_low_rank_whatever_its_head():
    for answers in (True, False):
        config, choices = chosen(parameters=335_000_000, hidden_size=1024, answers=answers)
        assert choices["training.method"] == config.training.method == "lora"


@pytest.mark.parametrize(
    ("differing", "folds"),
    [
        ({}, 4),
        ({"groups": 3}, 3),
        ({"groups": 1}, 1),
        ({"questions": 7}, 1),
        ({"questions": 8}, 4),
        ({"questions": FEW}, 1),
        ({"held_out_given": True}, 1),
        ({"one_training": True}, 1),
        ({"questions": FEW - 1, "windows": 1.0}, 4),
        ({"questions": FEW - 1, "windows": 2.0}, 3),
        ({"questions": FEW - 1, "windows": 5.0}, 2),
        ({"questions": FEW - 1, "windows": 6.0}, 1),
    ],
)
def test_few_questions_are_trained_on_in_folds_as_far_as_groups_and_time_allow(differing, folds):
    config, choices = chosen(**differing)
    assert config.training.folds == folds
    assert choices.get("training.folds", 1) == folds
    windows = (differing.get("windows", 1.0) + config.keep.replay) * differing.get("questions", 64)
    assert folds == 1 or windows * config.training.epochs * (folds - 1) <= WORK


@pytest.mark.parametrize(
    ("questions", "batch", "epochs", "replay"),
    [
        (16, 16, 8, 0.0),
        (64, 16, 8, 0.0),
        (200, 16, 6, 0.0),
        (256, 16, 5, 0.0),
        (399, 16, 4, 0.0),
        (1000, 32, 8, 0.5),
        (3000, 32, 3, 0.5),
    ],
)
def test_more_questions_get_larger_batches_fewer_passes_and_general_questions(questions, batch, epochs, replay):
    config, _ = chosen(questions=questions)
    assert (config.training.batch_size, config.training.epochs, config.keep.replay) == (batch, epochs, replay)


@pytest.mark.parametrize("config", [Config(keep=KeepConfig(mix=False)), Config(training=TrainingConfig(method="prompt"))])
def test_few_questions_that_will_not_be_mixed_with_what_was_before_get_general_ones_beside_them(config):
    assert chosen(config)[0].keep.replay == 0.5


def test_methods_whose_weights_cannot_be_averaged_get_no_folds():
    assert chosen(Config(training=TrainingConfig(method="prompt")))[0].training.folds == 1


def test_every_choice_says_why():
    for choice in choose(Config(), replace(SMALL, parameters=300_000_000)).choices:
        assert len(choice.reason) > 10, choice
