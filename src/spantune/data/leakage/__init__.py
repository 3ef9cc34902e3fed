"""What is on both sides is found: the same, near-duplicate and contained texts, questions, answers, documents.

In: records of a test set and of training data, or a sketch of these.
Out: a LeakReport: which test records are known from training, how, and with which similarity; duplicates within one set.
Does not know: files, models, how a set is split.
"""

from spantune.data.leakage.duplicates import DUPLICATES, DuplicateReport, find_leaks_within
from spantune.data.leakage.finding import find_leaks
from spantune.data.leakage.near import clusters
from spantune.data.leakage.report import LEAKS, Leak, LeakPair, LeakReport, Named
from spantune.data.leakage.sketches import Sketch, find_leaks_in_sketch, joined, sketch

__all__ = [
    "DUPLICATES",
    "LEAKS",
    "DuplicateReport",
    "Leak",
    "LeakPair",
    "LeakReport",
    "Named",
    "Sketch",
    "clusters",
    "find_leaks",
    "find_leaks_in_sketch",
    "find_leaks_within",
    "joined",
    "sketch",
]
