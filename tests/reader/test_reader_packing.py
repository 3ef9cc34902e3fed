"""How the embedded reader is packed: several runs become one adapter, whose updates are the mean of theirs."""

import importlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

LAYER = "base_model.model.bert.encoder.layer.0.output.dense"
HEAD = "base_model.model.qa_outputs.weight"


@pytest.fixture
def pack(request, monkeypatch):
    monkeypatch.syspath_prepend(str(request.config.rootpath / "reader"))
    return importlib.import_module("pack")


def run_with(folder, seed, rank, alpha):
    """A run's adapter folder, and the whole update that its two matrices make."""
    draw = torch.Generator().manual_seed(seed)
    down, up, head = (torch.randn(*shape, generator=draw) for shape in ((rank, 12), (8, rank), (2, 8)))
    (folder / "adapter").mkdir(parents=True)
    save_file(
        {f"{LAYER}.lora_A.weight": down, f"{LAYER}.lora_B.weight": up, HEAD: head},
        folder / "adapter" / "adapter_model.safetensors",
    )
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps({"r": rank, "lora_alpha": alpha}))
    return alpha / rank * (up @ down).double(), head.double()


def test_several_runs_are_packed_as_the_mean_of_their_updates_and_heads(pack, tmp_path):
    first, first_head = run_with(tmp_path / "a", seed=1, rank=2, alpha=4)
    second, second_head = run_with(tmp_path / "b", seed=2, rank=3, alpha=3)
    updates, heads = pack.averaged([tmp_path / "a", tmp_path / "b"])
    torch.testing.assert_close(updates, {LAYER: (first + second) / 2})
    torch.testing.assert_close(heads, {HEAD: (first_head + second_head) / 2})


def test_an_adapter_of_the_rank_of_all_runs_together_loses_what_16_bits_lose_alone(pack, tmp_path):
    run_with(tmp_path / "a", seed=1, rank=2, alpha=2)
    run_with(tmp_path / "b", seed=2, rank=3, alpha=3)
    updates, heads = pack.averaged([tmp_path / "a", tmp_path / "b"])
    lost = pack._write_adapter(updates, heads, {"r": 2, "lora_alpha": 2}, 5, tmp_path)
    written = load_file(tmp_path / "adapter_model.safetensors")
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    packed = config["lora_alpha"] / config["r"] * written[f"{LAYER}.lora_B.weight"] @ written[f"{LAYER}.lora_A.weight"]
    torch.testing.assert_close(packed.double(), updates[LAYER], atol=1e-2, rtol=0)
    assert lost < 1e-5


def test_a_smaller_adapter_keeps_the_largest_singular_values_and_tells_what_it_lost(pack, tmp_path):
    run_with(tmp_path / "a", seed=1, rank=4, alpha=4)
    updates, heads = pack.averaged([tmp_path / "a"])
    sizes = torch.linalg.svdvals(updates[LAYER])
    lost = pack._write_adapter(updates, heads, {"r": 4, "lora_alpha": 4}, 2, tmp_path)
    assert lost == pytest.approx(float(sizes[2:].square().sum() / sizes.square().sum()), rel=1e-2)
