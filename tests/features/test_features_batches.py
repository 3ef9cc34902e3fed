"""Batches: the same as padding row by row, within their budget, in an order that repeats."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import TOKENIZERS, made_examples, tokenizer_of
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.config import WindowsConfig
from spantune.data import Span
from spantune.features import batches_by_length, collate, encode
from spantune.features.batches import BUCKET, PAD_TO, collate_spans, shuffled_by_length

lengths_of_windows = st.lists(st.integers(1, 400), max_size=300).map(np.array)


def mixed_windows(kind):
    """Windows with one answer, several, none, and without a label."""
    examples = list(made_examples(10, unanswerable=0.3))
    first = examples[0]
    examples[0] = replace(first, answers=(*first.answers, Span("Report", 0), Span("0", 7)), context=first.context * 3)
    examples[1] = replace(examples[1], answers=None)
    return encode(examples, tokenizer_of(kind), WindowsConfig(length=44, stride=8))


def padded_row_by_row(windows, indices):
    """The obvious implementation."""
    rows = [slice(windows.bounds[index], windows.bounds[index + 1]) for index in indices]
    longest = max(row.stop - row.start for row in rows)
    width = min(-(-longest // PAD_TO) * PAD_TO, max(windows.lengths))
    batch = {"input_ids": [], "attention_mask": [], "token_type_ids": [], "candidates": []}
    for index, row in zip(indices, rows, strict=True):
        length = row.stop - row.start
        padding = width - length
        first, last = windows.context[index]
        batch["input_ids"].append(windows.input_ids[row].tolist() + [windows.pad_id] * padding)
        batch["attention_mask"].append([1] * length + [0] * padding)
        batch["token_type_ids"].append(windows.token_types[row].tolist() + [0] * padding)
        batch["candidates"].append([first <= at < last or at == windows.null[index] for at in range(width)])
    return batch


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=25)
@given(data=st.data())
def test_a_batch_is_what_padding_row_by_row_gives(kind, data):
    windows = mixed_windows(kind)
    indices = data.draw(st.lists(st.integers(0, len(windows) - 1), min_size=1, max_size=12))
    batch = collate(windows, np.array(indices))
    expected = padded_row_by_row(windows, indices)
    assert {name: array.tolist() for name, array in batch.items()} == expected
    assert {name: array.dtype for name, array in batch.items()} == {
        "input_ids": np.int64,
        "attention_mask": np.int64,
        "token_type_ids": np.int64,
        "candidates": np.bool_,
    }


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_labels_of_a_batch_are_those_of_its_windows(kind):
    windows = mixed_windows(kind)
    indices = np.array([4, 0, len(windows) - 1, 0])
    spans = collate_spans(windows, indices)
    counts = np.diff(windows.span_bounds)
    assert spans.shape == (4, max(counts[indices]), 2)
    for row, index in enumerate(indices):
        own = windows.spans[windows.span_bounds[index] : windows.span_bounds[index + 1]]
        assert spans[row, : len(own)].tolist() == own.tolist()
        assert (spans[row, len(own) :] == -1).all()
    unlabelled = np.flatnonzero(counts == 0)
    assert collate_spans(windows, unlabelled).tolist() == [[[-1, -1]]] * len(unlabelled)


@pytest.mark.parametrize("padding_side", ["left", "right"])
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_padding_is_on_the_right_whatever_the_tokenizer_does(kind, padding_side):
    """Previously (transformers#3804) the offsets of left-padding tokenizers were shifted by the padding."""
    windows = encode(made_examples(6), tokenizer_of(kind, padding_side), WindowsConfig(length=64, stride=8))
    batch = collate(windows, np.arange(len(windows)))
    for row, mask in enumerate(batch["attention_mask"]):
        assert mask.tolist() == sorted(mask.tolist(), reverse=True)
        alone = collate(windows, np.array([row]))
        length = windows.lengths[row]
        for name in batch:
            assert (batch[name][row, :length] == alone[name][0, :length]).all()
        assert batch["candidates"][row, length:].sum() == 0


def test_a_batch_is_never_wider_than_the_longest_window():
    """Previously windows of 44 tokens were padded to 48, which a model with 44 positions has no room for."""
    windows = mixed_windows("bpe")
    assert windows.lengths.max() == 44
    assert collate(windows, np.arange(len(windows)))["input_ids"].shape[1] == 44
    shorter = int(np.argmin(windows.lengths))
    assert collate(windows, np.array([shorter]))["input_ids"].shape[1] % PAD_TO == 0


def test_no_windows_make_an_empty_batch():
    batch = collate(mixed_windows("bpe"), np.array([], dtype=np.int64))
    assert batch["input_ids"].shape == (0, 0)


@given(lengths=lengths_of_windows, batch_size=st.integers(1, 9), seed=st.integers(0, 5), epoch=st.integers(0, 3))
def test_the_shuffled_order_is_a_permutation_that_its_seed_repeats(lengths, batch_size, seed, epoch):
    order = shuffled_by_length(lengths, batch_size, seed, epoch)
    assert sorted(order.tolist()) == list(range(len(lengths)))
    assert order.tolist() == shuffled_by_length(lengths, batch_size, seed, epoch).tolist()


def test_seeds_and_epochs_change_the_order():
    lengths = np.random.default_rng(0).integers(20, 384, 400)
    orders = {tuple(shuffled_by_length(lengths, 8, seed, epoch).tolist()) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_neighbours_have_similar_lengths_and_the_longest_come_first():
    lengths = np.random.default_rng(1).integers(20, 384, 8 * BUCKET * 3)
    order = shuffled_by_length(lengths, 8, seed=0, epoch=0)
    batches = lengths[order].reshape(-1, 8)
    assert lengths[order[:8]].max() == lengths.max()
    assert np.mean(batches.max(axis=1) - batches.min(axis=1)) < 15  # of 364 at random
    padded = (batches.max(axis=1) * 8).sum() / lengths.sum()
    assert padded < 1.05
    means = batches.mean(axis=1)
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2  # batches themselves are in random order


@given(lengths=lengths_of_windows, budget=st.integers(1, 4000))
def test_scoring_batches_hold_every_window_once_longest_first_within_the_budget(lengths, budget):
    """Previously the budget was of tokens before padding to a multiple, so that short windows went over it."""
    batches = list(batches_by_length(lengths, budget))
    order = np.concatenate(batches) if batches else np.array([])
    assert sorted(order.tolist()) == list(range(len(lengths)))
    in_order = [int(lengths[index]) for index in order]
    assert in_order == sorted(in_order, reverse=True)
    for batch in batches:
        assert len(batch) == 1 or len(batch) * -(-lengths[batch].max() // 8) * 8 <= budget
