"""Work on the next item while this one is used.

In: items, and a function that makes something of one. Out: each item with what was made of it, in order.
Does not know: what the items are.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from typing import Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Pair(Generic[Item, Made]):
    """What was taken from a stream, and what was made of it."""

    item: Item
    made: Made


def ahead(items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[Pair[Item, Made]]:
    """Each item with what `make` makes of it, in order; the next one is made in a thread while the caller uses this one.

    `items` is read in the caller's thread. What `make` raises is raised where its item would have come. Closing the
    generator waits for the one call of `make` that may be running, and makes nothing more. A single item is made by the
    caller, without a thread.

    >>> [pair.made for pair in ahead([3, 1, 2], str)]
    ['3', '1', '2']
    """
    rest = iter(items)
    first = list(islice(rest, 2))
    if len(first) < 2:
        yield from (Pair(item, make(item)) for item in first)
        return
    before: Pair[Item, Future[Made]] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        for item in chain(first, rest):
            now = Pair(item, thread.submit(make, item))
            if before is not None:
                yield Pair(before.item, before.made.result())
            before = now
        if before is not None:
            yield Pair(before.item, before.made.result())
