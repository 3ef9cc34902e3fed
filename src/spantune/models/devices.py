"""Where a model computes: on the processor, or on a GPU.

In: the name of a place, or none; a model on the processor. Out: the place; the model there.
Does not know: what is computed, in which numbers, by how many threads.
"""

from contextlib import suppress
from typing import Any

import torch

from spantune.errors import ConfigError, ModelError
from spantune.models.memory import free_memory

CPU = "cpu"
MEGABYTE = 1e6


def chosen_device(name: str | None = None) -> torch.device:
    """The place of that name; without one a GPU of CUDA or ROCm where PyTorch sees one, else the processor.

    The GPU of a Mac is taken where it is named ("mps"), and not by itself: training does not use it, and nothing here was
    measured on one. Raises `ConfigError` for a word that names no place, and for a place that this machine does not have.

    >>> chosen_device("cpu")
    device(type='cpu')
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else CPU)
    found: torch.device | None = None
    with suppress(RuntimeError, TypeError):
        found = torch.device(name)
    gpus = _gpus()
    if found is None or (found.type != CPU and f"{found.type}:{found.index or 0}" not in gpus):
        raise ConfigError(
            f"the device {name!r}",
            expected=f"{CPU}, or one of the {len(gpus)} GPUs that PyTorch sees" + "".join(f", {one}" for one in gpus),
            next_move="leave device away: a GPU is taken where there is one",
        )
    return found


def placed(model: Any, device: torch.device) -> Any:
    """The model, moved there in place. Raises `ModelError` where a GPU has no room for it, which leaves it on the processor."""
    try:
        return model.to(device)
    except RuntimeError as error:  # `OutOfMemoryError` is one; so is what CUDA raises where it cannot even begin
        if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error):
            raise
    model.to(CPU)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    needed = sum(one.nbytes for one in (*model.parameters(), *model.buffers()))
    free = None
    with suppress(RuntimeError, AssertionError):  # a GPU so full that it cannot be asked
        free = free_memory(device)
    raise ModelError(
        f"the model takes {needed / MEGABYTE:,.0f} MB, and {device} has "
        + ("no room for it" if free is None else f"{free / MEGABYTE:,.0f} MB free"),
        expected="room on the GPU for the model and for what it computes",
        next_move='answer on the processor: device="cpu", or before a command CUDA_VISIBLE_DEVICES= (nothing after the sign)',
    )


def _gpus() -> list[str]:
    """The GPUs that PyTorch sees, each by its whole name."""
    counts = {
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
        "xpu": torch.xpu.device_count(),
    }
    return [f"{kind}:{number}" for kind, count in counts.items() for number in range(count)]
