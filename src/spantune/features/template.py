"""How a tokenizer puts a question and a context together: which special tokens stand where, and which of them means "none"."""

from dataclasses import dataclass
from typing import Any

from spantune.errors import ModelError


@dataclass(frozen=True, slots=True)
class Template:
    """The special tokens around `question` and `context`, in token ids, and the segment (token type) of each part.

    A window is `prefix + question + middle + context + suffix`. `null_in` and `null_at` say which special token stands
    for "no answer in this window": the classification token where the tokenizer has one, wherever it puts it
    (first for BERT, last for XLNet), else the closing end-of-text token.
    """

    prefix: tuple[int, ...]
    middle: tuple[int, ...]
    suffix: tuple[int, ...]
    types: tuple[int, int, int, int, int]
    null_in_prefix: bool
    null_at: int

    @property
    def overhead(self) -> int:
        """Special tokens in a window.

        >>> Template((101,), (102,), (102,), (0, 0, 0, 1, 1), null_in_prefix=True, null_at=0).overhead
        3
        """
        return len(self.prefix) + len(self.middle) + len(self.suffix)


def read_template(tokenizer: Any) -> Template:
    """Find the template by encoding a pair and looking where the special tokens fell.

    Tokenizers of decoders add no token that sees both texts. They get an end-of-text token after the question and one
    after the context: a decoder's first position sees nothing of the question, so only the closing token can mean "none".

    Raises `ModelError` for tokenizers without a `tokenizers` backend (no offsets) or without any special token.
    """
    backend = fast_backend(tokenizer)
    pair = backend.encode("a", "b", add_special_tokens=True)
    parts = pair.sequence_ids
    first_question, last_question = parts.index(0), len(parts) - 1 - parts[::-1].index(0)
    first_context, last_context = parts.index(1), len(parts) - 1 - parts[::-1].index(1)
    ids, types = pair.ids, pair.type_ids
    prefix = tuple(ids[:first_question])
    middle = tuple(ids[last_question + 1 : first_context])
    suffix = tuple(ids[last_context + 1 :])

    def type_at(position: int, otherwise: int) -> int:
        return types[position] if 0 <= position < len(types) else otherwise

    question_type, context_type = types[first_question], types[first_context]
    segments = (
        type_at(first_question - 1, question_type) if prefix else question_type,
        question_type,
        type_at(last_question + 1, question_type) if middle else question_type,
        context_type,
        type_at(last_context + 1, context_type) if suffix else context_type,
    )
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
    middle = middle or (closing,)
    suffix = suffix if closing in suffix else (*suffix, closing)
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


def pad_id(tokenizer: Any) -> int:
    """The padding token, or any token where there is none: padded positions are masked and never read."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0)
