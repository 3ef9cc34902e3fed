"""The folder of a run, read: its facts alone, which takes neither PyTorch nor Transformers, or the whole of it."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from spantune.data import LeakReport, Record
from spantune.embedded import EMBEDDED, READER_FOLDER, as_name
from spantune.errors import DataError, RunError
from spantune.runs.facts import RunFacts
from spantune.wording import first_line, shortened, visible

if TYPE_CHECKING:
    from spantune.data import Sketch
    from spantune.training.history import History

FACTS, HISTORY, SKETCH, CHECKPOINTS = "spantune.json", "history.json", "trained-on.sketch", "checkpoints"
EXPORT = "export.json"  # in a folder of an exported model


def run_folder(run: Path | str) -> Path:
    """Where a run is: the package's own files for the word `embedded`, and every path, one of that name too; ~ is the home.

    >>> run_folder("runs/policy").as_posix(), run_folder(Path("embedded")).as_posix()
    ('runs/policy', 'embedded')
    """
    if run == EMBEDDED:
        return READER_FOLDER
    try:
        return Path(run).expanduser()
    except RuntimeError:  # of a user who is not there; nor is the path
        return Path(run)


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run, loaded: the model in evaluation mode, its tokenizer, its facts and its history."""

    folder: Path
    model: Any
    tokenizer: Any
    facts: RunFacts
    history: "History"


def load_run(folder: Path | str, task: str | None = None) -> Run:
    """Load a finished run and verify that it is whole.

    Raises `RunError` when the folder is missing, unfinished, of another task than `task`, or its weights are damaged;
    `ModelError` when weights are missing.
    """
    name, folder = as_name(folder), run_folder(folder)
    facts = read_facts(folder)
    if task is not None and facts.task != task:
        raise RunError(
            f"{folder} is a run of the task {facts.task!r}",
            expected=f"a run of the task {task!r}",
            next_move="give a folder that was trained for it",
        )
    from safetensors import safe_open

    from spantune.models import load_tokenizer, open_classifier, open_reader

    with _damage_told(folder):
        for weights in sorted(folder.glob("*.safetensors")):
            with safe_open(weights, "np") as handle:
                handle.keys()
    history = load_history(folder)
    model = (open_reader if facts.task == "answer" else open_classifier)(name)
    return Run(folder, model, load_tokenizer(name), facts, history)


def load_history(folder: Path | str) -> "History":
    """The training trace of a finished run, without its weights. Raises `RunError` where it is damaged."""
    from spantune.training.history import History

    folder = run_folder(folder)
    with _damage_told(folder):
        return History.from_dict(json.loads((folder / HISTORY).read_text(encoding="utf-8")))


def is_run(name: Path | str) -> bool:
    """Whether a name is that of a finished run; other names are those of models.

    >>> is_run("embedded"), is_run("bert-base-uncased")
    (True, False)
    """
    return (run_folder(name) / FACTS).is_file()


def read_facts(folder: Path | str) -> RunFacts:
    """The facts of a finished run, without its weights. Raises `RunError` for a folder that is not one."""
    folder = run_folder(folder)
    file = folder / FACTS
    try:
        there = file.is_file()
    except OSError as error:
        raise RunError(
            f"{shortened(visible(str(folder)), 100)!r} is no path: {error.strerror}",
            expected="the folder of a finished run",
            next_move="check the name of the run",
        ) from None
    if not there:
        found, remedy = _instead_of_a_run(folder)
        raise RunError(
            f"{folder} is {found}",
            expected=f"the folder of a finished run, with {FACTS} in it, or the word {EMBEDDED}",
            next_move=remedy,
        )
    with _damage_told(folder):
        text = file.read_text(encoding="utf-8")
    return RunFacts.from_json(text, str(file))


def _instead_of_a_run(path: Path) -> tuple[str, str]:
    """What is there where a run was looked for, and what to do."""
    if (path / CHECKPOINTS).is_dir():
        return "an interrupted run", "finish it with spantune train … --resume"
    if (path / EXPORT).is_file():
        return "an exported model", (
            "give the run that it was exported from, or that folder to "
            "spantune.inference.exported.ExportedReader.load, which needs no run"
        )
    found = "not a run folder" if path.is_dir() else "a file" if path.exists() else "not there"
    return found, "give the --out folder of a spantune train command, or embedded for the reader that ships"


def facts_of_start(name: str) -> RunFacts | None:
    """What the run that a training starts from keeps of itself; `None` for the names of other models."""
    return read_facts(name) if is_run(name) else None


def known_from_training(folder: Path | str, records: Sequence[Record]) -> LeakReport:
    """What the data that the run was trained on has in common with `records`, from the sketch that the run keeps of it.

    Raises `RunError` when there is no sketch, or one that this version cannot read.
    """
    from spantune.data import find_leaks_in_sketch

    return find_leaks_in_sketch(records, read_sketch(folder))


def read_sketch(folder: Path | str) -> "Sketch":
    """What the run keeps of the records that it, and the runs that it started from, were trained on.

    Raises `RunError` when there is no sketch, or one that this version cannot read.
    """
    folder = run_folder(folder)
    with _damage_told(folder):
        content = (folder / SKETCH).read_bytes()
    from spantune.data import Sketch

    try:
        return Sketch.from_bytes(content)
    except DataError as error:
        raise RunError(f"{folder / SKETCH}: {error.found}", expected=error.expected, next_move=error.next_move) from None


@contextlib.contextmanager
def _damage_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, SafetensorError) as error:
        raise RunError(
            f"{folder} is damaged: {first_line(error)}",
            expected="the folder as spantune train wrote it",
            next_move="restore it from a copy, or train again",
        ) from error
