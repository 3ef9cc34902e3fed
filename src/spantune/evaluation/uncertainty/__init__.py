"""How sure a score is, when the questions are a sample, and questions about one document are alike.

In: numbers, one a question, each with the group it belongs to. Out: means with intervals, comparisons of two or more systems.
Does not know: what the numbers mean, records, files.
"""

from spantune.evaluation.uncertainty.comparing import Difference, Discordant, holm, mcnemar, mean_difference
from spantune.evaluation.uncertainty.resampling import LEVEL, ROUNDS, Interval, Mean, Resampling, freedom, interval_of
from spantune.evaluation.uncertainty.student import t_quantile, t_two_sided

__all__ = [
    "LEVEL",
    "ROUNDS",
    "Difference",
    "Discordant",
    "Interval",
    "Mean",
    "Resampling",
    "freedom",
    "holm",
    "interval_of",
    "mcnemar",
    "mean_difference",
    "t_quantile",
    "t_two_sided",
]
