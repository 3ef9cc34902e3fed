"""The embedded reader's own files: a LoRA adapter with its head, its card, how it was trained.

In: nothing. Out: where the files are, and the SHA-256 that the weights must have.
Does not know: how they are loaded.

Written by `make reader`, which trains the adapter and replaces every file here.
"""

from pathlib import Path

EMBEDDED = "embedded"  # the word that names it wherever a model or a run is asked for
READER_FOLDER = Path(__file__).parent
READER_SHA256 = "dc21e9d24e5abe827d0ed9336cdb4bae35b7a3dcb7314397796450630551b583"
