"""A tokenizer of the `tokenizers` library alone, with what building windows asks of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

ROLES = ("bos_token_id", "cls_token_id", "sep_token_id", "eos_token_id", "pad_token_id", "mask_token_id", "unk_token_id")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The part of a Transformers tokenizer that encoding needs: its Rust tokenizer, and the ids of its special tokens."""

    backend_tokenizer: Any
    all_special_ids: tuple[int, ...]
    bos_token_id: int | None = None
    cls_token_id: int | None = None
    sep_token_id: int | None = None
    eos_token_id: int | None = None
    pad_token_id: int | None = None
    mask_token_id: int | None = None
    unk_token_id: int | None = None

    @classmethod
    def from_file(cls, file: Path, special: Mapping[str, int | None]) -> "Tokens":
        """The tokenizer in a `tokenizer.json`; `special` holds the ids of `ROLES`. Raises `ValueError` for a damaged file."""
        try:
            core = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"{file.name}: {error}") from None
        ids = tuple(sorted(number for number, token in core.get_added_tokens_decoder().items() if token.special))
        return cls(core, ids, **{role: special.get(role) for role in ROLES})

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, without special ones."""
        tokens: list[str] = self.backend_tokenizer.encode(text, add_special_tokens=False).tokens
        return tokens

    def convert_ids_to_tokens(self, ids: Iterable[int]) -> list[str]:
        """The token of each id."""
        return [self.backend_tokenizer.id_to_token(int(number)) for number in ids]


def special_ids(tokenizer: Any) -> dict[str, int | None]:
    """The ids of `ROLES` of a Transformers tokenizer: what it takes to make `Tokens` of its file.

    Transformers has them in a file of its own beside `tokenizer.json`, under many spellings; an export writes them down once.
    """
    return {role: getattr(tokenizer, role, None) for role in ROLES}
