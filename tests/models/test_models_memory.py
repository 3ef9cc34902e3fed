"""Memory that is told to wait keeps what is in it."""

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from spantune.models.memory import kept_memory, let_wait


def test_weights_that_wait_are_read_again_as_they_are(tmp_path):
    drawn = torch.randn(300, 401)
    save_file({"weight": drawn}, tmp_path / "model.safetensors")
    loaded = load_file(tmp_path / "model.safetensors")["weight"]
    let_wait([loaded])
    assert torch.equal(loaded, drawn)


def test_tensors_of_no_file_keep_what_is_written_into_them():
    made = torch.arange(100_000.0)
    made[7] = -1.0
    parts = [made, made[1:], torch.zeros(0), torch.ones(1), torch.from_numpy(np.ones(3))]
    let_wait(parts)
    assert made[7] == -1.0
    assert made.sum() == torch.arange(100_000.0).sum() - 8.0


def test_memory_is_kept_within_memory_that_is_kept():
    with kept_memory(), kept_memory():
        assert torch.zeros(1000, 1000).sum() == 0.0
    assert torch.zeros(1000, 1000).sum() == 0.0
