"""What a threshold for "no answer" is worth that a few questions chose: the best on them, or one drawn from what is expected.

    python benchmarks/few_thresholds.py DATA... [--questions 16 32 64 128 256] [--trained 16 64]
    python benchmarks/few_thresholds.py --table

In: files of questions of which some have no answer, none of which `quality.py` is run on: how far a threshold is drawn was
chosen here. The embedded reader answers all of a file; so many questions of one half choose a threshold, at which the other
half is scored, for 40 draws. For each number of `--trained` a reader is trained on so many questions of one side, by the
recipe, and asked 200 of the other. Out: a row for each file and number of questions in benchmarks/results/few_thresholds.json
(those that are there already are not measured again), and the table in docs/recipes.md. Does not know: which threshold training
takes.
"""

import argparse
import json
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quality import Sides
from table import quoted

from spantune import Answer, Config, Example, Reader, check, folds, read_examples
from spantune.config import KeepConfig, ModelConfig, TrainingConfig, with_settings
from spantune.evaluation import best_threshold, likely_threshold
from spantune.road.outcome import train_folds
from spantune.road.profile import profile_of
from spantune.road.scene import load
from spantune.road.watch import Silent
from spantune.runs import read_facts
from spantune.tasks import no_answer_columns
from spantune.training import choose

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results" / "few_thresholds.json", HERE.parent / "docs" / "recipes.md"
BEGIN, END = "<!-- few thresholds: begin -->", "<!-- few thresholds: end -->"
DRAWS, ASKED, SEED = 40, 200, 0
COLUMNS = {"expected": "as expected", "best": "best on these", "drawn": "drawn", "possible": "best on the test"}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """An answered question: its no-answer score, the F1 (0 to 1) of the span if it is given, whether it has an answer."""

    score: float
    f1: float
    answerable: bool


def main() -> None:
    """Measure what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="*", help="files of questions")
    parser.add_argument("--questions", type=int, nargs="*", default=[16, 32, 64, 128, 256])
    parser.add_argument("--trained", type=int, nargs="*", default=[16, 64], help="questions to train on")
    parser.add_argument("--table", action="store_true", help="write the table and measure nothing")
    given = parser.parse_args()
    for file in [] if given.table else given.data:
        name = file.name.partition(".")[0]
        if wanted := [count for count in given.questions if not _known(name, count, trained=False)]:
            answered = _embedded(file)
            for count in wanted:
                _keep({"data": name, "trained": False, "questions": count, **_drawn(answered, count)})
        for count in given.trained:
            if not _known(name, count, trained=True):
                _keep({"data": name, "trained": True, "questions": count, **_trained(file, count)})
    PAGE.write_text(quoted(PAGE.read_text(encoding="utf-8"), rendered(_rows()), BEGIN, END), encoding="utf-8")


def rendered(rows: Sequence[Row]) -> str:
    """The rows as a table of F1 at each threshold; those of the embedded reader as means over the sets."""
    lines = [f"| set | tuned | questions | {' | '.join(COLUMNS.values())} |", "|---|---|---|" + "---|" * len(COLUMNS)]
    for trained in (False, True):
        of = [row for row in rows if row["trained"] == trained]
        for count in sorted({row["questions"] for row in of}):
            same = sorted((row for row in of if row["questions"] == count), key=lambda row: row["data"])
            lines += [_line(row["data"], f"{row['share']:.1%}", count, row) for row in same if trained]
            means = {name: statistics.fmean(row[name] for row in same) for name in COLUMNS}
            lines.append(_line(f"mean of {len(same)}", "" if trained else "not trained", count, means))
    return "\n".join(lines) + "\n"


def _line(data: str, tuned: str, count: int, scores: Row) -> str:
    return f"| {data} | {tuned} | {count} | {' | '.join(f'{scores[name]:.1f}' for name in COLUMNS)} |"


def _rows() -> list[Row]:
    rows: list[Row] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []
    return rows


def _known(name: str, count: int, *, trained: bool) -> bool:
    key = {"data": name, "trained": trained, "questions": count}
    return any(key.items() <= row.items() for row in _rows())


def _keep(row: Row) -> None:
    RESULTS.write_text(json.dumps([*_rows(), row], indent=2) + "\n", encoding="utf-8")
    print(json.dumps(row), file=sys.stderr, flush=True)


def _embedded(file: Path) -> list[Question]:
    """The embedded reader's answers to all of a file."""
    records = [one for one in check(read_examples(file)).examples if isinstance(one, Example)]
    return _questions(records, list(Reader.load("embedded").answer_many(records)))


def _drawn(answered: Sequence[Question], count: int) -> Row:
    """Mean scores of one half, at thresholds that draws of the other half choose."""
    found: list[dict[str, float]] = []
    for draw in range(DRAWS):
        mixed = random.Random(draw).sample(answered, len(answered))
        half = len(mixed) // 2
        found.append(_at_thresholds(mixed[: min(count, half)], mixed[half:], read_facts("embedded").threshold))
    return {name: round(statistics.fmean(one[name] for one in found), 2) for name in COLUMNS}


def _trained(file: Path, count: int) -> Row:
    """Scores of a reader that is trained on so many questions, at thresholds that its answers to held-out ones choose."""
    sides = Sides.of(file, SEED, 10**9)
    drawn, test = sides.pool[:count], sides.test[:ASKED]
    config = Config(model=ModelConfig(), training=TrainingConfig(seed=SEED), keep=KeepConfig(probe=False))
    loaded = load(drawn, config, Silent())
    config = with_settings(choose(config, profile_of(drawn, loaded, config)).config, {"training.folds": 4})
    outcome = train_folds(loaded, folds(drawn, 4, seed=SEED), config, Silent())
    held = _questions(outcome.scene.held_out, outcome.measured.predictions)
    asked = _questions(test, list(loaded.task.tuned(outcome.scene.predictor, outcome.measured).answer_many(test)))
    return {"share": outcome.share, "test": len(test), **_at_thresholds(held, asked, outcome.measured.expected)}


def _at_thresholds(few: Sequence[Question], test: Sequence[Question], expected: float) -> dict[str, float]:
    """F1 of the test in percent at each threshold."""
    columns = _columns(few)
    both = len(set(columns[2])) == 2
    values = {
        "expected": expected,
        "best": best_threshold(*columns).value if both else expected,
        "drawn": likely_threshold(*columns, expected=expected).value if both else expected,
        "possible": best_threshold(*_columns(test)).value,
    }
    return {name: round(_f1_at(value, test), 2) for name, value in values.items()}


def _f1_at(threshold: float, test: Sequence[Question]) -> float:
    return 100 * statistics.fmean(one.f1 if one.score <= threshold else float(not one.answerable) for one in test)


def _columns(questions: Sequence[Question]) -> tuple[list[float], list[float], list[bool]]:
    return [one.score for one in questions], [one.f1 for one in questions], [one.answerable for one in questions]


def _questions(records: Sequence[Any], answers: Sequence[Answer]) -> list[Question]:
    """The answered questions; none where they tell nothing of a threshold."""
    columns = no_answer_columns(records, answers) or ([], [], [])
    return [Question(*row) for row in zip(*columns, strict=True)]


if __name__ == "__main__":
    main()
