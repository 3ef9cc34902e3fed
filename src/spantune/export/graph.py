"""A PyTorch model becomes an ONNX graph, fused and on request quantised; an ONNX graph becomes one of OpenVINO.

PyTorch has two exporters to ONNX. The older one, by TorchScript, is used: ONNX Runtime's optimizer finds the attention in its
graphs and not in those of the newer one (onnxruntime 1.31, torch 2.13).
"""

import contextlib
import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from spantune.inference.exported.engines import OUTPUTS, library
from spantune.models import input_names
from spantune.models.quiet import quiet

OPSET = 17  # the first with LayerNormalization as one node
CPU_FACTS = Path("/proc/cpuinfo")
SAFE_IN_8_BITS = ("avx512_vnni", "avx_vnni", "asimddp")  # dot products of 8 bits that add up in 32
FUSED = ("Attention", "MultiHeadAttention", "QAttention")


class _Plain(torch.nn.Module):
    """A model that takes its inputs in order and gives two tensors: what an exporter can name."""

    def __init__(self, model: Any, names: Iterable[str]) -> None:
        super().__init__()
        self.model, self.names = model, tuple(names)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Start and end logits."""
        found = self.model(**dict(zip(self.names, inputs, strict=True)))
        return found.start_logits, found.end_logits


def write_onnx(model: Any, file: Path) -> tuple[str, ...]:
    """Write `model` (fp32, with a question-answering head) as ONNX, batch and sequence of any size; gives its inputs' names.

    Raises `MissingExtraError` where onnx is not installed.
    """
    library("onnx", "onnx")
    names = sorted(input_names(model))
    dynamic = {name: {0: "batch", 1: "sequence"} for name in (*names, *OUTPUTS)}
    example = {name: torch.ones(2, 16, dtype=torch.int64) for name in names}
    example["attention_mask"][1, 12:] = 0  # where nothing is padded, Transformers leaves the mask out of the graph
    with quiet(), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of tracing: the numbers are compared afterwards, at other sizes
        model.set_attn_implementation("eager")  # the form of attention that optimizers know
        torch.onnx.export(
            _Plain(model, names).eval(),
            tuple(example[name] for name in names),
            str(file),
            dynamo=False,
            input_names=names,
            output_names=list(OUTPUTS),
            dynamic_axes=dynamic,
            opset_version=OPSET,
        )
    return tuple(names)


def fuse(plain: Path, out: Path, heads: int, width: int) -> None:
    """Write the graph `plain` with attention, layer norms and activations fused to one node each, where they are recognised.

    `heads` and `width` (of the hidden states) say how attention is cut. The method is ONNX Runtime's transformer optimizer.
    """
    optimizer = library("onnxruntime.transformers.optimizer", "onnx")
    with _hushed():
        optimized = optimizer.optimize_model(str(plain), model_type="bert", num_heads=heads, hidden_size=width, opt_level=0)
        optimized.save_model_to_file(str(out))


def quantise(graph: Path, out: Path) -> None:
    """Write `graph` with 8-bit weights, each output channel with its own scale; activations are quantised while it runs.

    Without 8-bit dot products that add up in 32 bits, sums of 16 bits would overflow, and weights get 7 bits.
    """
    quantization = library("onnxruntime.quantization", "onnx")
    with _hushed():
        quantization.quantize_dynamic(
            str(graph),
            str(out),
            per_channel=True,
            reduce_range=not adds_up(CPU_FACTS),
            weight_type=quantization.QuantType.QInt8,
            # What comes out of a fused node has no type that ONNX could infer.
            extra_options={"DefaultTensorType": library("onnx", "onnx").TensorProto.FLOAT},
        )


def adds_up(facts: Path) -> bool:
    """Whether the processor described by `facts` (Linux' /proc/cpuinfo) has 8-bit dot products that add up in 32 bits."""
    try:
        words = set(facts.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False
    return any(name in words for name in SAFE_IN_8_BITS)


def write_openvino(plain: Path, out: Path) -> None:
    """Write the ONNX graph `plain` as OpenVINO's, weights in fp32; OpenVINO fuses what it knows when it opens the file."""
    openvino = library("openvino", "openvino")
    openvino.save_model(openvino.convert_model(str(plain)), str(out), compress_to_fp16=False)


def fused_nodes(graph: Path) -> Mapping[str, int]:
    """How many nodes of each kind of fused attention an ONNX file holds; empty where attention was not recognised."""
    nodes = library("onnx", "onnx").load(str(graph), load_external_data=False).graph.node
    counts = Counter(node.op_type for node in nodes)
    return {kind: counts[kind] for kind in FUSED if counts[kind]}


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Without the warnings of ONNX Runtime's tools, which speak of their own insides."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
