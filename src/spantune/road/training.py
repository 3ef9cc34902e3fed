"""`train_run`: from data files to a finished run."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from spantune.config import Config
from spantune.data import LeakReport, ReadAs, Record, Report, check, find_leaks, fingerprint, read_files, split, write_text
from spantune.data.augmenting import augment
from spantune.data.general import replay
from spantune.errors import RunError
from spantune.models import has_new_head, load_tokenizer
from spantune.models.methods import METHODS
from spantune.models.mixing import Weights
from spantune.road.keeping import Mixed, best_mixture, general_f1, general_sentence
from spantune.road.matching import labelled_only, same_task, task_of, without_touched
from spantune.road.watch import Silent, Watch, counter, working
from spantune.runs import STARTED_WITH, Provenance, RunFacts, claim_folder, load_run, read_facts, save_run
from spantune.tasks import Measured, Task
from spantune.training import Choice, FineTuned, History, fine_tune, last_checkpoint, remove_broken_checkpoints

WINDOWS_VERIFIED = 16
SAME_LOGITS = 1e-3  # kernels may differ in the last digits from one call to the next; a lost head differs by whole numbers


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
    """Read, check, split, encode, fine-tune, measure, save. Without `eval_data` a share of the documents is held out.

    Held-out records that the training data knows are warned of, and scored apart.

    Raises the errors of each room; `RunError` when `out` is in the way or, with `resume`, when data or settings differ from
    those of the interrupted run.
    """
    config, watch = config or Config(), watch or Silent()
    for warning in config.warnings():
        watch.warn(warning)
    was_there = Path(out).exists()
    checkpoints = claim_folder(out, resume=resume)
    try:
        train, held_out, told = _both_sides(data, eval_data, config, read_as, watch)
        leaks = _leaks(train, held_out, watch)
        _same_as_before(checkpoints, config, train, held_out, resume=resume)
        scene = _set_up(train, held_out, config, watch)
        untuned = scene.measure("measuring the untuned model")
        general = scene.general()
        start = Weights.of(scene.model) if scene.mixes else None
        result = _fit(scene, checkpoints, resume=resume)
        mixed = _mix(scene, start, untuned) if start is not None else None
        if mixed is not None and mixed.share != 1:
            result = replace(result, adapter=None)  # an adapter of part of what the weights are would mislead
        tuned, measured = _final(scene, mixed)
        general = _after(scene, general)
        apart = without_touched(scene.task, scene.held_out, measured.predictions, leaks)
        provenance = Provenance(
            train=train,
            held_out=held_out,
            data_names=tuple(Path(path).name for path in (*data, *eval_data)),
            split=told,
            scores=_shown(scene.task, measured),
            untuned=_shown(scene.task, untuned),
            threshold=measured.threshold,
            new_head=has_new_head(scene.model),
            share=1.0 if mixed is None else mixed.share,
            general=general,
            touched=leaks.touched_count,
            without_touched=None if apart is None else _main_scores(scene.task, apart),
        )
        save_run(out, scene.model, scene.tokenizer, config, result, provenance, verify=scene.verify)
    except BaseException:
        _leave_clean(checkpoints, keep_folder=was_there)
        raise
    return Trained(Path(out), read_facts(out), result.history, tuned, tuple(held_out))


@dataclass(frozen=True, slots=True)
class _Scene:
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

    @property
    def mixes(self) -> bool:
        """Whether the tuned weights are to be mixed with those before: only where these answer too, and are all still there."""
        wanted = self.config.keep.mix and METHODS[self.config.training.method].merges
        return wanted and self.task.name == "answer" and not has_new_head(self.model)

    def general(self) -> dict[str, float] | None:
        """General ability before training; `None` where there is none, or it is not to be measured."""
        if not self.config.keep.probe or self.task.name != "answer" or has_new_head(self.model):
            return None
        return {"before": general_f1(self.model, self.tokenizer, self.predictor.settings, self.watch)}

    def measure(self, stage: str) -> Measured:
        """The held-out records, measured with the model as it is now."""
        tick = counter(self.watch, stage, len(self.held_windows))
        return self.task.measure(self.predictor, self.held_windows, self.held_out, self.config, tick)

    def verify(self, folder: Path) -> None:
        """Read a saved run again and let it score a few windows. Raises `RunError` where it does not give the same."""
        windows = self.held_windows.take(np.arange(min(len(self.held_windows), WINDOWS_VERIFIED)))
        again = load_run(folder, self.task.name).model.to(self.model.device)
        difference = self.task.difference(self.model, again, windows)
        if not difference <= SAME_LOGITS:
            raise RunError(
                f"the run does not answer as before when it is read again: its logits differ by {difference:.2g}",
                expected="the same logits from the saved model",
                next_move="report this with the model's name and the method; nothing was saved",
            )


def _set_up(train: Sequence[Any], held_out: Sequence[Any], config: Config, watch: Watch) -> _Scene:
    task = task_of(train, config)
    _warn_of_new_labels(train, held_out, watch)
    with working(watch, "loading the model"):
        model = task.load_model(config, train)
        tokenizer = load_tokenizer(config.model)
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
    predictor = task.predictor(model, tokenizer, config, own)
    return _Scene(task, config, watch, model, tokenizer, windows, held_out, held_windows, predictor)


def _replayed(train: Sequence[Any], task: Task, config: Config, watch: Watch) -> tuple[Any, ...]:
    """General questions to train on beside the data's own, unanswerable ones only where the data has such."""
    wanted = round(config.keep.replay * len(train))
    if not wanted or task.name != "answer":
        return ()
    unanswerable = any(record.is_impossible for record in train)
    again = replay(wanted, config.training.seed, unanswerable=unanswerable)
    watch.note(f"keep.replay: {len(again)} general questions are trained on beside {len(train)} of the data")
    return again


