"""Where each window begins and ends, and which reference answers it holds: arithmetic over a block of examples.

In: examples, the tokens of their contexts, the length of each question. Out: numbers that say what to take from where.
Does not know: tokenizers, special tokens, token ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spantune.data.records import Example, Span
from spantune.errors import UnalignedSpanError
from spantune.features.tokens import TokenBlock
from spantune.features.windows import Integers


@dataclass(frozen=True, slots=True)
class Labels:
    """The reference answers of a block of examples as context tokens: `owner` (answers,) and `first`, `last`, inclusive.

    Answers of which no token is left are missing. `given` is how many references the examples have.
    """

    owner: Integers
    first: Integers
    last: Integers
    given: int


@dataclass(frozen=True, slots=True)
class Cuts:
    """The windows of a block of examples.

    `example` (windows,) is the number in the block; `first` and one past `last` are tokens of its context. `unclear`, bool:
    shows a part of an answer without holding one. `spans` (references, 2) are context tokens counted from `first`, and -1
    for the null position; `span_counts` (windows,) says how many belong to each window. `lost`: reference answers that no
    window holds whole; `without`: examples that lost all of theirs.
    """

    example: Integers
    first: Integers
    last: Integers
    unclear: Integers
    spans: Integers
    span_counts: Integers
    lost: int
    without: Integers


def labels_of(examples: Sequence[Example], contexts: TokenBlock, places: Integers) -> Labels:
    """Which tokens each reference answer covers; example `e` has the context `places[e]`.

    Answers are taken without the white space at their edges, which most tokenizers drop. Raises `UnalignedSpanError` for an
    answer that is not at its start in its context.
    """
    owner: list[int] = []
    begins: list[int] = []
    ends: list[int] = []
    given = 0
    for number, example in enumerate(examples):
        for answer in example.answers or ():
            given += 1
            start = _aligned_start(answer, example)
            owner.append(number)
            begins.append(start + len(answer.text) - len(answer.text.lstrip()))
            ends.append(start + len(answer.text.rstrip()))
    owners = np.array(owner, dtype=np.int64)
    place = places[owners]
    base, tokens = contexts.chars[place], np.diff(contexts.bounds)
    begin, end = np.array(begins, dtype=np.int64) + base, np.array(ends, dtype=np.int64) + base
    # Counted from the beginning of the block, starts and ends never fall, so one search finds all.
    shift = np.repeat(contexts.chars[:-1], tokens)
    first = (contexts.ends + shift).searchsorted(begin, side="right")
    last = (contexts.starts + shift).searchsorted(end, side="left") - 1
    kept = (begin < end) & (first <= last)
    within = contexts.bounds[place[kept]]
    return Labels(owners[kept], first[kept] - within, last[kept] - within, given)


def cut(
    examples: Sequence[Example], contexts: TokenBlock, places: Integers, labels: Labels, room: Integers, stride: int
) -> Cuts:
    """The windows of each context: each begins `room - stride` tokens after the one before, the last may be shorter.

    `room` (examples,): how many tokens of context fit beside each question.
    """
    sizes = np.diff(contexts.bounds)[places]
    step = room - stride
    counts = 1 + -(-np.maximum(sizes - room, 0) // step)
    example = np.repeat(np.arange(len(examples)), counts)
    first = counted_up(counts) * step[example]
    last = np.minimum(first + room[example], sizes[example])
    window, label = _pairs(example, labels.owner, len(examples))
    begin, end = labels.first[label], labels.last[label]
    inside = (first[window] <= begin) & (end < last[window])
    held = np.bincount(label[inside], minlength=len(labels.owner)) > 0
    having = np.zeros(len(examples), dtype=bool)
    having[labels.owner[held]] = True
    answered = np.array([bool(one.answers) for one in examples], dtype=bool)
    impossible = np.array([one.is_impossible for one in examples], dtype=bool)
    touching = np.bincount(window[(begin < last[window]) & (first[window] <= end)], minlength=len(example)) > 0
    holding = np.bincount(window[inside], minlength=len(example)) > 0
    unclear = touching & ~holding
    for number in np.flatnonzero(answered[example] & ~touching).tolist():
        owner = examples[example[number]]
        unclear[number] = _shows(owner, contexts, int(places[example[number]]), int(first[number]), int(last[number]))
    new = inside & _first_of_equals(labels)[label]
    spans = np.column_stack((begin, end))[new] - first[window[new]][:, None]
    span_counts = np.bincount(window[new], minlength=len(example))
    empty = np.flatnonzero(~holding & (having | impossible)[example])
    at = np.cumsum(span_counts)[empty]
    span_counts[empty] = 1
    return Cuts(
        example=example,
        first=first,
        last=last,
        unclear=unclear,
        spans=np.insert(spans, at, -1, axis=0),
        span_counts=span_counts,
        lost=labels.given - int(held.sum()),
        without=np.flatnonzero(answered & ~having),
    )


def counted_up(counts: Integers) -> Integers:
    """0, 1, ... for each count.

    >>> counted_up(np.array([2, 1, 3])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    before: Integers = np.repeat(np.cumsum(counts) - counts, counts)
    return np.arange(len(before)) - before


def _pairs(windows: Integers, labels: Integers, examples: int) -> tuple[Integers, Integers]:
    """Every window with every label of the same example; both are given as the examples that they belong to, in order.

    >>> [found.tolist() for found in _pairs(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)]
    [[0, 1, 2, 2], [0, 0, 1, 2]]
    """
    counts = np.bincount(labels, minlength=examples)
    begins = np.cumsum(counts) - counts
    window = np.repeat(np.arange(len(windows)), counts[windows])
    return window, begins[windows[window]] + counted_up(counts[windows])


def _first_of_equals(labels: Labels) -> Integers:
    """Which labels are not the same as an earlier one of their example."""
    rows = np.column_stack((labels.owner, labels.first, labels.last))
    first = np.zeros(len(rows), dtype=bool)
    first[np.unique(rows, axis=0, return_index=True)[1]] = True
    return first


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


def _shows(example: Example, contexts: TokenBlock, place: int, first: int, last: int) -> bool:
    """Whether a window that no reference answer touches shows the text of one, at an unlabelled place."""
    if first == last:
        return False
    base = int(contexts.bounds[place])
    seen = example.context[contexts.starts[base + first] : contexts.ends[base + last - 1]]
    texts = {answer.text.strip() for answer in example.answers or ()} - {""}
    return any(text in seen for text in texts)
