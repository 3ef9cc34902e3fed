"""The folder of a run: written beside the place and moved in when whole, `spantune.json` last."""

import contextlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from spantune import durable
from spantune.config import Config
from spantune.data import Record, Sketch, fingerprint, joined, sketch
from spantune.embedded import EMBEDDED, ENCODER
from spantune.errors import OutputError, RunError
from spantune.models.merging import CONFIG as ADAPTER_CONFIG
from spantune.models.methods import METHOD, METHODS
from spantune.models.quiet import quiet
from spantune.runs.card import CardFacts, model_card
from spantune.runs.facts import Provenance, RunFacts, data_name, in_unicode, installed_versions
from spantune.runs.lock import LOCK
from spantune.runs.reading import CHECKPOINTS, FACTS, HISTORY, SKETCH, is_run, read_sketch
from spantune.training import FineTuned, History, newest_checkpoint
from spantune.training.checkpoints import listed, told
from spantune.training.curves import save_curves
from spantune.wording import first_line, reason_of

CURVES, CARD, STARTED_WITH = "curves.png", "README.md", "started-with.json"
ADAPTER = "adapter"  # the folder of what the method trained, in PEFT's format
STAGING = ".staging-"
MOVING_IN = "moving-in.txt"
LOGS = "runs"  # where the Trainer's TensorBoard integration writes, and where the Hub looks for its logs


def claim_folder(folder: Path | str, *, resume: bool = False) -> Path:
    """Make sure that a run can be written to `folder`, before hours are spent on it; gives its checkpoints folder.

    The folder may be new, empty, or hold the checkpoints of an interrupted run, which only `resume` continues. Raises
    `RunError` for a folder with anything else in it, `OutputError` for one that cannot be written to.
    """
    folder = Path(folder)
    with written(folder):
        _refuse_taken(folder)
        found = newest_checkpoint(folder / CHECKPOINTS)
        unfinished = bool(listed(folder / CHECKPOINTS))  # one that is damaged, too: perhaps it can be read tomorrow
        if unfinished and not resume:
            raise RunError(
                f"{folder} holds the checkpoints of an interrupted run" + ("" if found.folder else ", none of them whole"),
                expected="a new or empty folder, or --resume",
                next_move="add --resume to go on from the last checkpoint, or choose another --out",
            )
        if resume and found.folder is None:
            raise RunError(
                f"{folder} holds nothing to resume" + "".join(f"; {one}" for one in told(found)),
                expected="the --out folder of an interrupted run, with a whole checkpoint in it",
                next_move="check the path and the disk, or choose another --out without --resume",
            )
        for left in _leftovers(folder, unfinished=unfinished):
            left.unlink() if left.is_file() else shutil.rmtree(left)
        if not unfinished:
            (folder / CHECKPOINTS).mkdir(parents=True)
            (folder / CHECKPOINTS / STARTED_WITH).write_text("{}", encoding="ascii")
    return folder / CHECKPOINTS


