"""Do intervals hold what they promise? Made-up questions whose truth is known, scored and compared as spantune does it.

    python benchmarks/intervals.py [--datasets 1000]

- coverage: how many of 100 intervals of 95% hold the true mean, for right-or-wrong scores and scores like F1, questions that
  are independent or alike within a document, documents of one size or of very different ones
- false: how often one of two equal systems is called better
- power: how often a system that is better by some points is called so

Writes results/intervals.json, and its table into docs/evaluation.md.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from table import quoted

from spantune.evaluation.uncertainty import Resampling, mean_difference

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results" / "intervals.json", HERE.parent / "docs" / "evaluation.md"
BEGIN, END = "<!-- intervals: begin -->", "<!-- intervals: end -->"

Sizes = Callable[[np.random.Generator, int], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Kind:
    """Made-up data: documents and their sizes, the true share of right answers, how alike those of a document are."""

    name: str
    documents: int
    sizes: Sizes
    right: float
    alike: float
    partly: bool = False

    @property
    def truth(self) -> float:
        """The true mean score."""
        return 0.8 * self.right + 0.1 if self.partly else self.right

    def draw(self, rng: np.random.Generator) -> tuple[list[str], NDArray[np.float64]]:
        """The document and the score of each question."""
        sizes = self.sizes(rng, self.documents)
        each = np.full(self.documents, self.right)
        if self.alike:
            weight = (1 - self.alike) / self.alike
            each = rng.beta(self.right * weight, (1 - self.right) * weight, self.documents)
        member = np.repeat(np.arange(self.documents), sizes)
        luck = rng.random(len(member))
        if not self.partly:
            return [str(one) for one in member], (luck < each[member]).astype(float)
        some = np.where(luck < 0.8 * each[member] + 0.2, rng.beta(2, 2, len(member)), 0.0)
        return [str(one) for one in member], np.where(luck < 0.8 * each[member], 1.0, some)


def equal(size: int) -> Sizes:
    """Documents of one size."""
    return lambda rng, count: np.full(count, size)


def uneven(mean: int) -> Sizes:
    """Documents of very different sizes."""
    return lambda rng, count: rng.geometric(1 / mean, count)


KINDS = (
    Kind("100 independent questions, half right", 100, equal(1), 0.5, 0.0),
    Kind("100 independent questions, 95% right", 100, equal(1), 0.95, 0.0),
    Kind("500 independent questions, scores like F1", 500, equal(1), 0.7, 0.0, partly=True),
    Kind("20 documents of 10, somewhat alike", 20, equal(10), 0.8, 0.1),
    Kind("20 uneven documents, alike", 20, uneven(10), 0.6, 0.2),
    Kind("50 uneven documents, alike, scores like F1", 50, uneven(8), 0.7, 0.2, partly=True),
    Kind("8 documents of 30, somewhat alike", 8, equal(30), 0.7, 0.1),
    Kind("300 uneven documents, somewhat alike", 300, uneven(4), 0.8, 0.1),
)
QUESTIONS, GAINS = (200, 500, 2000), (0.01, 0.02, 0.03, 0.05, 0.08)


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=int, default=1000)
    given = parser.parse_args()
    found = {
        "datasets": given.datasets,
        "coverage": [covered(kind, given.datasets) for kind in KINDS],
        "false": [called_better(count, 0.0, given.datasets) for count in QUESTIONS],
        "power": [called_better(count, gain, max(given.datasets // 4, 10)) for count in QUESTIONS for gain in GAINS],
    }
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if PAGE.is_file():
        PAGE.write_text(quoted(PAGE.read_text(encoding="utf-8"), rendered(found), BEGIN, END), encoding="utf-8")
    print(json.dumps(found, indent=2))


def covered(kind: Kind, datasets: int) -> dict[str, Any]:
    """How often the interval holds the truth, and how wide it is."""
    rng = np.random.default_rng(7)
    held = width = 0.0
    for seed in range(datasets):
        groups, scores = kind.draw(rng)
        sums = Resampling(1, seed=seed)
        sums.add(groups, scores[:, None])
        interval = sums.mean(0).interval
        assert interval is not None
        held += interval.low <= kind.truth <= interval.high
        width += interval.half
    told = {"data": kind.name, "covered": round(100 * held / datasets, 1), "half_width": round(100 * width / datasets, 1)}
    print(json.dumps(told), file=sys.stderr, flush=True)
    return told


def called_better(questions: int, gain: float, datasets: int) -> dict[str, Any]:
    """How often the second of two systems is called better, or worse, whose F1 differs by `gain` on average.

    Documents have 20 questions; a fifth of the answers of the two differ, as after a little fine-tuning.
    """
    rng = np.random.default_rng(11)
    better = worse = 0
    for seed in range(datasets):
        easy = np.repeat(rng.beta(3, 1.5, questions // 20), 20)
        first = (rng.random(questions) < easy).astype(float)
        changed = rng.random(questions) < 0.2
        again = (rng.random(questions) < easy).astype(float)
        second = np.where(changed, again, first)
        wrong = np.flatnonzero(second < 1)
        mended = rng.random(len(wrong)) < gain * questions / max(len(wrong), 1)
        second[wrong[mended]] = 1.0
        found = mean_difference(first.tolist(), second.tolist(), [str(one // 20) for one in range(questions)], seed=seed)
        better, worse = better + (found.outcome == "better"), worse + (found.outcome == "worse")
    told = {
        "questions": questions,
        "gain": 100 * gain,
        "better": round(100 * better / datasets, 1),
        "worse": round(100 * worse / datasets, 1),
    }
    print(json.dumps(told), file=sys.stderr, flush=True)
    return told


def rendered(found: dict[str, Any]) -> str:
    """The tables for the page."""
    rows = [f"| {one['data']} | {one['covered']:.1f} | ± {one['half_width']:.1f} |" for one in found["coverage"]]
    coverage = ["| made-up data | intervals that hold the truth, of 100 | width, points of F1 |", "| --- | --- | --- |", *rows]
    power = {(one["questions"], one["gain"]): one["better"] for one in found["power"]}
    heads = [f"{gain:g}" for gain in dict.fromkeys(one["gain"] for one in found["power"])]
    table = [
        "| questions | equal | " + " | ".join(f"+{gain}" for gain in heads) + " |",
        "| --- |" + " --- |" * (len(heads) + 1),
    ]
    for one in found["false"]:
        cells = [f"{power[one['questions'], float(gain)]:.0f}" for gain in heads]
        table.append(f"| {one['questions']:,} | {one['better']:.1f} | " + " | ".join(cells) + " |")
    said = (
        f"Called better, of 100 pairs of systems ({found['datasets']:,} pairs of equals), by questions and true gain in points:"
    )
    return "\n".join(["", *coverage, "", said, "", *table, ""])


if __name__ == "__main__":
    main()
