"""Windows and a model become a fine-tuned model, with a record of every epoch.

In: a model, its training windows, a TrainingConfig, and a callable that measures held-out data.
Out: the fine-tuned model, its history, the settings as they were resolved; checkpoints to resume from.
Does not know: files of data, tokenizers, how answers are scored.
"""

from spantune.training.defaults import Choice, resolve_training
from spantune.training.fine_tuning import FineTuned, Held, fine_tune, last_checkpoint, remove_broken_checkpoints
from spantune.training.history import Epoch, History
from spantune.training.losses import class_losses, span_accuracy, span_losses

__all__ = [
    "Choice",
    "Epoch",
    "FineTuned",
    "Held",
    "History",
    "class_losses",
    "fine_tune",
    "last_checkpoint",
    "remove_broken_checkpoints",
    "resolve_training",
    "span_accuracy",
    "span_losses",
]
