"""What the machine's matrix products can do at most, at the shapes of a model, and what share of it a speed is.

    python benchmarks/roofline.py [--tokens 8192] [--rounds 5]

A product of (m, k) with (k, n) is 2·m·k·n operations. For an encoder of L layers, hidden size H, inner size I, a window of T
tokens costs forward

    L · (8·T·H² + 4·T²·H + 4·T·H·I) + 4·T·H        projections, attention, feed-forward; the head

and backward twice that. Only matrix products are counted, and only tokens that are not padding: padding and everything that is
not a product (softmax, GELU, layer norm, the optimiser) lowers the share, as it should.
"""

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from spantune import load_reader


@dataclass(frozen=True, slots=True)
class Shape:
    """What the operations of an encoder depend on."""

    layers: int
    hidden: int
    inner: int

    def forward(self, lengths: Iterable[int]) -> float:
        """Operations of one forward pass over windows of these lengths.

        >>> Shape(layers=1, hidden=2, inner=4).forward([1])
        80.0
        """
        return float(sum(self._window(length) for length in lengths))

    def training(self, lengths: Iterable[int]) -> float:
        """Operations of a forward and a backward pass."""
        return 3 * self.forward(lengths)

    def _window(self, tokens: int) -> int:
        layer = 8 * tokens * self.hidden**2 + 4 * tokens**2 * self.hidden + 4 * tokens * self.hidden * self.inner
        return self.layers * layer + 4 * tokens * self.hidden


def shape_of(model: Any) -> Shape:
    """The shape of a BERT-like model."""
    config = model.config
    return Shape(config.num_hidden_layers, config.hidden_size, config.intermediate_size)


def peak(shape: Shape, tokens: int, rounds: int, dtype: torch.dtype) -> float:
    """The most operations a second that products of the model's shapes reach, each side held in memory as `dtype`."""
    widths = [(shape.hidden, shape.hidden), (shape.hidden, shape.inner), (shape.inner, shape.hidden)]
    return max(_rate(tokens, k, n, rounds, dtype) for k, n in widths)


def _rate(m: int, k: int, n: int, rounds: int, dtype: torch.dtype) -> float:
    left, right, bias = torch.randn(m, k).to(dtype), torch.randn(n, k).to(dtype), torch.randn(n).to(dtype)
    best = float("inf")
    with torch.inference_mode():
        for _ in range(rounds + 2):  # the first ones pack weights and fill caches; the best counts
            began = time.perf_counter()
            torch.nn.functional.linear(left, right, bias)
            best = min(best, time.perf_counter() - began)
    return 2 * m * k * n / best


def measure(tokens: int, rounds: int) -> dict[str, Any]:
    """Peaks of this machine in GFLOP/s for the embedded reader's shapes."""
    shape = shape_of(load_reader("embedded-encoder"))
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    return {
        "shape": {"layers": shape.layers, "hidden": shape.hidden, "inner": shape.inner},
        "threads": torch.get_num_threads(),
        "peak_gflops": {name: round(peak(shape, tokens, rounds, dtype) / 1e9) for name, dtype in dtypes.items()},
    }


def achieved(found: dict[str, Any], rates: dict[str, tuple[float, list[int], int]]) -> dict[str, Any]:
    """Shares of the peaks: `rates` has for each piece of work its windows a second, their lengths, and passes as 1 or 3."""
    shape = Shape(**found["shape"])
    told = {}
    for name, (rate, lengths, passes) in rates.items():
        gflops = passes * shape.forward(lengths) / len(lengths) * rate / 1e9
        of = {dtype: round(100 * gflops / top) for dtype, top in found["peak_gflops"].items()}
        told[name] = {"gflops": round(gflops), "percent_of_peak": of, "left": round(found["peak_gflops"]["bf16"] / gflops, 1)}
    return {**found, "achieved": told}


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(json.dumps(measure(given.tokens, given.rounds), indent=2))


if __name__ == "__main__":
    main()
