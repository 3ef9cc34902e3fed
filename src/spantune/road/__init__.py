"""The road in order: a function for each command, over the rooms.

In: data files, settings, a run's folder, and a `Watch` that is told what happens.
Out: values for the command line to show; run folders, prediction files, files of data.
Does not know: HTTP, terminals.

A part is imported when one of its names is first asked for: who checks data does not wait for torch.
"""

from typing import TYPE_CHECKING

from spantune.lazily import names_of

if TYPE_CHECKING:
    from spantune.road.asking import Asked as Asked
    from spantune.road.asking import ask_run as ask_run
    from spantune.road.asking import free_folder as free_folder
    from spantune.road.asking import worth_asking as worth_asking
    from spantune.road.augmenting import AugmentedFile as AugmentedFile
    from spantune.road.augmenting import augment_file as augment_file
    from spantune.road.bulk.predicting import Bulk as Bulk
    from spantune.road.bulk.predicting import predict_parts as predict_parts
    from spantune.road.checking import Checked as Checked
    from spantune.road.checking import check_data as check_data
    from spantune.road.comparing import Calibrated as Calibrated
    from spantune.road.comparing import calibrate_run as calibrate_run
    from spantune.road.comparing import compare_systems as compare_systems
    from spantune.road.converting import Converted as Converted
    from spantune.road.converting import convert_files as convert_files
    from spantune.road.curve import Curve as Curve
    from spantune.road.curve import learning_curve as learning_curve
    from spantune.road.describing import Description as Description
    from spantune.road.describing import describe as describe
    from spantune.road.evaluating import Evaluated as Evaluated
    from spantune.road.evaluating import evaluate_run as evaluate_run
    from spantune.road.exporting import export_reader as export_reader
    from spantune.road.predicting import predict_file as predict_file
    from spantune.road.reporting import Reported as Reported
    from spantune.road.reporting import write_report as write_report
    from spantune.road.splitting import Fold as Fold
    from spantune.road.splitting import Folded as Folded
    from spantune.road.splitting import Sides as Sides
    from spantune.road.splitting import fold_files as fold_files
    from spantune.road.splitting import split_files as split_files
    from spantune.road.training import Trained as Trained
    from spantune.road.training import train_run as train_run
    from spantune.road.tuning import Tuned as Tuned
    from spantune.road.tuning import tune_settings as tune_settings
    from spantune.road.watch import Silent as Silent
    from spantune.road.watch import Watch as Watch

_PARTS = {
    "asking": ("Asked", "ask_run", "free_folder", "worth_asking"),
    "augmenting": ("AugmentedFile", "augment_file"),
    "bulk.predicting": ("Bulk", "predict_parts"),
    "checking": ("Checked", "check_data"),
    "comparing": ("Calibrated", "calibrate_run", "compare_systems"),
    "converting": ("Converted", "convert_files"),
    "curve": ("Curve", "learning_curve"),
    "describing": ("Description", "describe"),
    "evaluating": ("Evaluated", "evaluate_run"),
    "exporting": ("export_reader",),
    "predicting": ("predict_file",),
    "reporting": ("Reported", "write_report"),
    "splitting": ("Fold", "Folded", "Sides", "fold_files", "split_files"),
    "training": ("Trained", "train_run"),
    "tuning": ("Tuned", "tune_settings"),
    "watch": ("Silent", "Watch"),
}
_MODULE_OF = {name: f"spantune.road.{part}" for part, names in _PARTS.items() for name in names}

__all__ = sorted(_MODULE_OF)


__getattr__ = names_of(globals(), _MODULE_OF)
