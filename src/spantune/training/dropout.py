"""Dropout that costs a tenth of PyTorch's on a processor.

In: a model; later activations. Out: the same model with its dropout drawn from bytes, for as long as it is trained.
Does not know: windows, losses.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

LEVELS = 256  # of a random byte


class ByteDropout(nn.Module):
    """Dropout (Srivastava et al., 2014) that compares one random byte a number, instead of drawing a float for each.

    PyTorch draws its mask on a processor with one call a number, a tenth of a training step of a small encoder. Here eight
    masks come from one 64-bit draw of PyTorch's own generator, so that a seed and a resumed run give the same masks. The
    probability is rounded to the next 1/256 (0.1 becomes 26/256 = 0.1016), and what is kept is scaled by that.

    >>> kept = ByteDropout(0.5)(torch.ones(1000))
    >>> sorted(set(kept.tolist()))
    [0.0, 2.0]
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        """`values` of any shape and floating dtype, dropped and scaled in training, as they are in evaluation."""
        dropped = round(self.p * LEVELS)
        if not self.training or not dropped:
            return values
        if dropped >= LEVELS:
            return values * 0.0
        count = values.numel()
        draws = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None)
        keep = torch.empty_like(values, requires_grad=False)
        torch.ge(draws.view(torch.uint8)[:count].view(values.shape), dropped, out=keep)
        return values * keep.mul_(LEVELS / (LEVELS - dropped))


@contextlib.contextmanager
def fast_dropout(model: Any) -> Iterator[None]:
    """Put `ByteDropout` in the place of the model's dropout where the Trainer will train on a processor; take it out again."""
    taken: list[tuple[nn.Module, str, nn.Dropout]] = []
    if not torch.cuda.is_available():
        for parent in list(model.modules()):
            taken += [(parent, name, child) for name, child in parent.named_children() if type(child) is nn.Dropout]
    for parent, name, child in taken:
        setattr(parent, name, ByteDropout(child.p).train(child.training))
    try:
        yield
    finally:
        for parent, name, child in taken:
            setattr(parent, name, child.train(parent.training))
