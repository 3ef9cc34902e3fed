"""In: the name of a method. Out: its row of METHODS. Does not know: how training runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from spantune.config import TrainingConfig
from spantune.models.methods.adapting import dora, ia3, lora
from spantune.models.methods.freezing import full, head, unfreeze
from spantune.models.methods.prepared import Prepared
from spantune.models.methods.prompting import p_tuning, prefix, prompt


@dataclass(frozen=True, slots=True)
class Method:
    """One way to train a model.

    `rate` is how many times the rate of full fine-tuning suits it. `merges` is whether a plain model comes out, which loads
    anywhere; otherwise a run holds what was trained as an adapter, and names the model that it belongs to. `tasks` are those
    that it is for. `warning` is said before a training that is likely to disappoint, with what was measured (docs/methods.md).
    """

    sentence: str
    rate: float
    prepare: Callable[[Any, TrainingConfig], Prepared]
    merges: bool = True
    tasks: tuple[str, ...] = ("answer", "classify")
    warning: str | None = None


def _disappoints(method: str, f1: float, general: float) -> str:
    return (
        f"training.method is {method}, which learns little on small encoders and forgets much: 300 questions about privacy "
        f"policies took F1 from 31.3 to {f1} (lora to 37.1, full to 40.4), and F1 on general questions from 79.3 to {general} "
        "(lora to 77.8)"
    )


_BEFORE_THE_TEXT: Any = {"merges": False, "tasks": ("answer",)}  # a classifier reads the first position, a vector then

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "full": Method("every weight", 1.0, full),
        "lora": Method("low-rank updates of all linear layers, and the head", 10 / 3, lora),
        "dora": Method("LoRA with the length of each weight row trained apart, and the head", 10 / 3, dora),
        "ia3": Method("one factor for each output of the linear layers, and the head", 30.0, ia3),
        "head": Method("the head alone, on a frozen encoder", 10.0, head),
        "unfreeze": Method("the head first, then layer by layer down to the embeddings", 1.0, unfreeze),
        "prompt": Method(
            "vectors before the text, and the head",
            30.0,
            prompt,
            **_BEFORE_THE_TEXT,
            warning=_disappoints("prompt", 35.6, 36.2),
        ),
        "p-tuning": Method(
            "vectors before the text, made by a network, and the head",
            10.0,
            p_tuning,
            **_BEFORE_THE_TEXT,
            warning=_disappoints("p-tuning", 32.8, 26.9),
        ),
        "prefix": Method(
            "keys and values before the text's in every layer, and the head",
            30.0,
            prefix,
            **_BEFORE_THE_TEXT,
            warning=_disappoints("prefix", 35.9, 47.1),
        ),
    }
)


METHOD = "full"  # where none is named


def prepare(model: Any, config: TrainingConfig) -> Prepared:
    """The model as the method of `config` trains it; it is changed in place."""
    return METHODS[config.method or METHOD].prepare(model, config)