def _fit(scene: _Scene, checkpoints: Path, *, resume: bool) -> FineTuned:
    watch = scene.watch
    result = fine_tune(
        scene.model,
        scene.windows,
        scene.config.training,
        evaluate=lambda _: scene.measure("measuring held-out").held,
        headline=scene.task.headline,
        checkpoints=checkpoints,
        resume=resume,
        progress=lambda done, total: watch.progress("training", done, total),
        on_start=lambda choices: _tell_choices(choices, watch),
        on_epoch=watch.epoch,
    )
    watch.progress("training", 1, 1)  # early stopping and a resume may leave its bar open
    for note in result.notes:
        if note not in scene.windows.lost.sentences():  # these were told before training
            watch.note(note)
    if scene.task.name == "answer":  # general questions that were trained on as well have shorter answers
        result = replace(result, answer_length=scene.predictor.settings.answer_length)
    return result


def _mix(scene: _Scene, start: Weights, untuned: Measured) -> Mixed:
    def measure(share: float) -> Measured:
        return scene.measure(f"measuring {share:.0%} tuned")

    mixed = best_mixture(scene.model, start, untuned, measure, scene.task.headline)
    (scene.watch.note if mixed.share else scene.watch.warn)(mixed.sentence)
    return mixed


def _after(scene: _Scene, general: dict[str, float] | None) -> dict[str, float] | None:
    """General ability after training beside that before, told."""
    if general is None:
        return None
    after = general_f1(scene.model, scene.tokenizer, scene.predictor.settings, scene.watch)
    sentence, fallen = general_sentence(general["before"], after)
    (scene.watch.warn if fallen else scene.watch.note)(sentence)
    return {**general, "after": after}


def _final(scene: _Scene, mixed: Mixed | None) -> tuple[Any, Measured]:
    """The best epoch's model on the held-out records; a threshold for "no answer" tuned on them chooses again, unmeasured."""
    measured = mixed.measured if mixed is not None else scene.measure("measuring the tuned model")
    tuned = scene.task.tuned(scene.predictor, measured)
    if measured.threshold == 0.0:
        return tuned, measured
    scene.watch.note(
        f"threshold for 'no answer' tuned on the held-out records: {measured.threshold:.3f}; their scores are a little "
        "better for it than those of new data will be"
    )
    return tuned, scene.task.choose_again(scene.held_out, measured)


