"""What it wins and costs to give the span that agrees most with the likely ones, by how much these have a say.

    python benchmarks/spreads.py RUNS DATA... [--questions 0 16 64]
    python benchmarks/spreads.py --table

In: files of questions, none of which `quality.py` is run on: what is expected of each spread was chosen here. Each is split by
document; a reader is trained on some questions of the one side, by the recipe but with the span of the highest score, into a
folder of RUNS (one that is there already is asked as it is), or is the embedded one for 0 questions. It is asked 200 questions
of the other side and 200 general ones. Out: a row for each file and number of questions in benchmarks/results/spreads.json
(those that are there already are not measured again), and the table in docs/recipes.md. Does not know: which spread training
would take.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from quality import Sides
from table import quoted

from spantune import Config, Example, Reader, score_answers, train_run, write_examples
from spantune.config import TrainingConfig
from spantune.data.general import probe
from spantune.inference.again import agreed_at
from spantune.inference.consensus import CONSIDERED

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results" / "spreads.json", HERE.parent / "docs" / "recipes.md"
BEGIN, END = "<!-- spreads: begin -->", "<!-- spreads: end -->"
SPREADS = (0.0, 0.5, 0.75, 1.0, 1.5, 2.0)
ASKED, SEED = 200, 0

Row = dict[str, Any]


def main() -> None:
    """Measure what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="?", help="the folder of the trained readers")
    parser.add_argument("data", type=Path, nargs="*", help="files of questions")
    parser.add_argument("--questions", type=int, nargs="+", default=[0, 16, 64])
    parser.add_argument("--table", action="store_true", help="write the table and measure nothing")
    given = parser.parse_args()
    rows: list[Row] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []
    for count, file in [] if given.table else product(given.questions, given.data):
        key = {"data": file.name.partition(".")[0], "questions": count}
        if not any(key.items() <= row.items() for row in rows):
            rows.append({**key, **measured(file, count, given.runs)})
            RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    PAGE.write_text(quoted(PAGE.read_text(encoding="utf-8"), rendered(rows), BEGIN, END), encoding="utf-8")


def rendered(rows: Sequence[Row]) -> str:
    """The rows as a table: exact match and F1 on the set's own questions and, after a semicolon, F1 on general ones."""
    lines = [f"| set | questions | {' | '.join(f'{one:g}' for one in SPREADS)} |", "|---|---|" + "---|" * len(SPREADS)]
    for row in sorted(rows, key=lambda row: (row["questions"], row["data"])):
        found = [row["by_spread"][f"{one:g}"] for one in SPREADS]
        told = [f"{one['exact_match']:.1f} / {one['f1']:.1f}; {one['general_f1']:.1f}" for one in found]
        lines.append(f"| {' | '.join([row['data'], str(row['questions']), *told])} |")
    return "\n".join(lines) + "\n"


def measured(file: Path, count: int, runs: Path) -> Row:
    """The scores of one reader by spread."""
    sides = Sides.of(file, SEED, 10**9)
    drawn, test = ([one for one in side if not one.is_impossible] for side in (sides.pool, sides.test))
    general = random.Random(SEED).sample([one for one in probe() if not one.is_impossible], ASKED)
    reader = Reader.load(trained(file, drawn[:count], runs) if count else "embedded").always_answering()
    own, others = by_spread(reader, test[:ASKED]), by_spread(reader, general)
    return {
        "test": len(test[:ASKED]),
        "by_spread": {name: {**scores, "general_f1": others[name]["f1"]} for name, scores in own.items()},
    }


def by_spread(reader: Reader, records: Sequence[Example]) -> dict[str, dict[str, float]]:
    """Exact match and F1 of the answers to these questions, which the model reads once."""
    answers = list(reader.answer_many(records, top=CONSIDERED))
    least = reader.settings.refuses_above
    found = {one: score_answers(records, [agreed_at(each, one, least) for each in answers]) for one in SPREADS}
    return {
        f"{one:g}": {name: round(getattr(scores, name), 2) for name in ("exact_match", "f1")} for one, scores in found.items()
    }


def trained(file: Path, drawn: Sequence[Example], runs: Path) -> Path:
    """The folder of a reader that was trained on these questions, the highest score deciding."""
    run = runs / f"{file.name.partition('.')[0]}-{len(drawn)}"
    if not run.is_dir():
        chosen = runs / f"{run.name}.jsonl"
        write_examples(drawn, chosen, "jsonl")
        train_run([chosen], run, Config(training=TrainingConfig(seed=SEED, spread=0.0)))
    return run


if __name__ == "__main__":
    main()
