"""The windows of many examples as flat NumPy arrays, and the account of what did not fit into them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spantune.wording import counted

Integers = NDArray[Any]  # of the smallest type that holds the values: a data set of SQuAD's size stays small


@dataclass(frozen=True, slots=True)
class Lost:
    """What windowing could not carry over; every count is of the labelled data given to `encode`.

    `answers`: reference answers that no window holds whole. `examples`: ids of the questions that lost all of their
    answers so. `cut_questions`: ids of the questions that were too long for a window and were shortened.
    `cut_texts`: ids of the texts to classify that were longer than a window.
    """

    answers: int = 0
    examples: tuple[str, ...] = ()
    cut_questions: tuple[str, ...] = ()
    cut_texts: tuple[str, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """What was lost, in plain words; empty when nothing was.

        >>> Lost(answers=2, examples=("q7",)).sentences()
        ("2 reference answers fit into no window; 1 question has none left and is not trained on: 'q7'",)
        """
        said = []
        if self.answers:
            left = f"; {_these(self.examples, 'question')} none left and is not trained on" if self.examples else ""
            left = left.replace("is not", "are not") if len(self.examples) > 1 else left
            named = f": {_few(self.examples)}" if self.examples else ""
            said.append(f"{counted(self.answers, 'reference answer')} {_fit(self.answers)} into no window{left}{named}")
        if self.cut_questions:
            said.append(f"{counted(len(self.cut_questions), 'question')} too long and cut: {_few(self.cut_questions)}")
        if self.cut_texts:
            said.append(f"{counted(len(self.cut_texts), 'text')} longer than a window and cut: {_few(self.cut_texts)}")
        return tuple(said)


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of tokens; window `w` owns the tokens `bounds[w]:bounds[w + 1]` of the flat arrays.

    | field | shape, dtype | meaning |
    |---|---|---|
    | `input_ids` | (tokens,) unsigned | token ids |
    | `token_types` | (tokens,) int8 | segment of each token: question or context |
    | `starts`, `ends` | (tokens,) unsigned | code points of a context token in its context; 0 for all other tokens |
    | `bounds` | (windows + 1,) int64 | where each window begins in the flat arrays |
    | `context` | (windows, 2) int32 | first and one past the last position of context tokens inside the window |
    | `null` | (windows,) int32 | position that stands for "no answer in this window" |
    | `example` | (windows,) int32 | index of the example that the window was cut from |
    | `spans` | (references, 2) int32 | labelled first and last token positions inside the window, inclusive |
    | `span_bounds` | (windows + 1,) int64 | which rows of `spans` belong to a window; no rows means unlabelled |
    | `unclear` | (windows,) bool | shows a part of an answer, or its text at an unlabelled place: teaches neither way |
    | `targets` | (windows,) int64 or None | class of each text, for classification |

    `pad_id` is the token that fills short windows up in a batch. `size` is the number of examples
    encoded, `unanswerable` how many of them are labelled as having no answer.
    """

    input_ids: Integers
    token_types: Integers
    starts: Integers
    ends: Integers
    bounds: Integers
    context: Integers
    null: Integers
    example: Integers
    spans: Integers
    span_bounds: Integers
    unclear: Integers
    pad_id: int
    size: int
    unanswerable: int = 0
    lost: Lost = Lost()
    targets: Integers | None = None

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def lengths(self) -> Integers:
        """(windows,) int64: tokens in each window."""
        return np.diff(self.bounds)

    @property
    def nbytes(self) -> int:
        """Bytes held by the arrays."""
        arrays = (getattr(self, name) for name in self.__slots__)
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))

    @property
    def holds_answer(self) -> Integers:
        """(windows,) bool: the window is labelled with at least one reference span."""
        held = np.zeros(len(self), dtype=bool)
        owner = np.repeat(np.arange(len(self)), np.diff(self.span_bounds))
        held[owner[self.spans[:, 0] != self.null[owner]]] = True
        return held

    def take(self, indices: Integers) -> "Windows":
        """The windows at `indices`, in that order, as a new value; the counts stay those of the whole."""
        tokens, bounds = _gather(self.bounds, indices)
        labels, span_bounds = _gather(self.span_bounds, indices)
        return replace(
            self,
            input_ids=self.input_ids[tokens],
            token_types=self.token_types[tokens],
            starts=self.starts[tokens],
            ends=self.ends[tokens],
            bounds=bounds,
            context=self.context[indices],
            null=self.null[indices],
            example=self.example[indices],
            spans=self.spans[labels],
            span_bounds=span_bounds,
            unclear=self.unclear[indices],
            targets=None if self.targets is None else self.targets[indices],
        )


def smallest(values: Integers) -> Integers:
    """`values` (not negative) in the smallest unsigned type that holds them.

    >>> smallest(np.array([3, 70_000])).dtype
    dtype('uint32')
    """
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def joined(arrays: Sequence[Integers]) -> Integers:
    """The arrays one after another; an empty array for none."""
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int64)


def _gather(bounds: Integers, indices: Integers) -> tuple[Integers, Integers]:
    """Flat positions of the items of the chosen rows, and the new bounds."""
    lengths = bounds[indices + 1] - bounds[indices]
    new_bounds = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    shift = np.repeat(bounds[indices] - new_bounds[:-1], lengths)
    return np.arange(new_bounds[-1]) + shift, new_bounds


def _fit(number: int) -> str:
    return "fits" if number == 1 else "fit"


def _these(ids: tuple[str, ...], noun: str) -> str:
    return f"{counted(len(ids), noun)} {'has' if len(ids) == 1 else 'have'}"


def _few(ids: tuple[str, ...], most: int = 5) -> str:
    named = ", ".join(repr(one) for one in ids[:most])
    return named + (f" and {len(ids) - most} more" if len(ids) > most else "")
