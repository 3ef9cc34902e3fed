"""Windows in, padded batches out, with no Python loop over tokens; and an order of windows that wastes little on padding."""

from collections.abc import Iterator

import numpy as np

from spantune.features.windows import Integers, Windows

PAD_TO = 16  # matrix kernels run at full speed on multiples of eight; of sixteen there are half as many shapes to compile for
BUCKET = 50  # batches sorted together by length: near-uniform lengths in a batch, order still random over the epoch


def collate(windows: Windows, indices: Integers) -> dict[str, Integers]:
    """The windows at `indices` as one batch of `B` rows, padded on the right to `T`, the longest among them rounded up.

    `T` is a multiple of sixteen, but never more than the longest of all windows, which the model is known to have room for.

    Returns `input_ids`, `attention_mask`, `token_type_ids` (B, T) int64 and `candidates` (B, T) bool: the positions that
    an answer may start or end at, which are the context's tokens and the null position.

    Padding is on the right for every tokenizer, also for those that pad on the left by themselves: a window then keeps
    its positions whatever else is in the batch, so that an answer is the same alone and in company.
    """
    indices = np.asarray(indices)
    lengths = windows.bounds[indices + 1] - windows.bounds[indices]
    longest = min(_padded(int(lengths.max(initial=0))), int(windows.lengths.max(initial=0)))
    column = np.arange(longest)
    filled = column < lengths[:, None]
    tokens = (windows.bounds[indices][:, None] + column)[filled]
    input_ids = np.full(filled.shape, windows.pad_id, dtype=np.int64)
    input_ids[filled] = windows.input_ids[tokens]
    token_types = np.zeros(filled.shape, dtype=np.int64)
    token_types[filled] = windows.token_types[tokens]
    context = windows.context[indices]
    candidates = (column >= context[:, :1]) & (column < context[:, 1:])
    candidates[np.arange(len(indices)), windows.null[indices]] = True
    return {
        "input_ids": input_ids,
        "attention_mask": filled.astype(np.int64),
        "token_type_ids": token_types,
        "candidates": candidates,
    }


def collate_spans(windows: Windows, indices: Integers) -> Integers:
    """The labelled spans of the windows at `indices`: (B, R, 2) int64, rows beyond a window's own are -1."""
    indices = np.asarray(indices)
    counts = windows.span_bounds[indices + 1] - windows.span_bounds[indices]
    column = np.arange(int(counts.max(initial=1)))
    filled = column < counts[:, None]
    spans = np.full((*filled.shape, 2), -1, dtype=np.int64)
    spans[filled] = windows.spans[(windows.span_bounds[indices][:, None] + column)[filled]]
    return spans


def shuffled_by_length(lengths: Integers, batch_size: int, seed: int, epoch: int) -> Integers:
    """A random order in which neighbours have similar lengths: shuffle, sort inside buckets of batches, shuffle the batches.

    The same seed and epoch give the same order on every machine, which makes an interrupted epoch resumable. Of the
    full batches the one with the longest window comes first: too large a batch fails at once and not an hour later.

    >>> sorted(shuffled_by_length(np.array([5, 9, 2, 7]), 2, seed=0, epoch=0).tolist())
    [0, 1, 2, 3]
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    size = BUCKET * batch_size
    batches: list[Integers] = []
    for begin in range(0, len(order), size):
        bucket = order[begin : begin + size]
        bucket = bucket[np.argsort(-lengths[bucket], kind="stable")]
        batches += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
    whole = [batch for batch in batches if len(batch) == batch_size]
    rest = [batch for batch in batches if len(batch) < batch_size]
    if whole:
        longest = max(range(len(whole)), key=lambda i: int(lengths[whole[i]].max()))
        first = whole.pop(longest)
        whole = [first, *(whole[i] for i in random.permutation(len(whole)))]
    return np.concatenate([*whole, *rest]) if len(order) else order


def batches_by_length(lengths: Integers, token_budget: int) -> Iterator[Integers]:
    """Indices of all windows in batches of similar length, longest first, each of at most `token_budget` padded tokens.

    >>> [batch.tolist() for batch in batches_by_length(np.array([10, 30, 16, 16]), token_budget=32)]
    [[1], [2, 3], [0]]
    """
    order = np.argsort(-lengths, kind="stable")
    begin = 0
    while begin < len(order):
        size = max(1, token_budget // max(_padded(int(lengths[order[begin]])), 1))
        yield order[begin : begin + size]
        begin += size


def _padded(length: int) -> int:
    return -(-length // PAD_TO) * PAD_TO
