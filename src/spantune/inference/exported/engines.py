"""What computes the logits of an exported model.

In: a model file, a number of threads. Out: a function from a batch of arrays to start and end logits.
Does not know: tokenizers, windows.
"""

import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from spantune.errors import MissingExtraError

Batch = Mapping[str, Any]
Engine = Callable[[Batch], tuple[Any, Any]]
"""From the inputs, (B, T) int64 by name, to start and end logits, (B, T) float32 each."""

OUTPUTS = ("start_logits", "end_logits")


def library(name: str, extra: str) -> Any:
    """An optional package. Raises `MissingExtraError`, which tells the extra that brings it, where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"{error.name or name} is needed and not installed",
            expected=f"the extra {extra!r}",
            next_move=f"pip install 'spantune[{extra}]'",
        ) from None


def open_onnx(file: Path, threads: int) -> Engine:
    """The model in ONNX Runtime, on the processor. It is used as it is in the file: it was optimised when it was written."""
    runtime = library("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # its warnings speak of its own insides
    session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(batch: Batch) -> tuple[Any, Any]:
        start, end = session.run(list(OUTPUTS), dict(batch))
        return start, end

    return run


def open_openvino(file: Path, threads: int) -> Engine:
    """The model in OpenVINO, on the processor, in fp32: bf16 where the processor has it would be another model."""
    openvino = library("openvino", "openvino")
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(file), "CPU", settings)
    request, alone = compiled.create_infer_request(), threading.Lock()

    def run(batch: Batch) -> tuple[Any, Any]:
        with alone:  # the request owns its outputs: another thread's batch would be written over them
            found = request.infer(dict(batch))
            start, end = (np.array(found[compiled.output(name)]) for name in OUTPUTS)
        return start, end

    return run


ENGINES: Mapping[str, Callable[[Path, int], Engine]] = {"onnx": open_onnx, "openvino": open_openvino}
