"""A name becomes a model with a question-answering or classification head, and a model becomes scores for windows.

In: a ModelConfig, later `Windows`.
Out: a Transformers model in fp32 with its tokenizer; start and end logits (or class logits) window by window.
Does not know: metrics, file formats of data.
"""

from spantune.models.forward import ClassScores, WindowScores, score_texts, score_windows, to_model_inputs
from spantune.models.limits import check_window_fits, has_new_head, hidden_size, input_names, longest_window
from spantune.models.loading import load_classifier, load_reader, load_tokenizer, located, open_classifier, open_reader, pinned
from spantune.models.sources import EMBEDDED, ENCODER, resolve_model

__all__ = [
    "EMBEDDED",
    "ENCODER",
    "ClassScores",
    "WindowScores",
    "check_window_fits",
    "has_new_head",
    "hidden_size",
    "input_names",
    "load_classifier",
    "load_reader",
    "load_tokenizer",
    "located",
    "longest_window",
    "open_classifier",
    "open_reader",
    "pinned",
    "resolve_model",
    "score_texts",
    "score_windows",
    "to_model_inputs",
]
