"""The Hugging Face Trainer, composed: our windows, order, loss and held-out measurement; everything else is its own.

The subclass overrides a few methods and adds no state of training: mixed precision, accumulation, clipping, checkpoints and
the tracking integrations work as users of the Trainer know them. A batch is handed over in parts of similar length, each of
them passed forward and backward on its own: the gradient is that of the whole batch, the memory that of one part. Several
processes draw the same batches, and each of them passes its share.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.data_loader import BatchSamplerShard
from safetensors import SafetensorError
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from spantune import processes
from spantune.errors import OutputError
from spantune.features import Windows, collate
from spantune.features.batches import collate_spans, shuffled_by_length
from spantune.features.windows import Integers
from spantune.models import to_model_inputs
from spantune.training.checkpoints import AtomicCheckpoints, newest_checkpoint
from spantune.training.losses import class_losses, span_losses
from spantune.training.rates import slow_lower_layers
from spantune.training.stopping import NotFiniteError
from spantune.wording import reason_of

# Padded tokens in one pass, at most. On two cores, parts of 1,300 to 10,000 tokens trained at the same rate, and the smaller
# ones keep an encoder of MiniLM's size below 2 GB. A GPU wants a whole batch at once, up to what 24 GB hold of a base-size one.
TOKENS_AT_ONCE = {"cpu": 4096, "cuda": 65_536}

MERIT = "merit"  # what the Trainer compares epochs by


@dataclass(frozen=True, slots=True)
class Objective:
    """What is learned: the arrays that the loss needs beside the model's inputs, and the loss of each window of a batch."""

    targets: Callable[[Windows, Integers, Mapping[str, Integers]], dict[str, Integers]]
    losses: Callable[[Any, Mapping[str, Tensor]], Tensor]


def _span_targets(windows: Windows, indices: Integers, batch: Mapping[str, Integers]) -> dict[str, Integers]:
    return {"spans": collate_spans(windows, indices), "candidates": batch["candidates"]}


def _span_losses(outputs: Any, targets: Mapping[str, Tensor]) -> Tensor:
    return span_losses(outputs["start_logits"], outputs["end_logits"], targets["spans"], targets["candidates"])


def _class_targets(windows: Windows, indices: Integers, batch: Mapping[str, Integers]) -> dict[str, Integers]:
    assert windows.targets is not None  # the objective was chosen because they are there
    return {"classes": windows.targets[indices]}


def _class_losses(outputs: Any, targets: Mapping[str, Tensor]) -> Tensor:
    return class_losses(outputs["logits"], targets["classes"])


SPANS = Objective(_span_targets, _span_losses)
CLASSES = Objective(_class_targets, _class_losses)


def objective_of(windows: Windows) -> Objective:
    """Classes for windows that carry them, spans for all others."""
    return SPANS if windows.targets is None else CLASSES


class WindowNumbers(Dataset[int]):
    """The numbers of the windows; the collator reads the flat arrays itself, a batch at a time."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        return index


class LengthOrder(Sampler[int]):
    """A new order each epoch, near-uniform lengths in a batch, the same for the same seed: see `shuffled_by_length`."""

    def __init__(self, lengths: Integers, batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(shuffled_by_length(self.lengths, self.batch_size, self.seed, self.epoch).tolist())

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch, after a resume too."""
        self.epoch = epoch


@dataclass
class Collator:
    """A data collator: numbers of windows in; under `parts`, the model's inputs and the objective's targets out.

    A part holds `size` windows of similar length, the last of a batch perhaps fewer. Its `share` is the share of the batch's
    windows that it holds, times the number of processes: gradients are their mean. It can be sent to other processes, which
    prepare batches. `size` may change until they begin.
    """

    windows: Windows
    names: frozenset[str]
    size: int
    objective: Objective
    rank: int = 0
    processes: int = 1

    def __call__(self, numbers: list[int]) -> dict[str, Any]:
        """This process's share of the batch of these windows; one window that counts nothing where there is none for it."""
        indices, bounds = np.asarray(numbers), self.windows.bounds
        lengths = bounds[indices + 1] - bounds[indices]
        indices = indices[np.argsort(-lengths, kind="stable")]
        mine, each = indices[self.rank :: self.processes], self.processes / len(indices)
        if not len(mine):
            mine, each = indices[-1:], 0.0
        parts = (mine[begin : begin + self.size] for begin in range(0, len(mine), self.size))
        return {"parts": [self._part(part, len(part) * each) for part in parts]}

    def _part(self, indices: Integers, share: float) -> dict[str, Any]:
        arrays = collate(self.windows, indices)
        targets = self.objective.targets(self.windows, indices, arrays)
        tensors = {name: torch.from_numpy(one) for name, one in targets.items()}
        return {**to_model_inputs(arrays, self.names), "targets": tensors, "share": share}


def collator(windows: Windows, names: frozenset[str], size: int | None = None) -> Collator:
    """The collator of these windows in this process; `size` is by default the `part_size` of the longest."""
    usual = part_size(int(windows.lengths.max(initial=1)))
    return Collator(windows, names, size or usual, objective_of(windows), processes.rank(), processes.count())


