"""Settings that depend on the model, the data and the machine: what `null` in the configuration becomes, and why."""

import math
from dataclasses import dataclass

import torch

from spantune.config import TrainingConfig
from spantune.models.methods import METHOD, METHODS
from spantune.wording import counted

# Small encoders have flatter losses and fewer layers to upset: they learn at ten times the rate of base-size ones. The rows
# are the lowest hidden size and the rate; 3e-5 is the usual rate of BERT base (Devlin et al., 2019), 3e-4 gave the 384-wide
# embedded encoder 74 F1 on SQuAD where 3e-5 had not converged after three epochs.
RATES = ((1024, 1e-5), (768, 3e-5), (512, 1e-4), (0, 3e-4))

BATCH_SIZE = 32

STEPS_WANTED = 400  # optimiser steps after which a small data set no longer gains from another pass
FEWEST_EPOCHS, MOST_EPOCHS = 3, 10


@dataclass(frozen=True, slots=True)
class Choice:
    """One setting that was chosen, and the reason in plain words."""

    key: str
    value: object
    reason: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """A TrainingConfig without open settings, and how they were chosen."""

    config: TrainingConfig
    choices: tuple[Choice, ...]


def usual_rate(hidden_size: int) -> float:
    """The peak rate of full fine-tuning with a new head that suits a model of this width.

    >>> usual_rate(768)
    3e-05
    """
    return next(rate for width, rate in RATES if hidden_size >= width)


def resolve_training(config: TrainingConfig, hidden_size: int, windows: int) -> Resolved:
    """Fill in what the configuration leaves open, for a model of this width and this number of training windows.

    >>> resolve_training(TrainingConfig(precision="fp32"), hidden_size=768, windows=10_000).config.learning_rate
    3e-05
    """
    choices = []
    config = config.model_copy(
        update={
            "method": config.method or METHOD,
            "batch_size": config.batch_size or BATCH_SIZE,
            "folds": config.folds or 1,
        }
    )
    assert config.method is not None and config.batch_size is not None
    if config.learning_rate is None:
        method = METHODS[config.method]
        rate = float(f"{usual_rate(hidden_size) * method.rate:.2g}")
        reason = f"the model's hidden size is {hidden_size}" + (f", the method {config.method}" if method.rate != 1 else "")
        choices.append(Choice("training.learning_rate", rate, reason))
    if config.epochs is None:
        steps = math.ceil(windows / (config.batch_size * config.gradient_accumulation))
        epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, math.ceil(STEPS_WANTED / max(steps, 1))))
        choices.append(Choice("training.epochs", epochs, f"an epoch has {counted(steps, 'optimiser step')}"))
    if config.precision == "auto":
        name, reason = _precision()
        choices.append(Choice("training.precision", name, reason))
    chosen = {choice.key.rpartition(".")[2]: choice.value for choice in choices}
    return Resolved(config.model_copy(update=chosen), tuple(choices))


def _precision() -> tuple[str, str]:
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "the GPU computes in bf16") if native else ("fp32", "the GPU has no bf16")
    features = torch.cpu.get_capabilities()
    native = any(features.get(name) for name in ("amx_bf16", "amx_tile", "avx512_bf16"))
    return ("bf16", "the processor multiplies bf16 matrices") if native else ("fp32", "the processor has no bf16 instructions")
