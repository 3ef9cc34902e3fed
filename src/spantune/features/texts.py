"""Texts to classify in, one window each out: the same flat arrays as for questions, with a class instead of spans."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spantune.config import WindowsConfig
from spantune.data.records import TextExample
from spantune.errors import DataError
from spantune.features.template import fast_backend, pad_id
from spantune.features.windows import Lost, Windows, smallest


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
    special = backend.num_special_tokens_to_add(False)
    room = config.length - special
    rows = backend.encode_batch([example.text for example in examples], add_special_tokens=False)
    cut = tuple(example.id for example, row in zip(examples, rows, strict=True) if len(row.ids) > room)
    backend.enable_truncation(config.length)
    try:
        rows = backend.encode_batch([example.text for example in examples], add_special_tokens=True)
    finally:
        backend.no_truncation()
    lengths = [len(row.ids) for row in rows]
    ids = np.fromiter((one for row in rows for one in row.ids), dtype=np.int64)
    types = np.fromiter((one for row in rows for one in row.type_ids), dtype=np.int8)
    count = len(examples)
    nothing = np.zeros(len(ids), dtype=np.uint8)
    return Windows(
        input_ids=smallest(ids),
        token_types=types,
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
        lost=Lost(cut_texts=cut),
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
