"""Rates that fall from layer to layer, and the pull towards the start."""

import copy

import pytest
import torch
from conftest import WINDOWS, made_examples, quick, same_weights

from spantune.features import encode
from spantune.models.methods.depth import depths
from spantune.training import fine_tune
from spantune.training.rates import TowardsStart, slow_lower_layers


@pytest.fixture
def windows(wordpiece):
    return encode(made_examples(16), wordpiece, WINDOWS)


def test_each_layer_has_a_share_of_the_rate_of_the_one_above(tiny_reader_model):
    optimiser = torch.optim.AdamW(tiny_reader_model.parameters(), lr=0.1)
    slow_lower_layers(optimiser, tiny_reader_model, 0.5)
    rates = {id(one): group["lr"] for group in optimiser.param_groups for one in group["params"]}
    deep = depths(tiny_reader_model)
    for name, one in tiny_reader_model.named_parameters():
        assert rates[id(one)] == pytest.approx(0.1 * 0.5 ** (3 - deep[name]))
    assert optimiser.param_groups[0]["lr"] == 0.1  # what the Trainer logs
    assert len(rates) == len(list(tiny_reader_model.parameters()))


def test_lower_layers_move_less_with_a_layer_decay(tiny_reader_model, windows):
    moved = {}
    for decay in (1.0, 0.1):
        model = copy.deepcopy(tiny_reader_model)
        fine_tune(model, windows, quick(layer_decay=decay))
        name = "bert.embeddings.word_embeddings.weight"
        moved[decay] = (model.get_parameter(name) - tiny_reader_model.get_parameter(name)).norm().item()
    assert moved[0.1] < moved[1.0] / 10


def test_a_pull_keeps_the_weights_near_their_start(tiny_reader_model, windows):
    far = {}
    for pull in (0.0, 200.0):
        model = copy.deepcopy(tiny_reader_model)
        fine_tune(model, windows, quick(towards_start=pull, weight_decay=0.0))
        pairs = zip(model.parameters(), tiny_reader_model.parameters(), strict=True)
        far[pull] = sum((one - start).norm().item() for one, start in pairs)
    assert 0 < far[200.0] < far[0.0] * 0.8


def test_a_pull_of_the_whole_distance_goes_back_to_the_start_and_no_further(tiny_reader_model):
    start = copy.deepcopy(tiny_reader_model)
    pull = TowardsStart(tiny_reader_model, strength=1e9)
    optimiser = torch.optim.SGD(tiny_reader_model.parameters(), lr=0.1)
    with torch.no_grad():
        for one in tiny_reader_model.parameters():
            one.add_(1.0)
    pull.on_optimizer_step(None, None, None, model=tiny_reader_model, optimizer=optimiser)
    assert same_weights(tiny_reader_model, start)
