"""Attention that is fast on the machine at hand, for every model that lets its attention be chosen.

In: a Transformers model.
Out: the same model, whose attention asks `choice` for the fastest of `kernels`, call by call.
Does not know: windows, training, answers.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import bidirectional_mask_function, sdpa_mask

from spantune.models.attention.choice import choose_kernel
from spantune.models.attention.kernels import KERNELS, Kernel

__all__ = ["KERNELS", "NAME", "Kernel", "choose_kernel", "use_fast_attention"]

NAME = "spantune"


def use_fast_attention(model: Any) -> bool:
    """Let `model`, changed in place, compute its attention with the fastest kernel; false where it has an attention of its own.

    Families that compute attention in their own code (DeBERTa, XLNet, MPNet) stay as they are. Nothing of it is saved with the
    model: a folder written by `save_pretrained` loads with plain Transformers as before.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if inner.config._attn_implementation != "sdpa":
        return False
    inner.set_attn_implementation(NAME)
    return bool(inner.config._attn_implementation == NAME)


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **others: Any,
) -> tuple[Tensor, Tensor | None]:
    """The signature that Transformers calls attention with: (B, heads, T, width) in, (B, T, heads, width) out.

    Calls with what the kernels do not compute (dropout, mixed dtypes, causal order without a mask, fewer key heads than query
    heads, a cache, a bias by position) go to PyTorch's own attention as Transformers calls it.
    """
    causal = module.is_causal if is_causal is None and hasattr(module, "is_causal") else bool(is_causal)
    plain = dropout == 0.0 and query.shape == key.shape == value.shape and not (causal and attention_mask is None)
    plain = plain and query.dtype == key.dtype == value.dtype == _computed_in(query)
    if not plain or any(others.get(name) is not None for name in ("position_bias", "softcap", "cache", "s_aux")):
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, is_causal=is_causal, **others
        )
    gradients = torch.is_grad_enabled() and query.requires_grad
    scale = float(scaling) if scaling is not None else query.shape[-1] ** -0.5
    bias = _as_bias(attention_mask, query.dtype)
    attended = choose_kernel(query, bias, gradients=gradients).attend(query, key, value, bias, scale)
    return attended.transpose(1, 2).contiguous(), None


def padding_mask(
    *, attention_mask: Tensor | None = None, mask_function: Any = None, kv_length: int = 0, **others: Any
) -> Tensor | None:
    """The mask of one batch, true where a position may be seen: (B, 1, 1, T) for padding alone, else (B, 1, T, T).

    Transformers widens the mask of padding to (B, 1, T, T); its rows are all the same, and adding one of them is enough.
    """
    whole = attention_mask is not None and attention_mask.ndim == 2 and attention_mask.shape[1] == kv_length
    if mask_function is bidirectional_mask_function and whole and others.get("local_size") is None:
        assert attention_mask is not None  # by `whole`
        # Another batch may be padded than the one that a trace is made of.
        traced = torch._C._get_tracing_state() is not None or torch.compiler.is_compiling()
        return None if not traced and bool(attention_mask.all()) else attention_mask[:, None, None, :]
    made: Tensor | None = sdpa_mask(attention_mask=attention_mask, mask_function=mask_function, kv_length=kv_length, **others)
    return made


def _computed_in(query: Tensor) -> torch.dtype:
    """The dtype of products: under autocast its own. Rotated positions leave queries and keys in fp32 beside bf16 values."""
    kind = query.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype


def _as_bias(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """What to add to the scores; finite, so that a row that sees nothing gives numbers and not NaN."""
    if mask is None or mask.dtype != torch.bool:
        return mask if mask is None else mask.to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, padding_mask)
