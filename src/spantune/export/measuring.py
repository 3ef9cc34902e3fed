"""In: two readers and labelled questions. Out: what each reaches, how fast, and whether one may take the other's place.

Does not know: engines, files.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from spantune.data.records import Example
from spantune.evaluation import score_answers
from spantune.inference.answers import Answer

ROUNDS = 3
SINGLE_QUESTIONS = 64  # asked one by one, of each reader in turn
QUESTIONS_A_ROUND = 256  # answered as a stream


class Answers(Protocol):
    """A reader, whatever it computes with."""

    def answer_many(self, examples: Iterable[Any]) -> Iterator[Answer]:
        """Answers in the order of `examples`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a reader reaches on the records, in percent, and how fast on this machine.

    `median_ms` and `p95_ms` are of single questions; `questions_per_second` is the median over repeated streams.
    """

    exact_match: float
    f1: float
    questions_per_second: float
    median_ms: float
    p95_ms: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """PyTorch and the exported model on the same records, in turn. `same_answers` is a percentage of the questions."""

    questions: int
    torch: Figures
    exported: Figures
    same_answers: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What an export may lose: points of F1, and the least share of PyTorch's speed, in a stream and question by question.

    A speed above 0.95 of PyTorch's counts as equal: an allowance for noise, chosen and not measured.
    """

    f1: float = 0.3
    speed: float = 0.95


def compare(
    torch: Answers, exported: Answers, records: Sequence[Example], sizes: tuple[int, int], tick: Callable[[int], None]
) -> Comparison:
    """Measure both readers on `records`: quality on all of them, time in alternation, so that both meet the same machine.

    `sizes` are bytes of the two models. `tick` is told how many pieces of `pieces_of(records)` are done.
    """
    readers = (torch, exported)
    said = []
    for reader in readers:
        said.append([_counted(answer, tick) for answer in reader.answer_many(records)])
    scores = [score_answers(records, answers) for answers in said]
    stream, few = records[:QUESTIONS_A_ROUND], records[:SINGLE_QUESTIONS]
    rates: tuple[list[float], list[float]] = ([], [])
    waits: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for reader, found in zip(readers, rates, strict=True):
            found.append(len(stream) / _seconds(reader, stream))
        for one in few:
            for reader, found in zip(readers, waits, strict=True):
                found.append(1000 * _seconds(reader, [one]))
        tick(2 * (len(stream) + len(few)))
    figures = [
        Figures(score.exact_match, score.f1, statistics.median(rate), statistics.median(wait), percentile(wait, 95), size)
        for score, rate, wait, size in zip(scores, rates, waits, sizes, strict=True)
    ]
    same = sum((one.text, one.start) == (two.text, two.start) for one, two in zip(*said, strict=True))
    return Comparison(len(records), figures[0], figures[1], 100 * same / len(records))


def pieces_of(records: Sequence[Example]) -> int:
    """How many questions `compare` asks in all."""
    timed = len(records[:QUESTIONS_A_ROUND]) + len(records[:SINGLE_QUESTIONS])
    return 2 * (len(records) + ROUNDS * timed)


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest of `values` that `share` percent of them do not exceed (nearest rank).

    >>> percentile([4.0, 1.0, 3.0, 2.0], 95), percentile([4.0, 1.0, 3.0, 2.0], 50)
    (4.0, 2.0)
    """
    ordered = sorted(values)
    return ordered[max(0, -(-share * len(ordered) // 100) - 1)]


def refusals(found: Comparison, limits: Limits) -> tuple[str, ...]:
    """Why the exported model may not take PyTorch's place; nothing where it may.

    >>> torch = Figures(80.0, 90.0, 100.0, 10.0, 12.0, 4_000)
    >>> slow = Figures(80.0, 90.0, 50.0, 9.0, 12.0, 1_000)
    >>> refusals(Comparison(10, torch, slow, 100.0), Limits())
    ('it answers 50.0 questions a second, PyTorch 100.0',)
    """
    torch, exported = found.torch, found.exported
    lost = torch.f1 - exported.f1
    reasons = (
        (lost > limits.f1, f"F1 drops by {lost:.2f} from {torch.f1:.2f}, by more than {limits.f1}"),
        (
            exported.questions_per_second < limits.speed * torch.questions_per_second,
            f"it answers {exported.questions_per_second:.1f} questions a second, PyTorch {torch.questions_per_second:.1f}",
        ),
        (
            torch.median_ms < limits.speed * exported.median_ms,
            f"a single question takes it {exported.median_ms:.1f} ms, PyTorch {torch.median_ms:.1f} ms",
        ),
    )
    return tuple(said for wrong, said in reasons if wrong)


def _seconds(reader: Answers, records: Sequence[Example]) -> float:
    before = time.perf_counter()
    for _ in reader.answer_many(records):
        pass
    return time.perf_counter() - before


def _counted(answer: Answer, tick: Callable[[int], None]) -> Answer:
    tick(1)
    return answer
