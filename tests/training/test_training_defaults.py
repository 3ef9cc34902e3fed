import pytest
import torch

from spantune.config import TrainingConfig
from spantune.training import resolve_training


def resolved(hidden_size=384, windows=1000, **settings):
    return resolve_training(TrainingConfig(**{"precision": "fp32", **settings}), hidden_size, windows)


@pytest.mark.parametrize(
    ("hidden_size", "rate"),
    [(128, 3e-4), (384, 3e-4), (511, 3e-4), (512, 1e-4), (767, 1e-4), (768, 3e-5), (1023, 3e-5), (1024, 1e-5), (4096, 1e-5)],
)
def test_the_learning_rate_follows_the_hidden_size(hidden_size, rate):
    found = resolved(hidden_size)
    assert found.config.learning_rate == rate
    (choice,) = [one for one in found.choices if one.key == "training.learning_rate"]
    assert choice.value == rate
    assert str(hidden_size) in choice.reason


@pytest.mark.parametrize(
    ("windows", "epochs"),
    [(1, 10), (32, 10), (32 * 100, 4), (32 * 133, 4), (32 * 134, 3), (32 * 40_000, 3)],
)
def test_the_fewer_the_steps_the_more_the_epochs(windows, epochs):
    assert resolved(windows=windows).config.epochs == epochs


def test_accumulated_passes_count_as_one_step():
    assert resolved(windows=3200).config.epochs == 4
    assert resolved(windows=3200, gradient_accumulation=4).config.epochs == 10


def test_settings_that_were_given_stay_and_are_not_told_as_chosen():
    found = resolved(learning_rate=1e-4, epochs=7)
    assert (found.config.learning_rate, found.config.epochs) == (1e-4, 7)
    assert found.choices == ()


@pytest.mark.parametrize(
    ("features", "precision"),
    [
        ({}, "fp32"),
        ({"avx512_f": True, "avx512_bf16": False}, "fp32"),
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_tile": True}, "bf16"),
    ],
)
def test_bf16_is_taken_where_the_processor_has_it(monkeypatch, features, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    found = resolved(precision="auto")
    assert found.config.precision == precision
    assert "processor" in next(one.reason for one in found.choices if one.key == "training.precision")


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16"), (False, "fp32")])
def test_a_gpu_decides_where_there_is_one(monkeypatch, native, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native)
    assert resolved(precision="auto").config.precision == precision
