"""The attention kernels: the same function, computed in ways that are fast in different places.

In: query, key and value `(B, heads, T, width)` of one floating dtype; the additive mask; the factor of the scores.
Out: softmax(query key' x scale + mask) value, `(B, heads, T, width)`, with gradients.
Does not know: models, which kernel is the faster one (`choice`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None, float], Tensor]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One way to compute attention, the devices that it is meant for, and whether it can take a query and a mask."""

    attend: Attend
    devices: frozenset[str]
    takes: Callable[[Tensor, Tensor | None], bool] = lambda query, bias: True


def sdpa(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> Tensor:
    """PyTorch's own fused attention, which keeps no scores: the least memory, and the fallback for everything."""
    return scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def three_products(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> Tensor:
    """Attention as batched matrix products around one softmax, whose result is kept for the backward pass.

    On processors the fused kernel's backward pass costs several times its forward pass, because it computes the scores anew
    in small blocks. Keeping the softmax costs `B x heads x T x T` numbers a layer (5 MB in bf16 for 8 windows of 160 tokens
    and 12 heads) and leaves five large products, which run at the speed of the matrix unit. The gradient is FlashAttention's
    (Dao et al., 2022, equation 4): the sum that the softmax's gradient needs is taken over value columns, not positions.

    >>> one = torch.ones(1, 1, 2, 4)
    >>> three_products(one, one, one, None, 0.5).shape
    torch.Size([1, 1, 2, 4])
    """
    if torch.is_grad_enabled() and (query.requires_grad or key.requires_grad or value.requires_grad):
        result: Tensor = _ThreeProducts.apply(query, key, value, bias, scale)  # type: ignore[no-untyped-call]
        return result
    shape = query.shape
    query, key, value = _flat(query * scale), _flat(key), _flat(value)
    return torch.bmm(_weights(query, key, bias, shape), value).view(shape)


class _ThreeProducts(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> Tensor:
        shape = query.shape
        query, key, value = _flat(query * scale), _flat(key), _flat(value)
        weights = _weights(query, key, bias, shape)
        attended = torch.bmm(weights, value)
        context.save_for_backward(query, key, value, weights, attended)
        context.scale, context.shape = scale, shape
        return attended.view(shape)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        query, key, value, weights, attended = context.saved_tensors
        gradient = _flat(gradients[0])
        to_value = torch.bmm(weights.mT, gradient)
        to_scores = torch.bmm(gradient, value.mT)
        to_scores.sub_(_row_products(gradient, attended)).mul_(weights)
        to_query = torch.bmm(to_scores, key).mul_(context.scale)
        to_key = torch.bmm(to_scores.mT, query)
        shape = context.shape
        return to_query.view(shape), to_key.view(shape), to_value.view(shape), None, None


def packed(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float) -> Tensor:
    """Attention over the tokens alone, one window behind the other without padding: `torch.nn.attention.varlen`, for a GPU.

    PyTorch's own attention leaves FlashAttention for a slower kernel as soon as there is a mask; packed windows need none.
    Takes masks of padding only, and gives zeros where padding is.
    """
    from torch.nn.attention.varlen import varlen_attn

    batch, heads, length, width = query.shape
    if bias is None:
        seen = torch.ones(batch, length, dtype=torch.bool, device=query.device)
    else:
        seen = bias.expand(batch, 1, 1, length).reshape(batch, length) >= 0
    rows = seen.flatten().nonzero().squeeze(1)
    bounds = torch.nn.functional.pad(seen.sum(1).cumsum(0), (1, 0)).to(torch.int32)
    query, key, value = (one.transpose(1, 2).reshape(-1, heads, width).index_select(0, rows) for one in (query, key, value))
    attended: Any = varlen_attn(query, key, value, bounds, bounds, length, length, scale=scale)
    whole: Tensor = attended.new_zeros(batch * length, heads, width).index_copy(0, rows, attended)
    return whole.view(batch, length, heads, width).transpose(1, 2)


def _packable(query: Tensor, bias: Tensor | None) -> bool:
    """What FlashAttention computes: half precision, heads of up to 256 dimensions in steps of 8, padding as the only mask."""
    padding_alone = bias is None or bias.shape[1:3] == (1, 1)
    return (
        padding_alone and query.dtype in (torch.bfloat16, torch.float16) and query.shape[-1] <= 256 and query.shape[-1] % 8 == 0
    )


def _weights(query: Tensor, key: Tensor, bias: Tensor | None, shape: torch.Size) -> Tensor:
    """The softmax over positions, (B x heads, T, T), computed in the place of the scores."""
    scores = torch.bmm(query, key.mT)
    if bias is not None:
        scores.view(shape[0], shape[1], shape[2], -1).add_(bias)
    return torch.softmax(scores, dim=-1, out=scores)


def _row_products(one: Tensor, other: Tensor) -> Tensor:
    """(rows, T, 1): the product of each row with the other's, summed in fp32 at least, and given in the rows' own dtype.

    Handing on fp32 would send what is done with it to PyTorch's slow path for mixed dtypes.
    """
    exact = torch.promote_types(one.dtype, torch.float32)
    return (one.to(exact) * other.to(exact)).sum(-1, keepdim=True).to(one.dtype)


def _flat(heads: Tensor) -> Tensor:
    """(B, heads, T, width) as (B x heads, T, width)."""
    return heads.reshape(-1, *heads.shape[2:])


KERNELS: Mapping[str, Kernel] = {
    "sdpa": Kernel(sdpa, frozenset({"cpu", "cuda", "mps", "xpu"})),
    "three_products": Kernel(three_products, frozenset({"cpu"})),
    "packed": Kernel(packed, frozenset({"cuda"}), _packable),
}
