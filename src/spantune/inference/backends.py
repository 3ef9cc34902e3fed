"""In: the folder of a run that answers, and what to compute with. Out: its reader. Does not know: how answers are chosen."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spantune.errors import ConfigError, MissingExtraError, RunError
from spantune.inference.exported.folder import EXPORT, EXPORTED, read_export

AUTO, TORCH = "auto", "torch"
BACKENDS = (AUTO, TORCH, "onnx", "openvino")
NEEDED_BY_TORCH = ("torch", "transformers")


def open_with(run: Path | str, backend: str = AUTO, *, device: str | None = None, threads: int | None = None) -> Any:
    """The reader of a finished run: a `Reader`, or for "onnx" and "openvino" the `ExportedReader` of its exported model.

    "auto" is PyTorch, and the exported model where PyTorch or Transformers is not installed. `device` is where PyTorch
    computes; exported models compute on the processor. `threads` compute together, whatever they compute with; by default as
    many as suit the process. Raises `ConfigError` for another word, `RunError` where the run has no
    export for the engine, `MissingExtraError` where there is nothing to compute with; other errors as for `Reader.load` and
    `ExportedReader.load`.
    """
    if backend not in BACKENDS:
        raise ConfigError(
            f"the backend {backend!r}", expected="one of " + ", ".join(BACKENDS), next_move="leave it away: auto is PyTorch"
        )
    if backend == TORCH or (backend == AUTO and not _missing()):
        return _with_torch(run, device, threads)
    if backend == AUTO and not (Path(run) / EXPORTED / EXPORT).is_file():
        raise _nothing_to_compute_with(run)
    from spantune.inference.exported.reader import ExportedReader

    home, found = read_export(run, format=backend if backend != AUTO else "onnx")
    if backend not in (AUTO, found.engine):
        raise RunError(
            f"{home} holds a model for {found.engine}",
            expected=f"one for {backend}",
            next_move=f"spantune export {run} --format {backend} --data held-out.json, or --backend {found.engine}",
        )
    return ExportedReader.of(home, found, threads)


def backend_of(reader: Any) -> str:
    """The name, among `BACKENDS`, of what a reader or classifier computes with."""
    return str(getattr(reader, "engine", TORCH))


def require_torch(run: Path | str) -> None:
    """Raise `MissingExtraError` where PyTorch or Transformers is not installed."""
    if _missing():
        raise _nothing_to_compute_with(run)


def _with_torch(run: Path | str, device: str | None, threads: int | None) -> Any:
    require_torch(run)
    from spantune.inference import Reader

    return Reader.load(run, device=device, threads=threads)


def _missing() -> list[str]:
    return [name for name in NEEDED_BY_TORCH if not _installed(name)]


def _installed(name: str) -> bool:
    """Whether a package could be imported; it is not, for that takes seconds."""
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _nothing_to_compute_with(run: Path | str) -> MissingExtraError:
    return MissingExtraError(
        f"{' and '.join(_missing())} not installed, and no exported model of {run} to use instead",
        expected=f"PyTorch and Transformers, or an exported model in {Path(run) / EXPORTED}",
        next_move=f"pip install torch transformers, or where they are installed: spantune export {run} --data held-out.json",
    )
