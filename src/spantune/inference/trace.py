"""The trace of one prediction: what the model was given, what it scored, and why the answer won. Values only, no rendering."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from spantune.features import Candidate, Windows
from spantune.features.pairs import Floats
from spantune.features.scores import WindowScores
from spantune.features.spans import best_spans, trim
from spantune.inference.answers import Answer, Asked
from spantune.inference.consensus import CONSIDERED

TOP_SCORES = 5  # start and end positions shown of each window
PAIRED = 4  # best starts and ends of each window that are paired into candidates
CANDIDATES_SHOWN = 40
OVERLAPS = "overlaps most with the likely spans, all together"  # why a span is given that has not the highest score
CENTRAL = "the span that overlaps most with the likely ones"  # which another one may score higher than


@dataclass(frozen=True, slots=True)
class TraceToken:
    """One token of a window. `part` is special, question or context; `start`, `end` are code points for context tokens."""

    position: int
    token: str
    id: int
    part: str
    segment: int
    mask: int
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class TopScore:
    """A position among the highest of a window: its logit, and its probability among the positions an answer may take.

    `probability` is 0 for positions that no answer may take (question, special tokens).
    """

    position: int
    token: str
    part: str
    logit: float
    probability: float


@dataclass(frozen=True, slots=True)
class TraceWindow:
    """One window: its tokens, the code points `[start, end)` of the context that it covers, its highest scores."""

    window: int
    start: int
    end: int
    tokens: tuple[TraceToken, ...]
    top_starts: tuple[TopScore, ...]
    top_ends: tuple[TopScore, ...]
    no_answer_score: float


@dataclass(frozen=True, slots=True)
class TraceCandidate:
    """A pair of a start and an end, or "no answer" (`window` is None then), and why it was chosen or rejected.

    `start`, `end` are code points of the context, `None` where the pair has no place there. `rank` counts from 1 by score.
    """

    rank: int
    text: str
    start: int | None
    end: int | None
    window: int | None
    first: int | None
    last: int | None
    score: float
    chosen: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything between a question and its answer, in the order in which it happens."""

    question: str
    context: str
    windows: tuple[TraceWindow, ...]
    candidates: tuple[TraceCandidate, ...]
    answer: Answer

    @property
    def rule(self) -> str:
        """Which span is given, of all that could be."""
        highest = _has_the_highest_score(self.answer)
        wins = "with the highest sum of its two logits" if highest else "that overlaps most with the likely ones"
        return f"the valid pair {wins} wins"

    def as_dict(self) -> dict[str, Any]:
        """The trace as JSON can carry it: question, context, encoding and forward pass (windows), selection, answer."""
        return {**asdict(self), "answer": self.answer.as_dict()}


