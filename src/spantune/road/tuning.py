"""`tune_settings`: a search for the settings that suit some data, within a time budget."""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from spantune.config import Config, with_settings
from spantune.data import ReadAs, fingerprint, write_text
from spantune.errors import ConfigError, RunError, TrainingError
from spantune.models import has_new_head, hidden_size
from spantune.road.outcome import SEEDS
from spantune.road.profile import profile_of
from spantune.road.scene import Loaded, Scene, load
from spantune.road.sides import Divided, check_folds, divide, read_given
from spantune.road.started import differing
from spantune.road.watch import Hushed, Silent, Watch
from spantune.runs.folder import written
from spantune.training import choose, resolve_training
from spantune.wording import counted, first_line

if TYPE_CHECKING:
    import optuna

    from spantune.training import History

JOURNAL, BEST = "trials.log", "best.yaml"
STAGE = "searching, seconds"
FIRST_TRIALS, FIRST_EPOCHS = 4, 2  # no pruning of these trials, nor before this epoch: too little to compare
STARTED_WITH, RECIPE = "started_with", "recipe"

Suggest = Callable[["optuna.Trial", Any], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A setting that is searched: how a value is drawn, told what the recipe would take."""

    suggest: Suggest
    readers_only: bool = False


SPACE: Mapping[str, Row] = {
    "training.learning_rate": Row(
        lambda trial, usual: trial.suggest_float("training.learning_rate", usual / 4, usual * 4, log=True)
    ),
    "training.epochs": Row(lambda trial, usual: trial.suggest_int("training.epochs", min(2, usual), 2 * usual)),
    "training.batch_size": Row(lambda trial, _: trial.suggest_categorical("training.batch_size", (8, 16, 32))),
    "training.layer_decay": Row(lambda trial, _: trial.suggest_float("training.layer_decay", 0.7, 1.0)),
    "keep.replay": Row(lambda trial, _: trial.suggest_categorical("keep.replay", (0.0, 0.5, 1.0, 2.0, 3.0)), readers_only=True),
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One trial: its settings, its best held-out score in percent, and how it ended ('complete', 'pruned' or 'fail').

    `recipe` is whether the settings are those that the recipe takes.
    """

    number: int
    settings: Mapping[str, Any]
    score: float | None
    state: str
    recipe: bool = False


@dataclass(frozen=True, slots=True)
class Tuned:
    """A finished search: the file with the best settings, every trial in order, and what the recipe alone scores."""

    file: Path
    headline: str
    held_out: int
    trials: tuple[Tried, ...]

    @property
    def is_known(self) -> bool:
        """Whether some trial came to its end, so that one of them is best."""
        return any(one.state == "complete" for one in self.trials)

    @property
    def best(self) -> Tried:
        """The complete trial with the highest score; of equal ones the earliest."""
        return max((one for one in self.trials if one.state == "complete"), key=lambda one: (one.score or 0.0, -one.number))

    @property
    def recipe_score(self) -> float | None:
        """What the recipe's settings score; `None` where training with them came to no end."""
        return next((one.score for one in self.trials if one.recipe and one.state == "complete"), None)

    @property
    def beats_the_recipe(self) -> bool | None:
        """Whether some trial did better than the recipe's settings; `None` where it is not known what these score."""
        return None if self.recipe_score is None else (self.best.score or 0.0) > self.recipe_score

    @property
    def warning(self) -> str:
        """Why the best score must not be quoted."""
        return (
            f"the best of {len(self.trials)} trials on the same {self.held_out} held-out records: a part of its lead is luck. "
            "Measure the run that you train with these settings on records that no search has seen"
        )

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        return {
            "best": str(self.file),
            "headline": self.headline,
            "held_out": self.held_out,
            "settings": dict(self.best.settings),
            "score": self.best.score,
            "recipe_score": self.recipe_score,
            "beats_the_recipe": self.beats_the_recipe,
            "trials": [asdict(one) for one in self.trials],
            "warning": self.warning,
        }


def tune_settings(
    data: Sequence[str | Path],
    out: str | Path,
    config: Config | None = None,
    *,
    eval_data: Sequence[str | Path] = (),
    minutes: float = 30.0,
    trials: int | None = None,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Tuned:
    """Train again and again with other settings, keep those that score best on the held-out records.

    The first trial is what the recipe takes; the others are drawn by Optuna's TPE (Bergstra et al., 2011) around it, and
    given up early where they are worse than half of the earlier ones at the same epoch. What `config` sets is not searched.
    After `minutes`, or `trials` of them, the search ends: the trial at hand is given up at its next epoch. `out` keeps the
    trials, so that a second call with the same data and settings goes on.

    Raises the errors of `train_run`; `ConfigError` where Optuna is not installed or nothing is left to search, `RunError` for
    a folder with trials of other data or settings.
    """
    config, watch, folder = config or Config(), watch or Silent(), Path(out)
    _check_budget(minutes, trials)
    optuna = _optuna()
    given = read_given(data, eval_data, config, read_as, watch)
    loaded = load(given.labelled, config, watch)
    if (config.training.folds or 1) > 1:
        check_folds(loaded, config, held_out_given=bool(given.held_out))
        watch.note(f"training.folds = {config.training.folds} is for the run that you train: each trial is one training")
    profile = profile_of(given.labelled, loaded, config, held_out_given=True)
    chosen = with_settings(choose(config, profile).config, {"training.folds": 1})  # one training is compared with another
    sides = divide(given, loaded, chosen, watch)
    space = _space(config, loaded)
    usual = _usual(chosen, loaded, round(profile.windows * len(sides.train)))
    study = _study(optuna, folder, config, sides, watch)
    if not any(trial.state.name == "COMPLETE" for trial in study.trials):
        study.enqueue_trial({name: usual[name] for name in space}, user_attrs={RECIPE: True})
    began = time.monotonic()
    seconds = max(1, round(60 * minutes))

    def objective(trial: Any) -> float:
        watch.progress(STAGE, min(seconds - 1, round(time.monotonic() - began)), seconds)
        settings = {name: row.suggest(trial, usual[name]) for name, row in space.items()}
        deadline = began + 60 * minutes if any(one.state.name == "COMPLETE" for one in study.trials) else None
        listening = _Pruning(watch, trial, optuna.TrialPruned, deadline)
        made = with_settings(chosen, settings)
        scene = Scene.of(load(given.labelled, made, Silent()), sides.train, sides.held_out, made, listening)
        try:
            history = scene.fit(None).history
        except TrainingError as error:  # a rate too high; the search goes on with others
            raise optuna.TrialPruned(error.found) from error
        return float(history.best.scores[history.headline]) if history.best is not None else 0.0

    def so_far() -> Tuned:
        tuned = Tuned(folder / BEST, loaded.task.headline, len(sides.held_out), tuple(map(_tried, study.trials)))
        if tuned.is_known:
            with written(folder):
                write_text(folder / BEST, _as_yaml(tuned, config))
        return tuned

    def ended(_: Any, trial: Any) -> None:
        watch.note(_told(trial))
        so_far()  # now, since nobody knows whether the next trial will end

    study.optimize(objective, n_trials=trials, timeout=60 * minutes, callbacks=[ended])
    watch.progress(STAGE, seconds, seconds)
    tuned = so_far()
    if not tuned.is_known:
        raise TrainingError(
            f"none of {counted(len(tuned.trials), 'trial')} came to its end",
            expected="settings that can be trained with: " + _in_words(tuned.trials[-1].settings) + " cannot",
            next_move="leave settings of your own out of the search, a high rate first",
        )
    return tuned


class _Pruning(Hushed):
    """Tells the trial what each epoch scored, and ends it where that is too little, or the time is over."""

    def __init__(self, watch: Watch, trial: "optuna.Trial", pruned: type[Exception], deadline: float | None) -> None:
        super().__init__(watch)
        self.trial, self.pruned, self.deadline = trial, pruned, deadline

    def epoch(self, history: "History") -> None:
        """Report the newest epoch. Raises Optuna's `TrialPruned`."""
        newest = history.epochs[-1]
        self.trial.report(float(newest.scores[history.headline]), newest.epoch)
        if self.trial.should_prune() or (self.deadline is not None and time.monotonic() > self.deadline):
            raise self.pruned


def _check_budget(minutes: float, trials: int | None) -> None:
    if not 0 < minutes < math.inf or (trials is not None and trials < 1):
        raise ConfigError(
            f"{minutes:g} minutes" + ("" if trials is None else f" and {trials} trials"),
            expected="a time budget above 0, and one trial or more",
            next_move="give for example --minutes 30",
        )


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ConfigError(
            "a search needs Optuna, which is not installed", expected="the extra tune", next_move="pip install 'spantune[tune]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # its warnings are tracebacks of trials that were interrupted
    return optuna


def _space(config: Config, loaded: Loaded) -> dict[str, Row]:
    """The settings that are open. Raises `ConfigError` where none is."""
    answers = loaded.task.name == "answer" and not has_new_head(loaded.model)
    space = {name: row for name, row in SPACE.items() if _is_open(config, name) and (answers or not row.readers_only)}
    if not space:
        raise ConfigError(
            "every setting that could be searched is set",
            expected="one of these left open: " + ", ".join(SPACE),
            next_move="leave some of them out of the file or --set, or run spantune train",
        )
    return space


def _is_open(config: Config, name: str) -> bool:
    """Whether nobody set it: neither to a value of their own nor to the default."""
    section, _, key = name.partition(".")
    return key not in getattr(config, section).model_fields_set or getattr(getattr(config, section), key) is None


def _usual(chosen: Config, loaded: Loaded, windows: int) -> dict[str, Any]:
    """What the recipe, or else the defaults, would take."""
    training = resolve_training(chosen.training, hidden_size(loaded.model), windows).config
    return {
        "training.learning_rate": training.learning_rate,
        "training.epochs": training.epochs,
        "training.batch_size": training.batch_size,
        "training.layer_decay": training.layer_decay,
        "keep.replay": chosen.keep.replay,
    }


def _study(optuna: Any, folder: Path, config: Config, sides: Divided, watch: Watch) -> Any:
    """The trials so far, or a new search. Raises `RunError` for those of other data or settings, or that cannot be read."""
    started_with = {
        "config": config.model_dump(mode="json"),
        "train": fingerprint(sides.train),
        "held_out": fingerprint(sides.held_out),
    }
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _drop_partial_line(folder / JOURNAL, watch)
        storage, known = _stored(optuna, folder / JOURNAL)
    study = optuna.create_study(
        storage=storage, study_name=known[0] if known else "spantune", direction="maximize", load_if_exists=True
    )
    earlier = study.user_attrs.get(STARTED_WITH)
    if earlier is not None and (others := differing(earlier, started_with)):
        raise RunError(
            f"{folder} holds trials of other data or settings ({others} differ)",
            expected="the same data and settings, with which the search goes on, or a new --out",
            next_move="choose another --out, or remove the folder",
        )
    if earlier is None:
        study.set_user_attr(STARTED_WITH, started_with)
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):  # a kill left it so
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    study.sampler = optuna.samplers.TPESampler(
        seed=(config.training.seed + len(study.trials)) % SEEDS, n_startup_trials=FIRST_TRIALS
    )
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS, n_warmup_steps=FIRST_EPOCHS)
    return study


def _drop_partial_line(file: Path, watch: Watch) -> None:
    """What a full disk cut off would be joined to the next line, and make both unreadable."""
    content = file.read_bytes() if file.is_file() else b""
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(file, whole)
        watch.note(f"{file}: its last line was cut off, and is left out")


def _stored(optuna: Any, file: Path) -> tuple[Any, list[str]]:
    """The storage of the trials, and the names of its searches. Raises `RunError` for a damaged file."""
    try:
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
        return storage, optuna.get_all_study_names(storage)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:  # Optuna takes each line as it is
        raise RunError(
            f"{file} cannot be read: {first_line(error)}",
            expected="the trials that an earlier spantune tune wrote",
            next_move="restore the file from a copy, remove it, or choose another --out",
        ) from error


def _tried(trial: Any) -> Tried:
    complete = trial.state.name == "COMPLETE"
    score = trial.value if complete else max(trial.intermediate_values.values(), default=None)
    recipe = bool(trial.user_attrs.get(RECIPE, False))
    return Tried(trial.number + 1, dict(trial.params), score, trial.state.name.lower(), recipe)


def _told(trial: Any) -> str:
    one = _tried(trial)
    score = "no score" if one.score is None else f"{one.score:.1f}"
    given_up = "" if one.state == "complete" else f", given up after {counted(len(trial.intermediate_values), 'epoch')}"
    return f"trial {one.number}: {score}{given_up} ({_in_words(one.settings)})"


def _in_words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:.2g}" for name, value in settings.items())


def _as_yaml(tuned: Tuned, config: Config) -> str:
    """What `spantune train --config` takes to train as the best trial did: what was set, what was found.

    One training, as each trial was, where folds were left open: how long to train was found with the best epoch kept.
    """
    tree: dict[str, Any] = config.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    for name, value in {"training.folds": config.training.folds or 1, **tuned.best.settings}.items():
        section, _, key = name.partition(".")
        tree.setdefault(section, {})[key] = float(f"{value:.3g}") if isinstance(value, float) else value
    score = f"# {tuned.headline} {tuned.best.score:.1f}, {tuned.warning.partition(':')[0]}\n"
    return score + yaml.safe_dump(tree, sort_keys=False)
