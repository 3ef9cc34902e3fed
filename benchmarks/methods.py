"""What each method of training gives and costs, on the same questions.

    python benchmarks/methods.py DATA [--start embedded] [--questions 300] [--epochs 3] [--methods full lora …]

In: a file of questions; the model that every method starts from. The file is split by document; every method trains on the same
questions at the rate that is its default, nothing is mixed or replayed, and is asked the same other ones. Out: a row for each
start and method in benchmarks/results/methods.json (those that are there already are not measured again), one for the start as
it is where that answers already, and the table of docs/methods.md. `--table` writes the table alone. Does not know: how methods
work.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quality import Sides, general_f1
from table import quoted

from spantune import Example, Reader, load_config, score_answers, train_run, write_examples
from spantune.config import TrainingConfig
from spantune.models import has_new_head, load_reader
from spantune.models.methods import METHODS, prepare

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results" / "methods.json", HERE.parent / "docs" / "methods.md"
BEGIN, END = "<!-- methods: begin -->", "<!-- methods: end -->"
TEST_QUESTIONS, SEED = 300, 13
UNTRAINED = "none"  # the start itself, where it answers already
ROWS = (UNTRAINED, *METHODS)


def main() -> None:
    """Measure what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="a file of questions")
    parser.add_argument("--start", default="embedded", help="the model that every method starts from")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--table", action="store_true", help="write the table and measure nothing")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []
    if not given.table:
        if given.data is None:
            parser.error("a file of questions is needed, or --table")
        _measure(given, rows)
    PAGE.write_text(quoted(PAGE.read_text(encoding="utf-8"), rendered(rows), BEGIN, END), encoding="utf-8")


def rendered(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table, the starts one after the other, methods in the order of METHODS."""
    lines = ["| start | questions | method | weights trained | EM | F1 | general F1 | seconds |", "|---|" + "---|" * 7]
    for row in sorted(rows, key=lambda row: (row["start"], row["data"], ROWS.index(row["method"]))):
        general = "" if row["general_f1"] is None else f"{row['general_f1']:.1f}"
        lines.append(
            f"| `{row['start']}` | {row['questions']:,} of {row['data']}, {row['epochs']} epochs | `{row['method']}` | "
            f"{row['trained']:.1%} | {row['exact_match']:.1f} | {row['f1']:.1f} | {general} | {row['seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _measure(given: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    sides = Sides.of(given.data, SEED, TEST_QUESTIONS)
    answers_before = not has_new_head(load_reader(given.start))
    for method in given.methods:
        if method == UNTRAINED and not answers_before:
            continue
        key = {
            "start": given.start,
            "data": given.data.name.partition(".")[0],
            "method": method,
            "epochs": given.epochs,
            "asked": given.questions,
        }
        if any(all(row[name] == value for name, value in key.items()) for row in rows):
            continue
        rows.append({**key, **measured(method, given, sides.pool[: given.questions], sides.test)})
        RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)


def measured(method: str, given: argparse.Namespace, drawn: Sequence[Example], test: Sequence[Example]) -> dict[str, Any]:
    """Train by one method and score it."""
    reader, seconds = (Reader.load(given.start), 0.0) if method == UNTRAINED else _trained(method, given, drawn)
    reader = reader.always_answering()
    model = load_reader(given.start)
    scores = score_answers(test, reader.answer_many(test))
    settings = TrainingConfig.model_validate({} if method == UNTRAINED else {"method": method})
    return {
        "questions": len(drawn),
        "test": len(test),
        "trained": 0.0 if method == UNTRAINED else prepare(model, settings).share,
        "exact_match": round(scores.exact_match, 2),
        "f1": round(scores.f1, 2),
        "general_f1": None if has_new_head(model) else general_f1(reader),
        "seconds": round(seconds, 1),
    }


def _trained(method: str, given: argparse.Namespace, drawn: Sequence[Example]) -> tuple[Reader, float]:
    settings = [
        f"model.name={given.start}",
        f"training.method={method}",
        f"training.epochs={given.epochs}",
        "recipe=plain",
        "keep.mix=false",
        "keep.probe=false",
    ]
    with tempfile.TemporaryDirectory(prefix="methods-") as folder:
        data, run = Path(folder) / "data.jsonl", Path(folder) / "run"
        write_examples(drawn, data, "jsonl")
        began = time.perf_counter()
        train_run([data], run, load_config(overrides=settings))
        seconds = time.perf_counter() - began
        return Reader.load(run), seconds


if __name__ == "__main__":
    main()
