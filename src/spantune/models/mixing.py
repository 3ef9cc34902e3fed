"""In: a model, and its weights as they were before training. Out: the model with a mixture of both.

Does not know: data, scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a model at some moment, by name; copies, so that training does not change them."""

    by_name: Mapping[str, Tensor] = field(repr=False)

    @classmethod
    def of(cls, model: Any) -> "Weights":
        """Those of `model` now."""
        return cls({name: one.detach().clone() for name, one in model.named_parameters()})


@torch.no_grad()
def added(mean: Weights | None, more: Weights, count: int) -> Weights:
    """The mean of `count` weights, of which `more` are the last and `mean` is that of the others.

    What several short trainings from one start have in common stays, what each learned by chance does not (Wortsman et al.,
    2022, arXiv:2203.05482).

    >>> one, two = (Weights({"weight": torch.tensor([value])}) for value in (1.0, 3.0))
    >>> added(added(None, one, 1), two, 2).by_name["weight"].item()
    2.0
    """
    if mean is None:
        return more
    return Weights({name: torch.lerp(before, more.by_name[name], 1 / count) for name, before in mean.by_name.items()})


@torch.no_grad()
def mix(model: Any, start: Weights, tuned: Weights, share: float) -> None:
    """Give `model`, in place, the weights `share` x tuned + (1 - share) x start.

    Between a model and what it became by fine-tuning, the weights on the straight line often do better than both ends: they
    keep most of the old ability and have most of the new one (Wortsman et al., 2022, arXiv:2109.01903). 0 and 1 give the ends
    exactly.

    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> one, two = (Weights({"weight": torch.full((1, 1), value)}) for value in (1.0, 3.0))
    >>> mix(model, one, two, 0.5)
    >>> model.weight.item()
    2.0
    """
    for name, one in model.named_parameters():
        before, after = (weights.by_name[name].to(one.device) for weights in (start, tuned))  # training may have moved it
        one.copy_(before if share == 0 else after if share == 1 else torch.lerp(before, after, share))
