"""Scores with intervals for very many questions: seconds, and memory that does not grow with them.

    python benchmarks/judging.py [--questions 100000] [--rounds 1000] [--repeats 3]

Predictions and labels are streamed from two JSON Lines files, each side in a process of its own on one core: `score_stream` at
a tenth of the questions and at all of them (memory is compared), and `judge`, which keeps every question to tell where answers
go wrong. Peak memory is what the process has above its imports.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from made_up import squad_like

SIDE = """
import json, re, sys, time
import spantune.evaluation as evaluation
from spantune.data.records import Example, Span
from spantune.evaluation.cases import Given
from spantune.evaluation.streaming import score_stream

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024  # that of this process alone

def examples(file):
    for line in open(file, encoding="utf-8"):
        row = json.loads(line)
        answers = tuple(Span(text, start) for text, start in row["answers"])
        yield Example(row["id"], row["question"], row["context"], answers, row["document"])

def answers(file):
    for line in open(file, encoding="utf-8"):
        row = json.loads(line)
        yield Given(row["id"], row["text"], row["start"], row["probability"])

way, labels, predictions, rounds = sys.argv[1:]
before, began = peak(), time.perf_counter()
if way == "stream":
    f1 = score_stream(examples(labels), answers(predictions), rounds=int(rounds))["f1"]
else:
    f1 = evaluation.judge(list(examples(labels)), list(answers(predictions))).means["f1"]
seconds = time.perf_counter() - began
print(json.dumps({"seconds": round(seconds, 2), "megabytes": round(peak() - before, 1), "f1": round(100 * f1.value, 3),
                  "low": round(100 * f1.interval.low, 3), "high": round(100 * f1.interval.high, 3)}))
"""


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps(measure(given.questions, given.rounds, given.repeats), indent=2))


def measure(questions: int, rounds: int, repeats: int) -> dict[str, Any]:
    """Seconds and megabytes of every way: medians, and each repeat."""
    with tempfile.TemporaryDirectory() as name:
        sizes = {"a tenth": questions // 10, "all": questions}
        files = {size: _written(Path(name), count) for size, count in sizes.items()}
        ways = {"stream, a tenth": ("stream", "a tenth"), "stream": ("stream", "all"), "judge": ("judge", "all")}
        told: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(repeats):
            for way, (kind, size) in ways.items():
                told[way].append(_side(kind, files[size], rounds))
    return {
        "questions": questions,
        "rounds": rounds,
        "cores": 1,
        "median": {
            way: {key: median(one[key] for one in rows) for key in ("seconds", "megabytes")} for way, rows in told.items()
        },
        "repeats": told,
    }


def _written(folder: Path, count: int) -> tuple[Path, Path]:
    labels, predictions = folder / f"labels-{count}.jsonl", folder / f"predictions-{count}.jsonl"
    with labels.open("w", encoding="utf-8") as out, predictions.open("w", encoding="utf-8") as said:
        for number, one in enumerate(squad_like(count)):
            spans = [(span.text, span.start) for span in one.answers or ()]
            row = {
                "id": one.id,
                "question": one.question,
                "context": one.context,
                "answers": spans,
                "document": f"d{number // 20}",
            }
            out.write(json.dumps(row) + "\n")
            text, start = spans[0] if number % 3 else (one.context[:20], 0)
            said.write(json.dumps({"id": one.id, "text": text, "start": start, "probability": (number % 97 + 1) / 98}) + "\n")
    return labels, predictions


def _side(way: str, files: tuple[Path, Path], rounds: int) -> dict[str, float]:
    one_core = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    call = [sys.executable, "-c", SIDE, way, *map(str, files), str(rounds)]
    found: dict[str, float] = json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE, env=one_core).stdout)
    return found


if __name__ == "__main__":
    main()
