"""`spantune split`, through the real `main()`: three files, folds, what they leak, and what is refused."""

import json
import sys
from dataclasses import replace

import pytest
from conftest import made_examples

from spantune.cli import main as entry
from spantune.data import write_examples


@pytest.fixture
def split(monkeypatch, capsys, tmp_path):
    """Call `spantune split` on twenty documents; gives exit code, standard output, standard error."""
    rows = [
        replace(one, document=f"doc{number // 2}", fields=(("year", 2000 + number % 5),))
        for number, one in enumerate(made_examples(40))
    ]
    write_examples(rows, tmp_path / "data.jsonl")

    def call(*words):
        monkeypatch.setattr(
            sys, "argv", ["spantune", "split", str(tmp_path / "data.jsonl"), "--out", str(tmp_path / "parts"), *words]
        )
        with pytest.raises(SystemExit) as leaving:
            entry.main()
        printed = capsys.readouterr()
        return leaving.value.code, printed.out, printed.err

    return call


def test_three_sides(split, tmp_path):
    code, out, err = split("--held-out", "0.25", "--test", "0.1")
    assert (code, err) == (0, "")
    assert out.startswith(f"26 records to {tmp_path / 'parts' / 'train.json'}, 10 to")
    assert "0% of the records set apart have a context in training too" in out


def test_folds(split, tmp_path):
    code, out, _ = split("--folds", "4", "--json")
    assert code == 0
    made = json.loads(out)
    assert [fold["held_out_count"] for fold in made["folds"]] == [10, 10, 10, 10]
    assert (tmp_path / "parts" / "fold-4" / "held-out.json").is_file()
    assert f"30 records to {tmp_path / 'parts' / 'fold-1' / 'train.json'}, 10 to" in split("--folds", "4")[1]


def test_by_a_field_or_row_by_row(split):
    assert json.loads(split("--by", "field:year", "--json")[1])["held_out_count"] == 8
    assert "how well a model remembers" in split("--by", "random")[1]


def test_what_leaks_is_warned_of(split, tmp_path):
    """Previously a split that leaked every held-out record ended as quietly as one that leaked none."""
    rows = [replace(one, id=f"{one.id}{n}", document=f"doc {n}") for one in made_examples(9) for n in range(3)]
    write_examples(rows, tmp_path / "data.jsonl")
    code, out, err = split("--by", "random", "--json")
    assert code == 0
    assert err.startswith("WARNING: ")
    assert "how well a model remembers" in " ".join(err.split())
    assert json.loads(out)["warning"] in " ".join(err.split())


def test_misuse_is_told(split):
    for words, found in (
        (("--folds", "3", "--test", "0.1"), "--folds 3 and --test"),
        (("--folds", "3", "--held-out", "0.1"), "--folds 3 and --held-out"),
        (("--folds", "1"), "1 folds"),
        (("--test", "0.9"), "1.1 together"),
        (("--by", "field:month"), "field:year"),
    ):
        code, out, err = split(*words)
        assert (code, out) == (2, "")
        assert found in err
        assert "next:" in err
