"""Data files become records that can be trusted: read, checked, split by document, written.

In: JSON, JSONL, CSV, TSV, Parquet and TXT files, each also gzipped, in any common shape; Hub data sets.
Out: frozen records whose answers equal their slices of the context, and an account of every record read.
Does not know: tokenizers, models.
"""

from spantune.data.atomic import write_bytes, write_text
from spantune.data.checking import Report, check
from spantune.data.demo import demo_data
from spantune.data.fingerprints import fingerprint, record_hash
from spantune.data.problems import Problem
from spantune.data.reading import Dataset, Source, read_examples
from spantune.data.records import Example, Place, Record, Span, TextExample
from spantune.data.repair import Alignment, align
from spantune.data.splitting import GROUPINGS, Split, split
from spantune.data.writing import write_examples

__all__ = [
    "GROUPINGS",
    "Alignment",
    "Dataset",
    "Example",
    "Place",
    "Problem",
    "Record",
    "Report",
    "Source",
    "Span",
    "Split",
    "TextExample",
    "align",
    "check",
    "demo_data",
    "fingerprint",
    "read_examples",
    "record_hash",
    "split",
    "write_bytes",
    "write_examples",
    "write_text",
]
