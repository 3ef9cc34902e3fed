"""In: ids, and a line for each. Out: the whole file, gone on with after a kill. Does not know: what the lines say.

Lines are kept beside the file's place as they come, in `NAME.partial`, with a note of what they were made from in
`NAME.partial.json`. A second call with the same note goes on behind the last whole line; the file takes its place when every
line is there.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from spantune import durable
from spantune.data.atomic import refuse_special, told, write_text

AT_ONCE = 256  # lines between two writes; a kill costs so many at most


def write_growing(
    path: Path | str,
    started_with: Mapping[str, Any],
    ids: Sequence[str],
    lines_from: Callable[[int], Iterable[str]],
    say: Callable[[str], None],
) -> int:
    """Write a line of JSON for each of `ids`, and give their number; `lines_from(n)` makes them from the n-th on.

    `started_with` is what the lines depend on, as JSON: where an interrupted call noted the same, its whole lines are kept;
    else they are made anew. `say` is told of both. Each line must hold its `id`. Raises `OutputError` for a disk that does not
    take them, a path that is no regular file, and where another process is writing the same.
    """
    target = Path(os.path.realpath(path))
    partial, note = target.with_name(f"{target.name}.partial"), target.with_name(f"{target.name}.partial.json")
    with told(path):
        refuse_special(path, target)
        with durable.held(target.with_name(f".{target.name}.lock")):
            begun = _whole_lines(partial, ids) if _noted(note) == dict(started_with) else 0
            if begun:
                say(f"{partial} holds {begun:,} of {len(ids):,} lines: going on from there")
            else:
                if partial.exists():
                    say(f"{partial} is of other data, settings or another run: its lines are made anew")
                partial.unlink(missing_ok=True)
                write_text(note, json.dumps(started_with))
            try:
                _append(partial, lines_from(begun), len(ids) - begun)
            except BaseException:
                _left(partial, note, path, say)
                raise
            durable.replace(partial, target)
            note.unlink(missing_ok=True)
    return len(ids)


def _append(partial: Path, lines: Iterable[str], missing: int) -> None:
    pending: list[str] = []
    with partial.open("ab") as handle:

        def put() -> None:
            durable.step()
            handle.write("".join(f"{line}\n" for line in pending).encode())
            handle.flush()
            pending.clear()

        try:
            for line in lines:
                pending.append(line)
                missing -= 1
                if len(pending) >= AT_ONCE:
                    put()
        finally:
            put()
        os.fsync(handle.fileno())
    if missing:
        raise ValueError(f"{missing} lines too few: {partial} needs one for each id")


def _left(partial: Path, note: Path, path: Path | str, say: Callable[[str], None]) -> None:
    """Say where the lines so far are, or leave nothing where there are none."""
    with suppress(OSError):
        if partial.stat().st_size:
            say(f"the lines of {path} so far are in {partial}: the same command goes on from there")
            return
    for file in (partial, note):
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _noted(note: Path) -> Any:
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _whole_lines(partial: Path, ids: Sequence[str]) -> int:
    """How many lines from the first are whole and those of these ids; what comes after them is cut off."""
    if not partial.is_file():
        return 0
    count = end = 0
    with partial.open("rb") as handle:
        for line, wanted in zip(handle, ids, strict=False):
            if not line.endswith(b"\n") or _id_of(line) != wanted:
                break
            count, end = count + 1, end + len(line)
    with partial.open("r+b") as handle:
        handle.truncate(end)
    return count


def _id_of(line: bytes) -> Any:
    with suppress(ValueError):
        found = json.loads(line)
        return found.get("id") if isinstance(found, dict) else None
    return None
