"""Records are parted into sets that share nothing.

In: records, a grouping, a seed. Out: the parts, and what a random split of the same records would have leaked.
Does not know: files, models.
"""

from spantune.data.splitting.chance import LeakShares, fold_leak_shares
from spantune.data.splitting.folding import count_groups, folds
from spantune.data.splitting.groupings import DEFAULT_GROUPING, GROUPINGS, Grouping
from spantune.data.splitting.sides import Split, ThreeWay, split, split_three

__all__ = [
    "DEFAULT_GROUPING",
    "GROUPINGS",
    "Grouping",
    "LeakShares",
    "Split",
    "ThreeWay",
    "count_groups",
    "fold_leak_shares",
    "folds",
    "split",
    "split_three",
]
