import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.training import class_losses, span_accuracy, span_losses

OPEN = torch.ones(2, 6, dtype=torch.bool)


def logits(seed=0, rows=2, width=6):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, rows, width, generator=generator)


def test_one_reference_and_open_positions_give_the_loss_of_transformers(tiny_reader_model, wordpiece):
    batch = wordpiece(["Who?", "When?"], ["Paris is the capital.", "It began in 1973."], padding=True, return_tensors="pt")
    starts, ends = torch.tensor([4, 5]), torch.tensor([6, 5])
    output = tiny_reader_model(**batch, start_positions=starts, end_positions=ends)
    spans = torch.stack([starts, ends], dim=1)[:, None, :]
    every = torch.ones_like(output.start_logits, dtype=torch.bool)
    ours = span_losses(output.start_logits, output.end_logits, spans, every)
    assert ours.shape == (2,)
    assert ours.mean().item() == pytest.approx(output.loss.item(), abs=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_several_references_give_the_log_of_their_summed_probabilities(seed):
    start, end = logits(seed)
    references = [(0, 1), (2, 2), (3, 5)]
    spans = torch.tensor([references, [(1, 4), (-1, -1), (-1, -1)]])
    losses = span_losses(start, end, spans, OPEN)
    first, last = start.softmax(-1), end.softmax(-1)
    summed = sum(first[0, s].item() * last[0, e].item() for s, e in references)
    assert losses[0].item() == pytest.approx(-math.log(summed) / 2, abs=1e-5)
    assert losses[1].item() == pytest.approx(-math.log(first[1, 1].item() * last[1, 4].item()) / 2, abs=1e-5)


def test_another_reference_never_raises_the_loss():
    start, end = logits()
    one = span_losses(start, end, torch.tensor([[[0, 1]], [[2, 3]]]), OPEN)
    two = span_losses(start, end, torch.tensor([[[0, 1], [4, 5]], [[2, 3], [2, 2]]]), OPEN)
    assert (two < one).all()


def test_closed_positions_take_no_probability_and_no_gradient():
    start, end = (one.clone().requires_grad_() for one in logits())
    candidates = OPEN.clone()
    candidates[:, 3] = False
    spans = torch.tensor([[[0, 1]], [[2, 2]]])
    losses = span_losses(start, end, spans, candidates)
    losses.sum().backward()
    assert start.grad[:, 3].tolist() == [0.0, 0.0]
    raised = start.detach().clone()
    raised[:, 3] = 50.0
    assert torch.equal(span_losses(raised, end, spans, candidates), losses)


def test_span_accuracy_wants_start_and_end_of_one_reference():
    start = torch.tensor([[9.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 99.0]])
    end = torch.tensor([[0.0, 9.0, 0.0, 0.0], [0.0, 9.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]])
    spans = torch.tensor([[[2, 3], [0, 1]], [[0, 3], [1, 1]], [[0, 0], [-1, -1]]])
    candidates = torch.ones(3, 4, dtype=torch.bool)
    candidates[2, 3] = False  # the likeliest start of the last row is no candidate, the next likeliest is right
    assert span_accuracy(start, end, spans, candidates).tolist() == [True, False, True]


def test_class_losses_are_cross_entropies():
    rows = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    expected = [-math.log(math.e**2 / (math.e**2 + 1)), math.log(2)]
    assert class_losses(rows, torch.tensor([0, 1])).tolist() == pytest.approx(expected, abs=1e-6)