def save_run(
    folder: Path | str,
    model: Any,
    tokenizer: Any,
    config: Config,
    result: FineTuned,
    provenance: Provenance | None = None,
    *,
    verify: Callable[[Path], None] | None = None,
) -> Path:
    """Write the folder of a finished run. It loads with plain `AutoModelForQuestionAnswering` and `AutoTokenizer`.

    Beside the model: `spantune.json` (versions, every setting, data fingerprints, scores), `history.json`, `curves.png`, a
    model card, and a sketch of the training records, and of those of the run that training started from, to know them by
    (hashes, no text). Everything is written beside its place and moved in when whole; checkpoints below the folder are removed
    then, TensorBoard's logs among them kept. Just before that, `verify` is handed the folder that holds everything, and what it
    raises undoes it all. Raises `RunError` when the folder holds anything else, `OutputError` when something cannot be written;
    the folder is then as it was.
    """
    folder, provenance = Path(folder), provenance or Provenance()
    facts = _facts(model, config, result, provenance)
    staging = folder / f"{STAGING}{secrets.token_hex(4)}"
    with written(folder), _as_it_was(folder):
        _refuse_taken(folder)
        try:
            staging.mkdir(parents=True)
            _write_model(staging, model, tokenizer, result, config.model.revision)
            (staging / HISTORY).write_text(json.dumps(result.history.as_dict(), indent=2) + "\n", encoding="utf-8")
            save_curves(result.history, staging / CURVES)
            (staging / CARD).write_text(_card(folder.name, facts, result.history, provenance), encoding="utf-8")
            (staging / SKETCH).write_bytes(_trained_on(provenance.train, config.model.name).to_bytes())
            (staging / FACTS).write_text(facts.to_json(), encoding="utf-8")
            _readable_alike(staging)
            if verify is not None:
                verify(staging)
            durable.sync_tree(staging)
            names = sorted(path.name for path in staging.iterdir())
            if (folder / CHECKPOINTS).is_dir():  # a kill while they are moved in must not bar the way to --resume
                durable.write(folder / CHECKPOINTS / MOVING_IN, "".join(f"{name}\n" for name in names).encode())
                durable.sync(folder / CHECKPOINTS)
            for path in sorted(staging.iterdir(), key=lambda path: path.name == FACTS):
                durable.replace(path, folder / path.name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    with contextlib.suppress(OSError):
        (folder / CHECKPOINTS / LOGS).replace(folder / LOGS)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return folder


def _write_model(folder: Path, model: Any, tokenizer: Any, result: FineTuned, revision: str | None) -> None:
    """The whole model with its adapter in a folder of its own; what cannot be taken into a model is the adapter alone."""
    merges = METHODS[result.config.method or METHOD].merges
    with quiet():
        tokenizer.save_pretrained(folder)
        if merges:
            model.save_pretrained(folder)
    home = folder / ADAPTER if merges else folder
    for name, content in (result.adapter or {}).items():
        home.mkdir(exist_ok=True)
        (home / name).write_bytes(_of_revision(content, revision) if name == ADAPTER_CONFIG and revision else content)


def _of_revision(settings: bytes, revision: str) -> bytes:
    """An adapter's settings that name the commit of their base."""
    return json.dumps({**json.loads(settings), "revision": revision}, indent=2).encode()


@contextlib.contextmanager
def written(folder: Path) -> Iterator[None]:
    """Whatever goes wrong while a folder is written, told as `OutputError`; safetensors has its own name for a full disk."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"{folder} could not be written: {reason_of(error)}",
            expected="a folder you may write to, on a disk with room for the model",
            next_move="free some space, or choose another folder; nothing half-written was left behind",
        ) from error
    except UnicodeError as error:
        raise OutputError(
            f"{in_unicode(str(folder))} could not be written or read: {first_line(error)}",
            expected="names, labels and files that are UTF-8",
            next_move="rename what is not, or correct it in the data; nothing half-written was left behind",
        ) from error


@contextlib.contextmanager
def _as_it_was(folder: Path) -> Iterator[None]:
    """On any failure, an interruption included, remove what was not in the folder before, and a folder that was not there."""
    before = {path.name for path in folder.iterdir()} if folder.is_dir() else None
    try:
        yield
    except BaseException:
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in (before or ()):
                path.unlink(missing_ok=True) if path.is_file() else shutil.rmtree(path, ignore_errors=True)
        if before is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _readable_alike(folder: Path) -> None:
    """Give every file the mode of the card, a plain new file: safetensors writes its own for their owner alone."""
    mode = (folder / CARD).stat().st_mode & 0o777
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)


def _refuse_taken(folder: Path) -> None:
    """Raise `RunError` when there is anything in the folder that an interrupted run of ours did not leave there."""
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if FACTS in held:
        raise RunError(
            f"{folder} holds a finished run",
            expected="a new or empty folder",
            next_move="choose another --out, or remove the folder first",
        )
    ours = {LOCK, *({CHECKPOINTS, *_moving_in(folder)} if _ours(folder / CHECKPOINTS) else ())}
    others = [name for name in held if not name.startswith(STAGING) and name not in ours]
    if others or (folder.exists() and not folder.is_dir()):
        raise RunError(
            f"{folder} holds {', '.join(others[:3])}" if others else f"{folder} is a file",
            expected="a new or empty folder",
            next_move="choose another --out",
        )


def _moving_in(folder: Path) -> list[str]:
    """The files of a save that a kill may have interrupted while it moved them in; the next save replaces them."""
    noted = folder / CHECKPOINTS / MOVING_IN
    return noted.read_text(encoding="utf-8").splitlines() if noted.is_file() else []


def _leftovers(folder: Path, *, unfinished: bool) -> list[Path]:
    """What a kill left: unfinished saves; where no checkpoint is left to go on from, also what they moved in, its note last."""
    held = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    begun = [] if unfinished else [*_moving_in(folder), CHECKPOINTS]
    return [held[name] for name in (*(name for name in held if name.startswith(STAGING)), *begun) if name in held]


def _ours(checkpoints: Path) -> bool:
    """Checkpoints that may be gone on from, or removed when none of them is whole: not those of some other program."""
    return checkpoints.is_dir() and ((checkpoints / STARTED_WITH).is_file() or not any(checkpoints.iterdir()))


def _facts(model: Any, config: Config, result: FineTuned, provenance: Provenance) -> RunFacts:
    return RunFacts(
        task="answer" if result.answer_length else "classify",
        config=config.model_copy(update={"training": result.config}),
        labels=tuple(model.config.id2label.values()) if not result.answer_length else (),
        answer_length=config.windows.answer_length or result.answer_length,
        may_abstain=result.may_abstain,
        threshold=provenance.threshold,
        spread=provenance.spread,
        data={
            "names": list(provenance.data_names),
            "eval_names": list(provenance.eval_names),
            "read_as": dict(provenance.read_as),
            "split": provenance.split,
            "train": _described(provenance.train),
            "held_out": _described(provenance.held_out),
            "touched": provenance.touched,
            "scores_without_touched": None if provenance.without_touched is None else dict(provenance.without_touched),
        },
        scores=dict(provenance.scores),
        untuned_scores=None if provenance.untuned is None else dict(provenance.untuned),
        choices=tuple(asdict(choice) for choice in result.choices),
        versions=installed_versions(),
        new_head=provenance.new_head,
        share=provenance.share,
        general=None if provenance.general is None else dict(provenance.general),
        calibration=provenance.calibration,
        judged=provenance.judged,
    )


def _trained_on(records: Sequence[Record], start: str) -> Sketch:
    """What recognises the training records, and those of the run that training started from, where that still says them."""
    own = sketch(records)
    if not is_run(start):
        return own
    try:
        return joined(own, read_sketch(start))
    except RunError:  # training has told that the start's records cannot be recognised
        return own


def _described(records: Sequence[Record]) -> dict[str, Any]:
    return {"count": len(records), "fingerprint": fingerprint(records) if records else None}


def _card(name: str, facts: RunFacts, history: History, provenance: Provenance) -> str:
    base = facts.config.model.name
    prints = {part: facts.data[part]["fingerprint"] for part in ("train", "held_out") if facts.data[part]["count"]}
    return model_card(
        CardFacts(
            name=name,
            task=facts.task,
            base_model=base,
            base_is_folder=base not in (EMBEDDED, ENCODER) and Path(base).expanduser().is_dir(),
            train_count=len(provenance.train),
            held_out_count=len(provenance.held_out),
            data_names=list(map(data_name, provenance.data_names)),
            data_fingerprints=prints,
            seed=facts.config.training.seed,
            config=facts.config.model_dump(mode="json"),
            versions=facts.versions,
            scores=facts.scores,
            untuned_scores=facts.untuned_scores,
            history=history,
            picture=CURVES,
            touched=provenance.touched,
            without_touched=provenance.without_touched,
            folds=facts.config.training.folds or 1,
            share=facts.share,
            spread=facts.spread,
            mixed=provenance.mixed,
            spread_chosen=provenance.spread_chosen,
        )
    )
