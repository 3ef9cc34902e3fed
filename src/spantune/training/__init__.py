"""Windows and a model become a fine-tuned model, with a record of every epoch.

In: a model, its training windows, a TrainingConfig, and a callable that measures held-out data.
Out: the fine-tuned model, its history, the settings as they were resolved; checkpoints to resume from.
Does not know: files of data, tokenizers, how answers are scored.

A part is imported when one of its names is first asked for: who reads a history does not wait for the Trainer.
"""

from typing import TYPE_CHECKING

from spantune.lazily import names_of

if TYPE_CHECKING:
    from spantune.training.checkpoints import AtomicCheckpoints as AtomicCheckpoints
    from spantune.training.checkpoints import newest_checkpoint as newest_checkpoint
    from spantune.training.checkpoints import remove_unfinished as remove_unfinished
    from spantune.training.defaults import Choice as Choice
    from spantune.training.defaults import resolve_training as resolve_training
    from spantune.training.fine_tuning import FineTuned as FineTuned
    from spantune.training.fine_tuning import Held as Held
    from spantune.training.fine_tuning import fine_tune as fine_tune
    from spantune.training.history import Epoch as Epoch
    from spantune.training.history import History as History
    from spantune.training.losses import class_losses as class_losses
    from spantune.training.losses import span_accuracy as span_accuracy
    from spantune.training.losses import span_losses as span_losses
    from spantune.training.observations import averaged as averaged
    from spantune.training.recipes import Chosen as Chosen
    from spantune.training.recipes import Profile as Profile
    from spantune.training.recipes import choose as choose

_PARTS = {
    "checkpoints": ("AtomicCheckpoints", "newest_checkpoint", "remove_unfinished"),
    "defaults": ("Choice", "resolve_training"),
    "fine_tuning": ("FineTuned", "Held", "fine_tune"),
    "history": ("Epoch", "History"),
    "losses": ("class_losses", "span_accuracy", "span_losses"),
    "observations": ("averaged",),
    "recipes": ("Chosen", "Profile", "choose"),
}
_MODULE_OF = {name: f"spantune.training.{part}" for part, names in _PARTS.items() for name in names}

__all__ = sorted(_MODULE_OF)


__getattr__ = names_of(globals(), _MODULE_OF)
