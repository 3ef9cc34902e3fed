"""What a model can take: which inputs, how many positions."""

import inspect
from typing import Any

from spantune.errors import ModelError, WindowError

# Models whose position ids begin after the padding token's: RoBERTa's 514 embeddings hold 512 positions.
POSITIONS_AFTER_PADDING = frozenset(
    {
        "roberta",
        "xlm-roberta",
        "xlm-roberta-xl",
        "camembert",
        "roberta-prelayernorm",
        "longformer",
        "mpnet",
        "esm",
        "luke",
        "data2vec-text",
        "ibert",
        "xmod",
        "lilt",
    }
)
# Models that read segments relatively and have no embedding of them to count.
RELATIVE_SEGMENTS = frozenset({"xlnet"})
# Models whose classification head reads the last position of the batch: in company of a longer text, that is padding.
READ_LAST_POSITION = frozenset({"xlnet"})
NEW_HEAD = "new_head"  # the attribute of a model that says whether its head is random, to be trained first
SHORTEST_WINDOW = 16  # tokens: the least that windows.length can be
VIRTUAL_TOKENS = "virtual_tokens"  # the attribute of a model whose text comes after a prompt of so many vectors


def input_names(model: Any) -> frozenset[str]:
    """The inputs to hand to `model`: `input_ids`, `attention_mask`, and `token_type_ids` exactly when it has segments.

    A signature with `token_type_ids` is not enough: RoBERTa's has it but embeds one segment only, DeBERTa-v3's none, and
    GPT-2 would look the segment numbers up among its words.
    """
    accepted = inspect.signature(_base(model).forward).parameters
    names = {"input_ids", "attention_mask"} & set(accepted)
    config = model.config
    segmented = getattr(config, "type_vocab_size", 0) > 1 or config.model_type in RELATIVE_SEGMENTS
    if "token_type_ids" in accepted and segmented:
        names.add("token_type_ids")
    return frozenset(names)


def longest_window(model: Any) -> int | None:
    """The most tokens a window may have: the positions that the model has, or was trained with; `None` where it tells none.

    Vectors that a prompt puts before the text take positions of it.
    """
    config = model.config
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if not isinstance(positions, int) or positions <= 0:
        return None
    if config.model_type in POSITIONS_AFTER_PADDING:
        positions -= (config.pad_token_id or 0) + 1
    return int(positions - getattr(model, VIRTUAL_TOKENS, 0))


def has_new_head(model: Any) -> bool:
    """Whether the model's head was made anew when it was loaded: what it answers before training is noise."""
    return bool(getattr(model, NEW_HEAD, False))


def check_window_fits(length: int, model: Any) -> None:
    """Raise `WindowError` when windows of `length` tokens are longer than the model's positions."""
    limit = longest_window(model)
    if limit is not None and length > limit:
        raise WindowError(
            f"windows of {length} tokens for a {model.config.model_type} model with {limit} positions",
            expected=f"windows.length of at most {limit}",
            next_move=f"--set windows.length={limit} --set windows.stride={limit // 3}",
        )


def check_room_for_text(model: Any, vectors: int) -> None:
    """Raise `WindowError` where so many vectors before the text leave no window of the model's positions."""
    limit = longest_window(model)
    if limit is not None and limit - vectors < SHORTEST_WINDOW < limit:
        raise WindowError(
            f"training.virtual_tokens = {vectors} for a {model.config.model_type} model with {limit} positions",
            expected=f"{SHORTEST_WINDOW} positions for the text at least",
            next_move=f"--set training.virtual_tokens={limit - SHORTEST_WINDOW}",
        )


def check_classifies(model: Any) -> None:
    """Raise `ModelError` for families whose class would depend on the other texts of the batch."""
    if model.config.model_type in READ_LAST_POSITION:
        raise ModelError(
            f"the classification head of {model.config.model_type} models reads the last position, which is padding in a batch",
            expected="a model that reads the first token or the last one of the text, such as BERT, DeBERTa or GPT-2",
            next_move="give another --model; 'embedded' suits most texts",
        )


def hidden_size(model: Any) -> int:
    """Width of the model's hidden states."""
    config = model.config
    return int(getattr(config, "hidden_size", None) or getattr(config, "d_model", None) or 768)


def _base(model: Any) -> Any:
    """The Transformers model below an adapter's wrapper, whose own signature takes anything."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
