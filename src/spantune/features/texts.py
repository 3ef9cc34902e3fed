"""Texts to classify in, one window each out: the same flat arrays as for questions, with a class instead of spans."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spantune.config import WindowsConfig
from spantune.data.records import TextExample
from spantune.errors import DataError
from spantune.features.template import fast_backend, pad_id, tokenise
from spantune.features.windows import Integers, Lost, Windows, joined, smallest


def encode_texts(
    examples: Iterable[TextExample],
    tokenizer: Any,
    config: WindowsConfig | None = None,
    classes: Mapping[str, int] | None = None,
) -> Windows:
    """One window of at most `config.length` tokens for each text; longer texts are cut at the end, counted and named.

    `classes` maps each label to its number; without it the windows carry no targets. Raises `DataError` for a label that
    `classes` does not hold.
    """
    config = config or WindowsConfig()
    examples = examples if isinstance(examples, Sequence) else tuple(examples)
    backend = fast_backend(tokenizer)
    room = config.length - backend.num_special_tokens_to_add(False)
    cut: list[str] = []
    ids: list[Integers] = []
    types: list[Integers] = []
    for example, row in zip(examples, tokenise(backend, (example.text for example in examples)), strict=True):
        if len(row) > room:
            row.truncate(room)
            cut.append(example.id)
        whole = backend.post_process(row, None, True)
        ids.append(np.array(whole.ids, dtype=np.int32))
        types.append(np.array(whole.type_ids, dtype=np.int8))
    lengths = [len(row) for row in ids]
    count = len(examples)
    nothing = np.zeros(sum(lengths), dtype=np.uint8)
    return Windows(
        input_ids=smallest(joined(ids)),
        token_types=joined(types).astype(np.int8),
        starts=nothing,
        ends=nothing,
        bounds=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        context=np.zeros((count, 2), dtype=np.int32),
        null=np.zeros(count, dtype=np.int32),
        example=np.arange(count, dtype=np.int32),
        spans=np.zeros((0, 2), dtype=np.int32),
        span_bounds=np.zeros(count + 1, dtype=np.int64),
        unclear=np.zeros(count, dtype=bool),
        pad_id=pad_id(tokenizer),
        size=count,
        lost=Lost(cut_texts=tuple(cut)),
        targets=None if classes is None else np.array([_class(e, classes) for e in examples], dtype=np.int64),
    )


def _class(example: TextExample, classes: Mapping[str, int]) -> int:
    if example.label is None or example.label not in classes:
        raise DataError(
            f"record {example.id!r} has the label {example.label!r}",
            expected=f"one of the {len(classes)} labels of the training data",
            next_move="correct the label, or train on data that holds it",
        )
    return classes[example.label]
