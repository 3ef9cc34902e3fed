"""What a second process brings: training under torchrun, answering with Ray, each with one processor a process.

    python benchmarks/several.py [DATA] [--repeats 3] > benchmarks/results/several.json

DATA is labelled questions of any shape; without it those of `spantune demo`. One process and two take turns; rates are medians.
Starting is left out on both sides: training is timed by its epochs, answering from the first part that is done to the last.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import describe

from spantune import predict_parts, read_examples
from spantune.data.demo import demo_data
from spantune.road import Silent

SETTINGS = {
    "training.epochs": 2,
    "training.early_stopping": 0,
    "training.batch_size": 32,
    "training.folds": 1,
    "keep.probe": False,
    "keep.mix": False,
    "keep.replay": 0,
}
ROWS_A_PART = 50


class _Parts(Silent):
    """Notes when each part was done."""

    def __init__(self) -> None:
        self.done: list[tuple[float, int]] = []

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take note."""
        if stage == "answering":
            self.done.append((time.perf_counter(), done))


def trained(data: Path, count: int) -> float:
    """Windows a second, of the faster one of two epochs."""
    words = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        launcher = [str(Path(sys.executable).with_name("torchrun")), "--standalone", "--nproc-per-node", str(count)]
        command = [*launcher, "-m", "spantune", "train", str(data), "--out", "run", *words]
        subprocess.run(command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, check=True)
        history = json.loads((Path(folder) / "run" / "history.json").read_text(encoding="utf-8"))
    return max(float(epoch["windows_per_second"]) for epoch in history["epochs"])


def answered(table: Path, count: int) -> float:
    """Questions a second."""
    import ray

    watch = _Parts()
    ray.init(address="local", num_cpus=count, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    try:
        with tempfile.TemporaryDirectory() as folder:
            predict_parts("embedded", str(table), f"{folder}/out", workers=count, rows=ROWS_A_PART, watch=watch)
    finally:
        ray.shutdown()
    (began, before), (ended, done) = watch.done[count - 1], watch.done[-1]
    return (done - before) / (ended - began)


def _table(data: Path, folder: Path, times: int) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    examples: list[Any] = list(read_examples(data))
    rows = [
        {"id": f"{one.id}-{number}", "question": one.question, "context": one.context}
        for number in range(times)
        for one in examples
    ]
    parquet.write_table(pa.Table.from_pylist(rows), folder / "questions.parquet")
    return folder / "questions.parquet"


def main() -> None:
    """Print the medians as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", type=Path, default=demo_data())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--times", type=int, default=6, help="how often each question is answered")
    given = parser.parse_args()
    found: dict[str, dict[int, list[float]]] = {
        "training, windows a second": {1: [], 2: []},
        "answering, questions a second": {1: [], 2: []},
    }
    with tempfile.TemporaryDirectory() as folder:
        table = _table(given.data, Path(folder), given.times)
        for _ in range(given.repeats):
            for count in (1, 2):
                found["training, windows a second"][count].append(trained(given.data.absolute(), count))
                found["answering, questions a second"][count].append(answered(table, count))
    rows = {
        name: {
            "one": round(statistics.median(by[1]), 1),
            "two": round(statistics.median(by[2]), 1),
            "ratio": round(statistics.median(two / one for one, two in zip(by[1], by[2], strict=True)), 2),
            "all": {str(count): [round(one, 1) for one in rates] for count, rates in by.items()},
        }
        for name, by in found.items()
    }
    print(json.dumps({"machine": describe(), "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
