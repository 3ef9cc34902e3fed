"""Turns what the Trainer logs into one `Epoch` a pass, while training runs."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from transformers import TrainerCallback

from spantune.training.history import Epoch, History
from spantune.training.observations import observed

NOT_SCORES = frozenset({"eval_loss", "eval_span_accuracy"})


class TraceCallback(TrainerCallback):
    """Builds the history; tells `progress` each step and `on_epoch` each epoch; asks for a save every `save_steps` steps.

    An epoch that was interrupted has the loss of all its steps, and the seconds of all but those that were done again.
    """

    def __init__(
        self,
        headline: str,
        windows: int,
        progress: Callable[[int, int], None] | None,
        on_epoch: Callable[[History], None] | None,
        save_steps: int | None,
    ) -> None:
        self.history = History((), headline)
        self.windows = windows
        self.progress = progress
        self.on_epoch = on_epoch
        self.save_steps = save_steps
        self.began: float | None = None  # of the epoch that runs
        self.first_step = 0
        self.before: Mapping[str, Any] = {}  # what an epoch that a resume goes on with had taken
        self.seconds = 0.0
        self.share = 1.0
        self.loss: dict[str, float] = {}
        self.held: dict[str, float] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """After a resume, the epochs before it come back from the Trainer's own log."""
        for entry in state.log_history:
            self._take(entry)
            if self._completes(args, entry):
                self._close()
        self._tell(state)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock of the epoch."""
        self.began = time.perf_counter() - self.before.get("seconds", 0.0)
        self.first_step = self.before.get("first_step", state.global_step)
        self.before = {}

    def kept(self) -> Mapping[str, Any]:
        """For a checkpoint: what the epoch that runs has taken."""
        if self.began is None:
            return {}
        return {"seconds": time.perf_counter() - self.began, "first_step": self.first_step}

    def take_back(self, state: Mapping[str, Any]) -> None:
        """From a checkpoint: what `kept` gave."""
        self.before = state

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Report the step, and save where `save_steps` asks for it.

        Not at the last step of an epoch, which is saved anyway once it is measured: a run resumed from a checkpoint between
        the two would never measure that epoch.
        """
        self._tell(state)
        if self.save_steps and state.global_step % self.save_steps == 0 and not ends_an_epoch(args, state):
            control.should_save = True

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop the clock: evaluation comes after and does not count as training."""
        assert self.began is not None  # an epoch that ends has begun
        self.seconds, self.began = time.perf_counter() - self.began, None
        self.share = (state.global_step - self.first_step) / _steps_an_epoch(args, state)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **_: Any) -> None:
        """Note what the Trainer logged; the epoch is complete when its last part has come."""
        entry = dict(logs or {})
        if "loss" in entry:
            state.log_history[-1] |= {"seconds": self.seconds, "share": self.share}  # so that a resumed run knows it
            entry = dict(state.log_history[-1])
        self._take(entry)
        if self._completes(args, entry):
            self._close()
            if self.on_epoch is not None:
                self.on_epoch(self.history)

    def _completes(self, args: Any, entry: Mapping[str, float]) -> bool:
        """Whether an entry of the log is the last one of its epoch: the measurement, or without one the loss."""
        return "loss" in entry if args.eval_strategy == "no" else any(key.startswith("eval_") for key in entry)

    def _take(self, entry: Mapping[str, float]) -> None:
        if "loss" in entry:
            self.loss = dict(entry)
        self.held |= {key: value for key, value in entry.items() if key.startswith("eval_")}

    def _close(self) -> None:
        seconds = float(self.loss.get("seconds", 0.0))
        epoch = Epoch(
            epoch=len(self.history.epochs) + 1,
            training_loss=float(self.loss.get("loss", float("nan"))),
            held_out_loss=self.held.get("eval_loss"),
            scores={key.removeprefix("eval_"): value for key, value in self.held.items() if key not in NOT_SCORES},
            span_accuracy=self.held.get("eval_span_accuracy"),
            learning_rate=float(self.loss.get("learning_rate", 0.0)),
            seconds=seconds,
            windows_per_second=self.windows * float(self.loss.get("share", 1.0)) / seconds if seconds else 0.0,
        )
        self.history = observed(self.history, epoch)
        self.held = {}

    def _tell(self, state: Any) -> None:
        if self.progress is not None:
            self.progress(state.global_step, state.max_steps)


def ends_an_epoch(args: Any, state: Any) -> bool:
    """Whether the step just done is the last of an epoch: the epoch is measured and saved after it."""
    return bool(state.global_step % _steps_an_epoch(args, state) == 0)


def _steps_an_epoch(args: Any, state: Any) -> int:
    return max(1, int(state.max_steps) // int(args.num_train_epochs))
