"""What a finished run's folder holds; save it, load it, verify it.

In: a fine-tuned model with its tokenizer, settings, history and provenance; later the folder.
Out: one folder that loads anywhere, plain Transformers included; a `Run` with everything that was saved.
Does not know: HTTP, metrics.

Who reads a folder does not wait for what writes one: training is imported when a name of `folder` is first asked for.
"""

from typing import TYPE_CHECKING, Any

from spantune.lazily import attribute
from spantune.runs.facts import Provenance, RunFacts
from spantune.runs.reading import Run, known_from_training, load_run, read_facts

if TYPE_CHECKING:
    from spantune.runs.folder import STARTED_WITH as STARTED_WITH
    from spantune.runs.folder import claim_folder as claim_folder
    from spantune.runs.folder import save_run as save_run

_THAT_WRITE = ("STARTED_WITH", "claim_folder", "save_run")

__all__ = [
    "STARTED_WITH",
    "Provenance",
    "Run",
    "RunFacts",
    "claim_folder",
    "known_from_training",
    "load_run",
    "read_facts",
    "save_run",
]


def __getattr__(name: str) -> Any:
    if name not in _THAT_WRITE:
        raise AttributeError(f"module 'spantune.runs' has no attribute {name!r}")
    value = attribute("spantune.runs.folder", name)
    globals()[name] = value
    return value
