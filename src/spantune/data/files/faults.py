"""In: what the operating system or a decompressor said of a file. Out: the errors that tell it. Does not know: contents."""

import difflib
import stat
from pathlib import Path

from spantune.errors import EmptyDataError, MissingDataError, UnreadableDataError
from spantune.wording import reason_of

KINDS_OF_FILE = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def require_file(path: Path) -> None:
    """Raise `MissingDataError` for a path that is no regular file: a pipe or a device could keep a reader waiting forever."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _a_folder(path)
    except (OSError, ValueError) as error:  # ValueError: a path that holds a NUL
        raise cannot_be_opened(path, error) from None
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in KINDS_OF_FILE if is_kind(mode)), "not a regular file")
        raise MissingDataError(
            f"{path} is {kind}", expected="a data file", next_move="save what comes out of it to a file, and name that"
        )


def _a_folder(path: Path) -> MissingDataError:
    inside = sorted(item.name for item in path.iterdir())[:5]
    return MissingDataError(
        f"{path} is a folder" + (f" with {', '.join(inside)}" if inside else ", an empty one"),
        expected="a data file",
        next_move="name the files in it that are to be read",
    )


def cannot_be_opened(path: Path, error: OSError | ValueError) -> MissingDataError:
    """A file that is not there, or may not be read."""
    if isinstance(error, FileNotFoundError):
        return MissingDataError(f"no file at {path}", expected="a data file", next_move=_next_move_for_missing(path))
    return MissingDataError(
        f"{str(path)!r} cannot be opened: {reason_of(error)}",
        expected="a file that you may read",
        next_move="check the path and the file's permissions",
    )


def _next_move_for_missing(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        while not folder.is_dir():
            folder = folder.parent
        return f"check the path: it exists as far as {folder.resolve()}"
    try:
        inside = [item.name for item in folder.iterdir()]
    except OSError:  # a folder that may be passed through, but not listed
        inside = []
    close = difflib.get_close_matches(path.name, inside, n=1, cutoff=0.6)
    return f"did you mean {folder / close[0]}?" if close else f"check the name: {folder.resolve()} has no such file"


def bad_gzip(file: str, found: str) -> UnreadableDataError:
    """A gzip file that is none, or is not whole."""
    return UnreadableDataError(
        f"{file} {found}",
        expected="a whole gzip file",
        next_move="copy or download it again, or drop .gz from its name if it is not compressed",
    )


def nothing_in(file: str) -> EmptyDataError:
    """A file without a byte, or with nothing but blanks."""
    return EmptyDataError(
        f"{file} is empty: it holds no more than blanks",
        expected="at least one record",
        next_move="export the file again",
    )


def too_large(file: str, what: str, limit: str, next_move: str) -> UnreadableDataError:
    """A file whose parts would not fit in memory."""
    return UnreadableDataError(f"{file} {what} more than {limit}", expected=f"at most {limit}", next_move=next_move)
