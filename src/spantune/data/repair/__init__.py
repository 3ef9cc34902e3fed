"""Answers are aligned with their contexts.

In: an answer as the data gives it, and its context. Out: the span that matches, how it was found, or what it could be.
Does not know: records, files.
"""

from spantune.data.repair.alignment import Alignment, align, mended
from spantune.data.repair.candidates import Candidate, candidates
from spantune.data.repair.causes import CAUSES, MOST_OF, NOT_FOUND, Cause, causes_of, weigh
from spantune.data.repair.telling import REASONS, reason, repair_flaw, unaligned_flaw
from spantune.data.repair.words import cuts_word, uncut, unslipped

__all__ = [
    "CAUSES",
    "MOST_OF",
    "NOT_FOUND",
    "REASONS",
    "Alignment",
    "Candidate",
    "Cause",
    "align",
    "candidates",
    "causes_of",
    "cuts_word",
    "mended",
    "reason",
    "repair_flaw",
    "unaligned_flaw",
    "uncut",
    "unslipped",
    "weigh",
]
