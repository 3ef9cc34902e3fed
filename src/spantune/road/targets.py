"""Where a result may be written: told before the work is done, not after it."""

from collections.abc import Sequence
from pathlib import Path

from spantune.data.atomic import is_stream
from spantune.errors import ConfigError, OutputError


def check_target(out: str | Path, inputs: Sequence[str | Path]) -> None:
    """Make sure, before the work is done, that `out` can be written: not one of the inputs, in a folder that is there.

    Raises `ConfigError` or `OutputError`.
    """
    target = Path(out)
    if is_stream(out):
        raise OutputError(
            f"{out} is a stream",
            expected="a regular file, which takes its place when it is whole",
            next_move="name a file, and read it when the command is done",
        )
    if any(target.exists() and Path(one).exists() and target.samefile(one) for one in inputs):
        raise ConfigError(
            f"{out} is one of the input files",
            expected="another file to write to",
            next_move="name another file: the input would be lost",
        )
    if target.is_dir():
        raise OutputError(f"{out} is a folder", expected="a file to write to", next_move="name a file, in that folder perhaps")
    if not target.parent.is_dir():
        raise OutputError(
            f"the folder {target.parent} is not there",
            expected="an existing folder",
            next_move="create it first, or correct the path",
        )
