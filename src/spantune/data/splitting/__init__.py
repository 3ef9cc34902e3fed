"""Records are parted into sets that share nothing.

In: records, a grouping, a seed. Out: the parts. Does not know: files, models.
"""

from spantune.data.splitting.sides import GROUPINGS, Split, split

__all__ = ["GROUPINGS", "Split", "split"]
