"""In: what an interrupted work was started with, and what it is to go on with. Out: nothing, or a `RunError`.

Work goes on only where both are the same: on other data, or with other settings, one part would not fit the other. Does not
know: what the work is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spantune.config import as_setting, flattened
from spantune.errors import RunError
from spantune.wording import counted, first_line

SHOWN = 4  # settings that differ, one by one


def read_started(file: Path, what: str, expected: str, next_move: str) -> dict[str, Any]:
    """A file of JSON that an earlier call wrote; `what` goes into the `RunError` for one that cannot be read."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{file} cannot be read{what}: {first_line(error)}", expected=expected, next_move=next_move) from None


def unlike(one: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The names of what differs between two works, for a sentence; empty where all is the same.

    >>> unlike({"config": {"training.epochs": 3}, "held_out": 2}, {"config": {"training.epochs": 5}, "held_out": 4})
    'config and held-out'
    """
    return " and ".join(map(_in_words, _unlike(one, now)))


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is another now, for a sentence; of settings, which and how. Empty where all is the same.

    >>> differing({"config": {"training.epochs": 3}, "held_out": 2}, {"config": {"training.epochs": 5}, "held_out": 4})
    'training.epochs (3, now 5) and held-out'
    """
    return " and ".join(_settings_differing(before.get(name), now[name]) or _in_words(name) for name in _unlike(before, now))


def _unlike(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in now if before.get(name) != now[name]]


def _in_words(name: str) -> str:
    return name.replace("_", "-")


def _settings_differing(before: Any, now: Any) -> str:
    """The dotted keys of settings that differ, with both values; empty for what is no settings."""
    if not (isinstance(before, Mapping) and isinstance(now, Mapping)):
        return ""
    old, new = flattened(before), flattened(now)
    keys = [key for key in {**new, **old} if key not in old or key not in new or old[key] != new[key]]
    told = [f"{key} ({_value(old, key)}, now {_value(new, key)})" for key in keys[:SHOWN]]
    more = [counted(len(keys) - SHOWN, "more setting")] if len(keys) > SHOWN else []
    return ", ".join([*told, *more])


def _value(settings: Mapping[str, Any], key: str) -> str:
    return as_setting(settings[key]) if key in settings else "not known"
