"""The forward pass over windows: batches of similar length, scores handed on batch by batch, nothing accumulated."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from spantune.errors import ModelError
from spantune.features import Windows, batches_by_length, collate
from spantune.features.scores import WindowScores as WindowScores
from spantune.features.windows import Integers
from spantune.models.limits import input_names

# Padded tokens in a forward pass of 16-bit numbers, for each thread and at least and most; half of that in fp32. What a layer
# makes of them should stay in the processor's cache: on 2 cores (2 x 1 MB and 32 MB of it) batches of 2,048 tokens were a third
# faster than batches of 8,192, and 1,280 were 3% slower, but answering took 100 MB less.
TOKENS_A_THREAD, FEWEST_TOKENS, MOST_TOKENS = 640, 1280, 16_384
TOKENS_ON_GPU = 32_768


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Class logits of one batch of texts. `logits`: (B, classes) float32 on the CPU."""

    indices: Integers
    logits: Any


ALL = slice(None)  # of the batches


def score_windows(
    model: Any,
    windows: Windows,
    progress: Callable[[int], None] | None = None,
    share: slice = ALL,
    at_once: int | None = None,
) -> Iterator[WindowScores]:
    """Start and end logits of every window, batch by batch, longest windows first; `progress` is told how many were done.

    The model is put into evaluation mode and back as it was. Only one batch of logits is alive at a time. `share` says which of
    the batches to score, where others are scored elsewhere at the same time; progress counts them as well. `at_once` is the
    number of padded tokens in a batch, by default `tokens_at_once`.
    """
    for indices, batch, outputs in _forward(model, windows, progress, share, at_once):
        yield WindowScores(
            indices,
            outputs.start_logits.float().cpu().numpy(),
            outputs.end_logits.float().cpu().numpy(),
            batch["candidates"],
        )


def score_texts(
    model: Any,
    windows: Windows,
    progress: Callable[[int], None] | None = None,
    share: slice = ALL,
    at_once: int | None = None,
) -> Iterator[ClassScores]:
    """Class logits of every text, batch by batch; see `score_windows`."""
    for indices, _, outputs in _forward(model, windows, progress, share, at_once):
        yield ClassScores(indices, outputs.logits.float().cpu().numpy())


def to_model_inputs(batch: dict[str, Integers], names: frozenset[str], device: Any = None) -> dict[str, torch.Tensor]:
    """The arrays of a batch that the model takes, as tensors."""
    return {name: torch.from_numpy(batch[name]).to(device) for name in sorted(names)}


def tokens_at_once(model: Any) -> int:
    """How many padded tokens to hand to `model` in one forward pass, on the device it is on, with the threads there are."""
    if model.device.type != "cpu":
        return TOKENS_ON_GPU
    tokens = min(max(TOKENS_A_THREAD * torch.get_num_threads(), FEWEST_TOKENS), MOST_TOKENS)
    return tokens // 2 if model.dtype == torch.float32 else tokens


@dataclass(slots=True)
class _Room:
    """The padded tokens that a pass may hold: what was asked for, less where the device had no memory for it."""

    tokens: int


def _forward(
    model: Any, windows: Windows, progress: Callable[[int], None] | None, share: slice, at_once: int | None
) -> Iterator[tuple[Integers, dict[str, Any], Any]]:
    names = input_names(model)
    was_training = model.training
    model.eval()
    room = _Room(at_once or tokens_at_once(model))
    try:
        batches = list(batches_by_length(windows.lengths, room.tokens))
        mine, told = range(*share.indices(len(batches))), 0
        for at in mine:
            yield from _passes(model, windows, np.asarray(batches[at]), names, room)
            if progress is not None:
                until = len(batches) if at == mine[-1] else at + 1
                progress(sum(map(len, batches[told:until])))
                told = until
    finally:
        model.train(was_training)


def _passes(
    model: Any, windows: Windows, indices: Integers, names: frozenset[str], room: _Room
) -> Iterator[tuple[Integers, dict[str, Any], Any]]:
    """A batch in one pass, or by halves where the device has no memory for all of it; later batches know."""
    tokens = len(indices) * int(windows.lengths[indices].max())
    if tokens <= room.tokens or len(indices) == 1:
        batch = collate(windows, indices)
        if (outputs := _outputs(model, batch, names)) is not None:
            yield indices, batch, outputs
            return
        if len(indices) == 1:
            raise ModelError(
                f"{model.device} has no memory left for one window of {tokens} tokens",
                expected="room for the model and for what it computes",
                next_move='end what else is on it, or take the processor: device="cpu", CUDA_VISIBLE_DEVICES= before a command',
            )
        room.tokens = min(room.tokens, tokens // 2)
    middle = len(indices) // 2
    for half in (indices[:middle], indices[middle:]):
        yield from _passes(model, windows, half, names, room)


def _outputs(model: Any, batch: dict[str, Integers], names: frozenset[str]) -> Any | None:
    """What the model makes of a batch; `None` where its device has no memory for that."""
    try:
        with torch.inference_mode():
            return model(**to_model_inputs(batch, names, model.device))
    except torch.OutOfMemoryError:
        pass  # what the failed pass held is let go of with the error, outside of this block
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
