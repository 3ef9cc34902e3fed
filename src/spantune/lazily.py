"""Names that stand for nothing yet: their module is imported when they are first asked for.

In: the name of a module, and of something in it. Out: the thing. Does not know: what the modules do.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


def attribute(module: str, name: str) -> Any:
    """`name` of `module`, which is imported now if it was not.

    >>> attribute("math", "tau") > 6
    True
    """
    with _without_collection():
        return getattr(import_module(module), name)


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
