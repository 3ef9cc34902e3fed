"""Files of any format become raw rows, each with its place.

In: a path, and an encoding if one is forced. Out: a RawFile: the format found, and its rows, one at a time.
Does not know: what the rows mean, records.
"""

from spantune.data.files.opening import FORMATS, open_rows
from spantune.data.files.rawfile import RawFile, numbered

__all__ = ["FORMATS", "RawFile", "numbered", "open_rows"]
