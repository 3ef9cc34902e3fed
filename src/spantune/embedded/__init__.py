"""The embedded reader's own files: a LoRA adapter with its head, its card, how it was trained.

In: how a run or a model was named. Out: whether a word of the package was meant; where the files are, and the SHA-256 that
the weights must have.
Does not know: how they are loaded.

Written by `make reader`, which trains the adapter and replaces every file here.
"""

from pathlib import Path

EMBEDDED = "embedded"  # the word that names it wherever a model or a run is asked for
ENCODER = "embedded-encoder"  # the word for the model below it
READER_FOLDER = Path(__file__).parent
READER_SHA256 = "dc21e9d24e5abe827d0ed9336cdb4bae35b7a3dcb7314397796450630551b583"


def as_name(given: Path | str) -> str:
    """A run or model as text in which a word stays a word, and a path a path: a folder may be called as a word is.

    >>> as_name("embedded"), as_name(Path("embedded")), as_name(Path("runs/policy"))
    ('embedded', './embedded', 'runs/policy')
    """
    name = str(given)
    return f"./{name}" if name in (EMBEDDED, ENCODER) and not isinstance(given, str) else name
