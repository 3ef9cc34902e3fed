"""In: the folder of a model, from wherever. Out: nothing, or a `ModelError` that says why its files are not to be read.

Looked at before Transformers sees it, with the standard library alone: names of code, files beyond the folder, sizes that no
weights back up. Does not know: architectures.
"""

import json
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spantune.errors import ModelError

SETTINGS = ("config.json", "tokenizer_config.json", "adapter_config.json", "generation_config.json", "special_tokens_map.json")
WEIGHTS = (".safetensors", ".safetensors.index.json")
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
LARGEST = {**dict.fromkeys(SETTINGS, 10 << 20), INDEX: 50 << 20, TOKENIZER: 500 << 20}  # bytes; more is no settings file
LARGEST_HEADER = 100 << 20  # bytes, the limit of safetensors itself
# Keys with which a settings file has Transformers load code or files of its choice, and what each of them may say.
CODE = {
    "auto_map": "code in the folder or on the Hub",
    "custom_pipelines": "code in the folder",
    "custom_generate": "code on the Hub",
    "kernel_config": "code on the Hub",
    "configuration_files": "other files to be read for config.json",
}
ATTENTION = re.compile(r"_?(attn|experts)_implementation(_internal|_autoset)?")
KERNELS = {
    None,
    True,
    False,
    "eager",
    "sdpa",
    "flash_attention_2",
    "flash_attention_3",
    "flex_attention",
    "grouped_mm",
    "batched_mm",
}
FILE_KEYS = re.compile(r"(.*_file|transformers_weights)")
# Older versions of Transformers noted where on its author's machine a tokenizer came from. That path is not opened: what is
# looked for is the file of the usual name in the model's own folder.
NOT_OPENED = ("tokenizer_config.json", "special_tokens_map_file")
# Sizes that a config may claim, of which memory or time is taken before weights are looked at.
COUNTED = ("num_hidden_layers", "n_layer", "num_layers", "encoder_layers", "decoder_layers", "depth", "block_sizes")
TABLES = (
    *("vocab_size", "max_position_embeddings", "type_vocab_size", "n_positions"),
    *("position_buckets", "max_relative_positions", "relative_attention_num_buckets"),
)
WIDTHS = ("hidden_size", "d_model", "n_embd", "dim", "intermediate_size", "ffn_dim", "d_ff", "num_labels", "embedding_size")
MOST_LAYERS, MOST_WIDTH, SPARE = 1000, 1 << 17, 1 << 30


def vet(folder: Path) -> None:
    """Raise `ModelError` for a folder whose files name code, point out of it, or claim what its weights do not hold."""
    for file in sorted(folder.iterdir()):
        _check_place(folder, file)
    settings = {name: _read(folder / name) for name in SETTINGS if (folder / name).is_file()}
    for name, content in settings.items():
        for key, value, at in _walk(content):
            _check_key(folder / name, key, value, at)
    sizes = [_size_of(folder / part) for part in _parts(folder)]
    if "config.json" in settings and sizes:
        _check_sizes(folder / "config.json", settings["config.json"], sum(sizes))
    if (folder / TOKENIZER).is_file():
        _read(folder / TOKENIZER)


def _check_place(folder: Path, file: Path) -> None:
    try:
        real = file.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise _damaged(f"{file} points nowhere: {error}", "files that are there") from None
    # A snapshot in the Hub's cache holds links to ../../blobs, whose names are hashes.
    homes = (folder.resolve(), folder.resolve().parent.parent / "blobs")
    if not any(real.is_relative_to(home) for home in homes):
        raise _refused(f"{file} points out of the folder, to {real}", "files of the folder itself")
    if not (real.is_file() or real.is_dir()):
        raise _refused(f"{file} is neither a file nor a folder", "plain files")


def _read(file: Path) -> Any:
    size = file.stat().st_size
    if size > LARGEST[file.name]:
        raise _refused(f"{file} has {size:,} bytes", f"at most {LARGEST[file.name]:,}")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(f"{file} cannot be read: {str(error)[:200] or type(error).__name__}", "JSON as UTF-8") from None
    if not isinstance(content, dict):
        raise _damaged(f"{file} holds a {type(content).__name__}", "a JSON object")
    return content


def _walk(content: Any) -> Iterator[tuple[str, Any, str]]:
    """Every key below, with its value and the way to it; without recursion, since a file may be nested as deep as it likes."""
    waiting: list[tuple[Any, str]] = [(content, "")]
    while waiting:
        value, at = waiting.pop()
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield str(key), inner, f"{at}{key}"
                waiting.append((inner, f"{at}{key}."))
        elif isinstance(value, list):
            waiting += [(inner, f"{at}{number}.") for number, inner in enumerate(value)]


