"""In: a model about to be trained, and its windows. Out: the memory that this will take, and how many windows to pass at once.

What a step keeps for its backward pass is measured on one window, the longest, not guessed from the architecture: hooks of
autograd see every tensor that is kept, whatever the kernels, the precision and the share of the weights that learns. Does not
know: data, checkpoints' files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import TrainerCallback

from spantune import processes
from spantune.models.memory import free_memory

ADAM = 3  # numbers beside each weight that learns: its gradient and two moments
PASSING = 1.25  # what the passes hold for a moment beside what is kept; see docs/performance.md for how well it tells
BESIDE = 300_000_000  # bytes that the libraries take once they work
GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes: `fixed` for gradients and the optimiser's state, `window` for the passes of the longest window; `free` now."""

    fixed: int
    window: int
    free: int | None

    def at(self, size: int) -> int:
        """What training takes beside the weights, where so many windows are passed at once."""
        return BESIDE + self.fixed + round(PASSING * size * self.window)

    def fitting(self, size: int) -> int:
        """The most windows at once that fit, `size` halved as often as that takes; 1 where none does.

        >>> Needs(fixed=0, window=10**9, free=3 * 10**9).fitting(8)
        2
        """
        while size > 1 and self.free is not None and self.at(size) > self.free:
            size //= 2
        return size


class Fitting(TrainerCallback):
    """Before the first step, passes fewer windows at once where memory is short: the same batch, in more parts.

    The number goes with the checkpoints: a resume passes no more than before, or its sums would round differently.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self.say = say
        self.trainer: Any = None
        self.needs: Needs | None = None
        self.usual = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **now: Any) -> None:
        """Measure and choose."""
        collator = self.trainer.data_collator
        self.needs = needs_of(self.trainer, now["model"])
        self.usual = min(collator.size, -(-args.per_device_train_batch_size // collator.processes))
        collator.size = self.needs.fitting(self.usual)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell, once a checkpoint has had its say."""
        needs, size, self.needs = self.needs, self.trainer.data_collator.size, None
        if needs is None or needs.free is None or self.say is None:
            return
        told = f"{needs.at(size) / GIGABYTE:.1f} GB beside the model, {needs.free / GIGABYTE:.1f} GB are free"
        if needs.at(size) > needs.free:
            self.say(
                f"training takes about {told}: the system may end it. training.method=lora, shorter windows "
                "(windows.length) or a smaller model take less"
            )
        elif size < self.usual:
            self.say(f"{size} windows are passed at once, not {self.usual}, and batches stay: training takes about {told}")

    def kept(self) -> Mapping[str, Any]:
        """For a checkpoint."""
        return {"size": self.trainer.data_collator.size}

    def take_back(self, state: Mapping[str, Any]) -> None:
        """From a checkpoint."""
        self.trainer.data_collator.size = min(self.trainer.data_collator.size, int(state["size"]))


def needs_of(trainer: Any, model: Any) -> Needs:
    """Pass the longest window forward once, and see what is kept; random numbers go on as if nothing had been."""
    learning = [one for one in model.parameters() if one.requires_grad]
    weights = {one.untyped_storage().data_ptr() for one in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    collator, size = trainer.data_collator, trainer.data_collator.size
    collator.size = 1
    (part,) = collator([int(collator.windows.lengths.argmax())])["parts"]
    collator.size = size
    was_training = model.training
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.train()
        loss = trainer.compute_loss(model, trainer._prepare_inputs(part))
        window = sum(kept.values())
        del loss
    model.train(was_training)
    exchanged = int(processes.count() > 1)  # gradients once more, in buckets
    free = free_memory(model.device)
    shared = processes.on_this_machine() if model.device.type == "cpu" else 1
    return Needs((ADAM + exchanged) * sum(one.nbytes for one in learning), window, None if free is None else free // shared)
