"""Attention kernels against attention in fp64, and what a model does with them."""

import copy
import itertools
import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForQuestionAnswering, DebertaV2Config, GPT2Config, ModernBertConfig, RobertaConfig

from spantune.models import attention
from spantune.models.attention import KERNELS, NAME, attend, choice, use_fast_attention
from spantune.models.attention.kernels import packed, three_products

# How far a kernel may be from fp64, relative to the largest number: bf16 keeps 8 bits of a number, fp32 24.
CLOSE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2}
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
on_cpu = pytest.mark.parametrize("name", [name for name, kernel in KERNELS.items() if "cpu" in kernel.devices])


def plainly(query, key, value, mask, scale):
    """Attention as its definition has it, in fp64."""
    query, key, value = (one.double() for one in (query, key, value))
    scores = query @ key.mT * scale
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(torch.float64).min)
    return scores.softmax(-1) @ value


def bias_of(mask, dtype):
    return None if mask is None else torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, torch.finfo(dtype).min)


def first_name(kernel):
    return next(name for name, one in KERNELS.items() if one is kernel)


def drawn(batch, heads, length, width, dtype, seed=0):
    generator = torch.Generator().manual_seed(seed)
    made = (torch.randn(batch, length, heads, width, generator=generator).to(dtype).transpose(1, 2) for _ in range(4))
    query, key, value, gradient = made
    return query.requires_grad_(), key.requires_grad_(), value.requires_grad_(), gradient


def padding(batch, length, seed=0):
    lengths = torch.randint(1, length + 1, (batch,), generator=torch.Generator().manual_seed(seed))
    return (torch.arange(length) < lengths[:, None])[:, None, None, :]


def error(found, wanted):
    return float(((found.double() - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30)).detach())


@on_cpu
@pytest.mark.parametrize("dtype", CLOSE)
@given(
    batch=st.integers(1, 3),
    heads=st.integers(1, 3),
    length=st.integers(1, 40),
    width=st.sampled_from([4, 7, 32]),  # below 4 nothing averages the rounding of bf16 out, and no model is so narrow
    masked=st.sampled_from(["none", "padding", "pairs"]),
    seed=st.integers(0, 9),
)
def test_a_kernel_is_attention_and_its_gradient(name, dtype, batch, heads, length, width, masked, seed):
    query, key, value, gradient = drawn(batch, heads, length, width, dtype, seed)
    generator = torch.Generator().manual_seed(seed)
    pairs = (torch.rand(batch, 1, length, length, generator=generator) < 0.7) | torch.eye(length, dtype=torch.bool)
    mask = {"none": None, "padding": padding(batch, length, seed), "pairs": pairs}[masked]
    exact = [one.detach().double().requires_grad_() for one in (query, key, value)]
    wanted = plainly(*exact, mask, width**-0.5)
    wanted.backward(gradient.double())
    found = KERNELS[name].attend(query, key, value, bias_of(mask, dtype), width**-0.5)
    found.backward(gradient)
    assert (found.double() - wanted).abs().max() <= CLOSE[dtype] * value.abs().max().double()
    highest = max(one.grad.abs().max() for one in exact)
    for one, exactly in zip((query, key, value), exact, strict=True):
        assert (one.grad.double() - exactly.grad).abs().max() <= CLOSE[dtype] * highest + CLOSE[dtype] / 1e3


@on_cpu
def test_without_gradients_a_kernel_gives_the_same(name):
    query, key, value, _ = drawn(2, 3, 21, 16, torch.float32)
    with_gradients = KERNELS[name].attend(query, key, value, None, 0.25)
    with torch.inference_mode():
        assert torch.allclose(KERNELS[name].attend(query, key, value, None, 0.25), with_gradients, atol=1e-6)


@on_cpu
@pytest.mark.parametrize("dtype", CLOSE)
def test_a_window_of_padding_alone_gives_numbers_and_harms_no_other(name, dtype):
    query, key, value, gradient = drawn(2, 2, 9, 8, dtype)
    mask = padding(2, 9)
    mask[1] = False
    found = KERNELS[name].attend(query, key, value, bias_of(mask, dtype), 0.3)
    found.backward(gradient)
    assert all(torch.isfinite(one).all() for one in (found, query.grad, key.grad, value.grad))
    assert error(found[:1], plainly(query[:1], key[:1], value[:1], mask[:1], 0.3)) < CLOSE[dtype]


def test_scores_beyond_what_a_softmax_can_tell_apart_stay_finite():
    query, key, value, gradient = drawn(1, 1, 5, 4, torch.bfloat16)
    found = three_products(query * 1e4, key, value, None, 1.0)
    found.backward(gradient)
    assert torch.isfinite(found).all() and torch.isfinite(query.grad).all()


FAMILIES = {
    "roberta": RobertaConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, pad_token_id=1
    ),
    "modernbert": ModernBertConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, pad_token_id=0,
        local_attention=8, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2,
    ),
    "gpt2": GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("padded", [False, True])
