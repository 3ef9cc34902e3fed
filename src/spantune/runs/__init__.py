"""What a finished run's folder holds; save it, load it, verify it.

In: a fine-tuned model with its tokenizer, settings, history and provenance; later the folder.
Out: one folder that loads anywhere, plain Transformers included; a `Run` with everything that was saved.
Does not know: HTTP, metrics.
"""

from spantune.runs.facts import Provenance, RunFacts
from spantune.runs.folder import STARTED_WITH, Run, claim_folder, known_from_training, load_run, read_facts, save_run

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