def _both_sides(
    data: Sequence[str | Path], eval_data: Sequence[str | Path], config: Config, read_as: ReadAs | None, watch: Watch
) -> tuple[tuple[Any, ...], tuple[Any, ...], str]:
    """Training and held-out records, and a sentence on how they were told apart."""
    with working(watch, "reading"):
        report = check(read_files(data, read_as))
    _tell(report, watch)
    labelled = labelled_only(report.examples, data)
    if eval_data:
        with working(watch, "reading"):
            held_report = check(read_files(eval_data, read_as))
        _tell(held_report, watch)
        held_out = labelled_only(held_report.examples, eval_data)
        same_task(task_of(held_out, config).name, task_of(labelled, config).name)
        told = f"held out: {', '.join(Path(path).name for path in eval_data)}"
        return labelled, held_out, told
    parts = split(labelled, held_out=config.held_out, seed=config.training.seed)
    told = f"no --eval-data: {len(parts.held_out)} of {len(labelled)} records held out, {parts.grouped_by}"
    watch.note(told)
    return tuple(parts.train), tuple(parts.held_out), told


def _leaks(train: Sequence[Record], held_out: Sequence[Record], watch: Watch) -> LeakReport:
    """What the training data knows of the held-out records: found before training, told before and after it."""
    with working(watch, "looking for leaks"):
        leaks = find_leaks(held_out, train)
    if leaks.touched:
        watch.warn(
            f"{leaks.warning}. The choice of the best epoch looks at them too. Give --eval-data from other documents, or take "
            "the scores without them, which are shown as well."
        )
    return leaks


def _warn_of_new_labels(train: Sequence[Any], held_out: Sequence[Any], watch: Watch) -> None:
    known = {getattr(record, "label", None) for record in train}
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


def _tell_choices(choices: Sequence[Choice], watch: Watch) -> None:
    for choice in choices:
        watch.note(f"{choice.key} = {choice.value} ({choice.reason})")


def _shown(task: Task, measured: Measured) -> dict[str, float]:
    return _main_scores(task, measured.scores)


def _main_scores(task: Task, scores: Any) -> dict[str, float]:
    every: dict[str, Any] = dict(scores.as_dict())
    return {name: float(every[name]) for name in task.shown}


def _same_as_before(
    checkpoints: Path, config: Config, train: Sequence[Record], held_out: Sequence[Record], *, resume: bool
) -> None:
    """Note what a run was started with; on a resume compare it, because another order of data would train on some twice."""
    now = {
        "config": config.model_dump(mode="json"),
        "train": _in_order(train),
        "held_out": _in_order(held_out),
    }
    file = checkpoints / STARTED_WITH
    if not resume:
        write_text(file, json.dumps(now, indent=2))
        return
    before = json.loads(file.read_text(encoding="utf-8"))
    differing = [name for name in now if before.get(name) != now[name]]
    if differing:
        raise RunError(
            f"{' and '.join(differing).replace('_', '-')} differ from those of the interrupted run in {checkpoints.parent}",
            expected="the same data and settings, so that training goes on where it stopped",
            next_move="give the same data and settings, or train into another --out without --resume",
        )


def _in_order(records: Sequence[Record]) -> str:
    """A hash of records in their order: the same ones in another order would be drawn differently."""
    return hashlib.sha256("".join(fingerprint([record]) for record in records).encode()).hexdigest()


def _leave_clean(checkpoints: Path, *, keep_folder: bool) -> None:
    """After a failure, leave nothing behind but whole checkpoints, which --resume can use."""
    if last_checkpoint(checkpoints) is not None:
        remove_broken_checkpoints(checkpoints)
        return
    shutil.rmtree(checkpoints, ignore_errors=True)
    if not keep_folder:
        shutil.rmtree(checkpoints.parent, ignore_errors=True)
