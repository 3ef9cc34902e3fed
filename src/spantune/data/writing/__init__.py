"""Records become files that `read_examples` reads back without loss.

In: records, a path, a format. Out: a file. Does not know: where the records came from.
"""

from spantune.data.writing.json_lines import record_line
from spantune.data.writing.table import WRITERS, Writer, write_examples, writer_for

__all__ = ["WRITERS", "Writer", "record_line", "write_examples", "writer_for"]
