"""Data files become records that can be trusted: read, checked, repaired, compared, split, written.

In: JSON, JSONL, CSV, TSV, Parquet, Excel and TXT files, in any common shape; Hub data sets.
Out: frozen records whose answers equal their slices of the context, an account of every record read, what leaks where.
Does not know: tokenizers, models.
"""

from spantune.data.atomic import write_bytes, write_text
from spantune.data.augmenting import AUGMENTATIONS, Augmented, augment
from spantune.data.demo import demo_data
from spantune.data.desk import Entry, FileAccount, Finding, Repair, Report, check, check_files
from spantune.data.fingerprints import fingerprint, fingerprint_in_order, record_hash
from spantune.data.leakage import (
    DuplicateReport,
    LeakPair,
    LeakReport,
    Sketch,
    find_leaks,
    find_leaks_in_sketch,
    find_leaks_within,
    joined,
    sketch,
)
from spantune.data.problems import Problem
from spantune.data.reading import Dataset, ReadAs, Source, read_examples, read_files
from spantune.data.records import Example, Place, Record, Span, TextExample
from spantune.data.repair import REASONS, Alignment, align, reason
from spantune.data.shapes.columns import parse_columns
from spantune.data.splitting import GROUPINGS, Split, ThreeWay, count_groups, folds, split, split_three
from spantune.data.writing import write_examples

__all__ = [
    "AUGMENTATIONS",
    "GROUPINGS",
    "REASONS",
    "Alignment",
    "Augmented",
    "Dataset",
    "DuplicateReport",
    "Entry",
    "Example",
    "FileAccount",
    "Finding",
    "LeakPair",
    "LeakReport",
    "Place",
    "Problem",
    "ReadAs",
    "Record",
    "Repair",
    "Report",
    "Sketch",
    "Source",
    "Span",
    "Split",
    "TextExample",
    "ThreeWay",
    "align",
    "augment",
    "check",
    "check_files",
    "count_groups",
    "demo_data",
    "find_leaks",
    "find_leaks_in_sketch",
    "find_leaks_within",
    "fingerprint",
    "fingerprint_in_order",
    "folds",
    "joined",
    "parse_columns",
    "read_examples",
    "read_files",
    "reason",
    "record_hash",
    "sketch",
    "split",
    "split_three",
    "write_bytes",
    "write_examples",
    "write_text",
]
