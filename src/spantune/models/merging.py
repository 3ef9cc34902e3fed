"""In: a model and the folder of a LoRA adapter in PEFT's format. Out: the model with the adapter in its weights.

PEFT itself is not imported: it takes longer to load than the embedded reader takes to answer, and this is all that is wanted
of it. A test holds the result against PEFT's own. Does not know: where adapters come from.
"""

import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from spantune.errors import ModelError
from spantune.wording import first_line

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."  # of every name in PEFT's files
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
# What changes the meaning of the two matrices; PEFT writes these as false or empty where they are not used.
OTHER_KINDS = ("use_dora", "rank_pattern", "alpha_pattern", "lora_bias", "use_qalora", "trainable_token_indices")
# Ways to begin that change the base's own weights too, which then are not those that the adapter belongs to.
OTHER_BASES = ("pissa", "olora", "corda", "loftq")


def base_of(folder: Path) -> str:
    """The name of the model that the adapter in `folder` was trained on. Raises `ModelError` for a damaged folder."""
    name = _settings(folder).get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise ModelError(
            f"{folder / CONFIG} does not say which model the adapter belongs to",
            expected="base_model_name_or_path with a model's name or folder",
            next_move="write the name of the model that it was trained on into the file",
        )
    return name


def revision_of(folder: Path) -> str | None:
    """The revision of the model that the adapter in `folder` was trained on, where the adapter names it."""
    revision = _settings(folder).get("revision")
    return revision if isinstance(revision, str) and revision else None


def adapter_kind(folder: Path) -> str:
    """PEFT's word for the kind of adapter in `folder`: LORA, PROMPT_TUNING, …"""
    return str(_settings(folder).get("peft_type"))


def merge_adapter(model: Any, folder: Path) -> frozenset[str]:
    """Add the adapter's updates to the weights of `model`, in place, and put its head in; gives the head's parameter names.

    W becomes W + (alpha / r) B A (Hu et al., 2021, arXiv:2106.09685). A head that the model does not have, or has in another
    size, stays out: it belongs to another task. Raises `ModelError` for a folder that is damaged, holds another kind of
    adapter than plain LoRA or more than one, or whose updates do not fit the weights of the model.
    """
    settings = _settings(folder)
    others = [name for name in OTHER_KINDS if settings.get(name)]
    if (begun := str(settings.get("init_lora_weights"))).lower().startswith(OTHER_BASES):
        others.append(f"init_lora_weights = {begun}")
    if settings.get("peft_type") != "LORA" or others:
        raise ModelError(
            f"{folder} holds a {settings.get('peft_type')} adapter" + (f" with {', '.join(others)}" if others else ""),
            expected="a plain LoRA adapter",
            next_move="merge it with PEFT's merge_and_unload(), save the whole model, and give that folder",
        )
    tensors = _tensors(folder)
    rank, alpha = settings.get("r"), settings.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, (int, float)):
        raise _damaged(folder, ValueError(f"r is {rank!r:.50}, lora_alpha is {alpha!r:.50}"))
    scale = float(alpha) / float(rank) ** (0.5 if settings.get("use_rslora") else 1.0)
    parameters = dict(model.named_parameters())
    heads = {name: tensor for name, tensor in tensors.items() if _shape(parameters, name) == tuple(tensor.shape)}
    updated = {name.removesuffix(DOWN) for name in tensors if name.endswith(DOWN)}
    _check_fit(folder, parameters, tensors, updated, turned=bool(settings.get("fan_in_fan_out")))
    _check_whole(folder, tensors.keys() - heads.keys(), updated, f"{model.base_model_prefix}.")
    with torch.no_grad():
        for name in sorted(updated):
            update = scale * (tensors[name + UP].float() @ tensors[name + DOWN].float())
            parameters[f"{name}.weight"] += update.T if settings.get("fan_in_fan_out") else update
        for name, tensor in heads.items():
            parameters[name].copy_(tensor)
    return frozenset(heads)


def _settings(folder: Path) -> Mapping[str, Any]:
    try:
        settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, error) from error
    if not isinstance(settings, dict):
        raise _damaged(folder, ValueError(f"{CONFIG} is no mapping"))
    return settings


def _tensors(folder: Path) -> dict[str, Tensor]:
    try:
        return {name.removeprefix(PREFIX): tensor for name, tensor in load_file(folder / WEIGHTS).items()}
    except (OSError, SafetensorError) as error:
        raise _damaged(folder, error) from error


def _check_fit(
    folder: Path,
    parameters: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    updated: set[str],
    *,
    turned: bool,
) -> None:
    sizes = {name: (tensors[name + UP].shape[0], tensors[name + DOWN].shape[1]) for name in updated if name + UP in tensors}
    expected = {name: size[::-1] if turned else size for name, size in sizes.items()}
    wrong = [name for name in sorted(updated) if name not in sizes or _shape(parameters, f"{name}.weight") != expected[name]]
    if wrong or not updated:
        raise ModelError(
            f"the adapter in {folder} does not fit its model: {len(wrong)} updates, {', '.join(wrong[:3]) or 'none are there'}",
            expected="updates of linear layers of the model that it names as its base, with both of their matrices",
            next_move="check base_model_name_or_path in adapter_config.json",
        )


def _check_whole(folder: Path, names: Set[str], updated: Set[str], body: str) -> None:
    """Raise `ModelError` where the adapter changes more than linear layers below the head, to which a pooler belongs."""
    used = {f"{name}{end}" for name in updated for end in (DOWN, UP)}
    if lost := sorted(name for name in names - used if name.startswith(body) and "pooler" not in name):
        some = ", ".join(lost[:3])
        raise ModelError(
            f"{folder} holds a LoRA adapter with {len(lost)} tensors that are no updates of linear layers: {some}",
            expected="a plain LoRA adapter: without biases, embeddings or other parts below the head",
            next_move="merge it with PEFT's merge_and_unload(), save the whole model, and give that folder",
        )


def _shape(parameters: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(parameters[name].shape) if name in parameters else None


def _damaged(folder: Path, error: Exception) -> ModelError:
    return ModelError(
        f"the adapter in {folder} cannot be read: {first_line(error)}",
        expected=f"{CONFIG} and {WEIGHTS} as PEFT writes them",
        next_move="copy or download the folder's files again",
    )
