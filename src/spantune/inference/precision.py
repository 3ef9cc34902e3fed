"""Which numbers a reader computes with: a copy of its model in bf16 where the processor multiplies those faster.

In: a model in fp32, the precision asked for. Out: the copy to score with, or none. Does not know: windows, answers.

The saved model stays in fp32, and so does the one given: questions whose two best answers score nearly the same are read again
with it (`choosing.close_call`), so that bf16 changes probabilities in the third decimal, but hardly ever an answer.
"""

import copy
from typing import Any, Literal

import torch

from spantune.errors import ConfigError
from spantune.models import hidden_size

Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS = ("auto", "fp32", "bf16")
NATIVE = ("amx_bf16", "amx_tile", "avx512_bf16")  # processor features that multiply bf16; without one it is emulated, slowly
OUTPUTS = 2  # of the answer head: start and end
NARROWEST = 128  # hidden size: below it, converting and starting each operation costs more than the multiplication saves


def halved(model: Any, precision: Precision) -> Any | None:
    """A copy of `model` that computes in bf16, its answer head in fp32; `None` where `precision` asks for none.

    `auto` takes bf16 where the processor multiplies it and the model is wide enough to gain. Raises `ConfigError` for another
    word. The copy is in evaluation mode.
    """
    if precision not in PRECISIONS:
        raise ConfigError(
            f"the precision {precision!r}",
            expected="one of " + ", ".join(PRECISIONS),
            next_move="leave it away: auto suits most machines",
        )
    if precision == "fp32" or (precision == "auto" and not _pays(model)):
        return None
    head = _head(model)
    exact = {id(one) for one in head.parameters()} if head is not None else set()
    exact |= {id(one) for name, one in model.named_buffers() if "inv_freq" in name}  # rounded, far positions turn too far
    tensors = [one for one in (*model.parameters(), *model.buffers()) if one.is_floating_point() and id(one) not in exact]
    made = copy.deepcopy(model, {id(one): _in_bf16(one) for one in tensors}).eval()
    copied = _head(made)
    if copied is not None:  # two numbers a token cost nothing, and bf16 would round scores of 5 to steps of 1/32
        copied.register_forward_pre_hook(_as_fp32)
    return made


def _head(model: Any) -> torch.nn.Linear | None:
    """The layer that makes start and end logits: families call it `qa_outputs` or `classifier`."""
    layers = [one for one in model.modules() if type(one) is torch.nn.Linear and one.out_features == OUTPUTS]
    return layers[-1] if layers else None


def _pays(model: Any) -> bool:
    if model.device.type != "cpu" or hidden_size(model) < NARROWEST:
        return False
    features = torch.cpu.get_capabilities()
    return any(features.get(name) for name in NATIVE)


def _in_bf16(tensor: torch.Tensor) -> torch.Tensor:
    rounded = tensor.detach().to(torch.bfloat16)
    return torch.nn.Parameter(rounded, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else rounded


def _as_fp32(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (inputs[0].float(), *inputs[1:])