def build_trace(
    asked: Asked,
    tokenizer: Any,
    windows: Windows,
    batches: Sequence[WindowScores],
    answer: Answer,
    *,
    answer_length: int,
    may_abstain: bool,
    least_confidence: float = 0.0,
) -> Trace:
    """The trace of the windows of one question. `batches` are the logits of all of them; the rest is the reader's."""
    shown: dict[int, TraceWindow] = {}
    pairs: list[_Pair] = []
    by_score = _has_the_highest_score(answer)
    most = PAIRED if by_score else CONSIDERED
    for batch in batches:
        best = best_spans(windows, batch.indices, batch.start, batch.end, answer_length, most)
        for row, window in enumerate(int(index) for index in batch.indices):
            tokens = _tokens(tokenizer, windows, window)
            starts, ends = batch.start[row, : len(tokens)], batch.end[row, : len(tokens)]
            open_to = batch.candidates[row, : len(tokens)]
            null = int(windows.null[window])
            shown[window] = TraceWindow(
                window=window,
                start=min((token.start for token in tokens if token.start is not None), default=0),
                end=max((token.end for token in tokens if token.end is not None), default=0),
                tokens=tokens,
                top_starts=_top_scores(tokens, starts, open_to),
                top_ends=_top_scores(tokens, ends, open_to),
                no_answer_score=float(starts[null] + ends[null]),
            )
            valid = {(one.first, one.last) for one in best[row].candidates}
            pairs += _pairs(asked.context, windows, window, tokens, starts, ends, valid)
    return Trace(
        question=asked.question,
        context=asked.context,
        windows=tuple(shown[window] for window in sorted(shown)),
        candidates=_judged(pairs, _none(answer, shown.values(), may_abstain, least_confidence), answer, answer_length),
        answer=answer,
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    """A start and an end of one window, before it is judged."""

    text: str
    start: int | None
    end: int | None
    window: int
    first: int
    last: int
    score: float
    inside: bool


def _tokens(tokenizer: Any, windows: Windows, window: int) -> tuple[TraceToken, ...]:
    low, high = int(windows.bounds[window]), int(windows.bounds[window + 1])
    first, past = (int(edge) for edge in windows.context[window])
    ids = windows.input_ids[low:high].tolist()
    named = (getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "cls", "sep", "pad", "mask"))
    special = set(tokenizer.all_special_ids) - ({tokenizer.unk_token_id} - {*named})  # an unknown word is no special token
    names = tokenizer.convert_ids_to_tokens(ids)

    def token(position: int) -> TraceToken:
        in_context = first <= position < past
        part = "context" if in_context else "special" if ids[position] in special else "question"
        return TraceToken(
            position=position,
            token=str(names[position]),
            id=ids[position],
            part=part,
            segment=int(windows.token_types[low + position]),
            mask=1,
            start=int(windows.starts[low + position]) if in_context else None,
            end=int(windows.ends[low + position]) if in_context else None,
        )

    return tuple(token(position) for position in range(high - low))


def _top_scores(tokens: Sequence[TraceToken], logits: Floats, open_to: Any) -> tuple[TopScore, ...]:
    masked = np.where(open_to, logits.astype(np.float64), -np.inf)
    weights = np.exp(masked - masked.max())
    probabilities = weights / weights.sum()
    order = np.argsort(-logits, kind="stable")[:TOP_SCORES]
    return tuple(
        TopScore(int(at), tokens[at].token, tokens[at].part, float(logits[at]), float(probabilities[at])) for at in order
    )


def _pairs(
    context: str,
    windows: Windows,
    window: int,
    tokens: Sequence[TraceToken],
    starts: Floats,
    ends: Floats,
    valid: set[tuple[int, int]],
) -> Iterator[_Pair]:
    """The pairs of the highest starts and ends, wherever they point, and the best `valid` ones: the answer is one of these."""
    first, past = (int(edge) for edge in windows.context[window])
    at = set(product(_highest(starts), _highest(ends))) | valid
    null = int(windows.null[window])
    for begin, last in sorted(at - {(null, null)}):
        inside = first <= begin < past and first <= last < past
        span = Candidate(
            tokens[begin].start or 0, tokens[last].end or 0, float(starts[begin] + ends[last]), window, begin, last
        )
        placed = trim(context, span) if inside and begin <= last else None
        text = context[placed.start : placed.end] if placed else f"{tokens[begin].token} … {tokens[last].token}"
        low, high = (placed.start, placed.end) if placed else (None, None)
        yield _Pair(text, low, high, window, begin, last, span.score, inside)


