"""What a finished run's folder holds; save it, load it, verify it.

In: a fine-tuned model with its tokenizer, settings, history and provenance; later the folder.
Out: one folder that loads anywhere, plain Transformers included; a `Run` with everything that was saved.
Does not know: HTTP, metrics.

Who reads a folder does not wait for what writes one: training is imported when a name of `folder` is first asked for.
"""

from typing import TYPE_CHECKING

from spantune.lazily import names_of
from spantune.runs.facts import Provenance, RunFacts
from spantune.runs.reading import Run, known_from_training, load_history, load_run, read_facts

if TYPE_CHECKING:
    from spantune.runs.folder import STARTED_WITH as STARTED_WITH
    from spantune.runs.folder import claim_folder as claim_folder
    from spantune.runs.folder import save_run as save_run
    from spantune.runs.lock import locked as locked

_THAT_WRITE = {"folder": ("STARTED_WITH", "claim_folder", "save_run"), "lock": ("locked",)}
_MODULE_OF = {name: f"spantune.runs.{part}" for part, names in _THAT_WRITE.items() for name in names}

__all__ = [
    "STARTED_WITH",
    "Provenance",
    "Run",
    "RunFacts",
    "claim_folder",
    "known_from_training",
    "load_history",
    "load_run",
    "locked",
    "read_facts",
    "save_run",
]


__getattr__ = names_of(globals(), _MODULE_OF)
