"""In: a model and settings. Out: it with adapters in its linear layers, as PEFT makes them. Does not know: training.

The head is trained whole beside every adapter, and saved with it: an adapter without its head answers at random.
"""

from collections.abc import Callable
from typing import Any

from spantune.config import TrainingConfig
from spantune.models.methods.prepared import (
    Files,
    Prepared,
    files_of,
    has_turned_layers,
    head_names,
    linear_names,
    train_all,
)
from spantune.models.quiet import quiet


def lora(model: Any, config: TrainingConfig) -> Prepared:
    """Low-rank updates of all linear layers (Hu et al., 2021, arXiv:2106.09685), scaled by 1: alpha is the rank."""
    return _with_peft(model, lambda peft, names: peft.LoraConfig(**_low_rank(model, config, names)))


def dora(model: Any, config: TrainingConfig) -> Prepared:
    """LoRA that trains the length of each weight row apart from its direction (Liu et al., 2024, arXiv:2402.09353)."""
    return _with_peft(model, lambda peft, names: peft.LoraConfig(**_low_rank(model, config, names), use_dora=True))


def ia3(model: Any, _: TrainingConfig) -> Prepared:
    """One learned factor for each output of each linear layer (Liu et al., 2022, arXiv:2205.05638)."""
    turned = has_turned_layers(model)
    return _with_peft(
        model, lambda peft, names: peft.IA3Config(target_modules=names, feedforward_modules=[], fan_in_fan_out=turned)
    )


def _low_rank(model: Any, config: TrainingConfig, names: list[str]) -> dict[str, Any]:
    return {"r": config.rank, "lora_alpha": config.rank, "target_modules": names, "fan_in_fan_out": has_turned_layers(model)}


def _with_peft(model: Any, configure: Callable[[Any, list[str]], Any]) -> Prepared:
    import peft  # seconds, and only these methods need it

    settings = configure(peft, linear_names(model))
    settings.modules_to_save = head_names(model)
    with quiet():  # PEFT asks Transformers for things that it has renamed
        wrapped = peft.get_peft_model(model, settings)
    for layer in wrapped.modules():  # autocast picks the precision; PEFT would widen each layer's input to fp32 before it
        if hasattr(layer, "cast_input_dtype_enabled"):
            layer.cast_input_dtype_enabled = False
    inner = wrapped.base_model.model  # the very model that came in, its linear layers now adapted

    def adapter() -> Files:
        with quiet():
            return files_of(wrapped)

    return Prepared(inner, lambda: train_all(wrapped.base_model.merge_and_unload()), adapter)
