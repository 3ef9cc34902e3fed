"""How a tokenizer puts a question and a context together: which special tokens stand where, and which of them means "none"."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from spantune.errors import ModelError

TOKENISE_AT_ONCE = 256  # texts in one call of the Rust tokenizer: enough to use its threads, small enough to stay in memory
SURROGATES = re.compile(r"[\ud800-\udfff]")  # halves of a character, which JSON can spell and UTF-8 cannot


@dataclass(frozen=True, slots=True)
class Template:
    """The special tokens around `question` and `context`, in token ids, and the segment (token type) of every token.

    A window is `prefix + question + middle + context + suffix`; `types` follows these five parts, one segment for each
    special token (XLNet's last has one of its own) and one for all tokens of a text. `null_in_prefix` and `null_at` say
    which special token stands for "no answer in this window": the classification token where the tokenizer has one,
    wherever it puts it (first for BERT, last for XLNet), else the closing end-of-text token.
    """

    prefix: tuple[int, ...]
    middle: tuple[int, ...]
    suffix: tuple[int, ...]
    types: tuple[tuple[int, ...], int, tuple[int, ...], int, tuple[int, ...]]
    null_in_prefix: bool
    null_at: int

    @property
    def overhead(self) -> int:
        """Special tokens in a window.

        >>> Template((101,), (102,), (102,), ((0,), 0, (0,), 1, (1,)), null_in_prefix=True, null_at=0).overhead
        3
        """
        return len(self.prefix) + len(self.middle) + len(self.suffix)


def read_template(tokenizer: Any) -> Template:
    """Find the template by encoding a pair and looking where the special tokens fell.

    Tokenizers of decoders add no token that sees both texts. They get an end-of-text token after the question and one
    after the context: a decoder's first position sees nothing of the question, so only the closing token can mean "none".

    Raises `ModelError` for tokenizers without a `tokenizers` backend (no offsets), without any special token, or for
    which a letter is no token.
    """
    pair = fast_backend(tokenizer).encode("a", "b", add_special_tokens=True)
    parts = pair.sequence_ids
    if 0 not in parts or 1 not in parts:
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} makes no token of a letter",
            expected="a tokenizer with a vocabulary, and an unknown token for what is not in it",
            next_move="save the tokenizer that the model was trained with into its folder",
        )
    question, question_end = parts.index(0), len(parts) - parts[::-1].index(0)
    context, context_end = parts.index(1), len(parts) - parts[::-1].index(1)
    ids, types = tuple(pair.ids), tuple(pair.type_ids)
    prefix, middle, suffix = ids[:question], ids[question_end:context], ids[context_end:]
    segments = (types[:question], types[question], types[question_end:context], types[context], types[context_end:])
    classification = tokenizer.cls_token_id
    if classification is not None and classification in prefix:
        return Template(prefix, middle, suffix, segments, null_in_prefix=True, null_at=prefix.index(classification))
    if classification is not None and classification in suffix:
        return Template(prefix, middle, suffix, segments, null_in_prefix=False, null_at=suffix.index(classification))
    closing = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    if closing is None:
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} has no classification, separator or end-of-text token",
            expected="a special token that can stand for 'no answer in this window'",
            next_move="set tokenizer.eos_token to a token of its vocabulary and save it again",
        )
    if not middle:
        middle, segments = (closing,), (*segments[:2], (segments[1],), *segments[3:])
    if closing not in suffix:
        suffix, segments = (*suffix, closing), (*segments[:4], (*segments[4], segments[3]))
    return Template(prefix, middle, suffix, segments, null_in_prefix=False, null_at=suffix.index(closing))


def fast_backend(tokenizer: Any) -> Any:
    """The Rust tokenizer below a Hugging Face one, with truncation and padding switched off: windows are cut here.

    Raises `ModelError` where there is none: only the fast tokenizers know the offsets of their tokens.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} is a slow one: it does not tell where its tokens stand in the text",
            expected="a fast tokenizer (a folder with tokenizer.json)",
            next_move="load it with AutoTokenizer.from_pretrained(..., use_fast=True) and save it, or choose another model",
        )
    backend.no_truncation()
    backend.no_padding()
    return backend


def tokenise(backend: Any, texts: Iterable[str]) -> Iterator[Any]:
    """The encoding of each text, without special tokens; half a character (a lone surrogate) is read as an unknown one."""
    block: list[str] = []
    for text in texts:
        block.append(SURROGATES.sub("\ufffd", text))
        if len(block) == TOKENISE_AT_ONCE:
            yield from backend.encode_batch(block, add_special_tokens=False)
            block = []
    yield from backend.encode_batch(block, add_special_tokens=False)


def pad_id(tokenizer: Any) -> int:
    """The padding token, or any token where there is none: padded positions are masked and never read."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0)
