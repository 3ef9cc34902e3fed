"""Checkpoints of a Hugging Face Trainer that are whole, or not there. In: a Trainer. Out: folders that a resume can trust.

    class MyTrainer(AtomicCheckpoints, Trainer): ...

    found = newest_checkpoint("out")                                 # verified, by the SHA-256 of every file
    trainer.train(resume_from_checkpoint=str(found.folder))          # or resume_from_checkpoint=True, which does the same

The Trainer writes into `checkpoint-N` in place: killed meanwhile, it leaves a part that crashes the resume. Here a checkpoint
is filled beside its place, synced, listed in a manifest, and renamed in one step. Optimiser, schedule and random generators
are kept without pickle, what the running epoch has summed up too. Does not know: what is trained, or how runs are laid out.
"""

import contextlib
import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from transformers import Trainer, TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME, TRAINING_ARGS_NAME
from transformers.utils.import_utils import is_torch_xla_available

from spantune import durable
from spantune.errors import RunError
from spantune.training.plain_state import load_state, save_state
from spantune.wording import first_line

PREFIX, SAVING = "checkpoint-", ".saving"
MANIFEST, FORMAT = "manifest.json", 1
OPTIMISER, SCHEDULE, SCALER = "optimizer.safetensors", "scheduler.safetensors", "scaler.safetensors"
SUMS = "running.safetensors"


@dataclass(frozen=True, slots=True)
class Found:
    """The newest checkpoint that is whole, if any, and the newer ones that were passed over, each with the reason."""

    folder: Path | None
    passed_over: tuple[tuple[Path, str], ...]


@runtime_checkable
class Kept(Protocol):
    """A callback with state of its own that a checkpoint keeps: plain values and tensors, under the name of its class."""

    def kept(self) -> Mapping[str, Any]: ...  # noqa: D102

    def take_back(self, state: Mapping[str, Any]) -> None: ...  # noqa: D102


def newest_checkpoint(folder: Path | str) -> Found:
    """The newest checkpoint below a folder of which every file is as it was written.

    >>> newest_checkpoint("nowhere")
    Found(folder=None, passed_over=())
    """
    passed_over: list[tuple[Path, str]] = []
    for path in reversed(_numbered(Path(folder))):
        wrong = damage(path)
        if wrong is None:
            return Found(path, tuple(passed_over))
        passed_over.append((path, wrong))
    return Found(None, tuple(passed_over))


def damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, in words; `None` where each file of its manifest has the size and hash noted there."""
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            return f"its {MANIFEST} has format {manifest['format']!r}, not {FORMAT}"
        listed = {str(name): (int(one["size"]), str(one["sha256"])) for name, one in manifest["files"].items()}
        wrong = (_wrong(checkpoint, name, *noted) for name, noted in listed.items())
        return next((one for one in wrong if one is not None), None if listed else "its manifest lists no file")
    except FileNotFoundError:
        return f"it has no {MANIFEST}: a part of a checkpoint, or one of another program"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its {MANIFEST} cannot be read: {first_line(error)}"


def _wrong(checkpoint: Path, name: str, size: int, digest: str) -> str | None:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return f"its {MANIFEST} names {name!r}, which is outside of it"
    file = checkpoint / name
    if not file.is_file():
        return f"{name} is missing"
    if file.stat().st_size != size:
        return f"{name} has {file.stat().st_size:,} bytes, not {size:,}"
    return None if durable.sha256(file) == digest else f"{name} is not what was written: its SHA-256 differs"


def remove_unfinished(folder: Path) -> None:
    """Remove what a kill or a failing disk left of saves and removals; what has a manifest stays, readable or not just now."""
    ours = listed(folder)
    for part in [folder / SAVING, *(path for path in _numbered(folder) if path not in ours)]:
        shutil.rmtree(part, ignore_errors=True)
    durable.sweep(folder)


class AtomicCheckpoints(Trainer):
    """A Trainer whose checkpoints are there whole or not at all; to be put before the Trainer that it changes.

    It saves and loads as that one does, in the same places, with these differences: `checkpoint-N` appears in one step, with
    `manifest.json`; `optimizer.safetensors`, `scheduler.safetensors` and `rng_state*.safetensors` stand for the pickled ones
    (DeepSpeed, FSDP and XLA keep their own files); rotation goes by step number, leaves checkpoints of other trainers alone,
    and never removes the one just written or the best one; `train(resume_from_checkpoint=True)` takes the newest whole one.
    After training with `save_total_limit=1` and a best checkpoint, the Trainer itself removes every other `checkpoint-*`.
    """

    _staging: Path | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.add_callback(_TakingUp(self))
        self.taken_up: Path | None = None

    def train(self, resume_from_checkpoint: str | bool | None = None, *arguments: Any, **named: Any) -> Any:
        """As the Trainer's own. Raises `RunError` for a checkpoint that is not whole, or where `True` finds none."""
        self.taken_up = None
        if resume_from_checkpoint:
            newest = resume_from_checkpoint is True
            where = Path(str(self.args.output_dir if newest else resume_from_checkpoint))
            self.taken_up = _whole(newest_checkpoint(where) if newest else _checked(where), where)
        return super().train(None if self.taken_up is None else str(self.taken_up), *arguments, **named)

    def _get_output_dir(self, trial: Any) -> str:
        return super()._get_output_dir(trial) if self._staging is None else str(self._staging)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        home = Path(super()._get_output_dir(trial))
        name = f"{PREFIX}{self.state.global_step}"
        staging = home / SAVING
        if self.args.should_save:
            shutil.rmtree(staging, ignore_errors=True)
            durable.sweep(home)
            durable.step()
            if Path(str(self.args.output_dir)).is_dir():  # one that is gone is an error; those of trials are made as they come
                home.mkdir(exist_ok=True)
            staging.mkdir()
        self.accelerator.wait_for_everyone()
        self._staging = staging
        try:
            super()._save_checkpoint(model, trial)
            self._save_sums(staging / name)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                self._finish(staging / name, home)
        except BaseException:
            if self.args.should_save:
                shutil.rmtree(staging, ignore_errors=True)
            raise
        finally:
            self._staging = None
        self.accelerator.wait_for_everyone()
        self._note_best(home, home / name)  # where the others, who did not write, may find it
        if self.args.push_to_hub:
            super()._push_from_checkpoint(str(home / name))

    def _finish(self, filled: Path, home: Path) -> None:
        """Manifest, sync, rename, sync; then the checkpoints that are too many."""
        self._note_best(home, home / filled.name)
        durable.step()
        self.state.save_to_json(str(filled / TRAINER_STATE_NAME))
        (filled / TRAINING_ARGS_NAME).unlink(missing_ok=True)  # a pickle that nothing reads
        files = {file.relative_to(filled).as_posix(): file for file in sorted(filled.rglob("*")) if file.is_file()}
        noted = {name: {"size": file.stat().st_size, "sha256": durable.sha256(file)} for name, file in files.items()}
        manifest = {"format": FORMAT, "step": self.state.global_step, "files": noted}
        durable.write(filled / MANIFEST, json.dumps(manifest, indent=2).encode())
        durable.sync_tree(filled)
        durable.replace(filled, home / filled.name)
        filled.parent.rmdir()
        self._rotate(home, home / filled.name)

    def _rotate(self, home: Path, newest: Path) -> None:
        limit = self.args.save_total_limit
        if not limit or limit < 1:
            return
        ours = listed(home)
        others = [path for path in ours if path not in (newest, Path(str(self.state.best_model_checkpoint)))]
        for path in others[: max(0, len(ours) - limit)]:
            durable.remove(path)

    def _note_best(self, home: Path, newest: Path | None = None) -> None:
        """Note where the best checkpoint is or, with `newest`, comes to be: folders move, and a staged one has another name.

        The Trainer forgets it when the folder was moved, and would keep the last epoch's weights for the best.
        """
        best = home / f"{PREFIX}{self.state.best_global_step}"
        if self.state.best_global_step and (best == newest or best.is_dir()):
            self.state.best_model_checkpoint = str(best)

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Not yet: what is uploaded is the checkpoint at its place."""

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if _has_own_files(self):
            super()._save_optimizer_and_scheduler(output_dir)
        elif self.args.should_save:
            save_state(Path(output_dir) / OPTIMISER, _there(self.optimizer).state_dict())
            save_state(Path(output_dir) / SCHEDULE, _there(self.lr_scheduler).state_dict())

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        optimiser, schedule = _file(checkpoint, OPTIMISER), _file(checkpoint, SCHEDULE)
        if optimiser is None or schedule is None:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        _there(self.optimizer).load_state_dict(load_state(optimiser))
        _there(self.lr_scheduler).load_state_dict(load_state(schedule))

    def _save_scaler(self, output_dir: str) -> None:
        scaler = getattr(self.accelerator, "scaler", None)
        if _has_own_files(self):
            super()._save_scaler(output_dir)
        elif scaler is not None and self.args.should_save:
            save_state(Path(output_dir) / SCALER, scaler.state_dict())

    def _load_scaler(self, checkpoint: str | None) -> None:
        file = _file(checkpoint, SCALER)
        if file is None:
            super()._load_scaler(checkpoint)
        else:
            self.accelerator.scaler.load_state_dict(load_state(file))

    def _save_rng_state(self, output_dir: str) -> None:
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        numpy_state = np.random.get_state()  # noqa: NPY002 - libraries draw from it
        states = {"python": random.getstate(), "numpy": numpy_state, "cpu": torch.random.get_rng_state()}
        if torch.cuda.is_available():
            states["cuda"] = torch.cuda.random.get_rng_state_all()
        save_state(Path(output_dir) / self._rng_file(), states)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        file = _file(checkpoint, self._rng_file())
        if file is None:
            super()._load_rng_state(checkpoint)
            return
        states = load_state(file)
        random.setstate(states["python"])
        np.random.set_state(states["numpy"])  # noqa: NPY002
        torch.random.set_rng_state(states["cpu"])
        if torch.cuda.is_available() and len(states.get("cuda", ())) == torch.cuda.device_count():
            torch.cuda.random.set_rng_state_all(states["cuda"])

    def _rng_file(self) -> str:
        return f"rng_state_{self.args.process_index}.safetensors" if self.args.world_size > 1 else "rng_state.safetensors"

    def _save_sums(self, folder: Path) -> None:
        """What a resume inside an epoch would lose: the loss summed up since the last log, and the callbacks' own state."""
        loss = self.accelerator.gather(self._tr_loss.detach().reshape(1)).mean()
        if self.args.should_save and not self.args.save_only_model:
            kept = {type(one).__name__: dict(one.kept()) for one in self.callback_handler.callbacks if isinstance(one, Kept)}
            save_state(folder / SUMS, {"loss": loss, "logged_at": self._globalstep_last_logged, "callbacks": kept})

    def take_up(self) -> None:
        """Take up what `_save_sums` kept, once training begins to go on from a checkpoint."""
        if self.taken_up is not None:
            self._note_best(self.taken_up.parent)
        file = _file(self.taken_up, SUMS)
        if file is None:
            return
        state = load_state(file)
        self._tr_loss += state["loss"].to(self._tr_loss)
        self._total_loss_scalar -= float(state["loss"])  # the Trainer tells the mean loss of the steps of this call
        self._globalstep_last_logged = state["logged_at"]
        for one in self.callback_handler.callbacks:
            if isinstance(one, Kept) and type(one).__name__ in state["callbacks"]:
                one.take_back(state["callbacks"][type(one).__name__])