def test_a_family_says_the_same_with_fast_attention(family, padded, monkeypatch):
    """Sliding windows (ModernBERT), causal order (GPT-2) and padding are masks of other shapes."""
    torch.manual_seed(0)
    model = AutoModelForQuestionAnswering.from_config(FAMILIES[family]).eval()
    ids = torch.randint(3, 60, (3, 24))
    mask = torch.ones_like(ids)
    if padded:
        mask[1, 20:], mask[2, 11:] = 0, 0
    with torch.no_grad():
        before = model(input_ids=ids, attention_mask=mask).start_logits[mask.bool()]
        for name in ("sdpa", "three_products"):
            monkeypatch.setattr(attention, "choose_kernel", lambda *_, name=name, **__: KERNELS[name])
            assert use_fast_attention(model)
            after = model(input_ids=ids, attention_mask=mask).start_logits[mask.bool()]
            assert torch.allclose(before, after, atol=1e-5)
            model.set_attn_implementation("sdpa")


def test_a_family_with_attention_of_its_own_stays_as_it_is():
    config = DebertaV2Config(vocab_size=60, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)
    model = AutoModelForQuestionAnswering.from_config(config)
    assert not use_fast_attention(model)
    assert model.config._attn_implementation == "eager"


def test_attention_that_somebody_chose_stays(tiny_reader_model):
    model = copy.deepcopy(tiny_reader_model)
    model.set_attn_implementation("eager")
    assert not use_fast_attention(model)


def test_a_saved_model_loads_with_plain_transformers(tmp_path, tiny_reader_model):
    model = copy.deepcopy(tiny_reader_model)
    model.set_attn_implementation("sdpa")
    assert use_fast_attention(model)
    model.save_pretrained(tmp_path)
    assert NAME not in json.loads((tmp_path / "config.json").read_text()).values()
    assert AutoModelForQuestionAnswering.from_pretrained(tmp_path).config._attn_implementation == "sdpa"


def test_dropout_on_attention_is_computed_by_torch():
    query, key, value, _ = drawn(2, 2, 6, 4, torch.float32)
    module = torch.nn.Module()
    module.is_causal = False
    torch.manual_seed(1)
    found, _ = attend(module, query, key, value, None, dropout=0.5)
    torch.manual_seed(1)
    wanted = torch.nn.functional.scaled_dot_product_attention(query, key, value, dropout_p=0.5)
    assert torch.equal(found, wanted.transpose(1, 2))


def test_a_choice_is_measured_once_and_remembered_for_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("SPANTUNE_CACHE", str(tmp_path))
    choice._choice.cache_clear()
    query = torch.randn(2, 3, 70, 16)
    first = choice.choose_kernel(query, gradients=True)
    (file,) = tmp_path.glob("attention-*.json")
    assert json.loads(file.read_text()) == {
        "cpu float32 3x16 length 64 forward and back: sdpa or three_products": first_name(first)
    }
    choice._choice.cache_clear()
    monkeypatch.setattr(choice, "measured", lambda asked: pytest.fail("measured again"))
    assert choice.choose_kernel(query, gradients=True) is first
    choice._choice.cache_clear()


def test_a_choice_for_the_processor_asks_nothing_of_a_gpu(tmp_path, monkeypatch):
    """Previously a model on the processor took memory of the GPU, for the GPU's name alone."""
    monkeypatch.setenv("SPANTUNE_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: pytest.fail("the GPU was asked"))
    choice._choice.cache_clear()
    assert choice.choose_kernel(torch.randn(2, 3, 70, 16), gradients=True) in KERNELS.values()
    choice._choice.cache_clear()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"cpu float32 3x16 length 64 forward and back: sdpa or three_products": ["sdpa"]}',
        '{"cpu float32 3x16 length 64 forward and back: sdpa or three_products": "of a later version"}',
    ],
)
def test_a_damaged_memory_is_measured_again(content, tmp_path, monkeypatch):
    monkeypatch.setenv("SPANTUNE_CACHE", str(tmp_path))
    (tmp_path / f"attention-{choice.machine('cpu')}.json").write_text(content)
    choice._choice.cache_clear()
    assert choice.choose_kernel(torch.randn(2, 3, 70, 16), gradients=True) in KERNELS.values()
    choice._choice.cache_clear()


