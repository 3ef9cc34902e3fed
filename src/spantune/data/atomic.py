"""In: a path and its new content. Out: the whole file, or the old one untouched and an OutputError.

Does not know: what it writes.
"""

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from spantune.errors import OutputError

NEXT_MOVES = {
    errno.ENOSPC: "free some space on that disk, or write to another one",
    errno.EDQUOT: "free some of your disk quota, or write to another disk",
    errno.EACCES: "choose a folder you may write to",
    errno.EPERM: "choose a folder you may write to",
    errno.EROFS: "that disk is read-only: choose another folder",
    errno.ENOENT: "create the folder first, or correct the path",
    errno.ENOTDIR: "a part of the path is a file: correct the path",
    errno.EISDIR: "that is a folder: give a file name inside it",
    errno.ENAMETOOLONG: "choose a shorter file name",
}


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, all of it or nothing. Raises `OutputError`, like `write_bytes`."""
    write_bytes(path, text.encode())


def write_lines(path: str | Path, lines: Iterable[str]) -> int:
    """Write each of `lines` and a line end, while they are made; gives their number. All or nothing, like `write_bytes`."""
    count = 0

    def counted() -> Iterator[bytes]:
        nonlocal count
        for count, line in enumerate(lines, start=1):  # noqa: B007 - the last value is the result
            yield f"{line}\n".encode()

    _write(path, counted())
    return count


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write `content` to `path`, all of it or nothing: into a file beside it, then renamed over it.

    A file that was there stays as it was until the new one is whole and on disk. The folder must exist. Raises
    `OutputError` when the disk is full, the folder is missing or not writable, or `path` is no regular file.
    """
    _write(path, (content,))


def _write(path: str | Path, chunks: Iterable[bytes]) -> None:
    try:
        target = Path(os.path.realpath(path))  # a link stays a link: the file that it points to is replaced
    except (OSError, ValueError) as error:  # ValueError: a path that holds a NUL
        raise _output_error(path, error) from error
    try:
        _replace(target, chunks)
    except OSError as error:
        raise _output_error(path, error) from error


def _replace(target: Path, chunks: Iterable[bytes]) -> None:
    _refuse_special(target)
    scratch = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with scratch.open("xb") as handle:
            handle.writelines(chunks)
            handle.flush()
            os.fsync(handle.fileno())
        scratch.replace(target)
    except BaseException:
        _remove(scratch)
        raise


def _refuse_special(target: Path) -> None:
    """Renaming over a device such as /dev/stdout would replace the device itself."""
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
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return OutputError(
        f"{str(path)!r} could not be written: {reason}",
        expected="a regular file in an existing, writable folder with enough space",
        next_move=NEXT_MOVES.get(number or 0, "choose another path; nothing was left behind"),
    )