class _TakingUp(TrainerCallback):
    """Tells the Trainer when it has set its sums to zero, and the callbacks are about to begin."""

    def __init__(self, trainer: AtomicCheckpoints) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.take_up()


def told(found: Found) -> tuple[str, ...]:
    """Which checkpoints a resume passes over, and why."""
    return tuple(f"{path} is passed over: {why}" for path, why in found.passed_over)


def _whole(found: Found, where: Any) -> Path:
    if found.folder is None:
        raise RunError(
            f"no whole checkpoint in {where}" + "".join(f"; {one}" for one in told(found)),
            expected=f"{PREFIX}N folders of an interrupted run",
            next_move="start from the beginning, without resuming",
        )
    return found.folder


def _checked(checkpoint: Path) -> Found:
    wrong = damage(checkpoint)
    return Found(checkpoint, ()) if wrong is None else Found(None, ((checkpoint, wrong),))


def _file(checkpoint: str | Path | None, name: str) -> Path | None:
    file = None if checkpoint is None else Path(checkpoint) / name
    return file if file is not None and file.is_file() else None


def listed(folder: Path) -> list[Path]:
    """The checkpoints below a folder that have a manifest, the oldest first, readable or not just now; others are not ours."""
    return [path for path in _numbered(folder) if (path / MANIFEST).exists()]


def _numbered(folder: Path) -> list[Path]:
    """The checkpoints below a folder, the oldest first."""
    with contextlib.suppress(OSError):
        found = [path for path in folder.glob(f"{PREFIX}*") if path.name[len(PREFIX) :].isdecimal() and path.is_dir()]
        return sorted(found, key=lambda path: int(path.name[len(PREFIX) :]))
    return []


def _there(part: Any) -> Any:
    assert part is not None  # the Trainer makes both before it trains
    return part


def _has_own_files(trainer: Trainer) -> bool:
    return bool(trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled or is_torch_xla_available())
