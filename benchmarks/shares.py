"""What a share of the tuned weights wins and forgets, with and without general questions trained on beside one's own.

    python benchmarks/shares.py DATA... [--questions 16 64] [--replay 0 1 3] [--folds 4]
    python benchmarks/shares.py --table

In: files of questions, none of which `quality.py` is run on: the recipe's choices are made here. Each is split by document; the
embedded reader is trained on some questions of the one side, once for each part left out, with so many general ones beside;
the mean of the weights is mixed with those before, and asked 120 questions of the other side and 120 general ones. Out: a row
for each file, number of questions and of general ones in benchmarks/results/shares.json (those that are there already are not
measured again), and the table in docs/recipes.md. Does not know: which share a recipe would take.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from quality import Sides
from table import quoted

from spantune import Config, Reader, folds, load_tokenizer, score_answers
from spantune.config import KeepConfig, TrainingConfig
from spantune.data.general import probe, replay
from spantune.inference.settings import ReaderSettings
from spantune.models import load_reader
from spantune.models.mixing import Weights, added, mix
from spantune.tasks import TASKS
from spantune.training import Profile, choose, fine_tune

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results" / "shares.json", HERE.parent / "docs" / "recipes.md"
BEGIN, END = "<!-- shares: begin -->", "<!-- shares: end -->"
SHARES = (0.375, 0.625, 1.0)
ASKED, SEED = 120, 1

Row = dict[str, Any]


def main() -> None:
    """Measure what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="*", help="files of questions")
    parser.add_argument("--questions", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--replay", type=float, nargs="+", default=[0.0, 1.0, 3.0], help="general questions beside each")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--table", action="store_true", help="write the table and measure nothing")
    given = parser.parse_args()
    rows: list[Row] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []
    for count, file, beside in [] if given.table else product(given.questions, given.data, given.replay):
        key = {"data": file.name.partition(".")[0], "questions": count, "beside": beside, "folds": given.folds}
        if not any(key.items() <= row.items() for row in rows):
            rows.append({**key, **measured(Sides.of(file, SEED, 10**9), count, beside, given.folds)})
            RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    PAGE.write_text(quoted(PAGE.read_text(encoding="utf-8"), rendered(rows), BEGIN, END), encoding="utf-8")


def rendered(rows: Sequence[Row]) -> str:
    """The rows as a table: F1 on the set's own questions and, after a slash, on general ones."""
    shares = " | ".join(f"{share:.0%} tuned" for share in SHARES)
    lines = [f"| set | questions | general beside each | before | {shares} | seconds |", "|---|---|---|---|" + "---|" * 4]
    for row in sorted(rows, key=lambda row: (row["questions"], row["data"], row["beside"])):
        scores = [_both(row["before"]), *(_both(row["by_share"][f"{share:g}"]) for share in SHARES)]
        told = [row["data"], str(row["questions"]), f"{row['beside']:g}", *scores, f"{row['seconds']:.0f}"]
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


def measured(sides: Sides, count: int, beside: float, parts: int) -> Row:
    """Train without each part, average, and ask at each share."""
    drawn, test = ([one for one in side if not one.is_impossible] for side in (sides.pool, sides.test))
    general = [one for one in probe() if not one.is_impossible]
    drawn, test, general = drawn[:count], test[:ASKED], random.Random(SEED).sample(general, ASKED)
    config = _chosen(len(drawn), beside)
    model, tokenizer = load_reader(config.model), load_tokenizer(config.model)
    start, mean = Weights.of(model), None
    began = time.perf_counter()
    for number, part in enumerate(folds(drawn, parts, seed=SEED), 1):
        mix(model, start, start, 0.0)
        again = replay(round(beside * len(part.train)), SEED + number, unanswerable=False) if beside else ()
        windows = TASKS["answer"].encode((*part.train, *again), tokenizer, model, config)
        fine_tune(model, windows, config.training.model_copy(update={"seed": SEED + number}))
        mean = added(mean, Weights.of(model), number)
    seconds = time.perf_counter() - began
    assert mean is not None
    settings = ReaderSettings(windows=config.windows)

    def scores(share: float) -> Mapping[str, float]:
        mix(model, start, mean, share)
        reader = Reader(model, tokenizer, settings, precision="fp32").always_answering()
        asked = {"f1": test, "general_f1": general}
        return {name: round(score_answers(of, reader.answer_many(of)).f1, 2) for name, of in asked.items()}

    by_share = {f"{share:g}": scores(share) for share in SHARES}
    return {"test": len(test), "before": scores(0.0), "by_share": by_share, "seconds": round(seconds, 1)}


def _chosen(count: int, beside: float) -> Config:
    """What the recipe chooses for so many questions with an answer, in one training."""
    profile = Profile("answer", count, 4, 1.2, 22_700_000, 384, answers=True, held_out_given=False, one_training=True)
    open_yet = Config(training=TrainingConfig(seed=SEED, early_stopping=0), keep=KeepConfig(replay=beside))
    return choose(open_yet, profile).config


def _both(scores: Mapping[str, float]) -> str:
    return f"{scores['f1']:.1f} / {scores['general_f1']:.1f}"


if __name__ == "__main__":
    main()
