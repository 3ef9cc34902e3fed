"""What a model says of a batch of windows, whatever computed it: PyTorch, ONNX Runtime or another."""

from dataclasses import dataclass
from typing import Any

from spantune.features.windows import Integers


@dataclass(frozen=True, slots=True)
class WindowScores:
    """Logits of one batch of `B` windows padded to `T` tokens.

    `indices`: (B,) which windows they are of. `start`, `end`: (B, T) float32 on the CPU. `candidates`: (B, T) bool, the
    positions that an answer may start or end at; the null position is one of them.
    """

    indices: Integers
    start: Any
    end: Any
    candidates: Any
