"""In: a value of any kind, as a file has it. Out: one that a field, or a line of JSON, can hold. Does not know: shapes."""

import json
import math
from typing import Any

from spantune.data.problems import describe

Value = str | int | float | bool


def plain_value(value: Any) -> Value:
    """A value as a field can hold it.

    >>> plain_value(3), plain_value({"a": [1]}), plain_value(float("inf"))
    (3, '{"a": [1]}', 'Infinity')
    """
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else json.dumps(value)  # as JSON's parsers write and read it
    if isinstance(value, dict | list | tuple):
        try:
            return whole(json.dumps(value, ensure_ascii=False, default=str))
        except (RecursionError, ValueError):
            return describe(value)
    return str(value)


def whole(text: str) -> str:
    """The text with halves of surrogate pairs, which no file can hold, as their escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
