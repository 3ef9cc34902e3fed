"""What the tests of answering in bulk share: rows of Parquet, and work for them."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import made_examples

from spantune.data import ReadAs, write_examples
from spantune.data.parts import divide
from spantune.road.bulk import predicting
from spantune.road.bulk.working import Work

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

NOTE = predicting.NOTE
SCORES = ("exact_match", "f1", "precision", "recall")


def saved(rows, file):
    """Rows in a Parquet file; its path as the room takes it."""
    parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return str(file)


def rows_of(folder):
    """The rows of a folder as readers of Parquet find them, in the order of the files."""
    return [row for file in sorted(Path(folder).glob("*.parquet")) for row in parquet.read_table(file).to_pylist()]


def files_of(folder):
    """Each part with its bytes and the moment it was written."""
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in sorted(Path(folder).glob("*.parquet"))}


def names_in(folder):
    return sorted(one.name for one in Path(folder).iterdir())


def lines(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def same_but_for_rounding(one, other):
    """Whether two values of JSON are the same; numbers may differ as those of other batches do."""
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, abs=1e-4)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_but_for_rounding, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_but_for_rounding(one[name], other[name]) for name in one)
    return one == other


def work_of(run, out, task="answer", **options):
    usual = {"read_as": ReadAs(), "always_answer": False, "top": 1, "backend": "auto"}
    return Work(str(run), str(out), task, **{**usual, **options})


def answered_here(worker, data, rows):
    """Have one worker do all parts, in this process."""
    return [worker(part) for part in divide(str(data), rows)]


def sixty_questions(folder):
    """Sixty labelled questions, some without an answer, as Parquet."""
    file = folder / "questions.parquet"
    records = made_examples(60, seed=5, unanswerable=0.3)
    write_examples(records, file)
    return SimpleNamespace(records=records, file=str(file))
