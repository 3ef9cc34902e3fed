"""Dropout drawn from bytes: the same in expectation, from the same seed, and gone when training is over."""

import copy

import pytest
import torch
from torch import nn

from spantune.training.dropout import ByteDropout, fast_dropout


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_share_that_is_dropped_is_the_one_asked_for_and_the_mean_stays(p, dtype):
    torch.manual_seed(0)
    found = ByteDropout(p)(torch.ones(400, 500, dtype=dtype)).float()
    assert float((found == 0).float().mean()) == pytest.approx(p, abs=1 / 512 + 0.003)
    assert float(found.mean()) == pytest.approx(1, abs=0.02)


def test_the_gradient_goes_where_the_numbers_went():
    values = torch.randn(7, 11, requires_grad=True)
    found = ByteDropout(0.4)(values)
    found.sum().backward()
    assert torch.equal(values.grad * values, found.detach())


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 7), (0, 4)])
def test_any_shape_is_dropped(shape):
    assert ByteDropout(0.5)(torch.ones(shape)).shape == shape


def test_two_calls_differ_and_a_seed_repeats_them():
    dropout, ones = ByteDropout(0.5), torch.ones(64)
    torch.manual_seed(3)
    first, second = dropout(ones), dropout(ones)
    torch.manual_seed(3)
    assert torch.equal(dropout(ones), first) and not torch.equal(first, second)


def test_nothing_is_dropped_in_evaluation_or_with_a_probability_of_nothing_and_all_with_one():
    ones = torch.ones(64)
    assert torch.equal(ByteDropout(0.5).eval()(ones), ones)
    assert torch.equal(ByteDropout(0.0)(ones), ones)
    assert torch.equal(ByteDropout(1.0)(ones), torch.zeros(64))


def test_a_model_gets_its_own_dropout_back_after_an_error_too(tiny_reader_model, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = copy.deepcopy(tiny_reader_model)
    kinds = [type(one) for one in model.modules()]
    with pytest.raises(KeyError), fast_dropout(model):
        assert not any(type(one) is nn.Dropout for one in model.modules())
        assert any(isinstance(one, ByteDropout) for one in model.modules())
        model.train()
        raise KeyError
    assert [type(one) for one in model.modules()] == kinds
    assert all(one.training for one in model.modules())


def test_the_keys_of_the_weights_stay_the_same(tiny_reader_model):
    with fast_dropout(tiny_reader_model):
        during = set(tiny_reader_model.state_dict())
    assert during == set(tiny_reader_model.state_dict())
