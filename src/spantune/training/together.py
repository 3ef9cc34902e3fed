"""What the processes of a training tell each other. In: what each has. Out: the same for all. Does not know: what it is.

The processes are those that torchrun or accelerate launch started. In a process alone nothing is sent, and each function gives
what it was given.
"""

import contextlib
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain, zip_longest
from typing import Any, TypeVar, cast

from spantune import processes
from spantune.errors import TrainingError
from spantune.wording import first_line

T = TypeVar("T")

PATIENCE = timedelta(hours=6)  # the first one may fetch a model, or save one, while the others wait
_NONE: Any = object()  # what the shorter of several lists lacks
_LOST = ("connection closed", "connection reset", "connection refused", "broken pipe", "gloo", "nccl", "timed out", "socket")


def join() -> None:
    """Meet the others. Raises `TrainingError` where they cannot be reached."""
    if processes.count() == 1:
        return
    import torch
    from accelerate import PartialState

    with telling_of_the_lost():
        PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)


def gathered(value: T) -> list[T]:
    """What each process has, in their order."""
    if processes.count() == 1:
        return [value]
    from torch import distributed

    everybody: list[Any] = [None] * processes.count()
    distributed.all_gather_object(everybody, value)
    return cast(list[T], everybody)


def first_does(action: Callable[[], T]) -> T:
    """What an action gives in the first process, which alone does it; an error there is raised in all of them."""
    if processes.count() == 1:
        return action()
    from torch import distributed

    outcome: list[Any] = [None, None]
    if processes.is_first():
        try:
            outcome = [action(), None]
        except Exception as error:
            distributed.broadcast_object_list([None, _sendable(error)])
            raise
    distributed.broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1]
    return cast(T, outcome[0])


def _sendable(error: Exception) -> Exception:
    try:
        pickle.dumps(error)
    except Exception:
        return RuntimeError(first_line(error))
    return error


def dealt(items: Sequence[T]) -> Sequence[T]:
    """This process's share of some items: every n-th, where there are n processes. `merged` puts results in order again."""
    return items[my_share()]


def my_share() -> slice:
    """The same as a slice."""
    return slice(processes.rank(), None, processes.count())


def merged(results: Iterable[T]) -> Iterator[T]:
    """The results of all shares, in the order of the items that were dealt; one by one as they come in a process alone.

    >>> list(merged(one**2 for one in dealt([1, 2, 3])))
    [1, 4, 9]
    """
    if processes.count() == 1:
        yield from results
        return
    turns = zip_longest(*gathered(list(results)), fillvalue=_NONE)
    yield from (one for one in chain.from_iterable(turns) if one is not _NONE)


@contextlib.contextmanager
def telling_of_the_lost() -> Iterator[None]:
    """Turn what the network says when another process ends into a `TrainingError`."""
    try:
        yield
    except RuntimeError as error:
        if processes.count() == 1 or not any(word in str(error).lower() for word in _LOST):
            raise
        raise TrainingError(
            f"process {processes.rank()} of {processes.count()} lost the others: {first_line(error)}",
            expected="all processes at work until the end",
            next_move="see what the one that ended first said; the same command with --resume goes on from the last checkpoint",
        ) from error
