"""Examples in, windows out: each context is tokenised once, cut with overlap beside its question, and labelled.

Contexts and questions are tokenised without special tokens and put together by the tokenizer's own template, which gives
the same windows as `tokenizer(question, context, truncation="only_second", stride=..., return_overflowing_tokens=True)`
but never panics on a stride, and tokenises a context that fifty questions share only once.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from spantune.config import WindowsConfig
from spantune.data.records import Example, Span
from spantune.errors import UnalignedSpanError, WindowError
from spantune.features.template import TOKENISE_AT_ONCE, Template, fast_backend, pad_id, read_template
from spantune.features.tokens import TokenBlock, Tokens, ids_of, made_ahead, rust_encodings, token_block
from spantune.features.windows import Integers, Lost, Windows, joined, smallest


@dataclass(frozen=True, slots=True)
class _Cut:
    """One window before it joins the flat arrays: a slice of the context's tokens, and its labels."""

    first: int
    last: int
    spans: tuple[tuple[int, int], ...]
    unclear: bool


def encode(examples: Iterable[Example], tokenizer: Any, config: WindowsConfig | None = None) -> Windows:
    """Cut every example into overlapping windows of at most `config.length` tokens.

    Labels: a window is labelled with every reference answer that it holds whole, and with the null position when it
    holds none. Examples without labels (`answers=None`), and those whose answers fit into no window, get windows without
    labels. A question that leaves less room for the context than `stride + 1` tokens is cut, counted and named in `.lost`.

    Raises `WindowError` when length, stride and the tokenizer's special tokens leave no room for any question,
    `UnalignedSpanError` for an answer that is not at its start in the context, `ModelError` for a slow tokenizer.
    """
    config = config or WindowsConfig()
    examples = examples if isinstance(examples, Sequence) else tuple(examples)
    template, backend = read_template(tokenizer), fast_backend(tokenizer)
    longest_question = room_for_question(config, template)
    parts = _Parts(template)
    cut_questions: list[str] = []
    lost_examples: list[str] = []
    lost_answers = index = 0
    blocks = [examples[begin : begin + TOKENISE_AT_ONCE] for begin in range(0, len(examples), TOKENISE_AT_ONCE)]
    for block in made_ahead(blocks, lambda block: _tokenised(backend, block)):
        contexts = token_block(block.contexts, list(block.places))
        questions, bounds = ids_of(block.questions)
        rows = _Rows()
        for number, example in enumerate(block.examples):
            begin, end = int(bounds[number]), int(bounds[number + 1])
            if end - begin > longest_question:
                end = begin + longest_question
                cut_questions.append(example.id)
            place = block.places[example.context]
            context = contexts.text(place)
            labels = token_spans(example, context)
            room = config.length - template.overhead - (end - begin)
            cuts = list(_cut(example, context, labels, room, config.stride))
            held = {span for cut in cuts for span in cut.spans}
            lost_answers += len(example.answers or ()) - sum(span in held for span in labels)
            if example.answers and not held:
                lost_examples.append(example.id)
            rows.add(index, (begin, end), int(contexts.bounds[place]), cuts, labelled=bool(held) or example.is_impossible)
            index += 1
        parts.add(rows, questions, contexts)
    lost = Lost(lost_answers, tuple(lost_examples), tuple(cut_questions))
    unanswerable = sum(example.is_impossible for example in examples)
    return replace(parts.join(pad_id(tokenizer)), size=len(examples), unanswerable=unanswerable, lost=lost)


@dataclass(frozen=True, slots=True)
class _Tokenised:
    """A block of examples, the encodings of its questions and of its distinct contexts, and the place of each context."""

    examples: Sequence[Example]
    questions: list[Any]
    contexts: list[Any]
    places: dict[str, int]


def _tokenised(backend: Any, examples: Sequence[Example]) -> _Tokenised:
    distinct = dict.fromkeys(example.context for example in examples)
    contexts = rust_encodings(backend, distinct)
    questions = rust_encodings(backend, [example.question for example in examples])
    return _Tokenised(examples, questions, contexts, {text: place for place, text in enumerate(distinct)})


