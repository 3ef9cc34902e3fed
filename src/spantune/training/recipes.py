"""In: a configuration and what the data and the model are like. Out: the settings that were left open, chosen, with reasons.

What a reason says was measured on sets of questions that no benchmark of ours uses (docs/recipes.md). Does not know: records,
models, how training runs.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from spantune.config import Config, with_settings
from spantune.models.methods import METHOD, METHODS
from spantune.training.defaults import BATCH_SIZE, Choice, usual_rate
from spantune.wording import counted

LARGE = 200_000_000  # parameters from which training all of them takes more memory than a laptop has

# A model that answers already needs smaller steps than one with a new head, and more of them than its few records give.
RATE = 2 / 3
SMALL_BATCH, FEW_STEPS = 16, 20  # smaller batches where an epoch would have fewer steps than these


@dataclass(frozen=True, slots=True)
class Passes:
    """How often to pass over the data: as often as gives so many optimiser steps, within limits."""

    steps: int
    fewest: int
    most: int = 8

    def of(self, steps: int) -> int:
        """The epochs, where one has so many steps.

        >>> IN_FOLDS.of(5), IN_FOLDS.of(19), ALONE.of(19), ALONE.of(200)
        (8, 4, 8, 3)
        """
        return min(self.most, max(self.fewest, math.ceil(self.steps / max(steps, 1))))


ALONE = Passes(400, fewest=3)
# Trainings in folds keep their last epoch. Of 256 questions in Portuguese (19 steps an epoch) 4 epochs with three quarters of
# the weights tuned took F1 from 37.5 to 54.7 and general ability from 81.5 to 77.9, 8 epochs to 55.4 and 77.7.
IN_FOLDS = Passes(75, fewest=4)

FEW = 400  # questions, below which a fifth of them held out says little of a model, and is missed in training
FOLDS = (4, 3, 2)
WORK = 8_000  # windows to train on in all folds and epochs: some seven minutes on two cores
FEWEST = 8  # questions that can be divided into folds

# Mixed with the weights before, a model of few questions forgets as little as with general ones beside them, and learns as much
# in half of the time or less: 64 questions about hotels took F1 from 40.6 to 61.0 without, to 60.4 with as many.
REPLAY_FEW, REPLAY_MANY = 0.0, 0.5


@dataclass(frozen=True, slots=True)
class Profile:
    """What a recipe looks at.

    `windows` are those of each question that would be trained on, on average. `answers` is whether the model can answer before
    training. `groups` counts the documents, or what must stay together, as far as it matters: up to the most folds.
    `held_out_given` is whether held-out records were given beside the data, `one_training` whether the settings ask for what
    only a single training can give (checkpoints, reports).
    """

    task: str
    questions: int
    groups: int
    windows: float
    parameters: int
    hidden_size: int
    answers: bool
    held_out_given: bool
    one_training: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """A configuration whose method, folds, batch size and replay are no longer open, and how they were chosen."""

    config: Config
    choices: tuple[Choice, ...]


def choose(config: Config, profile: Profile) -> Chosen:
    """What `config.recipe` makes of the open settings. What was set stays as it is.

    >>> from spantune.config import Config
    >>> few = Profile("answer", questions=64, groups=10, windows=1.0, parameters=22_000_000, hidden_size=384, answers=True,
    ...               held_out_given=False, one_training=False)
    >>> for choice in choose(Config(), few).choices:
    ...     print(f"{choice.key} = {choice.value} ({choice.reason})")
    training.learning_rate = 0.0002 (the model answers already)
    keep.replay = 0.0 (64 questions: mixed with the weights before, they forget little)
    training.batch_size = 16 (64 windows to train on)
    training.epochs = 8 (an epoch has 4 optimiser steps)
    training.folds = 4 (64 questions are too few to train without a fifth of them)
    """
    choices = tuple(choice for choice in RECIPES[config.recipe](config, profile) if _open(config, choice.key))
    config = with_settings(config, {choice.key: choice.value for choice in choices})
    closed = {
        "training.method": config.training.method or METHOD,
        "training.folds": config.training.folds or 1,
        "keep.replay": config.keep.replay or 0.0,
    }
    return Chosen(with_settings(config, closed), choices)


def auto(config: Config, profile: Profile) -> Iterator[Choice]:
    """Look at the model's size and, where it answers already, at the number of questions, documents and windows."""
    method = config.training.method or ("lora" if profile.parameters >= LARGE else METHOD)
    if profile.parameters >= LARGE:
        reason = f"the model has {profile.parameters / 1e6:,.0f} million parameters: an update of low rank takes less memory"
        yield Choice("training.method", method, reason)
    if not profile.answers or profile.task != "answer":
        return
    rate = float(f"{usual_rate(profile.hidden_size) * METHODS[method].rate * RATE:.2g}")
    yield Choice("training.learning_rate", rate, "the model answers already")
    replay = config.keep.replay
    if replay is None:
        few = profile.questions < FEW and mixes(config, method)
        replay = REPLAY_FEW if few else REPLAY_MANY
        why = "mixed with the weights before, they forget little" if few else "one general question for every two"
        yield Choice("keep.replay", replay, f"{profile.questions:,} questions: {why}")
    windows = profile.questions * (profile.windows + replay)
    batch = config.training.batch_size
    if batch is None:
        batch = SMALL_BATCH if windows < FEW_STEPS * BATCH_SIZE else BATCH_SIZE
        yield Choice("training.batch_size", batch, f"{counted(round(windows), 'window')} to train on")
    steps = math.ceil(windows / (batch * config.training.gradient_accumulation))
    in_folds = config.training.epochs or IN_FOLDS.of(steps)
    folds = config.training.folds or (_folds(profile, windows * in_folds) if METHODS[method].merges else 1)
    epochs = in_folds if folds > 1 else ALONE.of(steps)
    yield Choice("training.epochs", epochs, f"an epoch has {counted(steps, 'optimiser step')}")
    if folds > 1:
        reason = f"{profile.questions} questions are too few to train without a fifth of them"
        yield Choice("training.folds", folds, reason)


def plain(config: Config, profile: Profile) -> Iterator[Choice]:
    """Leave everything to the defaults: one training of every weight."""
    yield from ()


RECIPES: Mapping[str, Callable[[Config, Profile], Iterator[Choice]]] = MappingProxyType({"auto": auto, "plain": plain})


def mixes(config: Config, method: str) -> bool:
    """Whether what is trained is to be mixed with what was before: only where all its weights are still there to mix."""
    return config.keep.mix and METHODS[method].merges


def _folds(profile: Profile, windows: float) -> int:
    """As many as there are groups and time for; 1 where one split does."""
    if profile.held_out_given or profile.one_training or not FEWEST <= profile.questions < FEW:
        return 1
    fitting = (folds for folds in FOLDS if folds <= profile.groups and windows * (folds - 1) <= WORK)
    return next(fitting, 1)


def _open(config: Config, key: str) -> bool:
    section, _, name = key.partition(".")
    return getattr(getattr(config, section), name) is None
