"""The question-answering pipeline of transformers 4.57, the last that had one.

    pipeline457.py JOB.json      {"rows": file, "model": folder, "dtype": "float32" or "bfloat16", "batch_size": 1}

A round asks every question of its own passage, in one call with the whole list.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from rounds import serve
from transformers import pipeline

WARM_QUESTIONS = 32


def listed(found: Any) -> list[Any]:
    """The pipeline gives a single answer as itself, not as a list of one."""
    return found if isinstance(found, list) else [found]


def main() -> None:
    """Read the job and serve rounds."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rows = json.loads(Path(job["rows"]).read_text(encoding="utf-8"))
    asked = [{"question": row["question"], "context": row["context"]} for row in rows]
    options: dict[str, Any] = {"model": job["model"], "tokenizer": job["model"], "dtype": getattr(torch, job["dtype"])}
    ask: Any = pipeline("question-answering", device="cpu", batch_size=job["batch_size"], **options)  # type: ignore[call-overload]

    def answer_once(warm: bool) -> dict[str, Any]:
        these = asked[:WARM_QUESTIONS] if warm else asked
        began = time.perf_counter()
        found = ask(these)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "count": len(these), "answers": [one["answer"] for one in listed(found)]}

    serve(answer_once)


if __name__ == "__main__":
    main()