def _highest(logits: Floats) -> list[int]:
    return [int(at) for at in np.argsort(-logits, kind="stable")[:PAIRED]]


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a rule may look at beside the pair itself: the answer, the limit, and what was seen at higher scores."""

    answer: Answer
    answer_length: int
    places: dict[tuple[int | None, int | None], int]
    texts: dict[str, int]


# Why a pair is not the answer: the first rule that speaks names the reason.
RULES: tuple[Callable[[_Pair, _Bench], str | None], ...] = (
    lambda pair, _: None if pair.inside else "points outside the context, at the question or a special token",
    lambda pair, _: "ends before it starts" if pair.last < pair.first else None,
    lambda pair, bench: (
        f"{pair.last - pair.first + 1} tokens long, more than the limit of {bench.answer_length}"
        if pair.last - pair.first + 1 > bench.answer_length
        else None
    ),
    lambda pair, _: None if pair.text else "nothing but white space",
    lambda pair, bench: (
        f"the same span as number {bench.places[pair.start, pair.end]}, seen through another window"
        if (pair.start, pair.end) in bench.places
        else None
    ),
    lambda pair, bench: (
        f"the same text as number {bench.texts[pair.text]}, at another place" if pair.text in bench.texts else None
    ),
)


def _judged(pairs: Sequence[_Pair], none: TraceCandidate, answer: Answer, answer_length: int) -> tuple[TraceCandidate, ...]:
    """All candidates by score, "no answer" among them, each with its verdict; the best ones are shown."""
    bench = _Bench(answer, answer_length, {}, {})
    ordered: list[_Pair | TraceCandidate] = sorted([*pairs, none], key=lambda one: -one.score)
    judged = [_judge(one, rank, bench) for rank, one in enumerate(ordered, start=1)]
    must = [one for one in judged[CANDIDATES_SHOWN:] if one.chosen or one.window is None]
    return (*judged[:CANDIDATES_SHOWN], *must)


def _judge(one: "_Pair | TraceCandidate", rank: int, bench: _Bench) -> TraceCandidate:
    if isinstance(one, TraceCandidate):
        return replace(one, rank=rank)
    reason = next((said for rule in RULES if (said := rule(one, bench))), None)
    chosen = reason is None and bool(bench.answer.text) and (one.start, one.end) == (bench.answer.start, bench.answer.end)
    if reason is None:
        bench.places[one.start, one.end] = rank
        bench.texts[one.text] = rank
        reason = _won(len(bench.texts)) if chosen else _beaten(one, bench.answer)
    return TraceCandidate(rank, one.text, one.start, one.end, one.window, one.first, one.last, one.score, chosen, reason)


def _has_the_highest_score(answer: Answer) -> bool:
    """Whether the first span, given or not, is that of the highest score, and not another one that overlaps more."""
    spans = answer.alternatives
    return all(one.score <= spans[0].score for one in spans)


def _won(place: int) -> str:
    """Why the valid span of that place by score is the answer."""
    return "highest score of all valid spans" if place == 1 else OVERLAPS


def _beaten(pair: _Pair, answer: Answer) -> str:
    if not answer.text:
        return "valid, but 'no answer' won"
    how = "scored lower" if pair.score <= answer.score else "overlaps less with the other likely spans"
    return f"valid, but {how} than the answer"


def _none(answer: Answer, windows: Iterable[TraceWindow], may_abstain: bool, least_confidence: float) -> TraceCandidate:
    """The candidate "no answer", with the least of its windows' scores."""
    highest = _has_the_highest_score(answer)
    if least_confidence:
        least = f"a confidence of {least_confidence:.3f}, from which on this reader answers"
        reason = f"the best span reaches {least}" if answer.text else f"no span reaches {least}"
    elif not answer.text and answer.no_answer_score < 0:
        spans = "no span scored higher by as much as" if highest else f"{CENTRAL} scored higher by less than"
        reason = f"{spans} the reader's threshold asks for"
    elif not answer.text:
        reason = f"scored higher than {'every span' if highest else CENTRAL} by more than the threshold"
    elif may_abstain:
        reason = "the best span wins over 'no answer' by the reader's threshold"
    else:
        reason = "this reader always answers: it was trained on no unanswerable question"
    score = min(window.no_answer_score for window in windows)
    return TraceCandidate(0, "", None, None, None, None, None, score, chosen=not answer.text, reason=reason)
