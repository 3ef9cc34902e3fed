"""Batches in parts: the gradient of the whole batch, the memory of a part."""

import copy

import numpy as np
import pytest
import torch
from conftest import made_examples
from hypothesis import given
from hypothesis import strategies as st

from spantune.config import TrainingConfig, WindowsConfig
from spantune.features import encode, encode_texts
from spantune.models import input_names
from spantune.training import fine_tune
from spantune.training.composed import collator, objective_of, part_size


@pytest.fixture
def windows(wordpiece):
    return encode(made_examples(30), wordpiece, WindowsConfig(length=48, stride=8))


def gradient(model, windows, batch):
    """Every parameter's gradient after the passes that the Trainer makes for one batch."""
    model = copy.deepcopy(model)
    for part in batch["parts"]:
        inputs = {name: value for name, value in part.items() if name not in ("targets", "share")}
        losses = objective_of(windows).losses(model(**inputs), part["targets"])
        (losses.mean() * part["share"]).backward()
    return {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


@pytest.mark.parametrize("size", [1, 4, 8])
def test_a_batch_in_parts_has_the_gradient_of_the_whole_batch(size, tiny_reader_model, windows):
    names, numbers = input_names(tiny_reader_model), list(range(13))
    whole = gradient(tiny_reader_model, windows, collator(windows, names, 64)(numbers))
    parts = gradient(tiny_reader_model, windows, collator(windows, names, size)(numbers))
    assert whole.keys() == parts.keys()
    assert all(torch.allclose(whole[name], parts[name], atol=1e-6) for name in whole)


@given(st.lists(st.integers(0, 29), min_size=1, max_size=30, unique=True), st.sampled_from([1, 2, 4, 8, 64]))
def test_every_window_of_a_batch_is_in_one_part(wordpiece, numbers, size):
    windows = encode(made_examples(30), wordpiece, WindowsConfig(length=48, stride=8))
    parts = collator(windows, frozenset({"input_ids", "attention_mask"}), size)(numbers)["parts"]
    lengths = [int(one) for part in parts for one in part["attention_mask"].sum(1)]
    assert lengths == sorted((int(windows.lengths[one]) for one in numbers), reverse=True)
    assert all(len(part["input_ids"]) == size for part in parts[:-1])
    assert sum(part["share"] for part in parts) == pytest.approx(1)


@pytest.mark.parametrize(("longest", "size"), [(1, 4096), (384, 8), (512, 8), (4096, 1), (30_000, 1)])
def test_parts_of_longer_windows_hold_fewer_of_them(longest, size, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert part_size(longest) == size


def test_the_loss_that_is_told_is_the_mean_over_the_whole_batch(tiny_reader_model, windows, monkeypatch):
    """One step over one batch: the same loss, whatever the parts, where no dropout makes a difference."""
    told = []
    for tokens in (64, 4096):
        monkeypatch.setattr("spantune.training.composed.TOKENS_AT_ONCE", {"cpu": tokens, "cuda": tokens})
        model = copy.deepcopy(tiny_reader_model)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        config = TrainingConfig(epochs=1, learning_rate=1e-9, batch_size=64, precision="fp32", negatives=None)
        told.append(fine_tune(model, windows, config).history.epochs[0].training_loss)
    assert told[0] == pytest.approx(told[1], rel=1e-5)


def test_texts_come_in_parts_too(tiny_classifier_model, wordpiece):
    from conftest import made_texts

    windows = encode_texts(made_texts(9), wordpiece, WindowsConfig(length=32, stride=0), {"no": 0, "yes": 1})
    (part,) = collator(windows, input_names(tiny_classifier_model), 16)(list(range(9)))["parts"]
    assert np.array_equal(np.sort(part["targets"]["classes"]), np.sort(windows.targets))
