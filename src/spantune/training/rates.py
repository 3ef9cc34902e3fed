"""In: an optimiser and a model. Out: rates that differ from layer to layer, and weights that stay near where they began.

Does not know: data, losses.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback

from spantune.models.methods.depth import depths


def slow_lower_layers(optimiser: Any, model: Any, decay: float) -> None:
    """Divide the optimiser's groups by depth: the head keeps its rate, each layer has `decay` times that of the one above it.

    Layer-wise learning-rate decay (Howard and Ruder, 2018, arXiv:1801.06146; Clark et al., 2020, arXiv:2003.10555). To be
    called before the schedule is made. The head's groups come first, so that the rate which the Trainer logs is theirs.
    """
    deep = depths(model)
    top = max(deep.values())
    depth_of = {id(parameter): deep[name] for name, parameter in model.named_parameters()}
    divided: list[dict[str, Any]] = []
    for group in optimiser.param_groups:
        by_depth: dict[int, list[Tensor]] = {}
        for parameter in group["params"]:
            by_depth.setdefault(depth_of[id(parameter)], []).append(parameter)
        divided += [{**group, "params": of, "lr": group["lr"] * decay ** (top - depth)} for depth, of in by_depth.items()]
    optimiser.param_groups[:] = sorted(divided, key=lambda group: -group["lr"])


class TowardsStart(TrainerCallback):
    """After each step, every trained weight goes back a little to its value before training: L2-SP, apart from the gradient.

    The pull is rate x strength x distance, as AdamW's decay is rate x decay x weight (Li et al., 2018, arXiv:1802.01483;
    Loshchilov and Hutter, 2019, arXiv:1711.05101). The values are those of the model as it is when this is made: before a
    checkpoint is loaded into it.
    """

    def __init__(self, model: Any, strength: float) -> None:
        self.strength = strength
        self.start: Mapping[str, Tensor] = {name: one.detach().clone() for name, one in _trained(model)}

    @torch.no_grad()
    def on_optimizer_step(self, args: Any, state: Any, control: Any, **now: Any) -> None:
        """Pull, each weight with the rate of its own group."""
        model, optimizer = now["model"], now["optimizer"]
        rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
        for name, parameter in _trained(model):
            parameter.lerp_(self.start[name].to(parameter.device), min(1.0, rates[id(parameter)] * self.strength))


class BeforeEpochs(TrainerCallback):
    """Tells what is handed in the number of each epoch, from 0, and of all of them, before it begins or goes on."""

    def __init__(self, at_epoch: Any) -> None:
        self.at_epoch = at_epoch

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The Trainer counts epochs with fractions; one that a resume goes on with has begun already."""
        self.at_epoch(int(state.epoch or 0), int(args.num_train_epochs))


def _trained(model: Any) -> Iterable[tuple[str, Tensor]]:
    return ((name, one) for name, one in model.named_parameters() if one.requires_grad)
