"""Names that stand for nothing yet: their module is imported when they are first asked for.

In: a package's names, and the modules that they are of. Out: its `__getattr__`. Does not know: what the modules do.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any


def names_of(namespace: dict[str, Any], module_of: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`: it imports the module of a name, and puts what it found into the package's `namespace`.

    >>> space = {"__name__": "shapes"}
    >>> names_of(space, {"tau": "math"})("tau") == space["tau"]
    True
    >>> names_of(space, {})("square")
    Traceback (most recent call last):
        ...
    AttributeError: module 'shapes' has no attribute 'square'
    """

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        with _without_collection():
            namespace[name] = getattr(import_module(module_of[name]), name)
        return namespace[name]

    return find


@contextmanager
def _without_collection() -> Iterator[None]:
    """Collect no garbage while modules load: PyTorch and Transformers make a million objects that stay.

    Walking them again and again took a fifth of the time to a first answer.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
