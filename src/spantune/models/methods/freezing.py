"""In: a model. Out: it with a part of its weights frozen, or all of them. Does not know: training.

Weights are opened and closed in place; the model stays the plain model that it was.
"""

import math
from typing import Any

from spantune.config import TrainingConfig
from spantune.models.methods.depth import depths
from spantune.models.methods.prepared import Prepared, train_all


def full(model: Any, _: TrainingConfig) -> Prepared:
    """Every weight."""
    return Prepared(model, lambda: model)


def head(model: Any, _: TrainingConfig) -> Prepared:
    """The head alone."""
    _train_from(model, max(depths(model).values()))
    return Prepared(model, lambda: train_all(model))


def unfreeze(model: Any, _: TrainingConfig) -> Prepared:
    """Every weight in the end: first the head, then layer by layer down to the embeddings (Howard and Ruder, 2018)."""
    top = max(depths(model).values())
    return Prepared(
        model, lambda: train_all(model), at_epoch=lambda epoch, epochs: _train_from(model, lowest(top, epoch, epochs))
    )


def lowest(top: int, epoch: int, epochs: int) -> int:
    """The lowest depth that is trained in an epoch, counted from 0: the head's in the first, 0 in the last.

    >>> [lowest(7, epoch, 4) for epoch in range(4)], lowest(7, 0, 1)
    ([7, 4, 2, 0], 0)
    """
    return top - math.ceil(top * epoch / (epochs - 1)) if epochs > 1 else 0


def _train_from(model: Any, depth: int) -> None:
    deep = depths(model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(deep[name] >= depth)
