"""In: the folder of a run. Out: a block in which no other process writes to it. Does not know: what a run holds.

The lock is the system's own: it goes with the process, however that ends.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from spantune.errors import OutputError, RunError

LOCK = ".spantune.lock"


@contextlib.contextmanager
def locked(folder: Path | str) -> Iterator[None]:
    """Hold the folder, which is made where it is missing, and removed again where nothing came into it.

    Raises `RunError` where another process holds it, `OutputError` where nothing can be written there.
    """
    folder = Path(folder)
    was_there = folder.exists()
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
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
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()
        lock.release()
        if not was_there:
            with contextlib.suppress(OSError):
                folder.rmdir()  # which leaves a folder that holds anything
