"""In: the name of a model on the Hugging Face Hub. Out: a folder with its files, of one revision. Does not know: their content.

Weights come as safetensors, and code does not come at all: neither pickles nor Python files are asked for.
"""

from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_url, is_offline_mode, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from spantune.errors import ModelError
from spantune.models.sources import NAMES
from spantune.models.vetting import vet
from spantune.wording import first_line

FILES, WEIGHTS = ("*.json", "*.txt", "*.model"), ("*.safetensors",)
OTHERS = ("*/*", "consolidated*")  # exports to other engines, and the same weights in another layout


def fetched(name: str, revision: str | None = None, token: str | bool | None = None, *, weights: bool = True) -> Path:
    """The folder of a model in the Hub's cache, downloaded where it is not there yet; its name is that of the revision.

    `revision` is a branch, a tag or a commit, by default the newest commit. Without `weights` come settings and tokenizer.
    Raises `ModelError` for a model that cannot be had, and for one whose files are not to be read.
    """
    check_reachable(name, revision)
    try:
        wanted = [*FILES, *(WEIGHTS if weights else ())]
        folder = Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=[*OTHERS], revision=revision, token=token))
    except Exception as error:  # the Hub's client raises a dozen types
        raise ModelError(
            f"the model {name!r} cannot be loaded: {first_line(error)[:300]}",
            expected="'embedded', a model folder, or the name of a public model on the Hugging Face Hub that can be reached",
            next_move="check the name and the network, or download the model elsewhere and give its folder",
        ) from error
    vet(folder)
    return folder


def check_reachable(source: str, revision: str | None = None) -> None:
    """Raise `ModelError` within seconds when `source` is a Hub name and the Hub cannot be reached.

    Transformers would ask six times, 23 seconds in all. A model in the cache, an existing folder and a name
    about which the Hub answers (even with "no such model") pass: loading says what is wrong with them.
    """
    if Path(source).is_dir():
        return
    try:
        if isinstance(try_to_load_from_cache(source, "config.json", revision=revision), str) or is_offline_mode():
            return
        get_hf_file_metadata(hf_hub_url(source, "config.json"))
    except (HfHubHTTPError, HFValidationError):
        return
    except Exception as error:  # of httpx or of requests, as the version of huggingface_hub has it
        raise ModelError(
            f"{source!r} is no folder here, and the Hugging Face Hub cannot be reached: {error}",
            expected=NAMES,
            next_move="check the name and the network, or download the model elsewhere and give its folder",
        ) from error
