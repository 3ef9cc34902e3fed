"""Training and answering on a GPU, a base-size encoder with random weights, beside the Trainer with bf16 and dynamic padding.

    python benchmarks/gpu.py [--toy]

Both sides train on the same windows, in batches of the same size, in bf16, and take turns; tokens are counted without padding.
Before that, scores on the GPU are compared with those on the CPU, both in fp32. Without a GPU the figures are missing, and the
object says so; `--toy` runs all of it on whatever is there, at a size that means nothing.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from made_up import squad_like
from rounds import compared

from spantune import Reader, encode, fine_tune, load_config, load_tokenizer
from spantune.features import Windows
from spantune.models import score_windows


@dataclass(frozen=True, slots=True)
class Sizes:
    """The encoder, and how much it does."""

    layers: int
    hidden: int
    heads: int
    questions: int
    batch: int
    rounds: int


BASE = Sizes(layers=12, hidden=768, heads=12, questions=2000, batch=32, rounds=3)
TOY = Sizes(layers=2, hidden=32, heads=2, questions=12, batch=4, rounds=1)


def measure(sizes: Sizes) -> dict[str, Any]:
    """The figures, or why there are none."""
    if not torch.cuda.is_available() and sizes is not TOY:
        return {"missing": "no GPU was at hand"}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer, config = load_tokenizer("embedded"), load_config()
    examples = squad_like(sizes.questions)
    windows = encode(examples, tokenizer, config.windows)
    tokens = int(windows.bounds[-1])
    told: dict[str, list[dict[str, Any]]] = {"spantune": [], "Trainer": []}
    for number in range(sizes.rounds + 1):  # the first round warms up
        ours = _timed(lambda: _train_ours(sizes, windows), tokens)
        theirs = _timed(lambda: _train_plainly(sizes, windows), tokens)
        if number:
            told["spantune"].append(ours)
            told["Trainer"].append(theirs)
    reader = Reader(_model(sizes).to(device).eval(), tokenizer)
    list(reader.answer_many(examples[:8]))
    answering = _timed(lambda: list(reader.answer_many(examples)), sizes.questions)
    return {
        "unit": "tokens/s",
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu, at toy size",
        "windows": len(windows),
        "tokens": tokens,
        **compared(told),
        "answering_questions_a_second": round(answering["count"] / answering["seconds"], 1),
        "largest_difference_from_cpu": largest_difference(_model(sizes), windows, device),
    }


def largest_difference(model: Any, windows: Windows, device: str) -> float:
    """The largest difference of a logit between `device` and the CPU, both fp32, over the first windows."""
    some = windows.take(np.arange(min(16, len(windows))))
    here = list(score_windows(model.float().cpu().eval(), some))
    there = list(score_windows(model.to(device), some))
    return float(max(np.abs(a.start - b.start)[a.candidates].max() for a, b in zip(here, there, strict=True)))


def _model(sizes: Sizes) -> Any:
    from transformers import BertConfig, BertForQuestionAnswering

    torch.manual_seed(0)
    config = BertConfig(
        num_hidden_layers=sizes.layers,
        hidden_size=sizes.hidden,
        num_attention_heads=sizes.heads,
        intermediate_size=4 * sizes.hidden,
        attention_probs_dropout_prob=0.0,  # on both sides: what is compared is the work, not the recipe
    )
    return BertForQuestionAnswering(config)


def _timed(work: Callable[[], Any], count: int) -> dict[str, Any]:
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return {"seconds": time.perf_counter() - began, "count": count}


def _train_ours(sizes: Sizes, windows: Windows) -> None:
    settings = ["epochs=1", "negatives=null", "precision=bf16", f"batch_size={sizes.batch}", "learning_rate=3e-5"]
    config = load_config(overrides=[f"training.{one}" for one in settings])
    fine_tune(_model(sizes), windows, config.training)


def _train_plainly(sizes: Sizes, windows: Windows) -> None:
    """The Trainer as an expert sets it up, on the same windows."""
    from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments

    features = [_feature(windows, at) for at in range(len(windows))]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=sizes.batch,
            num_train_epochs=1,
            learning_rate=3e-5,
            bf16=True,
            use_cpu=not torch.cuda.is_available(),
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        collate = DataCollatorWithPadding(load_tokenizer("embedded"), pad_to_multiple_of=8)
        trainer = Trainer(model=_model(sizes), args=arguments, train_dataset=features, data_collator=collate)
        trainer.remove_callback(PrinterCallback)  # standard output is for the figures alone
        trainer.train()


def _feature(windows: Windows, at: int) -> dict[str, Any]:
    low, high = windows.bounds[at], windows.bounds[at + 1]
    labelled = windows.spans[windows.span_bounds[at] : windows.span_bounds[at + 1]]
    first, last = labelled[0] if len(labelled) else (windows.null[at], windows.null[at])
    return {
        "input_ids": windows.input_ids[low:high].tolist(),
        "token_type_ids": windows.token_types[low:high].tolist(),
        "attention_mask": [1] * int(high - low),
        "start_positions": int(first),
        "end_positions": int(last),
    }


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true")
    print(json.dumps(measure(TOY if parser.parse_args().toy else BASE), indent=2))


if __name__ == "__main__":
    main()
