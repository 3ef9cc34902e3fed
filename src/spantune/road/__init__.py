"""The road in order: a function for each command, over the rooms.

In: data files, settings, a run's folder, and a `Watch` that is told what happens.
Out: values for the command line to show; run folders and prediction files.
Does not know: HTTP, terminals.
"""

from spantune.road.asking import Asked, ask_run, free_folder, worth_asking
from spantune.road.training import Trained, train_run
from spantune.road.using import Evaluated, Sides, evaluate_run, predict_file, split_files
from spantune.road.watch import Silent, Watch

__all__ = [
    "Asked",
    "Evaluated",
    "Sides",
    "Silent",
    "Trained",
    "Watch",
    "ask_run",
    "evaluate_run",
    "free_folder",
    "predict_file",
    "split_files",
    "train_run",
    "worth_asking",
]
