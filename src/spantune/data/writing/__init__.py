"""Records become files that `read_examples` reads back without loss.

In: records, a path. Out: a file. Does not know: where the records came from.
"""

from spantune.data.writing.squad import write_examples

__all__ = ["write_examples"]
