"""In: a signal, a loss that is no number. Out: a training that ends there, with what it had. Does not know: files.

Ctrl-C and SIGTERM are answered after the step that is running: the next checkpoint is made there, and `StoppedError` raised. A
second one ends the training where it is. Elsewhere than in the main thread signals stay as they are: Python has no other way.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from transformers import TrainerCallback

from spantune.errors import StoppedError
from spantune.training.together import gathered
from spantune.training.trace import ends_an_epoch

ASKING = (signal.SIGINT, signal.SIGTERM)


class NotFiniteError(ArithmeticError):
    """A loss that is infinite or no number; training cannot learn from it, and no later step would mend it."""


class Stopping(TrainerCallback):
    """Saves after the step at which training was asked to stop, and raises `StoppedError` once that is done.

    At the last step of an epoch the epoch is measured first: a run resumed between the two would never measure it. Where
    several processes train, one that is asked stops all of them at the same step.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self.asked: str | None = None
        self.say = say

    def ask(self, number: int) -> None:
        """Take note of a signal; the second one is a `KeyboardInterrupt`."""
        if self.asked is not None:
            raise KeyboardInterrupt
        self.asked = signal.Signals(number).name
        if self.say is not None:
            self.say(f"{self.asked}: finishing this step, then saving; once more stops at once, and loses what is not saved")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask for a checkpoint."""
        if self._asked_anywhere() is not None and not ends_an_epoch(args, state):
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The checkpoint is made."""
        self.raise_if_asked(state)

    def raise_if_asked(self, state: Any) -> None:
        """Raise `StoppedError` where training was asked to stop and its last step is saved."""
        asked = self._asked_anywhere()
        if asked is not None:
            raise StoppedError(
                f"stopped by {asked} after step {state.global_step} of {state.max_steps}, which is saved",
                expected="training to its end",
                next_move="the same command with --resume goes on from there",
            )

    def _asked_anywhere(self) -> str | None:
        """What any of the processes was asked: signals reach them at different steps, and they stop at the same one."""
        return next((one for one in gathered(self.asked) if one is not None), None)


@contextlib.contextmanager
def answering_signals(stopping: Stopping) -> Iterator[None]:
    """While the block runs, signals that ask a program to end are handed to `stopping`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda which, _: stopping.ask(which)) for number in ASKING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
