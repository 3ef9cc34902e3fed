"""How long it takes to find what test data has in common with training data, and what a sketch of the latter weighs.

    python benchmarks/leakage.py [TEST TRAIN] [--questions 88000] [--share 0.1]

Without files, questions are made up to the size of SQuAD 1.1: contexts of 120 words with a natural spread of common and rare
ones, four questions each. One in twenty test contexts is a training context with two words changed, one in twenty a part of
one; "planted" counts their questions, and all of these should be touched.
"""

import argparse
import json
import random
import resource
import time
from collections.abc import Callable, Sequence
from typing import Any

from spantune import Example, Span, check, read_examples
from spantune.data.leakage import find_leaks, find_leaks_in_sketch, find_leaks_within, sketch
from spantune.data.splitting import folds, split

LETTERS = "abcdefghijklmnoprstuvw"
VOCABULARY = 20_000


def made_up(questions: int, share: float) -> tuple[list[Example], list[Example], int]:
    """Training and test questions, and how many test questions are known from training by their contexts."""
    draw = random.Random(0)
    words = ["".join(draw.choices(LETTERS, k=draw.randint(2, 10))) for _ in range(VOCABULARY)]
    weights = [1 / rank for rank in range(1, VOCABULARY + 1)]  # as in natural text (Zipf)
    train = [draw.choices(words, weights, k=120) for _ in range(round(questions * (1 - share)) // 4)]
    test = [draw.choices(words, weights, k=120) for _ in range(round(questions * share) // 4)]
    planted = len(test) // 20
    for number in range(planted):
        test[number] = list(train[number])
        for at in (30, 70):
            test[number][at] = "changed"
        test[planted + number] = train[planted + number][20:70]
    return _asked(train, words, draw, "train"), _asked(test, words, draw, "test"), 8 * planted


def _asked(contexts: Sequence[list[str]], words: Sequence[str], draw: random.Random, name: str) -> list[Example]:
    examples: list[Example] = []
    for number, context in enumerate(contexts):
        for _ in range(4):
            at = draw.randrange(len(context) - 3)
            span = Span(" ".join(context[at : at + 3]), len(" ".join(context[:at])) + (at > 0))
            question = " ".join(draw.choices(words[:2000], k=10)) + "?"
            examples.append(
                Example(f"{name}{len(examples)}", question, " ".join(context), (span,), f"{name} document {number // 40}")
            )
    return examples


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds that some work took, and what came of it."""
    began = time.perf_counter()
    result = work()
    return round(time.perf_counter() - began, 2), result


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*")
    parser.add_argument("--questions", type=int, default=88_000)
    parser.add_argument("--share", type=float, default=0.1, help="of the questions that are test questions")
    given = parser.parse_args()
    planted: int | None = None
    train: Sequence[Example]
    test: Sequence[Example]
    if given.data:
        test, train = (check(read_examples(one)).examples for one in given.data)
    else:
        train, test, planted = made_up(given.questions, given.share)
    before = _peak()
    seconds, report = timed(lambda: find_leaks(test, train))
    within_seconds, within = timed(lambda: find_leaks_within(train))
    sketch_seconds, kept = timed(lambda: sketch(train))
    sketched_seconds, sketched = timed(lambda: find_leaks_in_sketch(test, kept))
    split_seconds, _ = timed(lambda: split(train))
    folds_seconds, _ = timed(lambda: folds(train))
    print(
        json.dumps(
            {
                "train": len(train),
                "test": len(test),
                "different_contexts": len({one.context for one in (*train, *test)}),
                "find_leaks_seconds": seconds,
                "counts": dict(report.counts),
                "touched": report.touched_count,
                "planted": planted,
                "within_seconds": within_seconds,
                "within_counts": dict(within.counts),
                "sketch_seconds": sketch_seconds,
                "sketch_megabytes": round(len(kept.to_bytes()) / 1e6, 1),
                "in_sketch_seconds": sketched_seconds,
                "in_sketch_touched": sketched.touched_count,
                "split_seconds": split_seconds,
                "folds_seconds": folds_seconds,
                "megabytes_before": before,
                "peak_rss_megabytes": _peak(),
            },
            indent=2,
        )
    )


def _peak() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
