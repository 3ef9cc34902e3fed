"""In: a model and the names of its weights. Out: how deep each of them lies. Does not know: what that is used for."""

import re
from typing import Any

# What the families call the list of their layers; where two lists stand inside one another, the outer one counts.
LAYER = re.compile(r"(?:^|\.)(?:layers|layer|h|block|blocks)\.(\d+)(?:\.|$)")


def depths(model: Any) -> dict[str, int]:
    """How deep each parameter lies: 0 for embeddings, 1 for the lowest layer, and one above the highest layer for the head.

    What stands in no layer is an embedding when it comes before the layers in the model, and belongs to the head otherwise, as
    a pooler or a last norm does.
    """
    found: dict[str, int | None] = {}
    for name, _ in model.named_parameters():
        layer = LAYER.search(name)
        found[name] = int(layer[1]) + 1 if layer and name.startswith(f"{model.base_model_prefix}.") else None
    top = max((depth for depth in found.values() if depth is not None), default=0) + 1
    seen, made = False, {}
    for name, depth in found.items():
        seen = seen or depth is not None
        below = not seen and name.startswith(f"{model.base_model_prefix}.")
        made[name] = depth if depth is not None else 0 if below else top
    return made
