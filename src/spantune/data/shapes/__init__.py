"""Raw rows of any shape become records.

In: raw rows, the names of their columns. Out: the shape they have, and the records they hold, with their problems.
Does not know: bytes, paths, whether an answer stands in its context.
"""

from spantune.data.shapes.columns import parse_columns, written_columns
from spantune.data.shapes.shape import Recognised, Shape
from spantune.data.shapes.table import SHAPES, recognise

__all__ = ["SHAPES", "Recognised", "Shape", "parse_columns", "recognise", "written_columns"]
