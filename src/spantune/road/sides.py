"""Data files become the records that are trained on and those that are held out.

In: files, a configuration, and for the division a loaded model. Out: labelled records; then both sides, or folds; what was
told on the way. Does not know: how training runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spantune.config import Config
from spantune.data import LeakReport, ReadAs, Record, Report, Split, check, find_leaks, folds, read_files, split
from spantune.errors import ConfigError
from spantune.models import has_new_head
from spantune.models.methods import METHOD, METHODS
from spantune.road.matching import labelled_only, same_task, task_of
from spantune.road.scene import Loaded
from spantune.road.watch import Watch, working
from spantune.runs.facts import data_name


@dataclass(frozen=True, slots=True)
class Given:
    """The labelled records, and those given to be held out, if any, with the names of their files."""

    labelled: tuple[Any, ...]
    held_out: tuple[Any, ...]
    names: str


@dataclass(frozen=True, slots=True)
class Divided:
    """Training and held-out records, how they were told apart, and what the one side knows of the other.

    With `parts`, each of which is held out once, every record is on both sides.
    """

    train: tuple[Any, ...]
    held_out: tuple[Any, ...]
    told: str
    leaks: LeakReport | None = None
    parts: tuple[Split, ...] = ()


def read_given(
    data: Sequence[str | Path], eval_data: Sequence[str | Path], config: Config, read_as: ReadAs | None, watch: Watch
) -> Given:
    """Read and check the files; tell what was repaired or left out. Raises the errors of reading, `RunError` for two tasks."""
    labelled = _labelled(data, read_as, watch)
    if not eval_data:
        return Given(labelled, (), "")
    held_out = _labelled(eval_data, read_as, watch)
    same_task(task_of(held_out, config).name, task_of(labelled, config).name)
    return Given(labelled, held_out, ", ".join(map(data_name, eval_data)))


def divide(given: Given, loaded: Loaded, config: Config, watch: Watch) -> Divided:
    """Training and held-out records, or folds. Raises `ConfigError` for folds where they make no sense."""
    count = config.training.folds or 1
    if count > 1:
        check_folds(loaded, config, held_out_given=bool(given.held_out))
        parts = folds(given.labelled, count, seed=config.training.seed)
        told = f"no --eval-data: {count} trainings, each without one part of the records; {parts[0].grouped_by}"
        watch.note(told)
        _warn_of_unused(config, watch)
        return Divided(given.labelled, given.labelled, told, parts=parts)
    one = held_apart(given, config, watch)
    leaks = leaks_told(one.train, one.held_out, watch)
    _warn_of_new_labels(one.train, one.held_out, watch)
    return replace(one, leaks=leaks)


def held_apart(given: Given, config: Config, watch: Watch) -> Divided:
    """The records given to be held out, or else a share of the documents; whether one side knows the other is not looked at."""
    if given.held_out:
        return Divided(given.labelled, given.held_out, f"held out: {given.names}")
    one = split(given.labelled, held_out=config.held_out, seed=config.training.seed)
    told = f"no --eval-data: {len(one.held_out)} of {len(given.labelled)} records held out, {one.grouped_by}"
    watch.note(told)
    return Divided(one.train, one.held_out, told)


def _labelled(data: Sequence[str | Path], read_as: ReadAs | None, watch: Watch) -> tuple[Any, ...]:
    with working(watch, "reading"):
        report = check(read_files(data, read_as))
    _tell(report, watch)
    return labelled_only(report.examples, data)


def check_folds(loaded: Loaded, config: Config, *, held_out_given: bool) -> None:
    """Raise `ConfigError` where weights of several trainings cannot be averaged, or need not be."""
    method = config.training.method or METHOD
    found = (
        "a model with a new head"
        if has_new_head(loaded.model)
        else f"the task {loaded.task.name!r}"
        if loaded.task.pool is None
        else f"training.method = {method}"
        if not METHODS[method].merges
        else "--eval-data"
        if held_out_given
        else "training.save_steps or training.report_to"
        if config.training.save_steps is not None or config.training.report_to
        else None
    )
    if found is not None:
        raise ConfigError(
            f"training.folds = {config.training.folds} with {found}",
            expected="questions, weights that answer already and can be averaged, no --eval-data: each fold is held out once",
            next_move="leave training.folds away",
        )


def _warn_of_unused(config: Config, watch: Watch) -> None:
    """Settings of a single training that were made, and say nothing of folds."""
    usual = Config()
    unused = [f"held_out = {config.held_out:g}"] if config.held_out != usual.held_out else []
    if config.training.early_stopping not in (0, usual.training.early_stopping):
        unused.append(f"training.early_stopping = {config.training.early_stopping}")
    if unused:
        watch.warn(
            f"{' and '.join(unused)}: not used in folds: each part is held out once, each training keeps its last epoch; "
            "--set training.folds=1 trains once, with one held-out part"
        )


def leaks_told(train: Sequence[Record], held_out: Sequence[Record], watch: Watch) -> LeakReport:
    """What the training data knows of the held-out records: found before training, told before and after it."""
    with working(watch, "looking for leaks"):
        leaks = find_leaks(held_out, train)
    if leaks.touched:
        watch.warn(
            f"{leaks.warning}. The choice of the best epoch looks at them too. Give --eval-data from other documents, or take "
            "the scores without them, which are shown as well."
        )
    return leaks


def labels_of(records: Sequence[Record]) -> set[str | None]:
    """The labels of texts to classify; of questions, that they have none."""
    return {getattr(record, "label", None) for record in records}


def _warn_of_new_labels(train: Sequence[Any], held_out: Sequence[Any], watch: Watch) -> None:
    known = labels_of(train)
    new = [record.label for record in held_out if getattr(record, "label", None) not in known]
    if new:
        watch.warn(
            f"{len(new)} of {len(held_out)} held-out records have labels that no training record has, {sorted(set(new))[0]!r} "
            "among them: the model can never give these, so they count as wrong"
        )


def _tell(report: Report, watch: Watch) -> None:
    for source in report.sources:
        watch.note(f"{source.path}: {source.read} records, read as {source.shape} ({source.format})")
    for note in report.notes:
        watch.note(note)
    if not report.ok:
        watch.warn(
            f"{report.repaired} records repaired, {report.quarantined} set aside, {report.dropped} dropped of {report.read}; "
            "spantune check tells each one and why"
        )
