"""In: a model. Out: what preparing one gives, and the names that the methods share. Does not know: any single method."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model ready to be trained by some method.

    `model` is what the Trainer trains and what answers meanwhile. `adapter` gives the files of the adapter in PEFT's own
    format; it is `None` where there is none. `finish` ends the training of the model, once, after `adapter`: it takes the
    adapter into the weights where the method can. `at_epoch` is told the number of an epoch, from 0, and of all of them, before
    it begins.
    """

    model: Any
    finish: Callable[[], Any]
    adapter: Callable[[], Files] | None = None
    at_epoch: Callable[[int, int], None] = lambda epoch, epochs: None

    @property
    def trained(self) -> int:
        """How many numbers are trained."""
        numbers: int = sum(one.numel() for one in self.model.parameters() if one.requires_grad)
        return numbers

    @property
    def share(self) -> float:
        """The share of the model's numbers that is trained, between 0 and 1."""
        numbers: int = sum(one.numel() for one in self.model.parameters())
        return self.trained / max(1, numbers)


def head_names(model: Any) -> list[str]:
    """The modules beside the encoder that hold weights: the task's head."""
    prefix = model.base_model_prefix
    return [name for name, child in model.named_children() if name != prefix and any(True for _ in child.parameters())]


def linear_names(model: Any) -> list[str]:
    """The linear layers of the encoder, by their whole names; GPT-2's layers, which hold their weights turned, among them."""
    body = f"{model.base_model_prefix}."
    return [name for name, module in model.named_modules() if name.startswith(body) and isinstance(module, nn.Linear | Conv1D)]


def has_turned_layers(model: Any) -> bool:
    """Whether the model holds the weights of its linear layers with the inputs first, as GPT-2 does."""
    return any(isinstance(module, Conv1D) for module in model.modules())


def train_all(model: Any) -> Any:
    """The model with every weight open to training again, whatever a method froze."""
    model.requires_grad_(True)
    return model


def files_of(wrapped: Any) -> Files:
    """What PEFT writes of a model that it wrapped, but for its model card, a form to fill in."""
    with tempfile.TemporaryDirectory(prefix="spantune-") as folder:
        wrapped.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)  # they stay frozen
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.suffix in (".json", ".safetensors")}
