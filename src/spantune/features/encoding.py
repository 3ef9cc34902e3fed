"""Examples in, windows out: each context is tokenised once, cut with overlap beside its question, and labelled.

Contexts and questions are tokenised without special tokens and put together by the tokenizer's own template, which gives
the same windows as `tokenizer(question, context, truncation="only_second", stride=..., return_overflowing_tokens=True)`
but never panics on a stride, and tokenises a context that fifty questions share only once.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spantune.config import WindowsConfig
from spantune.data.records import Example, Span
from spantune.errors import UnalignedSpanError, WindowError
from spantune.features.template import TOKENISE_AT_ONCE, Template, fast_backend, pad_id, read_template, tokenise
from spantune.features.windows import Integers, Lost, Windows, joined, smallest


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text: token ids, and the code points where each token starts and ends in the original text."""

    ids: Integers
    starts: Integers
    ends: Integers


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
    template = read_template(tokenizer)
    longest_question = room_for_question(config, template)
    parts = _Parts()
    cut_questions: list[str] = []
    lost_examples: list[str] = []
    lost_answers = 0
    contexts = _tokenise_once(fast_backend(tokenizer), (example.context for example in examples))
    questions = _tokenise(fast_backend(tokenizer), [example.question for example in examples])
    for index, (example, context, question) in enumerate(zip(examples, contexts, questions, strict=True)):
        question_ids = question.ids
        if len(question_ids) > longest_question:
            question_ids = question_ids[:longest_question]
            cut_questions.append(example.id)
        room = config.length - template.overhead - len(question_ids)
        labels = token_spans(example, context)
        cuts = list(_cut(example, context, labels, room, config.stride))
        held = {span for cut in cuts for span in cut.spans}
        lost_answers += len(example.answers or ()) - sum(span in held for span in labels)
        if example.answers and not held:
            lost_examples.append(example.id)
        labelled = bool(held) or example.is_impossible
        parts.add(index, template, question_ids, context, cuts, labelled=labelled)
    lost = Lost(lost_answers, tuple(lost_examples), tuple(cut_questions))
    unanswerable = sum(example.is_impossible for example in examples)
    return replace(parts.join(pad_id(tokenizer)), size=len(examples), unanswerable=unanswerable, lost=lost)


class _Parts:
    """Collects the windows' arrays and joins them once: appending to NumPy arrays would copy them each time."""

    def __init__(self) -> None:
        self.ids: list[Integers] = []
        self.types: list[Integers] = []
        self.starts: list[Integers] = []
        self.ends: list[Integers] = []
        self.rows: list[tuple[int, int, int, int, bool]] = []
        self.spans: list[tuple[int, int]] = []
        self.span_counts: list[int] = []

    def add(
        self,
        index: int,
        template: Template,
        question: Integers,
        context: Tokens,
        cuts: Sequence[_Cut],
        *,
        labelled: bool,
    ) -> None:
        """Append the windows of one example."""
        head = np.concatenate((template.prefix, question, template.middle)).astype(np.int32)
        tail = np.array(template.suffix, dtype=np.int32)
        before, of_question, between, of_context, after = template.types
        head_types = np.concatenate((before, np.full(len(question), of_question), between)).astype(np.int8)
        tail_types = np.array(after, dtype=np.int8)
        no_head, no_tail = np.zeros(len(head), dtype=np.int32), np.zeros(len(tail), dtype=np.int32)
        for cut in cuts:
            tokens = slice(cut.first, cut.last)
            size = cut.last - cut.first
            self.ids += (head, context.ids[tokens], tail)
            self.types += (head_types, np.full(size, of_context, dtype=np.int8), tail_types)
            self.starts += (no_head, context.starts[tokens], no_tail)
            self.ends += (no_head, context.ends[tokens], no_tail)
            begin, stop = len(head), len(head) + size
            null = template.null_at if template.null_in_prefix else stop + template.null_at
            self.rows.append((begin, stop, null, index, cut.unclear))
            inside = [(begin + first - cut.first, begin + last - cut.first) for first, last in cut.spans]
            spans = (inside or [(null, null)]) if labelled else []
            self.spans += spans
            self.span_counts.append(len(spans))

    def join(self, pad_id: int) -> Windows:
        """The flat arrays of everything added; the caller fills in the counts."""
        rows = np.array(self.rows, dtype=np.int32).reshape(-1, 5)
        lengths = [len(a) + len(b) + len(c) for a, b, c in _triples(self.ids)]
        return Windows(
            input_ids=smallest(joined(self.ids)),
            token_types=joined(self.types).astype(np.int8),
            starts=smallest(joined(self.starts)),
            ends=smallest(joined(self.ends)),
            bounds=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
            context=rows[:, :2],
            null=rows[:, 2],
            example=rows[:, 3],
            unclear=rows[:, 4].astype(bool),
            spans=np.array(self.spans, dtype=np.int32).reshape(-1, 2),
            span_bounds=np.concatenate(([0], np.cumsum(self.span_counts))).astype(np.int64),
            pad_id=pad_id,
            size=0,
        )


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
        first = int(np.searchsorted(context.ends, begin, side="right"))
        last = int(np.searchsorted(context.starts, end, side="left")) - 1
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


def _tokenise_once(backend: Any, texts: Iterable[str]) -> Iterator[Tokens]:
    """Like `_tokenise`, but a text equal to one of its near neighbours is not tokenised again."""
    block: list[str] = []
    for text in texts:
        block.append(text)
        if len(block) == TOKENISE_AT_ONCE:
            yield from distinct_tokens(backend, block)
            block = []
    yield from distinct_tokens(backend, block)


def distinct_tokens(backend: Any, texts: Sequence[str]) -> Iterator[Tokens]:
    """The tokens of each text; equal ones are tokenised once."""
    distinct = tuple(dict.fromkeys(texts))
    known = dict(zip(distinct, _tokenise(backend, distinct), strict=True))
    return (known[text] for text in texts)


def _tokenise(backend: Any, texts: Sequence[str]) -> Iterator[Tokens]:
    return (_tokens(encoding, text) for encoding, text in zip(tokenise(backend, texts), texts, strict=True))


def _tokens(encoding: Any, text: str) -> Tokens:
    offsets = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)
    # A token without text of its own (an added space marker, say) must not break the order that searchsorted needs.
    starts, ends = np.maximum.accumulate(offsets[:, 0]), np.maximum.accumulate(offsets[:, 1])
    if not text.isascii():
        _take_marks(text, starts, ends)
    return Tokens(np.array(encoding.ids, dtype=np.int32), starts, ends)


def _take_marks(text: str, starts: Integers, ends: Integers) -> None:
    """Move `ends`, in place, over combining marks that belong to no token, so that an answer is quoted with its last mark.

    Uncased BERT tokenizers drop accents that stand alone, and with them many vowel signs of Hindi and points of Arabic.
    """
    following = np.append(starts[1:], len(text))
    for token in np.flatnonzero(following > ends):
        end, limit = int(ends[token]), int(following[token])
        while end < limit and unicodedata.category(text[end]).startswith("M"):
            end += 1
        ends[token] = end


def _triples(arrays: Sequence[Integers]) -> Iterator[tuple[Integers, Integers, Integers]]:
    return zip(arrays[::3], arrays[1::3], arrays[2::3], strict=True)
