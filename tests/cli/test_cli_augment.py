"""`spantune augment` through the real `main()`."""

import json
import sys

import pytest

from spantune.cli import main as entry
from spantune.data import read_examples
from spantune.data.augmenting import AUGMENTATIONS


@pytest.fixture
def spantune(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["spantune", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            entry.main()
        printed = capsys.readouterr()
        return leaving.value.code, printed.out, printed.err

    return call


def test_the_file_is_written_and_told(spantune, data_folder, tmp_path):
    out = tmp_path / "more.json"
    code, told, err = spantune("augment", data_folder / "questions.json", "--out", out, "--share", "crop=1")
    assert (code, err) == (0, "")
    assert told.splitlines() == [
        f"80 records to {out}: 40 as they were, 40 copies",
        "augmentation: 40 of 40 copies made by crop",
    ]
    assert len(read_examples(out)) == 80


def test_json_for_machines(spantune, data_folder, tmp_path):
    words = ["augment", data_folder / "questions.json", "--out", tmp_path / "more.json", "--share", "case=0.5", "--json"]
    code, told, _ = spantune(*words)
    counts = json.loads(told)
    assert code == 0
    assert set(counts) == {"file", "records", "made", "skipped", "unfit", "left_out", "repaired"}
    assert counts["records"] == 40 + counts["made"]["case"]


def test_the_help_names_every_row(spantune):
    code, told, _ = spantune("augment", "--help")
    assert code == 0
    assert all(f"  {name} " in told for name in AUGMENTATIONS)


def test_misuse_is_told_without_a_traceback(spantune, data_folder, tmp_path):
    code, told, err = spantune("augment", data_folder / "questions.json", "--out", tmp_path / "more.json")
    assert (code, told) == (2, "")
    assert err.startswith("Error: no augmentation is asked for\n  expected: ")
    assert not list(tmp_path.iterdir())
