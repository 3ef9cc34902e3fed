"""Everything that a training and its measuring need, set up.

In: records of both sides, a configuration, a loaded model. Out: a `Scene`: encoded windows, a predictor on the model that is
trained, and how it is measured, trained and verified. Does not know: files of data, which settings were chosen and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spantune.config import Config
from spantune.data import Record
from spantune.data.augmenting import augment
from spantune.data.general import replay
from spantune.errors import RunError
from spantune.models import load_tokenizer
from spantune.models.devices import chosen_device, placed
from spantune.road.matching import task_of
from spantune.road.watch import Watch, counter, working
from spantune.runs import load_run
from spantune.runs.reading import facts_of_start
from spantune.tasks import Measured, Task
from spantune.training import Choice, FineTuned, fine_tune

WINDOWS_VERIFIED = 16
SAME_LOGITS = 1e-6  # beyond what the model differs from itself: on some GPUs kernels do, from one call to the next


@dataclass(frozen=True, slots=True)
class Loaded:
    """A task, and the model and tokenizer that it is trained with."""

    task: Task
    model: Any
    tokenizer: Any


def load(records: Sequence[Record], config: Config, watch: Watch) -> Loaded:
    """The model of the configuration with a head for these records."""
    task = task_of(records, config)
    with working(watch, "loading the model"):
        model = task.load_model(config, records)
        return Loaded(task, placed(model, chosen_device()), load_tokenizer(config.model))


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that training and measuring need, loaded and encoded. `predictor` uses the model that is trained."""

    task: Task
    config: Config
    watch: Watch
    model: Any
    tokenizer: Any
    windows: Any
    held_out: Sequence[Record]
    held_windows: Any
    predictor: Any

    @classmethod
    def of(cls, loaded: Loaded, train: Sequence[Any], held_out: Sequence[Any], config: Config, watch: Watch) -> "Scene":
        """Augment, add general questions, cut windows."""
        task, model, tokenizer = loaded.task, loaded.model, loaded.tokenizer
        augmented = augment(train, config.augment, config.training.seed)
        for said in augmented.sentences():
            watch.note(said)
        again = _replayed(train, task, config, watch)
        with working(watch, "cutting windows"):
            windows = task.encode((*augmented.records, *again), tokenizer, model, config)
            held_windows = task.encode(held_out, tokenizer, model, config)
        for lost in windows.lost.sentences():
            watch.note(lost)
        for lost in held_windows.lost.sentences():
            watch.note(f"held out: {lost}")
        own = windows.take(np.flatnonzero(windows.example < len(augmented.records))) if again else windows
        predictor = _as_at_start(task, task.predictor(model, tokenizer, config, own), config)
        return cls(task, config, watch, model, tokenizer, windows, held_out, held_windows, predictor)

    def measure(self, stage: str, top: int = 1, *, share: float = 1.0) -> Measured:
        """The held-out records, measured with the model as it is now; `top` likely spans are kept of each.

        `share` is how much of its weights is tuned: it says which threshold for "no answer" may be expected.
        """
        tick = counter(self.watch, stage, len(self.held_windows))
        predictor = self.task.expecting(self.predictor, share)
        return self.task.measure(predictor, self.held_windows, self.held_out, self.config, tick, top)

    def measure_chosen(self, stage: str, top: int = 1, *, share: float = 1.0) -> Measured:
        """The same with the answers that the threshold which promises most gives: to compare one model with another."""
        return self.chosen_again(self.measure(stage, top, share=share))

    def chosen_again(self, measured: Measured) -> Measured:
        """A measurement of the held-out records with the answers that its threshold gives."""
        return self.task.choose_again(self.predictor, self.held_out, measured)

    def agreed_again(self, measured: Measured, spread: float) -> Measured:
        """A measurement that kept likely spans, as it would be with another spread."""
        assert self.task.agree_again is not None  # only tasks that give spans are asked
        return self.chosen_again(self.task.agree_again(self.predictor, self.held_out, measured, spread))

    @property
    def agrees(self) -> bool:
        """Whether the held-out records are to say how much the likely spans have a say."""
        return self.task.agree_again is not None and self.config.training.spread is None

    def agreeing(self, spread: float) -> "Scene":
        """The scene with a predictor of this spread."""
        return self if self.task.agree_again is None else replace(self, predictor=self.predictor.with_spread(spread))

    def part(self, most: int, windows: int) -> "Scene":
        """The scene with at most so many of the held-out records, and about so many windows, evenly from all of them.

        Itself where there are no more.
        """
        records = len(self.held_out)
        most = min(most, max(1, records * windows // max(len(self.held_windows), 1)))
        if records <= most:
            return self
        few = evenly(self.held_out, most)
        return replace(self, held_out=few, held_windows=self.task.encode(few, self.tokenizer, self.model, self.config))

    def fit(
        self,
        checkpoints: Path | None,
        *,
        resume: bool = False,
        keep: Literal["best", "last"] = "best",
        measured: bool = True,
        stage: str = "training",
    ) -> FineTuned:
        """Train the model in place; `measured` is whether its held-out records are, after each epoch."""
        watch = self.watch
        result = fine_tune(
            self.model,
            self.windows,
            self.config.training,
            evaluate=(lambda _: self.measure_chosen("measuring held-out").held) if measured else None,
            headline=self.task.headline,
            keep=keep,
            checkpoints=checkpoints,
            resume=resume,
            progress=lambda done, total: watch.progress(stage, done, total),
            on_start=lambda choices: tell_choices(choices, watch),
            on_epoch=watch.epoch,
            say=watch.warn,
        )
        watch.progress(stage, 1, 1)  # early stopping and a resume may leave its bar open
        for note in result.notes:
            if note not in self.windows.lost.sentences():  # these were told before training
                watch.note(note)
        if self.task.name == "answer":  # general questions that were trained on as well have shorter answers
            result = replace(result, answer_length=self.predictor.settings.answer_length)
        return result

    def verify(self, folder: Path) -> None:
        """Read a saved run again and let it score a few windows. Raises `RunError` where it does not give the same."""
        windows = self.held_windows.take(np.arange(min(len(self.held_windows), WINDOWS_VERIFIED)))
        again = load_run(folder, self.task.name).model.to(self.model.device)
        difference = self.task.difference(self.model, again, windows)
        if not difference <= SAME_LOGITS + self.task.difference(self.model, self.model, windows):
            raise RunError(
                f"the run does not answer as before when it is read again: its logits differ by {difference:.2g}",
                expected="the same logits from the saved model",
                next_move="report this with the model's name and the method; nothing was saved",
            )


def _as_at_start(task: Task, predictor: Any, config: Config) -> Any:
    """The predictor as the run that training starts from chooses its answers, unless the configuration says otherwise."""
    if task.name != "answer" or (start := facts_of_start(config.model.name)) is None:
        return predictor
    if start.may_abstain and predictor.settings.may_abstain:
        predictor = predictor.with_threshold(start.threshold)
    return predictor.with_spread(start.spread) if config.training.spread is None else predictor


def evenly(records: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the records, from the first to the last in even steps.

    >>> evenly("abcdefg", 3)
    ['a', 'd', 'g']
    """
    return [records[at] for at in np.linspace(0, len(records) - 1, min(len(records), most)).astype(int).tolist()]


def tell_choices(choices: Sequence[Choice], watch: Watch) -> None:
    """What was chosen and why, a line each."""
    for choice in choices:
        watch.note(f"{choice.key} = {choice.value} ({choice.reason})")


def _replayed(train: Sequence[Any], task: Task, config: Config, watch: Watch) -> tuple[Any, ...]:
    """General questions to train on beside the data's own, unanswerable ones only where the data has such."""
    wanted = round((config.keep.replay or 0.0) * len(train))
    if not wanted or task.name != "answer":
        return ()
    unanswerable = any(record.is_impossible for record in train)
    again = replay(wanted, config.training.seed, unanswerable=unanswerable)
    watch.note(f"keep.replay: {len(again)} general questions are trained on beside {len(train)} of the data")
    return again
