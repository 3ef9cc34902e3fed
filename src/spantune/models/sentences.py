"""In: texts. Out: one vector for each, of the embedded encoder: texts that mean the same are near. Does not know: scores.

The encoder is all-MiniLM-L6-v2, whose sentence vector is the mean of its token vectors at length 1 (Reimers and Gurevych 2019,
arXiv:1908.10084).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from spantune.models.quiet import quiet
from spantune.models.sources import ENCODER, resolve_model

LONGEST = 128  # tokens of a text; the model was trained on no more
TEXTS_AT_ONCE = 64


def sentence_vectors(texts: Sequence[str], progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
    """A vector of length 1 for each text (texts, 384), float32; the dot product of two is their likeness, -1 to 1.

    >>> car, auto, sky = sentence_vectors(["the car", "the automobile", "a blue sky"])
    >>> bool(car @ auto > 0.7 > 0.4 > car @ sky)
    True
    """
    source = resolve_model(ENCODER)
    with quiet():
        model, tokenizer = AutoModel.from_pretrained(source).eval(), AutoTokenizer.from_pretrained(source)
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    for begin in range(0, len(order), TEXTS_AT_ONCE):
        at = order[begin : begin + TEXTS_AT_ONCE]
        own = [texts[one] or " " for one in at]
        batch = tokenizer(own, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        with torch.inference_mode():
            tokens = model(**batch).last_hidden_state
        kept = batch["attention_mask"].unsqueeze(-1)
        means = (tokens * kept).sum(1) / kept.sum(1)
        vectors[at] = torch.nn.functional.normalize(means, dim=1).float().numpy()
        if progress is not None:
            progress(min(begin + TEXTS_AT_ONCE, len(order)))
    return vectors
