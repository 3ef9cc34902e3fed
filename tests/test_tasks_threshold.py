"""A threshold for "no answer" is applied to the answers at hand: the model does not read the held-out data again for it."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import WINDOWS, made_examples, quick

from spantune.config import Config, ModelConfig
from spantune.inference.consensus import CONSIDERED
from spantune.models import load_tokenizer
from spantune.tasks import TASKS

TASK = TASKS["answer"]
HELD_OUT = made_examples(40, seed=5, unanswerable=0.3)


@pytest.fixture
def held(tiny_model_folder):
    """A reader that may abstain, the held-out windows, the configuration, and a list that grows with every forward pass."""
    config = Config(model=ModelConfig(name=str(tiny_model_folder)), windows=WINDOWS, training=quick())
    train = made_examples(40, unanswerable=0.3)
    model = TASK.load_model(config, train)
    tokenizer = load_tokenizer(config.model)
    reader = TASK.predictor(model, tokenizer, config, TASK.encode(train, tokenizer, model, config))
    passes = []
    model.register_forward_hook(lambda *_: passes.append(1))
    return reader, TASK.encode(HELD_OUT, tokenizer, model, config), config, passes


@pytest.mark.parametrize("step", [-1e3, -0.2, 0.0, 0.2, 1e3])
def test_choosing_again_gives_what_measuring_again_gives_without_the_model(held, step):
    """Previously the held-out data went through the model a second time for the tuned threshold."""
    reader, windows, config, passes = held
    measured = TASK.measure(reader, windows, HELD_OUT, config, None)
    assert len(passes) > 0
    measured = replace(measured, threshold=measured.threshold + step)
    passes.clear()
    chosen = TASK.choose_again(reader, HELD_OUT, measured)
    assert passes == []
    again = TASK.measure(TASK.tuned(reader, measured), windows, HELD_OUT, config, None)
    assert len(passes) > 0
    assert chosen.scores == again.scores
    assert chosen.held.scores == again.held.scores
    assert (chosen.held.loss, chosen.threshold) == (measured.held.loss, measured.threshold)
    for ours, theirs in zip(chosen.predictions, again.predictions, strict=True):
        assert (ours.text, ours.start, ours.end, ours.alternatives) == (
            theirs.text,
            theirs.start,
            theirs.end,
            theirs.alternatives,
        )
        assert (ours.probability, ours.score) == pytest.approx((theirs.probability, theirs.score))


def test_a_diverged_model_still_gives_no_answers_when_choosing_again(held):
    reader, windows, config, _ = held
    with torch.no_grad():
        reader.model.qa_outputs.weight.fill_(float("nan"))
    measured = TASK.measure(reader, windows, HELD_OUT, config, None)
    assert TASK.choose_again(reader, HELD_OUT, replace(measured, threshold=1.0)).predictions == measured.predictions


@pytest.mark.parametrize(("share", "expected"), [(0.0, -5.5), (0.5, -2.75), (1.0, 0.0)])
def test_the_more_is_tuned_the_less_of_the_start_s_threshold_is_expected(held, share, expected):
    reader, windows, config, _ = held
    measured = TASK.measure(TASK.expecting(reader.with_threshold(-5.5), share), windows, HELD_OUT, config, None, CONSIDERED)
    assert measured.expected == expected
    assert measured.threshold not in (0.0, expected)
    again = TASK.agree_again(reader, HELD_OUT, measured, 0.5)
    assert again.expected == expected
    assert math.copysign(1.0, expected) == math.copysign(1.0, measured.expected)


def test_a_threshold_that_is_expected_draws_the_one_that_is_chosen(held):
    """Previously the best one on a few held-out questions was taken, wherever it was."""
    reader, windows, config, _ = held
    chosen = [
        TASK.measure(reader.with_threshold(expected), windows, HELD_OUT, config, None).threshold
        for expected in (-20.0, 0.0, 20.0)
    ]
    assert chosen == sorted(chosen)
    assert len(set(chosen)) == 3


def test_a_classifier_has_no_threshold_to_choose_again_by(held):
    reader, windows, config, _ = held
    measured = TASK.measure(reader, windows, HELD_OUT, config, None)
    assert TASKS["classify"].choose_again(None, (), measured) is measured
    assert TASKS["classify"].expecting(reader, 0.5) is reader
