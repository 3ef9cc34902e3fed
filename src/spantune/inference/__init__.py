"""A model and a question become an answer that quotes its context, with every step of the way on request.

In: a reader's model, tokenizer and settings, or the folder of a run; questions with their contexts, texts to classify.
Out: answers with probability and alternatives, labels with probability, traces as text, JSON and HTML.
Does not know: HTTP, retrieval.

Importing this room loads neither torch nor transformers: `Reader` and `Classifier` do when they are first asked for, and a
reader of another engine is an `Answering` with that engine's scores.
"""

from typing import TYPE_CHECKING

from spantune.inference.across import Found
from spantune.inference.answering import Answering
from spantune.inference.answers import Alternative, Answer, Prediction
from spantune.inference.settings import ReaderSettings
from spantune.inference.trace import Trace
from spantune.inference.trace_html import trace_html
from spantune.inference.trace_text import trace_text
from spantune.lazily import names_of

if TYPE_CHECKING:
    from spantune.inference.classifier import Classifier as Classifier
    from spantune.inference.reader import Reader as Reader

_WITH_TORCH = {"Classifier": "spantune.inference.classifier", "Reader": "spantune.inference.reader"}

__all__ = [
    "Alternative",
    "Answer",
    "Answering",
    "Classifier",
    "Found",
    "Prediction",
    "Reader",
    "ReaderSettings",
    "Trace",
    "trace_html",
    "trace_text",
]


__getattr__ = names_of(globals(), _WITH_TORCH)
