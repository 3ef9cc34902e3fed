"""In: the folder of a run. Out: a block in which no other process writes to it. Does not know: what a run holds."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from spantune import durable
from spantune.errors import OutputError, RunError

LOCK = ".spantune.lock"


@contextlib.contextmanager
def locked(folder: Path | str) -> Iterator[None]:
    """Hold the folder, which is made where it is missing, and removed again where nothing came into it.

    Raises `RunError` where another process holds it, `OutputError` where nothing can be written there.
    """
    folder = Path(folder)
    was_there = folder.exists()
    try:
        with contextlib.ExitStack() as block:
            _hold(folder, block)
            yield
    finally:
        if not was_there:
            with contextlib.suppress(OSError):
                folder.rmdir()  # which leaves a folder that holds anything


def _hold(folder: Path, block: contextlib.ExitStack) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        block.enter_context(durable.held(folder / LOCK))
    except BlockingIOError:
        raise RunError(
            f"another process is writing to {folder}",
            expected="one training at a time in a folder",
            next_move="wait for it, end it, or choose another --out",
        ) from None
    except FileExistsError:
        raise RunError(f"{folder} is a file", expected="a new or empty folder", next_move="choose another --out") from None
    except OSError as error:
        raise OutputError(
            f"{folder} could not be written: {error.strerror or error}",
            expected="a folder you may write to",
            next_move="choose another folder",
        ) from error
