"""In: a file or folder that was filled beside its place. Out: it stands there, whole and on the disk, or not at all.

Does not know: what is in it. Each call of the system that a kill or a failing disk may come between is a step. For tests the
environment variable `SPANTUNE_FAIL_AT` names one of them: `KILL@7` kills the process at its seventh step, `EIO@7` (any name
of `errno`) fails that step as the system would.
"""

import errno
import hashlib
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

FAIL_AT = "SPANTUNE_FAIL_AT"
KILL = "KILL"
AWAY = ".removing-"  # before the name of what is moved out of sight, to be removed where nobody takes it for whole

_steps = 0


def step() -> None:
    """A step of the system comes next; where `SPANTUNE_FAIL_AT` names this one, it fails."""
    global _steps
    wanted = os.environ.get(FAIL_AT)
    if wanted is None:
        return
    _steps += 1
    name, _, number = wanted.partition("@")
    if _steps != int(number):
        return
    if name == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    code = getattr(errno, name)
    raise OSError(code, os.strerror(code))


def sha256(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises `OSError` for one that cannot be read."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Raises `OSError` where the disk cannot."""
    step()
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Wait until everything below a folder, its own names too, is on the disk."""
    for path in (*_below(folder), folder):
        sync(path)


def write(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on the disk; its name is when its folder is synced."""
    step()
    path.write_bytes(content)
    sync(path)


def replace(path: Path, target: Path) -> None:
    """Move a file or folder to its place; a file or folder there gives way. A kill leaves the old or the new one, or neither.

    Neither only where a folder gives way to a folder, which no system renames in one step.
    """
    if target.is_dir() and not target.is_symlink() and any(target.iterdir()):
        remove(target)
    step()
    path.replace(target)
    sync(target.parent)


def remove(folder: Path) -> None:
    """Remove a folder: it is moved out of sight first, so that a kill leaves no part of it that looks whole."""
    away = folder.with_name(f"{AWAY}{folder.name}")
    shutil.rmtree(away, ignore_errors=True)
    step()
    folder.replace(away)
    sync(folder.parent)
    step()
    shutil.rmtree(away, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what a kill during `remove` left below a folder."""
    for left in folder.glob(f"{AWAY}*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """A block that one process is in at a time; the lock goes with the process, however that ends.

    Raises `BlockingIOError` where another one is in it, `FileNotFoundError` where the lock's folder is missing.
    """
    if not lock.parent.is_dir():  # which filelock would make
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    file = FileLock(lock, timeout=0)
    try:
        file.acquire()
    except Timeout:
        raise BlockingIOError(errno.EAGAIN, "another process is writing there") from None
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()
        file.release()


def _below(folder: Path) -> Iterator[Path]:
    """Files before the folders that name them."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
        yield path
