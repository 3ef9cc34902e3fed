"""Training questions get altered copies whose answers are still true.

In: records, a share for each row of AUGMENTATIONS, a seed.
Out: the records and the copies made of them, and how many were made and could not be made.
Does not know: files, tokenizers, models.
"""

from spantune.data.augmenting.table import AUGMENTATIONS, Augmentation, Augmented, augment

__all__ = ["AUGMENTATIONS", "Augmentation", "Augmented", "augment"]
