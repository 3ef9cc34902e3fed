"""In: what an interrupted work was started with, and what it is to go on with. Out: nothing, or a `RunError`.

Work goes on only where both are the same: on other data, or with other settings, one part would not fit the other. Does not
know: what the work is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spantune.errors import RunError
from spantune.wording import first_line


def read_started(file: Path, what: str, expected: str, next_move: str) -> dict[str, Any]:
    """A file of JSON that an earlier call wrote; `what` goes into the `RunError` for one that cannot be read."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{file} cannot be read{what}: {first_line(error)}", expected=expected, next_move=next_move) from None


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The names of what is another now, for a sentence; empty where all is the same.

    >>> differing({"config": 1, "held_out": 2, "points": []}, {"config": 3, "held_out": 4})
    'config and held-out'
    """
    return " and ".join(name for name in now if before.get(name) != now[name]).replace("_", "-")
