"""In: labelled records, a loaded model, a configuration. Out: the `Profile` that recipes look at. Does not know: recipes."""

from collections.abc import Sequence
from typing import Any

from spantune.config import Config
from spantune.data import count_groups
from spantune.features import select_windows
from spantune.models import has_new_head, hidden_size
from spantune.road.scene import Loaded, evenly
from spantune.training import Profile

SAMPLED = 64  # records whose windows are cut to know how many a record has
GROUPED = 1000  # records up to which it is looked at how many groups they form: with more, one split does


def profile_of(
    records: Sequence[Any], loaded: Loaded, config: Config, *, held_out_given: bool = False, resume: bool = False
) -> Profile:
    """What is known of the data and the model before training."""
    training = config.training
    return Profile(
        task=loaded.task.name,
        questions=len(records),
        groups=count_groups(records) if len(records) <= GROUPED else GROUPED,
        windows=_windows_each(records, loaded, config),
        parameters=sum(one.numel() for one in loaded.model.parameters()),
        hidden_size=hidden_size(loaded.model),
        answers=not has_new_head(loaded.model),
        held_out_given=held_out_given,
        one_training=resume or training.save_steps is not None or bool(training.report_to),
    )


def _windows_each(records: Sequence[Any], loaded: Loaded, config: Config) -> float:
    """The windows of a record that would be trained on, on average over some of them."""
    if loaded.task.name != "answer":
        return 1.0
    chosen = evenly(records, SAMPLED)
    windows = loaded.task.encode(chosen, loaded.tokenizer, loaded.model, config)
    return len(select_windows(windows, config.training.negatives, config.training.seed).indices) / len(chosen)