def test_a_cache_that_cannot_be_written_bars_nothing(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("SPANTUNE_CACHE", str(blocked))
    choice._choice.cache_clear()
    assert choice.choose_kernel(torch.randn(1, 2, 64, 8), gradients=False) in KERNELS.values()
    choice._choice.cache_clear()


def test_a_choice_that_another_process_made_meanwhile_is_taken(tmp_path, monkeypatch):
    """Previously the later one was written over it, with everything else that had been remembered in between."""
    monkeypatch.setenv("SPANTUNE_CACHE", str(tmp_path))
    file = tmp_path / f"attention-{choice.machine('cpu')}.json"
    key = "cpu float32 3x16 length 64 forward and back: sdpa or three_products"

    def meanwhile(asked):
        file.write_text(json.dumps({key: "sdpa", "another": "sdpa"}))
        return "three_products"

    choice._choice.cache_clear()
    monkeypatch.setattr(choice, "measured", meanwhile)
    assert choice.choose_kernel(torch.randn(2, 3, 70, 16), gradients=True) is KERNELS["sdpa"]
    assert json.loads(file.read_text()) == {key: "sdpa", "another": "sdpa"}
    choice._choice.cache_clear()


def test_a_user_without_a_home_measures_for_each_process(monkeypatch):
    """Previously the first forward pass ended in a RuntimeError."""
    for name in ("SPANTUNE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(choice.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    choice._choice.cache_clear()
    assert choice.cache_folder() is None
    assert choice.choose_kernel(torch.randn(1, 2, 64, 8), gradients=False) in KERNELS.values()
    choice._choice.cache_clear()


def test_a_kernel_that_cannot_run_here_is_not_chosen(monkeypatch):
    """Previously what it raised reached the user: an older PyTorch lacks what packing needs."""

    def missing(*_):
        raise ImportError("no such kernel in this PyTorch")

    monkeypatch.setitem(KERNELS, "missing", replace(KERNELS["three_products"], attend=missing))
    assert choice.measured(choice.Question("cpu", "float32", 2, 8, 64, True, ("sdpa", "missing"))) == "sdpa"


def test_queries_of_another_dtype_than_values_are_computed_by_torch():
    """Previously rotated queries in fp32 beside bf16 values, as autocast leaves them, broke the pass back."""
    query, key, value, gradient = drawn(2, 2, 8, 4, torch.float32)
    query, key = query.requires_grad_(), key.requires_grad_()
    module = torch.nn.Module()
    module.is_causal = False
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = attend(module, query, key, value.to(torch.bfloat16), None)
    found.float().backward(gradient.transpose(1, 2))
    assert torch.isfinite(query.grad).all()


def test_measuring_leaves_the_random_numbers_of_training_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    choice.measured(choice.Question("cpu", "float32", 2, 8, 64, True, ("sdpa", "three_products")))
    assert torch.equal(torch.rand(3), wanted)


def test_long_windows_and_large_batches_keep_no_scores():
    assert choice.choose_kernel(torch.empty(1, 2, 1024, 8), gradients=True) is KERNELS["sdpa"]
    assert choice.choose_kernel(torch.empty(600, 12, 512, 1), gradients=True) is KERNELS["sdpa"]


def windows_one_by_one(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale):
    """What `varlen_attn` computes, for processors, where it is not there: one window after the other."""
    assert torch.equal(cu_seq_q, cu_seq_k) and max_q == max_k and int(cu_seq_q.diff().max()) <= max_q
    attended = [
        torch.nn.functional.scaled_dot_product_attention(
            *(one[a:b].transpose(0, 1) for one in (query, key, value)), scale=scale
        )
        for a, b in itertools.pairwise(cu_seq_q.tolist())
    ]
    return torch.cat([one.transpose(0, 1) for one in attended])


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=on_a_gpu)])
@pytest.mark.parametrize("masked", [False, True])
def test_packed_windows_attend_as_padded_ones(device, masked, monkeypatch):
    if device == "cpu":
        monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", windows_one_by_one)
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    query, key, value, gradient = (one.detach().to(device) for one in drawn(3, 2, 17, 16, dtype))
    leaves = [one.requires_grad_() for one in (query, key, value)]
    mask = padding(3, 17).to(device) if masked else None
    exact = [one.detach().double().requires_grad_() for one in leaves]
    wanted = plainly(*exact, mask, 0.25)
    seen = torch.ones_like(wanted) if mask is None else mask[:, 0, 0, :, None].expand(3, 17, 16).unsqueeze(1).expand_as(wanted)
    wanted.backward(gradient.double() * seen)
    found = packed(*leaves, bias_of(mask, dtype), 0.25)
    found.backward(gradient)
    assert ((found - wanted).abs() * seen).max() <= CLOSE[dtype] * value.abs().max()
    assert not (found * (1 - seen.double())).any()
    for one, exactly in zip(leaves, exact, strict=True):
        assert (one.grad.double() - exactly.grad).abs().max() <= CLOSE[dtype] * exactly.grad.abs().max()


def test_windows_are_packed_where_padding_is_the_only_mask():
    query = torch.empty(2, 4, 16, 64, dtype=torch.bfloat16)
    takes = KERNELS["packed"].takes
    assert takes(query, None) and takes(query, torch.zeros(2, 1, 1, 16))
    assert not takes(query, torch.zeros(2, 1, 16, 16))
    assert not takes(query.float(), None) and not takes(query[..., :5], None)
