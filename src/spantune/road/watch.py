"""Who is told what happens on the road, and how progress is counted."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spantune.training.history import History


class Watch(Protocol):
    """Who wants to know what happens on the road. Every method may do nothing."""

    def note(self, text: str) -> None:
        """Something worth knowing happened."""

    def warn(self, text: str) -> None:
        """Something happened that makes a result worth less."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` pieces of a stage are finished; a stage that cannot be counted is one piece."""

    def epoch(self, history: "History") -> None:
        """An epoch ended; it is the last one of the history."""


class Silent:
    """A `Watch` that keeps quiet."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Say nothing."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Say nothing."""

    def epoch(self, history: "History") -> None:
        """Say nothing."""


class Hushed(Silent):
    """A `Watch` that tells another one how far things are, and none of the notes: these were told before."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def warn(self, text: str) -> None:
        """Pass it on."""
        self.watch.warn(text)

    def progress(self, stage: str, done: int, total: int) -> None:
        """Pass it on."""
        self.watch.progress(stage, done, total)

    def epoch(self, history: "History") -> None:
        """Pass it on."""
        self.watch.epoch(history)


def counter(watch: Watch, stage: str, total: int) -> Callable[[int], None]:
    """A callable that is told how many more pieces of a stage are finished, and tells `watch` how many are by now."""
    done = 0

    def tick(more: int) -> None:
        nonlocal done
        done += more
        watch.progress(stage, done, total)

    return tick


@contextlib.contextmanager
def working(watch: Watch, stage: str) -> Iterator[None]:
    """Tell `watch` that a stage which cannot be counted is under way, and when it is over."""
    watch.progress(stage, 0, 1)
    yield
    watch.progress(stage, 1, 1)
