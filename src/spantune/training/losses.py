"""The losses, and the token-span accuracy that is read beside them. All of them work on one padded batch."""

import torch
from torch import Tensor


def span_losses(start_logits: Tensor, end_logits: Tensor, spans: Tensor, candidates: Tensor) -> Tensor:
    """Negative log-likelihood of the labelled spans, any of which is right: (B,) float32, in nats.

    `start_logits`, `end_logits`: (B, T). `spans`: (B, R, 2) token positions, -1 where a window has fewer references.
    `candidates`: (B, T) bool; positions outside it (question, special tokens, padding) can never be answers and take no
    probability. For one reference this is half the sum of the two cross-entropies, as in BERT (Devlin et al., 2019);
    for several it is the log of the summed probability of all of them (Clark and Gardner, 2018, the "summed" objective).

    >>> logits = torch.tensor([[9.0, -9.0, -9.0]])
    >>> spans = torch.tensor([[[0, 0], [2, 2]]])
    >>> span_losses(logits, logits, spans, torch.ones(1, 3, dtype=torch.bool)).abs().round(decimals=3)
    tensor([0.])
    """
    closed = ~candidates
    start = start_logits.float().masked_fill(closed, float("-inf")).log_softmax(dim=-1)
    end = end_logits.float().masked_fill(closed, float("-inf")).log_softmax(dim=-1)
    real = spans[..., 0] >= 0
    at = spans.clamp(min=0)
    joint = start.gather(1, at[..., 0]) + end.gather(1, at[..., 1])
    return -joint.masked_fill(~real, float("-inf")).logsumexp(dim=1) / 2


def span_accuracy(start_logits: Tensor, end_logits: Tensor, spans: Tensor, candidates: Tensor) -> Tensor:
    """(B,) bool: the likeliest start and the likeliest end are together one of the labelled spans. Shapes as `span_losses`."""
    closed = ~candidates
    start = start_logits.masked_fill(closed, float("-inf")).argmax(dim=-1)
    end = end_logits.masked_fill(closed, float("-inf")).argmax(dim=-1)
    return ((spans[..., 0] == start[:, None]) & (spans[..., 1] == end[:, None])).any(dim=1)


def class_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of the true classes: (B,) float32, in nats. `logits`: (B, classes); `targets`: (B,) class numbers."""
    return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
