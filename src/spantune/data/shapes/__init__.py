"""Raw rows of any shape become records.

In: raw rows, the names of their columns. Out: the shape they have, and the records they hold, with their problems.
Does not know: bytes, paths, whether an answer stands in its context.
"""

from spantune.data.shapes.table import SHAPES, Shape, recognise

__all__ = ["SHAPES", "Shape", "recognise"]
