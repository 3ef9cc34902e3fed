"""Answers are aligned with their contexts.

In: an answer as the data gives it, and its context. Out: the span that matches, how it was found, or what it could be.
Does not know: records, files.
"""

from spantune.data.repair.alignment import Alignment, align, repair_flaw, unaligned_flaw

__all__ = ["Alignment", "align", "repair_flaw", "unaligned_flaw"]
