"""`augment_file`, and augmentation on the road of training: the training side alone, told, the same on a resume."""

import json
from dataclasses import replace

import pytest
from conftest import made_examples, made_texts, quick_config

from spantune.config import AugmentConfig
from spantune.data import Span, check, read_examples, write_examples
from spantune.errors import ConfigError, OutputError
from spantune.road import Silent, train_run
from spantune.road.augmenting import augment_file


class Listener(Silent):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_the_file_holds_the_records_and_their_copies_and_every_answer_is_at_its_place(data_folder, tmp_path):
    out = tmp_path / "more.json"
    made = augment_file([data_folder / "questions.json"], out, ["crop=1", "typos=0.5", "unanswerable=0.25"])
    report = check(read_examples(out))
    assert report.ok
    assert len(report.examples) == len(made.augmented.records) == 40 + sum(made.augmented.made.values())
    assert [one.id for one in report.examples[:40]] == [f"q{number}" for number in range(40)]
    assert made.augmented.made["crop"] == 40
    assert (
        made.sentences()[0] == f"{len(report.examples)} records to {out}: 40 as they were, {len(report.examples) - 40} copies"
    )
    assert json.loads(json.dumps(made.as_dict()))["made"]["crop"] == 40


def test_the_same_call_writes_the_same_bytes(data_folder, tmp_path):
    for name in ("a.json", "b.json", "c.json"):
        augment_file([data_folder / "questions.json"], tmp_path / name, ["typos=0.5"], seed=1 + (name == "c.json"))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes() != (tmp_path / "c.json").read_bytes()


def test_what_check_sets_aside_is_left_out_and_told(tmp_path):
    records = list(made_examples(5))
    records[2] = type(records[2])("bad", "Who?", "Ada.", (Span("Bob", 0),))
    write_examples(records, tmp_path / "q.json")
    made = augment_file([tmp_path / "q.json"], tmp_path / "more.json", ["case=1"])
    assert made.left_out == 1
    assert made.sentences()[-1] == "1 record is left out: spantune check tells which and why"


def test_repaired_records_are_not_called_as_they_were(tmp_path):
    """Previously records whose starts had been corrected were told to be in the file as they were."""
    records = list(made_examples(5))
    records[2] = replace(records[2], answers=(replace(records[2].answers[0], start=99),))
    write_examples(records, tmp_path / "q.json")
    made = augment_file([tmp_path / "q.json"], tmp_path / "more.json", ["case=1"])
    assert made.repaired == made.as_dict()["repaired"] == 1
    assert ": 4 as they were, 1 repaired, 5 copies" in made.sentences()[0]
    assert made.sentences()[-1] == "1 record was repaired first; spantune check FILE --fix DIR tells each one"


def test_a_format_that_does_not_exist_is_told_before_the_work(tmp_path):
    """Previously the data was read, checked and augmented before the suffix of the file was looked at."""
    with pytest.raises(ConfigError, match=r"cannot write examples to 'more\.xyz'"):
        augment_file(["not there.json"], tmp_path / "more.xyz", ["typos=1"])


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ([], "no augmentation is asked for"),
        (["typos=0"], "no augmentation is asked for"),
        (["typoz=1"], "augment.typoz is not a known key; did you mean augment.typos"),
        (["typos=1.5", "crop=x"], "2 mistakes"),
        (["typos"], "is not of the form"),
    ],
)
def test_shares_that_cannot_be_used_are_told_before_anything_is_read(shares, told, tmp_path):
    with pytest.raises(ConfigError, match=told):
        augment_file(["not there.json"], tmp_path / "more.json", shares)
    assert not list(tmp_path.iterdir())


def test_the_input_is_not_overwritten(data_folder, tmp_path):
    with pytest.raises(ConfigError, match="one of the input files"):
        augment_file([data_folder / "questions.json"], data_folder / "questions.json", ["case=1"])
    with pytest.raises(OutputError, match="is not there"):
        augment_file([data_folder / "questions.json"], tmp_path / "none" / "more.json", ["case=1"])


def test_training_tells_of_the_copies_and_leaves_the_held_out_side_alone(data_folder, tiny_model_folder, tmp_path):
    config = quick_config(tiny_model_folder).model_copy(update={"augment": AugmentConfig(crop=1.0, punctuation=0.5)})
    listener = Listener()
    made = train_run(
        [data_folder / "questions.json"], tmp_path / "run", config, eval_data=[data_folder / "held-out.json"], watch=listener
    )
    assert "augmentation: 40 of 40 copies made by crop" in listener.notes
    assert any(note.endswith("copies made by punctuation") for note in listener.notes)
    assert [one.id for one in made.held_out] == [f"hq{number}" for number in range(12)]
    assert made.facts.config.augment == config.augment
    plain = train_run(
        [data_folder / "questions.json"],
        tmp_path / "plain",
        quick_config(tiny_model_folder),
        eval_data=[data_folder / "held-out.json"],
    )
    assert made.history.epochs[0].training_loss != plain.history.epochs[0].training_loss
    assert plain.facts.untuned_scores == made.facts.untuned_scores


def test_texts_to_classify_are_trained_on_as_they_are(tiny_model_folder, tmp_path):
    write_examples(made_texts(40), tmp_path / "texts.json")
    config = quick_config(tiny_model_folder).model_copy(update={"augment": AugmentConfig(typos=1.0)})
    listener = Listener()
    train_run([tmp_path / "texts.json"], tmp_path / "run", config, watch=listener)
    assert any("no labelled questions, so no copies" in note for note in listener.notes)
