"""What a reader's probabilities are worth, and what can be made of them.

In: the probabilities that a reader gave its answers, and which of these were right. Out: a map from the one to how often such
answers are right; how well probabilities fit; which answers to give for a wanted precision. Does not know: readers, texts.
"""

from spantune.evaluation.calibration.fitting import FEWEST, METHODS, Fitted, fit_calibration, fit_curve
from spantune.evaluation.calibration.reliability import Bin, Reliability, reliability
from spantune.evaluation.calibration.selective import Expected, Selection, Selective, expected_for, selection_for, selective

__all__ = [
    "FEWEST",
    "METHODS",
    "Bin",
    "Expected",
    "Fitted",
    "Reliability",
    "Selection",
    "Selective",
    "expected_for",
    "fit_calibration",
    "fit_curve",
    "reliability",
    "selection_for",
    "selective",
]
