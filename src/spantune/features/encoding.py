"""Examples in, windows out: each context is tokenised once, cut with overlap beside its question, and labelled.

Contexts and questions are tokenised without special tokens and put together by the tokenizer's own template, which gives
the same windows as `tokenizer(question, context, truncation="only_second", stride=..., return_overflowing_tokens=True)`
but never panics on a stride, and tokenises a context that many questions of a block share only once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from spantune.ahead import ahead
from spantune.config import WindowsConfig
from spantune.data.records import Example
from spantune.errors import WindowError
from spantune.features.cutting import Cuts, counted_up, cut, labels_of
from spantune.features.template import Template, fast_backend, pad_id, read_template
from spantune.features.tokens import TokenBlock, ids_of, rust_encodings, rust_ids, token_block
from spantune.features.windows import Integers, Lost, Windows, joined, smallest

# In one call of the Rust tokenizer: enough to use its threads, small enough to stay in memory.
EXAMPLES_AT_ONCE = 1_024
CHARACTERS_AT_ONCE = 1_000_000


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
    cut_questions: list[int] = []
    lost_examples: list[int] = []
    lost_answers = done = 0
    order = _by_context(examples)
    blocks = _blocks([examples[number] for number in order])
    for pair in ahead(blocks, lambda block: _tokenised(backend, block)):
        block = pair.made
        contexts = token_block(backend, block.texts, block.contexts)
        questions, bounds = ids_of(block.questions)
        asked = np.minimum(np.diff(bounds), longest_question)
        numbers = order[done : done + len(asked)]
        cut_questions += numbers[np.diff(bounds) > asked].tolist()
        labels = labels_of(block.examples, contexts, block.places)
        cuts = cut(block.examples, contexts, block.places, labels, config.length - template.overhead - asked, config.stride)
        parts.add(cuts, numbers, questions, bounds[:-1], asked, contexts, contexts.bounds[block.places])
        lost_answers += cuts.lost
        lost_examples += numbers[cuts.without].tolist()
        done += len(asked)
    lost = Lost(lost_answers, _ids(examples, lost_examples), _ids(examples, cut_questions))
    unanswerable = sum(example.is_impossible for example in examples)
    windows = replace(parts.join(pad_id(tokenizer)), size=len(examples), unanswerable=unanswerable, lost=lost)
    in_order = bool((np.diff(order) > 0).all())
    return windows if in_order else windows.take(np.argsort(windows.example, kind="stable"))


def _by_context(examples: Sequence[Example]) -> Integers:
    """Numbers of the examples with those of one context side by side, so that it is tokenised once, wherever they stand."""
    first: dict[str, int] = {}
    return np.argsort([first.setdefault(example.context, number) for number, example in enumerate(examples)], kind="stable")


def _blocks(examples: Sequence[Example]) -> list[Sequence[Example]]:
    """Blocks of neighbours; those of long contexts are shorter, as a token weighs ten times what its text does."""
    ends = np.cumsum([len(one.context) for one in examples]) // CHARACTERS_AT_ONCE
    turns = np.flatnonzero(np.diff(ends)) + 1
    bounds = sorted({0, *turns.tolist(), *range(0, len(examples), EXAMPLES_AT_ONCE), len(examples)})
    return [examples[begin:end] for begin, end in pairwise(bounds)]


def _ids(examples: Sequence[Example], numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(examples[number].id for number in sorted(numbers))


@dataclass(frozen=True, slots=True)
class _Tokenised:
    """A block of examples: the encodings of its questions and of its distinct contexts, and the place of each context."""

    examples: Sequence[Example]
    questions: list[Any]
    contexts: list[Any]
    texts: list[str]
    places: Integers


def _tokenised(backend: Any, examples: Sequence[Example]) -> _Tokenised:
    number = {text: place for place, text in enumerate(dict.fromkeys(example.context for example in examples))}
    places = np.array([number[example.context] for example in examples], dtype=np.int64)
    questions = rust_ids(backend, [example.question for example in examples])
    return _Tokenised(examples, questions, rust_encodings(backend, number), list(number), places)


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

    def add(
        self,
        cuts: Cuts,
        numbers: Integers,
        questions: Integers,
        question_at: Integers,
        asked: Integers,
        contexts: TokenBlock,
        context_at: Integers,
    ) -> None:
        """Fill the windows of a block: special tokens by their places, questions and contexts by one copy each.

        `numbers` (examples,) are those of the block's examples. Example `e` asks `asked[e]` tokens, from
        `questions[question_at[e]]` on, of the context whose tokens begin at `context_at[e]`.
        """
        template, shown = self.template, cuts.last - cuts.first
        before, middle, after = len(template.prefix), len(template.middle), len(template.suffix)
        begins = before + asked[cuts.example] + middle
        stops = begins + shown
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
        target, source = _runs(bases + before, question_at[cuts.example], asked[cuts.example])
        ids[target], types[target] = questions[source], of_question
        target, source = _runs(bases + begins, context_at[cuts.example] + cuts.first, shown)
        ids[target], types[target] = contexts.ids[source], of_context
        starts[target], ends[target] = contexts.starts[source], contexts.ends[source]
        null = np.full(len(stops), template.null_at) if template.null_in_prefix else stops + template.null_at
        at = np.repeat(np.arange(len(begins)), cuts.span_counts)
        spans = np.where(cuts.spans < 0, null[at][:, None], cuts.spans + begins[at][:, None])
        self.ids.append(smallest(ids))
        self.types.append(types)
        self.starts.append(smallest(starts))
        self.ends.append(smallest(ends))
        self.lengths.append(lengths)
        self.rows.append(np.column_stack((begins, stops, null, numbers[cuts.example], cuts.unclear)).astype(np.int32))
        self.spans.append(spans.astype(np.int32))
        self.span_counts.append(cuts.span_counts)

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


def _runs(targets: Integers, sources: Integers, lengths: Integers) -> tuple[Integers, Integers]:
    """Where to copy to and from: for each row, `lengths[row]` tokens from `sources[row]` on to `targets[row]` and on.

    >>> [found.tolist() for found in _runs(np.array([5, 9]), np.array([0, 7]), np.array([2, 1]))]
    [[5, 6, 9], [0, 1, 7]]
    """
    inside = counted_up(lengths)
    return inside + np.repeat(targets, lengths), inside + np.repeat(sources, lengths)


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
