"""Which kernel is the faster one here: a short measurement, remembered for this machine.

In: device, dtype, batch, heads, length and head width of a call, and whether gradients are wanted.
Out: the name of a kernel of the table.
Does not know: models.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from spantune.data.atomic import write_text
from spantune.errors import OutputError
from spantune.models.attention.kernels import KERNELS, Kernel

FALLBACK = "sdpa"
LENGTHS = (64, 128, 256, 384, 512)  # measured; a call takes the nearest one, and the fallback beyond the last
TOKENS = 2048  # of a measured batch: large enough to keep two cores busy, small enough for milliseconds
REPEATS = 6
MOST_SCORES = 2**27  # scores that a kernel may keep for one layer: 256 MB in bf16


@dataclass(frozen=True, slots=True)
class Question:
    """What the choice depends on, besides the machine. `length` is one of `LENGTHS`."""

    device: str
    dtype: str
    heads: int
    width: int
    length: int
    gradients: bool
    kernels: tuple[str, ...]


def choose_kernel(query: torch.Tensor, bias: torch.Tensor | None = None, *, gradients: bool) -> Kernel:
    """The fastest kernel for queries like this one, `(B, heads, T, width)`, among those that can take them.

    What is not worth measuring, or would keep too many scores in memory, falls back to PyTorch's own attention.
    """
    batch, heads, length, width = query.shape
    able = tuple(name for name, one in KERNELS.items() if query.device.type in one.devices and one.takes(query, bias))
    if able == (FALLBACK,) or length > LENGTHS[-1] or batch * heads * length * length > MOST_SCORES:
        return KERNELS[FALLBACK]
    nearest = min(LENGTHS, key=lambda known: abs(known - length))
    asked = Question(query.device.type, str(query.dtype).removeprefix("torch."), heads, width, nearest, gradients, able)
    return KERNELS[_choice(asked)]


@lru_cache(maxsize=256)
def _choice(asked: Question) -> str:
    """The remembered choice, or a new one: measured once, so that a resumed run computes as it began."""
    backward = "forward and back" if asked.gradients else "forward"
    shape = f"{asked.heads}x{asked.width} length {asked.length}"
    key = f"{asked.device} {asked.dtype} {shape} {backward}: {' or '.join(asked.kernels)}"
    folder = cache_folder()
    file = folder / f"attention-{machine(asked.device)}.json" if folder is not None else None
    if file is None:
        return measured(asked)
    known = _read(file).get(key)
    if known is not None and known in KERNELS:
        return known
    found = measured(asked)
    others = _read(file)  # another process may have measured meanwhile: what it remembers stays, and is taken
    known = others.get(key)
    chosen = known if known is not None and known in KERNELS else found
    _remember(file, {**others, key: chosen})
    return chosen


def measured(asked: Question) -> str:
    """The kernel with the shortest of `REPEATS` passes over random tensors; a pass back is part of it if asked for."""
    best = {name: float("inf") for name in asked.kernels}
    runs = {name: _run(KERNELS[name], asked) for name in asked.kernels}
    for repeat in range(REPEATS + 1):
        for name in tuple(runs):
            _finished(asked.device)
            began = time.perf_counter()
            try:
                runs[name]()
                _finished(asked.device)
            except (ImportError, RuntimeError, TypeError):  # this PyTorch or this device cannot compute it
                if name == FALLBACK:
                    raise
                del runs[name]
                best[name] = float("inf")
                continue
            if repeat:  # the first pass builds what the later ones use
                best[name] = min(best[name], time.perf_counter() - began)
    return min(asked.kernels, key=best.__getitem__)


def cache_folder() -> Path | None:
    """Where measurements are kept: `SPANTUNE_CACHE`, else `spantune` in the user's cache folder; `None` for a user without."""
    named, caches = os.environ.get("SPANTUNE_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named)
    try:
        return Path(caches or Path.home() / ".cache") / "spantune"
    except RuntimeError:  # in a container, a user without a home
        return None


def machine(device: str) -> str:
    """What a measurement holds for: the processor's instructions, threads and PyTorch, as a part of a file's name.

    A GPU's name is asked for only where it was the GPU that was measured: the question alone takes memory of the GPU.
    """
    instructions = torch.backends.cpu.get_cpu_capability().replace(" ", "")
    known = torch.cpu.get_capabilities()
    bf16 = next((name for name in ("amx_bf16", "avx512_bf16") if known.get(name)), "no_bf16")
    gpu = [torch.cuda.get_device_name()] if device == "cuda" else []
    threads, version = f"{torch.get_num_threads()}threads", f"torch{torch.__version__}"
    parts = (platform.machine(), instructions, bf16, threads, version, *(one.replace(" ", "_") for one in gpu))
    return "-".join(part.replace("/", "_") for part in parts)


def _finished(device: str) -> None:
    """Wait for what was handed to a GPU; a processor is done when a call returns."""
    if device == "cuda":
        torch.cuda.synchronize()


def _run(kernel: Kernel, asked: Question) -> Callable[[], None]:
    shape = (max(1, TOKENS // asked.length), asked.length, asked.heads, asked.width)
    dtype = getattr(torch, asked.dtype)
    generator = torch.Generator().manual_seed(0)  # the training's own random numbers stay as they are
    made = [torch.randn(shape, generator=generator).to(asked.device, dtype).transpose(1, 2) for _ in range(4)]
    query, key, value, gradient = made
    bias = torch.zeros(shape[0], 1, 1, asked.length, device=asked.device, dtype=dtype)

    def forward() -> None:
        with torch.inference_mode():
            kernel.attend(query, key, value, bias, asked.width**-0.5)

    def both() -> None:
        q, k, v = (one.detach().requires_grad_() for one in (query, key, value))
        with torch.enable_grad():
            kernel.attend(q, k, v, bias, asked.width**-0.5).backward(gradient)  # type: ignore[no-untyped-call]

    return both if asked.gradients else forward


def _read(file: Path) -> dict[str, str]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: name for key, name in known.items() if isinstance(name, str)} if isinstance(known, dict) else {}


def _remember(file: Path, known: dict[str, str]) -> None:
    """Keep it for the next process; where nothing can be written, this one remembers for itself."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(known, indent=2, sort_keys=True) + "\n")
    except (OSError, OutputError):
        return
