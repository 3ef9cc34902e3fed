"""spantune's side of the comparisons, by its public functions alone.

    ours.py JOB.json      {"do": one of WORK, "rows": file, "model": folder, …}

`train` is one epoch of `fine_tune` with its defaults on every window, timed as a whole: composing the Trainer is in it.
`answer` asks every question of its own passage. `passages` asks a few questions of many passages each and keeps the best.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from made_up import read_rows
from rounds import serve

from spantune import Reader, encode, fine_tune, load_config, load_reader, load_tokenizer

WARM_WINDOWS, WARM_QUESTIONS = 64, 32

Round = Callable[[bool], dict[str, Any]]


def train(job: dict[str, Any]) -> Round:
    """One epoch from the base model."""
    settings = ["training.epochs=1", "training.negatives=null", *job.get("settings", [])]
    config = load_config(overrides=[f"model.name={job['model']}", *settings])
    windows = encode(read_rows(job["rows"]), load_tokenizer(config.model), config.windows)

    def one_round(warm: bool) -> dict[str, Any]:
        model = load_reader(config.model)
        these = windows.take(np.arange(min(WARM_WINDOWS, len(windows)))) if warm else windows
        began = time.perf_counter()
        result = fine_tune(model, these, config.training)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "count": result.windows, "windows": len(windows), "lengths": windows.lengths.tolist()}

    return one_round


def answer(job: dict[str, Any]) -> Round:
    """Every question of its own passage."""
    reader, asked = Reader.load(job["model"]), read_rows(job["rows"])
    lengths = reader.encode(asked).lengths.tolist()

    def one_round(warm: bool) -> dict[str, Any]:
        these = asked[:WARM_QUESTIONS] if warm else asked
        began = time.perf_counter()
        found = [one.text for one in reader.answer_many(these)]
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "count": len(these), "answers": found, "lengths": lengths}

    return one_round


def passages(job: dict[str, Any]) -> Round:
    """The best answer to each question among the same passages."""
    reader, rows = Reader.load(job["model"]), read_rows(job["rows"])
    questions = [row.question for row in rows[: job["questions"]]]
    contexts = [row.context for row in rows[: job["passages"]]]

    def one_round(warm: bool) -> dict[str, Any]:
        these = contexts[:WARM_QUESTIONS] if warm else contexts
        began = time.perf_counter()
        found = [next((one.answer.text for one in reader.best_of(question, these)), "") for question in questions]
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "count": len(questions) * len(these), "answers": found}

    return one_round


WORK: dict[str, Callable[[dict[str, Any]], Round]] = {"train": train, "answer": answer, "passages": passages}


def main() -> None:
    """Read the job and serve rounds."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    serve(WORK[job["do"]](job))


if __name__ == "__main__":
    main()