@dataclass(slots=True)
class _Rows:
    """The windows of a block of examples, as numbers: what to take from where, before any token is copied."""

    questions: list[tuple[int, int]] = field(default_factory=list)
    contexts: list[tuple[int, int]] = field(default_factory=list)
    examples: list[tuple[int, bool]] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    span_counts: list[int] = field(default_factory=list)

    def add(self, index: int, question: tuple[int, int], base: int, cuts: Sequence[_Cut], *, labelled: bool) -> None:
        """Append the windows of one example, whose context begins at `base`. A span of -1 stands for the null position."""
        head = question[1] - question[0]
        for cut in cuts:
            self.questions.append(question)
            self.contexts.append((base + cut.first, base + cut.last))
            self.examples.append((index, cut.unclear))
            inside = [(head + first - cut.first, head + last - cut.first) for first, last in cut.spans]
            spans = (inside or [(-1, -1)]) if labelled else []
            self.spans += spans
            self.span_counts.append(len(spans))


class _Parts:
    """Collects the windows' arrays, block by block, and joins them once: appending to arrays would copy them each time."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.ids: list[Integers] = []
        self.types: list[Integers] = []
        self.starts: list[Integers] = []
        self.ends: list[Integers] = []
        self.lengths: list[Integers] = []
        self.rows: list[Integers] = []
        self.spans: list[Integers] = []
        self.span_counts: list[Integers] = []

    def add(self, rows: _Rows, questions: Integers, contexts: TokenBlock) -> None:
        """Fill the windows of a block: special tokens by their places, questions and contexts by one copy each."""
        asked = np.array(rows.questions, dtype=np.int64).reshape(-1, 2)
        shown = np.array(rows.contexts, dtype=np.int64).reshape(-1, 2)
        template = self.template
        before, middle, after = len(template.prefix), len(template.middle), len(template.suffix)
        begins = before + (asked[:, 1] - asked[:, 0]) + middle
        stops = begins + (shown[:, 1] - shown[:, 0])
        lengths = stops + after
        bases = np.cumsum(lengths) - lengths
        ids, types = np.empty(int(lengths.sum()), dtype=np.int32), np.empty(int(lengths.sum()), dtype=np.int8)
        starts, ends = np.zeros((2, len(ids)), dtype=np.int32)
        of_prefix, of_question, of_middle, of_context, of_suffix = template.types
        for tokens, segments, places in (
            (template.prefix, of_prefix, bases),
            (template.middle, of_middle, bases + begins - middle),
            (template.suffix, of_suffix, bases + stops),
        ):
            for offset, (token, segment) in enumerate(zip(tokens, segments, strict=True)):
                ids[places + offset], types[places + offset] = token, segment
        target, source = _runs(bases + before, asked)
        ids[target], types[target] = questions[source], of_question
        target, source = _runs(bases + begins, shown)
        ids[target], types[target] = contexts.ids[source], of_context
        starts[target], ends[target] = contexts.starts[source], contexts.ends[source]
        null = np.full(len(stops), template.null_at) if template.null_in_prefix else stops + template.null_at
        examples = np.array(rows.examples, dtype=np.int64).reshape(-1, 2)
        counts = np.array(rows.span_counts, dtype=np.int64)
        spans = np.array(rows.spans, dtype=np.int64).reshape(-1, 2)
        owner = np.repeat(np.arange(len(counts)), counts)
        spans = np.where(spans < 0, null[owner][:, None], spans + (before + middle))
        self.ids.append(smallest(ids))
        self.types.append(types)
        self.starts.append(smallest(starts))
        self.ends.append(smallest(ends))
        self.lengths.append(lengths)
        self.rows.append(np.column_stack((begins, stops, null, examples)).astype(np.int32))
        self.spans.append(spans.astype(np.int32))
        self.span_counts.append(counts)

    def join(self, pad_id: int) -> Windows:
        """The flat arrays of everything added; the caller fills in the counts."""
        rows = joined(self.rows).astype(np.int32).reshape(-1, 5)
        return Windows(
            input_ids=smallest(joined(self.ids)),
            token_types=joined(self.types).astype(np.int8),
            starts=smallest(joined(self.starts)),
            ends=smallest(joined(self.ends)),
            bounds=np.concatenate(([0], np.cumsum(joined(self.lengths)))).astype(np.int64),
            context=rows[:, :2],
            null=rows[:, 2],
            example=rows[:, 3],
            unclear=rows[:, 4].astype(bool),
            spans=joined(self.spans).astype(np.int32).reshape(-1, 2),
            span_bounds=np.concatenate(([0], np.cumsum(joined(self.span_counts)))).astype(np.int64),
            pad_id=pad_id,
            size=0,
        )


def _runs(targets: Integers, sources: Integers) -> tuple[Integers, Integers]:
    """Where to copy to and from: for each row, `sources[row, 0]` up to `sources[row, 1]` to `targets[row]` and on.

    >>> [found.tolist() for found in _runs(np.array([5, 9]), np.array([[0, 2], [7, 8]]))]
    [[5, 6, 9], [0, 1, 7]]
    """
    lengths = sources[:, 1] - sources[:, 0]
    inside = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return inside + np.repeat(targets, lengths), inside + np.repeat(sources[:, 0], lengths)


def room_for_question(config: WindowsConfig, template: Template) -> int:
    """The longest question, in tokens, that still leaves the overlap and one new token of context in each window."""
    room = config.length - template.overhead - config.stride - 1
    if room < 1:
        raise WindowError(
            f"windows of {config.length} tokens with a stride of {config.stride} leave {room} tokens for the question, beside "
            f"{template.overhead} special tokens and {config.stride + 1} tokens of context",
            expected=f"windows.length of at least {config.stride + template.overhead + 2}, "
            f"or windows.stride of at most {config.length - template.overhead - 2}",
            next_move="--set windows.length=384 --set windows.stride=128 suits most models",
        )
    return room


def token_spans(example: Example, context: Tokens) -> tuple[tuple[int, int], ...]:
    """First and last context token of each reference answer; answers of which no token is left are missing.

    Answers are taken without the white space at their edges, which most tokenizers drop.
    """
    spans = []
    for answer in example.answers or ():
        start = _aligned_start(answer, example)
        begin = start + len(answer.text) - len(answer.text.lstrip())
        end = start + len(answer.text.rstrip())
        first = int(context.ends.searchsorted(begin, side="right"))
        last = int(context.starts.searchsorted(end, side="left")) - 1
        if begin < end and first <= last:
            spans.append((first, last))
    return tuple(spans)


def _aligned_start(answer: Span, example: Example) -> int:
    """The answer's start; raises `UnalignedSpanError` unless the answer's text stands there."""
    start = answer.start
    if start is not None and start >= 0 and answer.text and example.context.startswith(answer.text, start):
        return start
    found = f"{example.context[start : start + len(answer.text)]!r}" if start is not None and start >= 0 else "nothing"
    raise UnalignedSpanError(
        f"record {example.id!r}: the answer {answer.text!r} has the start {start}, where the context has {found}",
        expected="context[start:start + len(text)] equal to the answer's text, start counted from 0",
        next_move="run the records through spantune.check() and use its .examples",
    )


def _cut(example: Example, context: Tokens, labels: Sequence[tuple[int, int]], room: int, stride: int) -> Iterator[_Cut]:
    """The windows of one context: each begins `room - stride` tokens after the one before, the last may be shorter."""
    size = len(context.ids)
    texts = {answer.text.strip() for answer in example.answers or ()} - {""}
    first = 0
    while True:
        last = min(first + room, size)
        spans = tuple(dict.fromkeys(span for span in labels if first <= span[0] and span[1] < last))
        unclear = bool(texts) and not spans and _shows(example.context, context, first, last, labels, texts)
        yield _Cut(first, last, spans, unclear)
        if last == size:
            return
        first += room - stride


def _shows(
    text: str, context: Tokens, first: int, last: int, labels: Sequence[tuple[int, int]], answers: Collection[str]
) -> bool:
    """Whether a window without a whole reference answer shows a part of one, or its text at an unlabelled place."""
    if any(begin < last and first <= end for begin, end in labels):
        return True
    seen = text[context.starts[first] : context.ends[last - 1]] if first < last else ""
    return any(answer in seen for answer in answers)
