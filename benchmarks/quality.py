"""What fine-tuning gives for each label, and what it costs: our recipe beside the usual one, on users' kinds of data.

    python benchmarks/quality.py DATA... [--sizes 0 16 64 256 all] [--seeds 3] [--out benchmarks/results/quality.jsonl]
    python benchmarks/quality.py DATA... --fast

Each file of DATA is split by document, once for each seed; test questions are those of the test documents, 400 at most. Of the
others so many are drawn as a size says, and three ways make a reader of them that is asked the test questions:

- recipe: the usual one (rate 3e-5, two epochs, batches of 12, no warm-up, no decay, the model's dropout) from the encoder
- recipe from the reader: the same from the embedded reader
- spantune: `train_run` as it comes, on a file of the drawn questions (and the general ones that it replays)

"general_f1" is F1 on the general questions that ship with the package, by which `keep.forget` chooses too: for spantune it says
that the gate holds, for the recipes what they forget.

Every line of OUT is one cell, with EM, F1, F1 on the general questions that ship, and seconds. A second call goes on where the
first one stopped; every size is done for all files before the next, and every seed before the next. --fast takes 16 questions,
one seed, 100 test questions and 150 general ones, and has a file of its own; a file whose contexts have so many windows that it
would not be fast is asked fewer questions, before training alone. `quality_table.py` makes pages of the results.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from quality_table import rendered

from spantune import (
    Config,
    Example,
    Reader,
    check,
    load_tokenizer,
    read_examples,
    score_answers,
    split,
    train_run,
    write_examples,
)
from spantune.config import ModelConfig, TrainingConfig
from spantune.data.general import probe
from spantune.inference.settings import ReaderSettings
from spantune.models import load_reader
from spantune.road.scene import evenly
from spantune.tasks import TASKS
from spantune.training import fine_tune

RESULTS = Path(__file__).resolve().parent / "results" / "quality.jsonl"
FAST_RESULTS = RESULTS.with_name("quality-fast.jsonl")
TEST_SHARE, TEST_QUESTIONS = 0.3, 400
FAST_QUESTIONS, FAST_GENERAL = 100, 150
FAST_WINDOWS, LONG = 600, 5  # windows to ask at most, and windows a question from which no training is fast
RECIPE: dict[str, Any] = {
    "epochs": 2,
    "learning_rate": 3e-5,
    "batch_size": 12,
    "warmup_ratio": 0.0,
    "weight_decay": 0.0,
    "early_stopping": 0,
    "negatives": None,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to make a reader of some questions of one set, drawn by one seed. `size` is `None` for all of them."""

    data: str
    size: int | None
    seed: int
    way: str


@dataclass(frozen=True, slots=True)
class Sides:
    """The questions of one set and seed: those to draw from, in the order they are drawn in, and those to test on."""

    pool: Sequence[Example]
    test: Sequence[Example]

    @classmethod
    @cache
    def of(cls, file: Path, seed: int, most: int) -> "Sides":
        """Split by document; the test questions are a sample of those of the test documents."""
        records = [one for one in check(read_examples(file)).examples if isinstance(one, Example)]
        parts = split(records, held_out=TEST_SHARE, seed=seed)
        draw = random.Random(seed)
        pool, test = list(parts.train), list(parts.held_out)
        draw.shuffle(pool)
        draw.shuffle(test)
        return cls(pool, test[:most])


def main() -> None:
    """Make what is missing, cell by cell."""
    given = _arguments()
    done = {_key(row) for row in _rows(given.out)}
    for seed, size, file in product(range(given.seeds), given.sizes, given.data):
        sides = Sides.of(file, seed, given.test)
        if given.fast and (each := _windows_each(sides.test)) > LONG:
            sides = Sides(sides.pool, sides.test[: int(FAST_WINDOWS / each)])
            if size:
                print(f"{file.name}: {each:.0f} windows a question, no training of them is fast", file=sys.stderr)
                continue
        if size is not None and size >= len(sides.pool):  # the same as all of them
            continue
        for cell in _cells(file, size, seed):
            if _key(asdict(cell)) in done:
                continue
            row = {**asdict(cell), **measured(cell, sides, given.general)}
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row) + "\n")
            print(json.dumps(row), file=sys.stderr, flush=True)
    print(rendered(_rows(given.out)))


