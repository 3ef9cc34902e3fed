"""What of a model is trained, and how it becomes one plain model again.

In: a model with its head, the name of a method and its settings.
Out: the same model, prepared; when training has ended, a plain model, and where there is one, its adapter in PEFT's format.
Does not know: data, how training runs.
"""

from spantune.models.methods.prepared import Prepared
from spantune.models.methods.table import METHOD, METHODS, Method, prepare

__all__ = ["METHOD", "METHODS", "Method", "Prepared", "prepare"]
