"""What each augmentation does to the scores on held-out documents, against plain copies at the same number of steps.

    python benchmarks/augmentation.py start SQUAD --out START         a starting model, fine-tuned once on general questions
    python benchmarks/augmentation.py run START DATA --log LOG.jsonl  one line a run; runs that the log has are not repeated
    python benchmarks/augmentation.py table LOG.jsonl                 the log as one JSON object and, on standard error, a table

In each run the training questions are seen twice: once as they are, once as the copy that the augmentation makes of them, or
as a plain second copy where it makes none. `none` has plain copies only. So all runs see the same number of questions, and
runs of one seed the same ones. `changed` scores the held-out questions after the same change: what one would augment for.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spantune.config import AugmentConfig, Config, ModelConfig, TrainingConfig, WindowsConfig
from spantune.data import Example, check, read_examples, split, write_text
from spantune.data.augmenting import AUGMENTATIONS, augment
from spantune.models import load_tokenizer
from spantune.tasks import TASKS
from spantune.training import fine_tune

TASK = TASKS["answer"]
NONE = "none"
# Copies of meaning-keeping rows are made of all questions. Of unanswerable ones half as many, or most training windows of a
# set without any would say "no answer".
SHARES = dict.fromkeys(AUGMENTATIONS, 1.0) | {"unanswerable": 0.5}

STUDENT = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}  # seeds: half-width of a 95 % interval, in standard errors


def drawn(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """`count` of the examples, drawn by the seed alone."""
    ordered = sorted(examples, key=lambda example: example.id)
    return random.Random(seed).sample(ordered, min(count, len(ordered)))


def start(given: argparse.Namespace) -> None:
    """Fine-tune the embedded encoder once, so that the small runs begin above noise."""
    examples = drawn(check(read_examples(given.data)).examples, given.questions, 13)
    config = Config(
        model=ModelConfig(name="embedded-encoder"),
        windows=WindowsConfig(length=256, stride=64),
        training=TrainingConfig(epochs=1, learning_rate=3e-4),
    )
    model, tokenizer = TASK.load_model(config, examples), load_tokenizer("embedded-encoder")
    result = fine_tune(model, TASK.encode(examples, tokenizer, model, config), config.training)
    result.model.save_pretrained(given.out)
    tokenizer.save_pretrained(given.out)


def with_copies(train: Sequence[Example], side: Sequence[Example], row: str, seed: int) -> tuple[list[Example], int]:
    """The training questions twice, the second time altered by `row` where it can; and how many were altered.

    `side` is the whole training side, which passages are taken from.
    """
    chosen = {example.id for example in train}
    copies = augment(side, AugmentConfig(**{row: SHARES[row]}), seed).records[len(side) :] if row != NONE else ()
    made = [copy for copy in copies if copy.id.rpartition("~")[0] in chosen]
    altered = {copy.id.rpartition("~")[0] for copy in made}
    plain = [replace(example, id=f"{example.id}~plain") for example in train if example.id not in altered]
    return [*train, *made, *plain], len(made)


def changed(held_out: Sequence[Example], row: str, seed: int) -> list[Example]:
    """The held-out questions after the change, those that it cannot change left out."""
    return list(augment(held_out, AugmentConfig(**{row: 1.0}), seed).records[len(held_out) :])


def one_run(given: argparse.Namespace, examples: Sequence[Example], row: str, seed: int) -> dict[str, Any]:
    """Train once and score: on the held-out questions, and on them after each change that concerns this run."""
    sides = split(examples, held_out=0.2, by="document", seed=seed)
    train, held_out = drawn(sides.train, given.train, seed), drawn(sides.held_out, given.held_out, seed)
    config = Config(
        model=ModelConfig(name=given.start),
        windows=WindowsConfig(length=256, stride=64),
        training=TrainingConfig(epochs=given.epochs, learning_rate=2e-4, batch_size=16, negatives=1, seed=seed),
    )
    records, altered = with_copies(train, sides.train, row, seed)
    began = time.perf_counter()
    model, tokenizer = TASK.load_model(config, records), load_tokenizer(given.start)
    windows = TASK.encode(records, tokenizer, model, config)
    result = fine_tune(model, windows, config.training)
    trained = time.perf_counter() - began
    reader = TASK.predictor(result.model, tokenizer, config, windows)

    def scores(questions: Sequence[Example]) -> dict[str, float]:
        measured = TASK.measure(reader, TASK.encode(questions, tokenizer, model, config), questions, config, None)
        return {key: round(value, 3) for key, value in measured.held.scores.items()} | {"count": len(questions)}

    concerned = [name for name in given.rows if name != NONE and row in (NONE, name)]
    shown = {name: drawn(changed(sides.held_out, name, seed), given.changed, seed) for name in concerned}
    return {
        "data": Path(given.data).name.partition(".")[0],
        "row": row,
        "seed": seed,
        "train": len(train),
        "epochs": given.epochs,
        "altered": altered,
        "windows": result.windows,
        "seconds": round(trained, 1),
        "held_out": scores(held_out),
        "changed": {name: scores(questions) for name, questions in shown.items() if questions},
    }


def run(given: argparse.Namespace) -> None:
    """Every row and seed that the log does not have yet, a line each."""
    log = Path(given.log)
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    name = Path(given.data).name.partition(".")[0]
    done = {(line["data"], line["row"], line["seed"]) for line in map(json.loads, lines)}
    examples = check(read_examples(given.data)).examples
    for seed in given.seeds:
        for row in given.rows:
            if (name, row, seed) not in done:
                line = one_run(given, examples, row, seed)
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")


def table(given: argparse.Namespace) -> None:
    """Means over seeds, and the mean and spread of the differences from `none` of the same seed."""
    lines = [json.loads(line) for line in Path(given.log).read_text(encoding="utf-8").splitlines()]
    plain = {(line["data"], line["seed"]): line for line in lines if line["row"] == NONE}
    grouped = defaultdict(list)
    for line in lines:
        grouped[line["data"], line["row"]].append(line)
    rows = [summary(data, row, found, [plain[data, one["seed"]] for one in found]) for (data, row), found in grouped.items()]
    text = json.dumps(rows, indent=2)
    if given.out:
        write_text(given.out, text + "\n")
    print(text)
    for one in rows:
        print(as_line(one), file=sys.stderr)


def summary(data: str, row: str, found: list[Any], plain: list[Any]) -> dict[str, Any]:
    """One row of the table."""
    out: dict[str, Any] = {"data": data, "row": row, "seeds": len(found)}
    out["altered"] = round(100 * sum(one["altered"] for one in found) / sum(one["train"] for one in found))
    out["windows"] = round(statistics.mean(one["windows"] for one in found))
    for score in ("exact_match", "f1"):
        out[score] = round(statistics.mean(one["held_out"][score] for one in found), 1)
        out[f"{score}_gain"] = gain([(a["held_out"][score], b["held_out"][score]) for a, b in zip(found, plain, strict=True)])
    pairs = [(a["changed"][row], b["changed"][row]) for a, b in zip(found, plain, strict=True) if row in a["changed"]]
    if row != NONE and pairs:
        out["changed_f1_plain"] = round(statistics.mean(b["f1"] for _, b in pairs), 1)
        out["changed_f1"] = round(statistics.mean(a["f1"] for a, _ in pairs), 1)
        out["changed_f1_gain"] = gain([(a["f1"], b["f1"]) for a, b in pairs])
    return out


def gain(pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """Mean and standard deviation of the differences, seed by seed; `clear` where their 95 % interval leaves 0 out."""
    differences = [after - before for after, before in pairs]
    count, mean = len(differences), statistics.mean(differences)
    spread = statistics.stdev(differences) if count > 1 else 0.0
    clear = count in STUDENT and abs(mean) > STUDENT[count] * spread / count**0.5
    return {"mean": round(mean, 1), "spread": round(spread, 1), "clear": clear}


def told(found: dict[str, Any]) -> str:
    """A difference with its spread, in bold where it is clear."""
    text = f"{found['mean']:+.1f} ± {found['spread']:.1f}"
    return f"**{text}**" if found["clear"] else text


def as_line(row: dict[str, Any]) -> str:
    """One row of the table in Markdown."""
    cells = [row["data"], row["row"], f"{row['altered']} %", str(row["windows"]), f"{row['exact_match']} / {row['f1']}"]
    cells += [told(row["exact_match_gain"]), told(row["f1_gain"])] if row["row"] != NONE else ["", ""]
    has = "changed_f1" in row
    cells.append(f"{row['changed_f1_plain']} → {row['changed_f1']} ({told(row['changed_f1_gain'])})" if has else "")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    starting = commands.add_parser("start")
    starting.add_argument("data")
    starting.add_argument("--out", required=True)
    starting.add_argument("--questions", type=int, default=4000)
    starting.set_defaults(do=start)
    running = commands.add_parser("run")
    running.add_argument("start")
    running.add_argument("data")
    running.add_argument("--log", required=True)
    running.add_argument("--rows", nargs="+", default=[NONE, *AUGMENTATIONS])
    running.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    running.add_argument("--epochs", type=int, default=1)
    running.add_argument("--train", type=int, default=200, help="training questions")
    running.add_argument("--held-out", type=int, default=250, help="held-out questions")
    running.add_argument("--changed", type=int, default=150, help="held-out questions scored after a change")
    running.set_defaults(do=run)
    showing = commands.add_parser("table")
    showing.add_argument("log")
    showing.add_argument("--out")
    showing.set_defaults(do=table)
    given = parser.parse_args()
    given.do(given)


if __name__ == "__main__":
    main()