def measured(cell: Cell, sides: Sides, general: int | None = None) -> dict[str, Any]:
    """The scores of one cell on the test questions and on the general ones, and the seconds that its training took."""
    drawn = sides.pool[: cell.size] if cell.size is not None else sides.pool
    began = time.perf_counter()
    reader = WAYS[cell.way](drawn, cell.seed)
    seconds = time.perf_counter() - began
    scores = score_answers(sides.test, reader.answer_many(sides.test))
    return {
        "questions": len(drawn),
        "test": len(sides.test),
        "exact_match": round(scores.exact_match, 2),
        "f1": round(scores.f1, 2),
        "general_f1": general_f1(reader, general),
        "seconds": round(seconds, 1),
    }


def general_f1(reader: Reader, most: int | None = None) -> float:
    """F1 of a reader that always answers, on the general questions that have an answer, or on so many of them."""
    general = [one for one in probe() if not one.is_impossible]
    general = evenly(general, len(general) if most is None else most)
    return round(score_answers(general, reader.answer_many(general)).f1, 2)


def untrained(drawn: Sequence[Example], seed: int) -> Reader:
    """The embedded reader as it comes."""
    return Reader.load("embedded").always_answering()


def recipe_from(model: str, drawn: Sequence[Example], seed: int) -> Reader:
    """The usual recipe, from a model."""
    config = Config(
        model=ModelConfig(name=model, attention_dropout=None), training=TrainingConfig.model_validate({**RECIPE, "seed": seed})
    )
    loaded, tokenizer = load_reader(config.model, seed), load_tokenizer(model)
    windows = TASKS["answer"].encode(drawn, tokenizer, loaded, config)
    result = fine_tune(loaded, windows, config.training)
    settings = ReaderSettings(windows=config.windows, answer_length=result.answer_length)
    return Reader(result.model, tokenizer, settings, precision="auto")


def ours(drawn: Sequence[Example], seed: int) -> Reader:
    """`train_run` on a file of the questions."""
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        file = Path(folder) / "drawn.jsonl"
        write_examples(drawn, file, "jsonl")
        train_run([file], Path(folder) / "run", Config(training=TrainingConfig(seed=seed)))
        return Reader.load(Path(folder) / "run").always_answering()


WAYS = {
    "recipe": lambda drawn, seed: recipe_from("embedded-encoder", drawn, seed),
    "recipe from the reader": lambda drawn, seed: recipe_from("embedded", drawn, seed),
    "spantune": ours,
    "untrained": untrained,
}


def _windows_each(records: Sequence[Example]) -> float:
    """The windows of a question, on average over some of them."""
    few = evenly(records, 20)
    return len(TASKS["answer"].encode(few, load_tokenizer("embedded"), None, Config())) / len(few)


def _cells(file: Path, size: int | None, seed: int) -> Iterator[Cell]:
    for way in ["untrained"] if size == 0 else [way for way in WAYS if way != "untrained"]:
        yield Cell(file.name.partition(".")[0], size, seed, way)


def _rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.is_file() else []


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("data", "size", "seed", "way"))


def _size(text: str) -> int | None:
    return None if text == "all" else int(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="+", help="files of questions")
    parser.add_argument("--sizes", type=_size, nargs="+", default=[0, 16, 64, 256, None], help="questions to draw, or all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fast", action="store_true", help="a part of it, in a quarter of an hour")
    parser.add_argument("--out", type=Path, help="the file to go on with")
    given = parser.parse_args()
    given.test, given.general = TEST_QUESTIONS, None
    given.out = given.out or (FAST_RESULTS if given.fast else RESULTS)
    if given.fast:
        given.sizes, given.seeds, given.test, given.general = [0, 16], 1, FAST_QUESTIONS, FAST_GENERAL
    return given


if __name__ == "__main__":
    main()