def part_size(longest: int) -> int:
    """How many windows to pass at once: the highest power of two that keeps windows of `longest` tokens within the budget.

    The same number for every part, so that few shapes occur: oneDNN compiles its kernels for each shape that it meets, which
    took a sixth of the time and 1 GB when parts were filled up to a number of tokens.

    >>> part_size(384) if not torch.cuda.is_available() else 8
    8
    """
    budget = TOKENS_AT_ONCE["cuda" if torch.cuda.is_available() else "cpu"]
    return int(2 ** np.floor(np.log2(max(budget // longest, 1))))


def leaves_weights_out(model: Any, collate_parts: Collator) -> bool:
    """Whether some weight that is open to training has no part in the loss, as those of a pooler that nothing reads."""
    (part, *_) = collate_parts([int(collate_parts.windows.lengths.argmin())])["parts"]
    outputs = model(**{name: part[name].to(model.device) for name in collate_parts.names})
    losses = collate_parts.objective.losses(outputs, {name: one.to(model.device) for name, one in part["targets"].items()})
    open_ = [one for one in model.parameters() if one.requires_grad]
    return any(one is None for one in torch.autograd.grad(losses.sum(), open_, allow_unused=True))


class ComposedTrainer(AtomicCheckpoints):
    """The Trainer with our loss, our order and a held-out measurement that is handed in."""

    loss_is_scaled_for_ga = False  # the loss is a mean over its batch; the Trainer divides by the accumulation steps

    def __init__(
        self,
        *,
        windows: Windows,
        measure: Callable[[Any], Mapping[str, float]] | None,
        merit: Callable[[Mapping[str, float]], float] | None = None,
        layer_decay: float = 1.0,
        **arguments: Any,
    ) -> None:
        self.windows: Windows = windows
        self.layer_decay = layer_decay
        self.objective: Objective = objective_of(windows)
        self.measure, self.merit = measure, merit
        super().__init__(**arguments)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """What a part adds to the mean of the objective's losses over its batch."""
        outputs = model(**{name: value for name, value in inputs.items() if name not in ("targets", "share")})
        loss = self.objective.losses(outputs, inputs["targets"]).mean() * inputs["share"]
        return (loss, outputs) if return_outputs else loss

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        """The Trainer's own step for each part of the batch; the gradients add up, and so do the losses.

        Several processes exchange gradients with the last part. Raises `NotFiniteError` in all of them before the optimiser
        takes such a step.
        """
        *others, last = inputs["parts"]
        with self.accelerator.no_sync(model) if others else contextlib.nullcontext():
            steps = [super(ComposedTrainer, self).training_step(model, part, num_items_in_batch) for part in others]
        loss = torch.stack([*steps, super().training_step(model, last, num_items_in_batch)]).sum()
        whole = self.accelerator.gather(loss.reshape(1)).mean()  # each is its part times the number of processes
        if not torch.isfinite(whole):
            raise NotFiniteError(f"the loss is {whole.item()} at step {self.state.global_step + 1} of {self.state.max_steps}")
        return loss

    def _get_grad_norm(self, *arguments: Any, **named: Any) -> Any:
        """The Trainer's own; a gradient that is no number would make weights that no checkpoint should hold."""
        norm = super()._get_grad_norm(*arguments, **named)  # type: ignore[no-untyped-call]
        if norm is not None and self.accelerator.scaler is None and not math.isfinite(float(norm)):
            raise NotFiniteError(
                f"the gradient is {float(norm)} at step {self.state.global_step + 1} of {self.state.max_steps}"
            )
        return norm

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """The whole checkpoint; what the disk cannot do is told. Raises `OutputError`."""
        folder = Path(str(self.args.output_dir))
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, SafetensorError) as error:
            raise OutputError(
                f"a checkpoint could not be written to {folder}: {reason_of(error)}",
                expected="a disk that takes it, with room for three checkpoints: each is three times the model's size"
                if folder.is_dir()
                else "the folder to stay where it was while training runs",
                next_move="free some space, or move the run folder to another disk, then run the same command with --resume"
                if newest_checkpoint(folder).folder is not None
                else "look after the disk, then start again",
            ) from error

    def create_optimizer(self, *arguments: Any, **named: Any) -> Any:
        """The Trainer's own, with lower rates for lower layers where that is wanted."""
        optimiser = super().create_optimizer(*arguments, **named)
        if self.layer_decay != 1.0:
            slow_lower_layers(optimiser, self.model, self.layer_decay)
        return optimiser

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """The Trainer's own count, part by part."""
        return sum(super(ComposedTrainer, self).floating_point_ops(part) for part in inputs["parts"])

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> dict[str, float]:
        """Measure held-out data with the callable handed in, and tell the callbacks (best epoch, early stopping, logs).

        Merit, which decides on the best epoch and when to stop, is no score of the model, and is not logged.
        """
        measured = self.measure(self.model) if self.measure is not None else {}
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in measured.items()}
        self.log(metrics)
        if self.merit is not None:
            metrics[f"{metric_key_prefix}_{MERIT}"] = self.merit(measured)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def get_train_dataloader(self) -> Any:
        """The Trainer's own, undivided: Accelerate deals whole batches out, and trains on some windows twice to fill them."""
        loader = super().get_train_dataloader()
        shard = getattr(loader, "batch_sampler", None)
        if isinstance(shard, BatchSamplerShard):
            shard.num_processes, shard.process_index, shard.even_batches = 1, 0, False
            shard.sampler = shard.batch_sampler.sampler  # where a resume, which wraps it once more, looks for `set_epoch`
        return loader

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return LengthOrder(self.windows.lengths, self.args.train_batch_size, self.args.seed)
