"""In: nested numbers, texts and tensors. Out: one safetensors file, and the same back. Does not know: whose state it is.

No pickle: what such a file holds can be read, and reading it runs nothing. Tensors are stored as they are, to the bit; all else
is JSON in the file's header, in which Python writes floats so that they come back the same.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from spantune import durable
from spantune.errors import ModelError

HEADER = "state"
PLAIN = (bool, int, float, str, type(None))


def save_state(file: Path, state: Any) -> None:
    """Write nested dicts, lists and tuples of plain values, tensors and arrays.

    Raises `ModelError` for a value that is none of these, with the place where it is.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _packed(state, tensors, "")
    durable.step()
    save_file(tensors, str(file), metadata={HEADER: json.dumps(tree)})


def load_state(file: Path) -> Any:
    """The inverse of `save_state`: tensors are on the CPU. Raises `OSError`, `ValueError` or `SafetensorError` for others."""
    with safe_open(file, "pt") as handle:
        tree = json.loads((handle.metadata() or {})[HEADER])
        return _unpacked(tree, handle.get_tensor)


def _packed(value: Any, tensors: dict[str, torch.Tensor], at: str) -> Any:
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()  # two may share one storage
        return {"tensor": name}
    if isinstance(value, np.generic):
        return _packed(value.item(), tensors, at)
    if isinstance(value, np.ndarray):
        content = _packed(torch.from_numpy(np.frombuffer(value.tobytes(), np.uint8).copy()), tensors, at)
        return {"array": [str(value.dtype), list(value.shape), content["tensor"]]}
    if isinstance(value, Mapping):
        return {"dict": [[key, _packed(one, tensors, f"{at}.{key}")] for key, one in value.items() if _is_key(key, at)]}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_packed(one, tensors, f"{at}.{number}") for number, one in enumerate(value)]}
    if isinstance(value, PLAIN):
        return value
    raise _strange(value, at)


def _is_key(key: Any, at: str) -> bool:
    if not isinstance(key, (int, str)) or isinstance(key, bool):
        raise _strange(key, at)
    return True


def _strange(value: Any, at: str) -> ModelError:
    return ModelError(
        f"the state of training holds a {type(value).__name__} at {at or 'its top'}",
        expected="numbers, texts, tensors, and lists and dicts of these, which can be kept without pickle",
        next_move="use an optimiser and a schedule whose state_dict() holds these, or save_only_model",
    )


def _unpacked(tree: Any, tensor: Callable[[str], torch.Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, value),) = tree.items()
    if kind == "tensor":
        return tensor(value)
    if kind == "array":
        dtype, shape, name = value
        return np.frombuffer(tensor(name).numpy().tobytes(), dtype).reshape(shape).copy()
    if kind == "dict":
        return {key: _unpacked(one, tensor) for key, one in value}
    items = [_unpacked(one, tensor) for one in value]
    return items if kind == "list" else tuple(items)
