"""Whether the fast way to train costs quality: the same fine-tuning in bf16 with fast kernels, and in fp32 as PyTorch has it.

    python benchmarks/precision.py DATA [--model embedded-encoder] [--train 800] [--held-out 400] [--epochs 2] [--seeds 3]

DATA is split by document once. Each seed draws the order, the dropout and, where the model has none, the head. Prints a JSON
object; EM and F1 are means over seeds with the standard deviation between them, and the differences are paired by seed.
"""

import argparse
import json
import statistics
import sys
import time
from typing import Any

import torch
from torch import nn

from spantune import (
    Example,
    Reader,
    check,
    encode,
    load_config,
    load_reader,
    load_tokenizer,
    read_examples,
    score_answers,
    split,
)
from spantune.config import ModelConfig
from spantune.inference.settings import ReaderSettings
from spantune.training import fine_tune


class PlainDropout(nn.Dropout):
    """PyTorch's own dropout, under a name that keeps it from being exchanged for the fast one."""


def plainly(model: Any) -> None:
    """Give the model PyTorch's attention and dropout back."""
    if model._supports_sdpa:
        model.set_attn_implementation("sdpa")
    for module in model.modules():
        if type(module) is nn.Dropout:
            module.__class__ = PlainDropout


def as_it_comes(_: Any) -> None:
    """Leave the model as spantune loads it."""


# name: precision, dropout on attention (0.1 is what BERT was made with), what is done to the model
WAYS = {
    "fp32, PyTorch's attention and dropout": ("fp32", 0.0, plainly),
    "the same with dropout of 0.1 on attention": ("fp32", 0.1, plainly),
    "the default: bf16, fast kernels": ("bf16", 0.0, as_it_comes),
}


def trained(way: str, model: str, train: list[Example], held_out: list[Example], epochs: int, seed: int) -> dict[str, float]:
    """EM, F1 and windows a second of one training."""
    precision, dropout, change = WAYS[way]
    config = load_config(overrides=[f"training.seed={seed}", f"training.epochs={epochs}", f"training.precision={precision}"])
    loaded = load_reader(ModelConfig(name=model, attention_dropout=dropout), seed)
    change(loaded)
    tokenizer = load_tokenizer(model)
    windows = encode(train, tokenizer, config.windows)
    began = time.perf_counter()
    result = fine_tune(loaded, windows, config.training)
    seconds = time.perf_counter() - began
    reader = Reader(result.model, tokenizer, ReaderSettings(windows=config.windows, answer_length=result.answer_length))
    scores = score_answers(held_out, reader.answer_many(held_out))
    rate = result.windows * epochs / seconds
    print(
        f"{way}, seed {seed}: EM {scores.exact_match:.1f} F1 {scores.f1:.1f}, {rate:.1f} windows/s", file=sys.stderr, flush=True
    )
    return {"exact_match": scores.exact_match, "f1": scores.f1, "windows_per_second": rate}


def main() -> None:
    """Train every way with every seed and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--model", default="embedded-encoder")
    parser.add_argument("--train", type=int, default=800)
    parser.add_argument("--held-out", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    train_side, held_out_side = split(check(read_examples(given.data)).examples)
    train, held_out = list(train_side)[: given.train], list(held_out_side)[: given.held_out]
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for seed in range(given.seeds):
        for way in WAYS:
            found[way].append(trained(way, given.model, train, held_out, given.epochs, seed))
    reference = found[next(iter(WAYS))]
    ways = {
        way: {
            **{
                name: {
                    "mean": round(statistics.mean(r[name] for r in runs), 2),
                    "sd": round(statistics.stdev(r[name] for r in runs), 2),
                }
                for name in ("exact_match", "f1")
            },
            "f1_difference_by_seed": [round(r["f1"] - base["f1"], 2) for r, base in zip(runs, reference, strict=True)],
            "windows_per_second": round(statistics.median(r["windows_per_second"] for r in runs), 1),
        }
        for way, runs in found.items()
    }
    about = {"train": len(train), "held_out": len(held_out), "epochs": given.epochs, "seeds": given.seeds}
    print(json.dumps({**about, "threads": torch.get_num_threads(), "torch": torch.__version__, "ways": ways}, indent=2))


if __name__ == "__main__":
    main()
