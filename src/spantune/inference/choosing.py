"""From the scores of windows to the answer of a question. Pure: whatever computed the scores."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from spantune.features import Candidate, SpanScores, Windows, best_spans
from spantune.features.scores import WindowScores
from spantune.features.spans import merge_windows, no_answer_score
from spantune.inference.answers import Alternative, Answer, Asked, diverged
from spantune.inference.consensus import CONSIDERED, lead, most_agreed, undisputed
from spantune.inference.settings import ReaderSettings

NO_SPAN = 1e6  # no-answer score of a context without any token: finite, so that JSON can carry it
# Scores nearer to each other than this are settled in fp32. bf16 moves the gap between the two best answers by 0.024 (mean);
# of 1,200 SQuAD questions it turned 1.2% of the answers, and 0.1% where the gap was more than this (4.5% of them were less).
CLOSE = 0.06
SPANS_KEPT = 20  # best spans kept of each window: duplicates and unwanted ones are dropped later


def decode(windows: Windows, scores: WindowScores, settings: ReaderSettings, top: int = SPANS_KEPT) -> list[SpanScores]:
    """The `top` best spans of each window of one batch."""
    alone = undisputed(settings.spread)
    return best_spans(windows, scores.indices, scores.start, scores.end, settings.answer_length, top, alone)


def by_example(windows: Windows, scores: Iterable[SpanScores]) -> list[list[SpanScores]]:
    """The scores of each example's windows: batches come by length and mix the examples."""
    grouped: list[list[SpanScores]] = [[] for _ in range(windows.size)]
    for score in scores:
        grouped[int(windows.example[score.window])].append(score)
    return grouped


def choose(asked: Asked, scores: Sequence[SpanScores], settings: ReaderSettings, top: int = 1) -> Answer:
    """The answer among the best spans of all windows of one context, with its `top` best spans as alternatives.

    Scores that are not numbers, which training that diverged gives while it is measured, make "no answer".
    """
    null = no_answer_score(scores)
    total = _log_sum_exp([null, *[window.log_total for window in scores]])
    if not math.isfinite(total):
        return Answer(asked.id, "", 0, 0, 0.0, 0.0, 0.0, NO_SPAN)
    best = merge_windows(asked.context, scores, max(top, 1))
    if settings.spread and best and best[0].score - total < undisputed(settings.spread):
        best = _agreed(asked.context, scores, settings.spread, best)
    alternatives = tuple(
        [Alternative(asked.context[c.start : c.end], c.start, c.end, math.exp(c.score - total), c.score) for c in best]
    )
    none = math.exp(null - total)
    margin = null - best[0].score if best else NO_SPAN
    shown = alternatives if top > 1 else alternatives[:1]
    first = alternatives[0] if best else None
    sure = _confidence(settings, first.probability, answered=True) if first is not None else None
    if first is None or _refused(settings, margin, sure):
        sure = _confidence(settings, none, answered=False)
        return Answer(asked.id, "", 0, 0, none, null, none, margin, shown, sure)
    return Answer(asked.id, first.text, first.start, first.end, first.probability, first.score, none, margin, shown, sure)


def _agreed(context: str, scores: Sequence[SpanScores], spread: float, best: Sequence[Candidate]) -> list[Candidate]:
    """The best spans with the one in front that agrees most with the likely ones, the same for any number of `best`."""
    kept = [
        one if len(one.candidates) <= SPANS_KEPT else replace(one, candidates=one.candidates[:SPANS_KEPT]) for one in scores
    ]
    likely = merge_windows(context, kept, CONSIDERED)
    if not likely:
        return list(best)
    first = most_agreed(likely, spread)[0]
    return [first, *(one for one in best if (one.start, one.end) != (first.start, first.end))][: len(best)]


def _refused(settings: ReaderSettings, margin: float, sure: float | None) -> bool:
    """Whether the best span is not given: for its confidence where a least one is set, else for its margin to "no answer"."""
    if settings.least_confidence and sure is not None:
        return sure < settings.least_confidence
    return margin > settings.refuses_above


def _confidence(settings: ReaderSettings, probability: float, *, answered: bool) -> float | None:
    return None if settings.calibration is None else settings.calibration.confidence(probability, answered=answered)


def spans_compared(settings: ReaderSettings) -> int:
    """How many spans an answer must carry before `close_call` can tell."""
    return CONSIDERED if settings.spread else 2


def close_call(answer: Answer, settings: ReaderSettings) -> bool:
    """Whether a little noise in the scores could turn an answer, given with `spans_compared` spans, into another one."""
    if abs(answer.no_answer_score - settings.refuses_above) < CLOSE:
        return True
    spans = answer.alternatives
    if settings.spread:
        return lead(spans[:CONSIDERED], settings.spread) < CLOSE
    return len(spans) > 1 and spans[0].score - spans[1].score < CLOSE


def checked(scores: SpanScores) -> SpanScores:
    """The same scores. Raises `ModelError` where they are not numbers."""
    if not math.isfinite(scores.null) or math.isnan(scores.log_total):
        raise diverged()
    return scores


def _log_sum_exp(values: Sequence[float]) -> float:
    highest = max(values)
    return highest + math.log(sum([math.exp(value - highest) for value in values]))
