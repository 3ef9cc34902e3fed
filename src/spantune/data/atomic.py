"""In: a path and its new content. Out: the whole file, or the old one untouched and an OutputError.

Does not know: what it writes.
"""

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from spantune import durable
from spantune.errors import OutputError
from spantune.wording import reason_of

STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr")
STREAM_FOLDERS = ("/dev/fd/", "/proc/")
NEXT_MOVES = {
    errno.ENOSPC: "free some space on that disk, or write to another one",
    errno.EDQUOT: "free some of your disk quota, or write to another disk",
    errno.EACCES: "choose a folder you may write to",
    errno.EPERM: "choose a folder you may write to",
    errno.EROFS: "that disk is read-only: choose another folder",
    errno.ENOENT: "create the folder first, or correct the path",
    errno.ENOTDIR: "a part of the path is a file: correct the path",
    errno.EISDIR: "that is a folder: give a file name inside it",
    errno.EAGAIN: "wait for it, or give another file name",
    errno.ENAMETOOLONG: "choose a shorter file name",
}


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, all of it or nothing. Raises `OutputError`, like `write_bytes`."""
    write_bytes(path, text.encode())


@contextmanager
def lines_to(path: str | Path) -> Iterator[Callable[[str], None]]:
    """A function that writes a line; the file is there when the block ends well, and not at all when it ends in an error.

    For a caller that fills several files in one pass. Raises `OutputError`, like `write_bytes`.
    """
    with _scratch_of(path) as handle:

        def put(line: str) -> None:
            try:
                handle.writelines((line.encode(), b"\n"))
            except OSError as error:
                raise _output_error(path, error) from error

        yield put


@contextmanager
def binary_to(path: str | Path) -> Iterator[IO[bytes]]:
    """A file to write bytes into, for a library that wants a handle; all or nothing, like `lines_to`."""
    with _scratch_of(path) as handle, told(path):
        yield handle


def write_chunks(path: str | Path, chunks: Iterable[bytes]) -> None:
    """Write `chunks` one after the other, while they are made. All or nothing, like `write_bytes`."""
    _write(path, chunks)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write `content` to `path`, all of it or nothing: into a file beside it, then renamed over it.

    A file that was there stays as it was until the new one is whole and on disk. The folder must exist. Raises
    `OutputError` when the disk is full, the folder is missing or not writable, or `path` is no regular file.
    """
    _write(path, (content,))


def _write(path: str | Path, chunks: Iterable[bytes]) -> None:
    with _scratch_of(path) as handle, told(path):
        handle.writelines(chunks)


@contextmanager
def _scratch_of(path: str | Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place when the block ends well."""
    with told(path):
        try:
            target = Path(os.path.realpath(path))  # a link stays a link: the file that it points to is replaced
        except ValueError as error:  # a path that holds a NUL
            raise _output_error(path, error) from error
        refuse_special(path, target)
        scratch = target.with_name(f".{secrets.token_hex(8)}.tmp")
        handle = scratch.open("xb")
    try:
        with handle:
            yield handle
            with told(path):
                handle.flush()
                os.fsync(handle.fileno())
        with told(path):
            durable.replace(scratch, target)
    except BaseException:
        _remove(scratch)
        raise


@contextmanager
def told(path: str | Path) -> Iterator[None]:
    """What the system cannot do with `path`, as `OutputError`."""
    try:
        yield
    except OSError as error:
        raise _output_error(path, error) from error


def is_stream(path: str | Path) -> bool:
    """Whether a path names an open stream. What it leads to may be a regular file, which others write to.

    >>> [is_stream(path) for path in ("-", "/dev/stdout", "/dev/fd/1", "/dev/shm/answers.jsonl", "answers-.jsonl")]
    [True, True, True, False, False]
    """
    absolute = str(Path(path).absolute())  # not resolved: that would be what the stream leads to
    return str(path) == "-" or absolute in STREAMS or absolute.startswith(STREAM_FOLDERS)


def refuse_special(path: str | Path, target: Path) -> None:
    """Renaming over a device would replace the device itself, over what a stream leads to the file that it was sent to."""
    if is_stream(path):
        raise OSError(errno.EINVAL, "a stream, not a regular file")
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "not a regular file")


def _remove(scratch: Path) -> None:
    try:
        scratch.unlink(missing_ok=True)
    except OSError:
        return  # the error that brought us here says more than this one


def _output_error(path: str | Path, error: OSError | ValueError) -> OutputError:
    number = error.errno if isinstance(error, OSError) else None
    return OutputError(
        f"{str(path)!r} could not be written: {reason_of(error)}",
        expected="a regular file in an existing, writable folder with enough space",
        next_move=NEXT_MOVES.get(number or 0, "choose another path; nothing was left behind"),
    )
