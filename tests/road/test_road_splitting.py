"""`split_files` and `fold_files`: files that share no passage, lose no record, and say what a random split would leak."""

import json
from dataclasses import replace

import pytest
from conftest import made_examples

from spantune.data import Span, read_examples, write_examples
from spantune.errors import ConfigError, DataError, OutputError
from spantune.road import fold_files, predict_file, split_files


@pytest.fixture
def data(tmp_path):
    """Questions about twenty documents, two a document, of which one answer is in no context."""
    rows = [replace(one, document=f"doc{number // 2}") for number, one in enumerate(made_examples(40))]
    rows = [replace(one, id=f"{one.id}{which}") for one in rows for which in "ab"]
    rows.append(replace(rows[0], id="lost", answers=(Span("not in it", 3),)))
    write_examples(rows, tmp_path / "data.json")
    return tmp_path / "data.json"


def held(path):
    return {one.id for one in read_examples(path)}


def test_the_two_files_share_no_document_and_lose_no_record(data_folder, tmp_path):
    sides = split_files([data_folder / "questions.json"], tmp_path / "parts", held_out=0.25)
    train, held_out = read_examples(sides.train), read_examples(sides.held_out)
    assert (len(train), len(held_out)) == (sides.train_count, sides.held_out_count) == (30, 10)
    assert not {one.document for one in train} & {one.document for one in held_out}
    assert {one.id for one in [*train, *held_out]} == {one.id for one in made_examples(40)}
    assert sides.as_dict()["left_out"] == 0


def test_the_same_seed_gives_the_same_files(data_folder, tmp_path):
    texts = [data_folder / "texts.json"]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        split_files(texts, tmp_path / name, seed=seed)
    first, same, other = ((tmp_path / name / "held-out.json").read_bytes() for name in "abc")
    assert first == same != other


def test_what_cannot_be_split_writes_nothing(data_folder, tmp_path):
    data = [data_folder / "questions.json"]
    for wrong in ({"held_out": 0.0}, {"held_out": 1.5}, {"by": "weather"}):
        with pytest.raises(ConfigError):
            split_files(data, tmp_path / "parts", **wrong)
    write_examples(made_examples(1), tmp_path / "one.json")
    with pytest.raises(DataError, match="nothing can be held out"):
        split_files([tmp_path / "one.json"], tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    with pytest.raises(OutputError, match="cannot be made"):
        split_files(data, tmp_path / "one.json" / "parts")


def test_three_files_share_no_document(data, tmp_path):
    sides = split_files([data], tmp_path / "parts", held_out=0.2, test=0.1)
    files = [read_examples(path) for path in (sides.train, sides.held_out, sides.test)]
    assert [len(one) for one in files] == [sides.train_count, sides.held_out_count, sides.test_count] == [56, 16, 8]
    documents = [{one.document for one in file} for file in files]
    assert sum(map(len, documents)) == len(set.union(*documents)) == 20
    assert sides.left_out == 1
    assert sides.leaks.now == 0.0
    assert sides.leaks.random > 0.5
    said = sides.sentences()
    assert said[0].startswith(f"56 records to {sides.train}, 16 to {sides.held_out}, 8 to {sides.test}, by document")
    assert said[-1] == "1 record is in no file: spantune check tells which and why"
    assert json.loads(json.dumps(sides.as_dict()))["leaks"]["now"] == 0.0


def test_folds_hold_out_each_record_once(data, tmp_path):
    folded = fold_files([data], tmp_path / "parts", k=4)
    outs = [held(fold.held_out) for fold in folded.folds]
    assert sum(map(len, outs)) == len(set.union(*outs)) == 80
    for fold, out in zip(folded.folds, outs, strict=True):
        assert not held(fold.train) & out
        assert (fold.train_count, fold.held_out_count) == (60, 20)
    assert [path.name for path in sorted((tmp_path / "parts").iterdir())] == ["fold-1", "fold-2", "fold-3", "fold-4"]
    assert folded.leaks.now == 0.0
    assert len(folded.as_dict()["folds"]) == 4
    assert len(folded.sentences()) == 7


def test_files_of_an_earlier_split_are_told(data, tmp_path):
    """Previously `split --test` and then `split` left a test.json beside a train.json that held half of it."""
    out = tmp_path / "parts"
    fold_files([data], out, k=3)
    split_files([data], out, test=0.1)
    assert len(split_files([data], out, test=0.1).stale) == 6
    sides = split_files([data], out)
    assert str(out / "test.json") in sides.stale
    assert "earlier split" in sides.sentences()[-1]
    assert fold_files([data], tmp_path / "other", k=3).stale == ()


def test_folds_of_an_earlier_run_are_told(data, tmp_path):
    """Previously five folds and then two left fold-3 to fold-5 beside them, and nothing said so."""
    fold_files([data], tmp_path / "parts", k=5)
    folded = fold_files([data], tmp_path / "parts", k=2)
    named = [tmp_path / "parts" / f"fold-{number}" / name for number in (3, 4, 5) for name in ("held-out.json", "train.json")]
    assert folded.stale == tuple(map(str, named))
    assert "earlier split" in folded.sentences()[-1]


@pytest.mark.parametrize("made", [lambda *given: split_files(*given), lambda *given: fold_files(*given, k=2)])
def test_records_that_were_repaired_first_are_told(made, tmp_path):
    """Previously a split wrote corrected starts, and nothing said that the files differ from the data."""
    rows = [
        replace(one, answers=(replace(one.answers[0], start=99),)) if not n else one for n, one in enumerate(made_examples(9))
    ]
    write_examples(rows, tmp_path / "data.json")
    parts = made([tmp_path / "data.json"], tmp_path / "parts")
    assert parts.repaired == parts.as_dict()["repaired"] == 1
    assert "1 record was repaired first; spantune check FILE --fix DIR tells each one" in parts.sentences()


def test_what_cannot_be_folded_writes_nothing(data, tmp_path):
    with pytest.raises(DataError, match="as many groups as folds"):
        fold_files([data], tmp_path / "parts", k=21)
    with pytest.raises(ConfigError, match="2 or more"):
        fold_files([data], tmp_path / "parts", k=0)
    assert not (tmp_path / "parts").exists()


def test_the_input_is_never_written_over(data, tmp_path):
    write_examples(list(read_examples(data)), tmp_path / "test.json")
    before = (tmp_path / "test.json").read_bytes()
    with pytest.raises(ConfigError, match="one of the input files"):
        split_files([tmp_path / "test.json"], tmp_path, test=0.1)
    assert (tmp_path / "test.json").read_bytes() == before
    assert not (tmp_path / "train.json").exists()


def test_no_command_writes_over_its_own_input(reader_run, tmp_path):
    """Previously `split train.json --out .` replaced the data by its own training side, without a word."""
    data = tmp_path / "train.json"
    write_examples(made_examples(8), data)
    before = data.read_bytes()
    with pytest.raises(ConfigError, match="one of the input files"):
        split_files([data], tmp_path)
    with pytest.raises(ConfigError, match="one of the input files"):
        predict_file(reader_run, data, tmp_path / "." / "train.json")
    assert data.read_bytes() == before
