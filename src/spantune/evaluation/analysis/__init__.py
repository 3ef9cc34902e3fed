"""Where answers go wrong, which labels look wrong, and what to make of it all.

In: questions, answers and scores, side by side. Out: slices, kinds of mistakes, labels to look at, a verdict in plain words.
Does not know: who answered, files, pictures.
"""

from spantune.evaluation.analysis.mistakes import MISTAKES, Mistake, Mistakes, mistakes_of
from spantune.evaluation.analysis.slices import Slice, Sliced, slices_of
from spantune.evaluation.analysis.suspects import Suspect, suspects_of
from spantune.evaluation.analysis.verdict import UNTUNED, Evidence, Remark, Verdict, verdict_on

__all__ = [
    "MISTAKES",
    "UNTUNED",
    "Evidence",
    "Mistake",
    "Mistakes",
    "Remark",
    "Slice",
    "Sliced",
    "Suspect",
    "Verdict",
    "mistakes_of",
    "slices_of",
    "suspects_of",
    "verdict_on",
]
