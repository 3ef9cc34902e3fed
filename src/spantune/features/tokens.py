"""Texts in, their tokens out: flat arrays for a block of texts.

In: a tokenizer's Rust backend, texts. Out: token ids, and the code points where each token starts and ends in its text.
Does not know: questions, windows, labels.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from spantune.features.offsets import token_lengths
from spantune.features.template import SURROGATES
from spantune.features.windows import Integers

FIRST_MARK = 0x300  # no character below it is a combining mark


@dataclass(frozen=True, slots=True)
class TokenBlock:
    """The tokens of several texts behind one another; text `t` owns those from `bounds[t]` to `bounds[t + 1]`.

    `ids`, `starts` and `ends`, (tokens,) int32: ids, and where each token stands in its own text. `chars`, (texts + 1,)
    int64: how many code points come before each text.
    """

    ids: Integers
    starts: Integers
    ends: Integers
    bounds: Integers
    chars: Integers


def rust_ids(backend: Any, texts: Iterable[str]) -> list[Any]:
    """The encodings of texts without special tokens, for `ids_of` alone: without offsets they cost a quarter less."""
    encodings: list[Any] = backend.encode_batch_fast(_whole(texts), add_special_tokens=False)
    return encodings


def rust_encodings(backend: Any, texts: Iterable[str]) -> list[Any]:
    """The encodings of texts without special tokens, for `token_block`."""
    if token_lengths(backend) is not None:
        return rust_ids(backend, texts)
    encodings: list[Any] = backend.encode_batch(_whole(texts), add_special_tokens=False)
    return encodings


def ids_of(encodings: Sequence[Any]) -> tuple[Integers, Integers]:
    """The token ids of several encodings behind one another, (tokens,) int32, and where each text begins, (texts + 1,)."""
    bounds = _bounds(encodings)
    ids = np.fromiter(chain.from_iterable([encoding.ids for encoding in encodings]), np.int32, int(bounds[-1]))
    return ids, bounds


def token_block(backend: Any, texts: Sequence[str], encodings: Sequence[Any]) -> TokenBlock:
    """The tokens of `texts` in flat arrays; the encodings are what `rust_encodings` made of these texts."""
    ids, bounds = ids_of(encodings)
    codes, chars = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32), _bounds(texts)
    lengths = token_lengths(backend)
    if lengths is None:
        block = TokenBlock(ids, *_offsets(encodings, len(ids)), bounds, chars)
    else:
        starts, ends, asked = lengths.places(ids, bounds, codes, chars)
        block = TokenBlock(ids, starts, ends, bounds, chars)
        encoded = [backend.encode(text, add_special_tokens=False) for text in _whole(texts[number] for number in asked)]
        at = np.concatenate([np.arange(bounds[number], bounds[number + 1]) for number in asked] or [np.empty(0, np.int64)])
        starts[at], ends[at] = _offsets(encoded, len(at))
    _put_in_order(block)
    _take_marks(block, codes)
    return block


def distinct_tokens(backend: Any, texts: Sequence[str]) -> tuple[Integers, TokenBlock]:
    """The tokens of texts, equal ones tokenised once, and the place of each text among them."""
    number = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    block = token_block(backend, list(number), rust_encodings(backend, number))
    return np.array([number[text] for text in texts], dtype=np.int64), block


def _whole(texts: Iterable[str]) -> list[str]:
    """Texts that the tokenizer takes: half a character (a lone surrogate) is read as an unknown one."""
    return [text if text.isascii() else SURROGATES.sub("\ufffd", text) for text in texts]


def _bounds(parts: Sequence[Any]) -> Integers:
    bounds = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=bounds[1:])
    return bounds


def _offsets(encodings: Sequence[Any], tokens: int) -> tuple[Integers, Integers]:
    """Starts and ends of all tokens, as the tokenizer tells them."""
    pairs = chain.from_iterable([encoding.offsets for encoding in encodings])
    offsets = np.fromiter(chain.from_iterable(pairs), np.int32, 2 * tokens).reshape(-1, 2)
    return np.ascontiguousarray(offsets[:, 0]), np.ascontiguousarray(offsets[:, 1])


def _put_in_order(block: TokenBlock) -> None:
    """Let no token, in place, start or end before the one that it follows: `searchsorted` needs the order.

    Tokens without text of their own, an added space marker for instance, may stand anywhere.
    """
    falls = (np.diff(block.starts) < 0) | (np.diff(block.ends) < 0)
    inner = block.bounds[1:-1]
    falls[inner[(inner > 0) & (inner < len(block.ids))] - 1] = False  # from one text to the next
    for number in np.unique(np.searchsorted(block.bounds, np.flatnonzero(falls), side="right") - 1).tolist():
        at = slice(int(block.bounds[number]), int(block.bounds[number + 1]))
        np.maximum.accumulate(block.starts[at], out=block.starts[at])
        np.maximum.accumulate(block.ends[at], out=block.ends[at])


def _take_marks(block: TokenBlock, codes: Integers) -> None:
    """Move ends, in place, over combining marks that belong to no token, so that an answer is quoted with its last mark.

    Uncased BERT tokenizers drop accents that stand alone, and with them many vowel signs of Hindi and points of Arabic.
    """
    tokens = np.diff(block.bounds)
    base = np.repeat(block.chars[:-1], tokens)
    following = np.append(block.starts[1:] + base[1:], 0)
    holds = np.flatnonzero(tokens)
    following[block.bounds[holds + 1] - 1] = block.chars[holds + 1]  # after a text's last token, all that is left of it
    ends = block.ends + base
    gaps = np.flatnonzero(following > ends)
    for token in gaps[codes[ends[gaps]] >= FIRST_MARK].tolist():
        end, limit = int(ends[token]), int(following[token])
        while end < limit and unicodedata.category(chr(codes[end])).startswith("M"):
            end += 1
        block.ends[token] = end - base[token]