def _check_key(file: Path, key: str, value: Any, at: str) -> None:
    if key == "parent_library" and not re.fullmatch(r"transformers(\.\w+)*", str(value)):
        raise _refused(f"{file} names a library: {at} = {value!r:.100}", "transformers, of whose models adapters are")
    if key in CODE and value:
        raise _refused(
            f"{file} names {CODE[key]}: {at} = {value!r:.100}", f"no {key}: spantune runs no code that comes with models"
        )
    if ATTENTION.fullmatch(key) and not (isinstance(value, (str, bool, type(None))) and value in KERNELS):
        raise _refused(
            f"{file} names a kernel to be loaded: {at} = {value!r:.100}", "a kernel of Transformers itself, such as sdpa"
        )
    if key == "trust_remote_code" and value:
        raise _refused(f"{file} asks to be trusted: {at} = {value!r:.100}", "no trust_remote_code")
    plain = isinstance(value, str) and _is_plain(value) and (key != "transformers_weights" or value.endswith(WEIGHTS))
    opened = FILE_KEYS.fullmatch(key) and (file.name, key) != NOT_OPENED
    if opened and value is not None and not plain:
        raise _refused(
            f"{file} names a file that is not to be read: {at} = {value!r:.100}",
            "names of files in the folder, of weights as safetensors",
        )


def _parts(folder: Path) -> list[str]:
    """The files of weights. Raises `ModelError` for an index that names others than those of the folder, or missing ones."""
    found = [file.name for file in sorted(folder.glob("*.safetensors"))]
    if not (folder / INDEX).is_file() or (folder / "model.safetensors").is_file():
        return found
    listed = _read(folder / INDEX).get("weight_map")
    if not isinstance(listed, dict) or not all(isinstance(name, str) for name in listed.values()):
        raise _damaged(f"{folder / INDEX} has no weight_map", "a mapping from names of weights to files")
    for name in sorted(set(listed.values())):
        if not _is_plain(name) or not name.endswith(".safetensors"):
            raise _refused(f"{folder / INDEX} names {name!r:.100}", "names of *.safetensors in the folder")
        if name not in found:
            raise _damaged(f"{folder} lacks {name}, which its index names", "every part of the weights")
    return found


def _size_of(file: Path) -> int:
    """The bytes of a file of weights. Raises `ModelError` for one whose header says that it is no safetensors."""
    size = file.stat().st_size
    with file.open("rb") as handle:
        begun = handle.read(8)
    length = struct.unpack("<Q", begun)[0] if len(begun) == 8 else None
    if length is None or length > min(LARGEST_HEADER, size - 8):
        claimed = "no header" if length is None else f"a header of {length:,} bytes"
        raise _damaged(f"{file} has {size:,} bytes and {claimed}", "a whole file of safetensors")
    return size


def _check_sizes(file: Path, config: Mapping[str, Any], held: int) -> None:
    """Raise `ModelError` for sizes that would take memory or time far beyond that of the `held` bytes of weights."""
    width = max([1, *(one for name in WIDTHS[:4] for one in _whole_numbers(config.get(name)))])
    rows = max(1, (8 * held + SPARE) // (4 * width))
    most = {**dict.fromkeys(COUNTED, MOST_LAYERS), **dict.fromkeys(WIDTHS, MOST_WIDTH), **dict.fromkeys(TABLES, rows)}
    for key, value, at in _walk(config):
        for number in _whole_numbers(value) if key in most else ():
            if not (-1 if key in TABLES else 0) <= number <= most[key]:
                raise _refused(f"{file} claims {at} = {number:,}, and its weights have {held:,} bytes", f"0 to {most[key]:,}")


def _whole_numbers(value: Any) -> list[int]:
    """A number of a configuration, or those of a list: Funnel's block_sizes has one for each block."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, int) and not isinstance(one, bool)]


def _is_plain(name: str) -> bool:
    return bool(name) and Path(name).name == name and "\\" not in name and "\0" not in name and name not in (".", "..")


def _refused(found: str, expected: str) -> ModelError:
    return ModelError(
        found,
        expected=expected,
        next_move="take the model from a source that you trust, as save_pretrained() writes it",
    )


def _damaged(found: str, expected: str) -> ModelError:
    return ModelError(
        f"the model cannot be loaded: {found}", expected=expected, next_move="copy or download the folder's files again"
    )
