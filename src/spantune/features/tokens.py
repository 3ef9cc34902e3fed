"""Texts in, their tokens out: flat arrays for a block of texts, made while the tokenizer works on the next block.

In: a tokenizer's Rust backend, texts. Out: token ids, and the code points where each token starts and ends in its text.
Does not know: questions, windows, labels.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from spantune.features.template import SURROGATES
from spantune.features.windows import Integers

FIRST_MARK = 0x300  # no character below it is a combining mark


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text: token ids, and the code points where each token starts and ends in the original text."""

    ids: Integers
    starts: Integers
    ends: Integers


@dataclass(frozen=True, slots=True)
class TokenBlock:
    """The tokens of several texts behind one another, int32; text `t` owns those from `bounds[t]` to `bounds[t + 1]`."""

    ids: Integers
    starts: Integers
    ends: Integers
    bounds: Integers

    def text(self, number: int) -> Tokens:
        """The tokens of one text: views, not copies."""
        at = slice(int(self.bounds[number]), int(self.bounds[number + 1]))
        return Tokens(self.ids[at], self.starts[at], self.ends[at])


def rust_encodings(backend: Any, texts: Iterable[str]) -> list[Any]:
    """The encodings of texts without special tokens; half a character (a lone surrogate) is read as an unknown one."""
    encodings: list[Any] = backend.encode_batch([_whole(text) for text in texts], add_special_tokens=False)
    return encodings


def ids_of(encodings: Sequence[Any]) -> tuple[Integers, Integers]:
    """The token ids of several encodings behind one another, (tokens,) int32, and where each text begins, (texts + 1,)."""
    bounds = np.zeros(len(encodings) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, encodings), np.int64, len(encodings)), out=bounds[1:])
    ids = np.fromiter(chain.from_iterable([encoding.ids for encoding in encodings]), np.int32, int(bounds[-1]))
    return ids, bounds


def token_block(encodings: Sequence[Any], texts: Sequence[str]) -> TokenBlock:
    """The tokens of `texts`, whose encodings these are, in flat arrays."""
    ids, bounds = ids_of(encodings)
    pairs = chain.from_iterable([encoding.offsets for encoding in encodings])
    offsets = np.fromiter(chain.from_iterable(pairs), np.int32, 2 * len(ids)).reshape(-1, 2)
    block = TokenBlock(ids, np.ascontiguousarray(offsets[:, 0]), np.ascontiguousarray(offsets[:, 1]), bounds)
    for number in _out_of_order(block):
        tokens = block.text(number)
        # A token without text of its own (an added space marker, say) must not break the order that searchsorted needs.
        np.maximum.accumulate(tokens.starts, out=tokens.starts)
        np.maximum.accumulate(tokens.ends, out=tokens.ends)
    for number, text in enumerate(texts):
        if not text.isascii():
            _take_marks(text, block.text(number))
    return block


def distinct_tokens(backend: Any, texts: Sequence[str]) -> Iterator[Tokens]:
    """The tokens of each text; equal ones are tokenised once."""
    distinct = tuple(dict.fromkeys(texts))
    block = token_block(rust_encodings(backend, distinct), distinct)
    places = {text: number for number, text in enumerate(distinct)}
    return (block.text(places[text]) for text in texts)


Item = TypeVar("Item")
Made = TypeVar("Made")


def made_ahead(items: Sequence[Item], make: Callable[[Item], Made]) -> Iterator[Made]:
    """What `make` makes of each item, in order; the next one is made in a thread while the caller uses this one.

    The Rust tokenizer releases Python's lock, so both work at once. A single item is made at once, without a thread.

    >>> list(made_ahead([3, 1, 2], str))
    ['3', '1', '2']
    """
    if len(items) < 2:
        yield from map(make, items)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="tokenise") as thread:
        coming = thread.submit(make, items[0])
        for item in items[1:]:
            made, coming = coming.result(), thread.submit(make, item)
            yield made
        yield coming.result()


def _whole(text: str) -> str:
    return text if text.isascii() else SURROGATES.sub("\ufffd", text)


def _out_of_order(block: TokenBlock) -> Iterable[int]:
    """Numbers of the texts in which a token starts or ends before the one that it follows."""
    falls = (np.diff(block.starts) < 0) | (np.diff(block.ends) < 0)
    inner = block.bounds[1:-1]
    falls[inner[(inner > 0) & (inner < len(block.ids))] - 1] = False  # from one text to the next
    found: list[int] = np.unique(np.searchsorted(block.bounds, np.flatnonzero(falls), side="right") - 1).tolist()
    return found


def _take_marks(text: str, tokens: Tokens) -> None:
    """Move ends, in place, over combining marks that belong to no token, so that an answer is quoted with its last mark.

    Uncased BERT tokenizers drop accents that stand alone, and with them many vowel signs of Hindi and points of Arabic.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    following = np.append(tokens.starts[1:], len(text))
    gaps = np.flatnonzero(following > tokens.ends)
    for token in gaps[codes[tokens.ends[gaps]] >= FIRST_MARK]:
        end, limit = int(tokens.ends[token]), int(following[token])
        while end < limit and unicodedata.category(text[end]).startswith("M"):
            end += 1
        tokens.ends[token] = end
