"""Where the tokens of a text stand in it, worked out from their lengths, word by word.

In: a tokenizer's Rust backend; token ids, and the code points of their texts. Out: the code point where each token starts,
and one past its last. Does not know: questions, windows, labels.

Asking the Rust tokenizer for offsets costs it a third more time, and each offset becomes a Python tuple: for BERT's kind of
tokenizer that was more work than tokenising. There, each code point becomes so many characters of words, in order, whatever
stands beside it, and breaks the word or does not; a token is a known number of characters of its word, or all of it when
the word is unknown. So the w-th word of the tokens is the w-th of the text. Texts for which the two do not agree, such as
those that spell out a special token, are named, and their offsets are asked for.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from spantune.features.template import SURROGATES
from spantune.features.windows import Integers

CODE_POINTS = 0x110000
UNSEEN, INSIDE, SPACE, ALONE, IRREGULAR = range(5)  # what a code point is to the word that it stands in
LETTER, ACCENTED = "a", "e\u0301"
LONGEST = 255  # tokens of more characters are none of a sane vocabulary

Places = tuple[Integers, Integers, Integers]


@dataclass(frozen=True, slots=True)
class TokenLengths:
    """What is known of each token and each code point.

    `of_token`, (vocabulary,) uint8: characters, 0 for a token that is as long as its word. `begins`, (vocabulary,) bool:
    begins a word. `added`, (vocabulary,) bool: was added to the vocabulary, so that it may split a word. `role` and `left`,
    (0x110000,) uint8, filled in when a code point is first seen: its part in the word, and how many characters are left of it.
    """

    of_token: Integers
    begins: Integers
    added: Integers
    role: Integers
    left: Integers
    normalizer: Any
    splitter: Any

    def places(self, ids: Integers, bounds: Integers, codes: Integers, chars: Integers) -> Places:
        """Starts and ends of all tokens, counted in their own text, and the numbers of the texts that must be asked for.

        `ids` (tokens,) and `codes` (code points,) hold texts behind one another, text `t` those from `bounds[t]` and
        `chars[t]`. What is found for a text that must be asked for has no meaning.
        """
        standing, word_at, word_bounds, odd = self._words(codes, chars)
        begins = self.begins[ids]
        words = _sums(begins)
        odd |= np.diff(words[bounds]) != np.diff(word_bounds)
        text = np.repeat(np.arange(len(odd)), np.diff(bounds))
        odd[text[self.added[ids]]] = True
        word = words[1:] - 1 + (word_bounds[:-1] - words[bounds[:-1]])[text]
        word = np.clip(word, 0, max(len(word_at) - 2, 0))
        lengths = self.of_token[ids].astype(np.int64)
        lengths = np.where(lengths == 0, word_at[word + 1] - word_at[word], lengths)
        reach = _sums(lengths)
        opening = np.maximum.accumulate(np.where(begins, np.arange(len(ids)), 0))
        first = word_at[word] + reach[:-1] - reach[opening]
        # The last token of a word has to end where the word does.
        closing = np.append(begins[1:], True) | np.append(np.diff(text) > 0, True)[: len(ids)]
        odd[text[closing & (first + lengths != word_at[word + 1])]] = True
        last = np.clip(first + lengths - 1, 0, max(len(standing) - 1, 0))
        first = np.minimum(first, last)
        base = chars[:-1][text]
        starts, ends = standing[first] - base, standing[last] + 1 - base
        return starts.astype(np.int32), ends.astype(np.int32), np.flatnonzero(odd)

    def _words(self, codes: Integers, chars: Integers) -> tuple[Integers, Integers, Integers, Integers]:
        """The words of all texts: the code point of each character that is left, the character at which each word begins
        (and one past the last), how many words come before each text, and whether a text is not to be trusted.
        """
        self._look_at(codes)
        role, left = self.role[codes], self.left[codes]
        odd = np.zeros(len(chars) - 1, dtype=bool)
        odd[np.searchsorted(chars, np.flatnonzero(role == IRREGULAR), side="right") - 1] = True
        breaks = _sums((role == SPACE) | (role == ALONE)) + _sums(np.append(False, role == ALONE)[:-1])
        standing = np.repeat(np.arange(len(codes)), left)
        if len(standing) == 0:
            return np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64), np.zeros(len(chars), dtype=np.int64), odd
        # Another text, a space between, this one alone or the one before: each raises the count by the time it is reached.
        text = np.searchsorted(chars, standing, side="right")
        count = breaks[1:][standing] + text
        opens = np.append(True, np.diff(count) > 0)
        word_at = np.append(np.flatnonzero(opens), len(standing))
        return standing, word_at, _sums(opens)[_sums(left)[chars]], odd

    def _look_at(self, codes: Integers) -> None:
        for code in np.unique(codes[self.role[codes] == UNSEEN]).tolist():
            self.left[code], self.role[code] = self._seen(chr(code))  # the role last: another thread may look at it

    def _seen(self, character: str) -> tuple[int, int]:
        text = self.normalizer.normalize_str(LETTER + SURROGATES.sub("\ufffd", character) + LETTER)
        pieces = [piece for piece, _ in self.splitter.pre_tokenize_str(text)]
        if pieces == [LETTER, LETTER]:
            return 0, SPACE
        if len(pieces) == 1 and not (len(text) > 2 and self._moves(character)):
            return len(text) - 2, INSIDE
        return 1, ALONE if len(pieces) == 3 and len(pieces[1]) == 1 else IRREGULAR

    def _moves(self, character: str) -> bool:
        """A normaliser that takes accents off decomposes first, which puts the marks that stay in their canonical order."""
        return unicodedata.combining(character) > 0 and self.normalizer.normalize_str(ACCENTED) != ACCENTED


def token_lengths(backend: Any) -> TokenLengths | None:
    """The lengths of a tokenizer's tokens, where these say where they stand; `None` for other kinds than BERT's."""
    model, normalizer, splitter = backend.model, backend.normalizer, backend.pre_tokenizer
    known = type(model) is WordPiece and type(normalizer) is BertNormalizer and type(splitter) is BertPreTokenizer
    return _lengths(backend, backend.get_vocab_size(), str(normalizer)) if known else None


@lru_cache(maxsize=4)
def _lengths(backend: Any, size: int, normalizer: str) -> TokenLengths:
    """Kept by the backend and by what can change in it: its vocabulary grows when tokens are added."""
    del size, normalizer
    prefix = backend.model.continuing_subword_prefix
    vocabulary: dict[str, int] = backend.get_vocab(with_added_tokens=True)
    of_token = np.zeros(max(vocabulary.values(), default=0) + 1, dtype=np.uint8)
    begins = np.ones(len(of_token), dtype=bool)
    for token, number in vocabulary.items():
        begins[number] = not (token.startswith(prefix) and token != prefix)
        length = len(token) if begins[number] else len(token) - len(prefix)
        of_token[number] = length if length <= LONGEST else 0
    added = np.zeros(len(of_token), dtype=bool)
    added[list(backend.get_added_tokens_decoder())] = True
    if backend.model.unk_token in vocabulary:  # mostly an added token too, for texts that spell it out
        of_token[vocabulary[backend.model.unk_token]] = added[vocabulary[backend.model.unk_token]] = 0
    role, left = np.full(CODE_POINTS, UNSEEN, dtype=np.uint8), np.zeros(CODE_POINTS, dtype=np.uint8)
    return TokenLengths(of_token, begins, added, role, left, backend.normalizer, backend.pre_tokenizer)


def _sums(values: Integers) -> Integers:
    """Running sums with a leading 0, so that what lies between two bounds is one difference.

    >>> _sums(np.array([2, 1])).tolist()
    [0, 2, 3]
    """
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums
