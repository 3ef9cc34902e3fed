"""`train_run`: from data files to a finished run."""

import contextlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spantune import processes
from spantune.config import Config
from spantune.data import ReadAs, Record, fingerprint_in_order, write_text
from spantune.errors import RunError
from spantune.models import has_new_head, pinned
from spantune.models.methods import METHOD, METHODS
from spantune.road.commands import as_kept
from spantune.road.judging import known_to
from spantune.road.learned import judged_training
from spantune.road.matching import without_touched
from spantune.road.outcome import Outcome, train_folds, train_once
from spantune.road.profile import profile_of
from spantune.road.scene import Loaded, Scene, load, tell_choices
from spantune.road.sides import Divided, Given, divide, labels_of, read_given
from spantune.road.started import differing, read_started, unlike
from spantune.road.watch import Silent, Watch
from spantune.runs import STARTED_WITH, Provenance, RunFacts, claim_folder, locked, read_facts, save_run
from spantune.runs.facts import data_name, in_unicode
from spantune.runs.reading import FACTS, facts_of_start, is_run
from spantune.tasks import Measured, Task
from spantune.training import Chosen, History, choose, remove_unfinished, together
from spantune.training.checkpoints import listed


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: where the run is, what it reached, and the predictor itself."""

    folder: Path
    facts: RunFacts
    history: History
    predictor: Any = field(repr=False)
    held_out: tuple[Record, ...] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        return {
            "run": str(self.folder),
            "task": self.facts.task,
            "scores": dict(self.facts.scores),
            "untuned_scores": None if self.facts.untuned_scores is None else dict(self.facts.untuned_scores),
            "share_tuned": self.facts.share,
            "spread": self.facts.spread,
            "threshold": self.facts.threshold,
            "may_abstain": self.facts.may_abstain,
            "verdict": None if self.facts.judged is None else self.facts.judged["verdict"],
            "general_f1": None if self.facts.general is None else dict(self.facts.general),
            "data": dict(self.facts.data),
            "choices": list(self.facts.choices),
            "history": self.history.as_dict(),
        }


def train_run(
    data: Sequence[str | Path],
    out: str | Path,
    config: Config | None = None,
    *,
    eval_data: Sequence[str | Path] = (),
    resume: bool = False,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Read, check, choose what the recipe chooses, split, encode, fine-tune, measure, save.

    Without `eval_data` a share of the documents is held out; where that would leave too little on both sides, each document
    once, in several trainings. Held-out records that the training data knows are warned of, and scored apart.

    Raises the errors of each room; `RunError` when `out` is in the way or, with `resume`, when data or settings differ from
    those of the interrupted run.

    Under torchrun or accelerate launch each process calls this; the first one writes and tells its `watch`, the others do not.
    """
    processes.check_launcher()
    together.join()
    given_config = config or Config()
    watch = watch if watch is not None and processes.is_first() else Silent()
    for warning in (*given_config.warnings(), METHODS[given_config.training.method or METHOD].warning):
        if warning is not None:
            watch.warn(warning)
    with contextlib.ExitStack() as block:
        block.enter_context(together.telling_of_the_lost())
        was_there = together.first_does(lambda: _enter(block, out))
        checkpoints = together.first_does(lambda: claim_folder(out, resume=resume))
        _check_seen(checkpoints)
        try:
            config = together.first_does(lambda: _pinned(given_config, checkpoints, resume=resume))
            given = read_given(data, eval_data, config, read_as, watch)
            loaded, chosen, sides, outcome = _through(given, checkpoints, config, watch, resume=resume)
            judged = judged_training(outcome, sides.train, sides.leaks, watch) if loaded.task.name == "answer" else None
            result = replace(outcome.result, choices=(*chosen.choices, *outcome.result.choices))
            provenance = replace(
                _provenance(outcome, sides),
                data_names=tuple(map(data_name, (*data, *eval_data))),
                eval_names=tuple(map(data_name, eval_data)),
                read_as=as_kept(read_as or ReadAs()),
                calibration=None if judged is None else judged.calibration,
                judged=None if judged is None else judged.kept,
            )
            together.first_does(
                lambda: save_run(
                    out, loaded.model, loaded.tokenizer, chosen.config, result, provenance, verify=outcome.scene.verify
                )
            )
        except BaseException:
            if processes.is_first():
                _leave_clean(checkpoints, keep_folder=was_there)
            raise
    predictor = loaded.task.tuned(outcome.scene.predictor, outcome.measured)
    if judged is not None:
        predictor = predictor.calibrated(judged.calibration)
    return Trained(Path(out), read_facts(Path(out)), result.history, predictor, tuple(outcome.scene.held_out))


def _pinned(config: Config, checkpoints: Path, *, resume: bool) -> Config:
    """The configuration with the commit of a model of the Hub; on a resume with that of the interrupted run."""
    model = config.model
    if resume and model.revision is None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            before = json.loads((checkpoints / STARTED_WITH).read_text(encoding="utf-8"))["config"]["model"]
            if before["name"] == model.name and before["revision"]:
                model = model.model_copy(update={"revision": str(before["revision"])})
    return config.model_copy(update={"model": pinned(model)})


def _enter(block: contextlib.ExitStack, out: str | Path) -> bool:
    """Hold the folder until the block ends; give whether it was there."""
    was_there = Path(out).exists()
    block.enter_context(locked(out))
    return was_there


def _check_seen(checkpoints: Path) -> None:
    """Raise `RunError` where processes on other machines do not see the folder that the first one made."""
    blind = [rank for rank, seen in enumerate(together.gathered(checkpoints.is_dir())) if not seen]
    if blind:
        raise RunError(
            f"process {', '.join(map(str, blind))} of {processes.count()} does not see {checkpoints}",
            expected="an --out on a disk that all machines of this training share",
            next_move="choose another --out, such as a folder on a network disk",
        )


def _through(
    given: Given, checkpoints: Path, config: Config, watch: Watch, *, resume: bool
) -> tuple[Loaded, Chosen, Divided, Outcome]:
    """From the records to a measured training."""
    loaded = load(given.labelled, config, watch)
    profile = profile_of(given.labelled, loaded, config, held_out_given=bool(given.held_out), resume=resume)
    chosen = choose(config, profile)
    tell_choices(chosen.choices, watch)
    sides = divide(given, loaded, chosen.config, watch)
    _tell_what_the_start_knows(config.model.name, sides.held_out, watch)
    if loaded.task.name == "classify" and labels_of(sides.train) != labels_of(given.labelled):
        loaded = load(sides.train, config, watch)  # a head for labels that are held out alone could not learn them
    _same_as_before(checkpoints, config, sides.train, sides.held_out, resume=resume)
    if sides.parts:
        outcome = train_folds(loaded, sides.parts, chosen.config, watch)
    else:
        scene = Scene.of(loaded, sides.train, sides.held_out, chosen.config, watch)
        outcome = train_once(scene, checkpoints, resume=resume)
    _tell_threshold(outcome.measured, watch)
    _tell_that_it_always_answers(config.model.name, outcome, watch)
    return loaded, chosen, sides, outcome


def _tell_what_the_start_knows(start: str, held_out: Sequence[Record], watch: Watch) -> None:
    """Warn where the run that training starts from was trained on what is held out: that tests neither of the two."""
    if is_run(start) and (leaks := known_to(start, held_out, watch)).touched:
        watch.warn(
            f"{leaks.warning}, that of {start}, which this one starts from. Scores before and after are too good: hold out "
            "records that it was not trained on, with --eval-data"
        )


def _tell_that_it_always_answers(start: str, outcome: Outcome, watch: Watch) -> None:
    """Say what a run cannot do any more that the one it starts from could."""
    if outcome.scene.task.name != "answer" or outcome.scene.predictor.settings.may_abstain:
        return
    if (facts := facts_of_start(start)) is not None and facts.may_abstain:
        watch.note(
            "every question of the data has an answer, so that the run always gives one; the model that it starts from may "
            "give none. Data with some questions that have no answer keeps that"
        )


def _provenance(outcome: Outcome, sides: Divided) -> Provenance:
    task, measured, leaks = outcome.scene.task, outcome.measured, sides.leaks
    apart = None if leaks is None else without_touched(task, sides.held_out, measured.predictions, leaks)
    return Provenance(
        train=sides.train,
        held_out=sides.held_out,
        split=in_unicode(sides.told),
        scores=_shown(task, measured.scores),
        untuned=_shown(task, outcome.untuned.scores),
        threshold=measured.threshold,
        spread=measured.spread,
        new_head=has_new_head(outcome.scene.model),
        share=outcome.share,
        mixed=outcome.mixed is not None,
        spread_chosen=outcome.scene.agrees,
        general=outcome.general,
        touched=0 if leaks is None else leaks.touched_count,
        without_touched=None if apart is None else _shown(task, apart),
    )


def _tell_threshold(measured: Measured, watch: Watch) -> None:
    if measured.threshold != measured.expected:
        watch.note(
            f"threshold for 'no answer': {measured.threshold:.3f}, drawn from the expected {measured.expected:.3f} to what "
            "suits the held-out records; their scores are a little better for it than those of new data will be"
        )


def _shown(task: Task, scores: Any) -> dict[str, float]:
    every: dict[str, Any] = dict(scores.as_dict())
    return {name: float(every[name]) for name in task.shown}


def _same_as_before(
    checkpoints: Path, config: Config, train: Sequence[Record], held_out: Sequence[Record], *, resume: bool
) -> None:
    """Note what a run was started with; on a resume compare it, because another order of data would train on some twice.

    Several processes compare theirs with one another too: a machine with other files would teach other things.
    """
    now = {
        "config": config.model_dump(mode="json"),
        "train": fingerprint_in_order(train),
        "held_out": fingerprint_in_order(held_out),
    }
    if others := " and ".join(sorted({unlike(one, now) for one in together.gathered(now)} - {""})):
        raise RunError(
            f"{others} differ between the processes of this training",
            expected="the same data and settings for each, on every machine",
            next_move="copy the same files to all machines, or name them on a disk that all share",
        )
    file = checkpoints / STARTED_WITH
    if not resume:
        together.first_does(lambda: write_text(file, json.dumps(now, indent=2)))
        return
    before = read_started(
        file,
        ", which says what the interrupted run was started with",
        expected="the checkpoints folder as the interrupted run left it",
        next_move="restore the file from a copy, or train into another --out without --resume",
    )
    if others := differing(before, now):
        raise RunError(
            f"{others} differ from those of the interrupted run in {checkpoints.parent}",
            expected="the same data and settings, so that training goes on where it stopped",
            next_move="give the same data and settings, or train into another --out without --resume",
        )


def _leave_clean(checkpoints: Path, *, keep_folder: bool) -> None:
    """After a failure, leave nothing behind but checkpoints, for --resume; a run that is saved stays, whatever came after."""
    if (checkpoints.parent / FACTS).exists():
        return
    if listed(checkpoints):
        remove_unfinished(checkpoints)
        return
    shutil.rmtree(checkpoints, ignore_errors=True)
    if not keep_folder:
        shutil.rmtree(checkpoints.parent, ignore_errors=True)
