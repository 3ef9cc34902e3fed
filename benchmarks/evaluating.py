"""Decoding and scoring, logits given: spantune against the recipe's definition in plain Python, on the same logits.

    python benchmarks/evaluating.py RUN [--data SQUAD] [--questions 1000] [--rounds 3]

The logits are those of the reader in the folder RUN. Memory is told for a quarter of the questions and for half of them: the
peak of what Python and NumPy allocate, and the logits that a side needs at once.
"""

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import squad_plain
from made_up import questions_of
from rounds import compared

from spantune import Example, Reader, score_answers
from spantune.features import SpanScores, Windows, batches_by_length
from spantune.features.scores import WindowScores
from spantune.models import score_windows

TOKENS_AT_ONCE = 8192  # as the forward pass has its batches
NOTHING = -100.0  # logit where there is no token


@dataclass(frozen=True, slots=True)
class Given:
    """The same questions, windows and logits for both sides. `start`, `end`: (windows, length) float32."""

    examples: Sequence[Example]
    windows: Windows
    start: Any
    end: Any

    def batches(self) -> list[WindowScores]:
        """The logits as a model gives them: batches of similar length, no wider than their longest window."""
        found = []
        for indices in batches_by_length(self.windows.lengths, TOKENS_AT_ONCE):
            width = int(self.windows.lengths[indices].max())
            candidates = np.ones((len(indices), width), dtype=bool)
            found.append(WindowScores(indices, self.start[indices, :width], self.end[indices, :width], candidates))
        return found

    def features(self) -> list[dict[str, Any]]:
        """The windows as the recipe keeps them: as wide as its logits, with offsets in the context alone."""
        return [self._feature(window) for window in range(len(self.windows))]

    def questions(self) -> list[dict[str, Any]]:
        """The questions as the recipe keeps them."""
        return [
            {"id": one.id, "context": one.context, "answers": [span.text for span in one.answers or ()]}
            for one in self.examples
        ]

    def _feature(self, window: int) -> dict[str, Any]:
        first, past = self.windows.context[window].tolist()
        base = int(self.windows.bounds[window])
        starts, ends = (found[base + first : base + past].tolist() for found in (self.windows.starts, self.windows.ends))
        offsets: list[tuple[int, int] | None] = [None] * self.start.shape[1]
        offsets[first:past] = zip(starts, ends, strict=True)
        return {"example": int(self.windows.example[window]), "offset_mapping": offsets}


def scores_of(reader: Reader, examples: Sequence[Example]) -> Given:
    """Windows of the examples with the logits of a model; -100 where a window has no token, as the recipe fills them up."""
    windows = reader.encode(examples)
    width = max(int(windows.lengths.max()), squad_plain.WIDTH)
    start, end = (np.full((len(windows), width), NOTHING, dtype=np.float32) for _ in range(2))
    for batch in score_windows(reader.model, windows):
        width = min(batch.start.shape[1], start.shape[1])
        start[batch.indices, :width], end[batch.indices, :width] = batch.start[:, :width], batch.end[:, :width]
    column = np.arange(start.shape[1])
    start[column >= windows.lengths[:, None]] = end[column >= windows.lengths[:, None]] = NOTHING
    return Given(examples, windows, start, end)


def evaluate_ours(reader: Reader, given: Given, batches: Sequence[WindowScores]) -> tuple[list[str], float]:
    """Answers and F1, as `spantune evaluate` makes them of a model's scores."""
    missing = np.bincount(given.windows.example, minlength=given.windows.size).tolist()
    waiting: dict[int, list[SpanScores]] = {}
    answers: list[Any] = [None] * given.windows.size
    for batch in batches:
        decoded = reader.decode(given.windows, batch)
        for example, spans in zip(given.windows.example[batch.indices].tolist(), decoded, strict=True):
            waiting.setdefault(example, []).append(spans)
            if len(waiting[example]) == missing[example]:
                answers[example] = reader.choose(given.examples[example], waiting.pop(example))
    return [one.text for one in answers], score_answers(given.examples, answers).f1


def evaluate_plainly(given: Given, questions: Sequence[Any], features: Sequence[Any]) -> tuple[list[str], float]:
    """Answers and F1 by the recipe's definition."""
    answers, _ = squad_plain.answers_of(questions, features, given.start, given.end)
    return list(answers.values()), squad_plain.scored(questions, answers)["f1"]


def timed(work: Callable[[], Any], count: int) -> dict[str, Any]:
    """One round."""
    began = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - began, "count": count}


def peak_megabytes(work: Callable[[], Any]) -> float:
    """The most that Python and NumPy held at once beyond what was there before."""
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(most / 1e6, 1)


def measure(run: str, data: str | None, questions: int, rounds: int) -> dict[str, Any]:
    """The comparison as a JSON object."""
    reader = Reader.load(run)
    given = scores_of(reader, questions_of(data, questions))
    batches, plain_questions, features = given.batches(), given.questions(), given.features()
    ours, plain = evaluate_ours(reader, given, batches), evaluate_plainly(given, plain_questions, features)
    told: dict[str, list[dict[str, Any]]] = {"spantune": [], "utils_qa": []}
    for _ in range(rounds):
        told["spantune"].append(timed(lambda: evaluate_ours(reader, given, batches), len(given.examples)))
        told["utils_qa"].append(timed(lambda: evaluate_plainly(given, plain_questions, features), len(given.examples)))
    same = sum(a == b.strip() for a, b in zip(ours[0], plain[0], strict=True)) / len(given.examples)
    return {
        "unit": "questions/s",
        "questions": len(given.examples),
        "windows": len(given.windows),
        **compared(told),
        "same_answers": round(same, 4),
        "f1": {"spantune": round(ours[1], 3), "utils_qa": round(plain[1], 3)},
        "peak_megabytes": {str(part): memory(reader, given.examples[:part]) for part in (questions // 4, questions // 2)},
    }


def memory(reader: Reader, examples: Sequence[Example]) -> dict[str, float]:
    """Megabytes that each side needs at its peak, logits included: those of one batch at a time, or all of them at once."""
    given = scores_of(reader, examples)
    batches, plain_questions, features = given.batches(), given.questions(), given.features()
    one_batch = max(batch.start.nbytes + batch.end.nbytes for batch in batches) / 1e6
    all_logits = (given.start.nbytes + given.end.nbytes) / 1e6
    return {
        "spantune": round(peak_megabytes(lambda: evaluate_ours(reader, given, batches)) + one_batch, 1),
        "utils_qa": round(peak_megabytes(lambda: evaluate_plainly(given, plain_questions, features)) + all_logits, 1),
    }


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--data")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps(measure(given.run, given.data, given.questions, given.rounds), indent=2))


if __name__ == "__main__":
    main()
