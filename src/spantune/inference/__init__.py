"""A model and a question become an answer that quotes its context, with every step of the way on request.

In: a reader's model, tokenizer and settings, or the folder of a run; questions with their contexts, texts to classify.
Out: answers with probability and alternatives, labels with probability, traces as text, JSON and HTML.
Does not know: HTTP, retrieval.
"""

from spantune.inference.answers import Alternative, Answer, Prediction
from spantune.inference.classifier import Classifier
from spantune.inference.reader import Reader
from spantune.inference.trace import Trace
from spantune.inference.trace_html import trace_html
from spantune.inference.trace_text import trace_text

__all__ = [
    "Alternative",
    "Answer",
    "Classifier",
    "Prediction",
    "Reader",
    "Trace",
    "trace_html",
    "trace_text",
]
