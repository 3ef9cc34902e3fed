"""State of a training as it is kept: what comes back is what was there, and nothing needs pickle."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from spantune.errors import ModelError
from spantune.training.plain_state import load_state, save_state

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ARRAYS = arrays.arrays(st.sampled_from(["f4", "f8", "i8", "u4", "u1", "?"]), arrays.array_shapes(min_side=0, max_side=3))
LEAVES = PLAIN | ARRAYS | ARRAYS.filter(lambda one: one.dtype != np.dtype("u4")).map(torch.from_numpy)
STATES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers() | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


def alike(one, other):
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and alike(one.numpy(), other.numpy())
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and (one.dtype, one.shape, one.tobytes()) == (
            other.dtype,
            other.shape,
            other.tobytes(),
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other or (one != one and other != other)


@given(STATES)
def test_state_comes_back_as_it_was(tmp_path_factory, state):
    file = tmp_path_factory.mktemp("state") / "a.safetensors"
    save_state(file, state)
    assert alike(load_state(file), state)


@pytest.mark.parametrize("state", [{"a": [object()]}, {"a": {(1, 2): 3}}, {"a": {True: 1}}, {1j}])
def test_what_only_pickle_could_keep_is_refused_with_its_place(tmp_path, state):
    with pytest.raises(ModelError, match="the state of training holds a"):
        save_state(tmp_path / "a.safetensors", state)
    assert not list(tmp_path.iterdir())


def test_state_whose_tensors_share_memory_is_kept(tmp_path):
    """Previously safetensors refused them, at the first save of an AdamW with a tensor for its rate."""
    rate = torch.tensor(0.1)
    save_state(tmp_path / "a.safetensors", [rate, {"lr": rate}, torch.zeros(4)[:2]])
    assert alike(load_state(tmp_path / "a.safetensors"), [rate, {"lr": rate}, torch.zeros(2)])
