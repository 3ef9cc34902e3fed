"""`predict_file`: a prediction for every record, in its place, or the file that was there before."""

import json
import shutil
from dataclasses import replace

import pytest
from conftest import made_examples, made_texts
from test_road_training import Listener

from spantune.data import write_examples
from spantune.errors import ConfigError, DataError, OutputError, RunError
from spantune.inference import Reader
from spantune.road import predict_file
from spantune.road.predicting import identity_of


def lines(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_predictions_keep_order_and_ids_those_that_occur_twice_too(reader_run, tmp_path):
    records = [replace(one, answers=None) for one in made_examples(200, seed=5)]
    records[7] = replace(records[7], id="q3")
    records.append(records[0])
    write_examples(records, tmp_path / "q.json")
    listener = Listener()
    assert predict_file(reader_run, tmp_path / "q.json", tmp_path / "a.jsonl", watch=listener) == 201
    rows = lines(tmp_path / "a.jsonl")
    assert [row["id"] for row in rows] == [record.id for record in records]
    assert rows[0] == rows[-1]
    assert all(record.context[row["start"] : row["end"]] == row["text"] for record, row in zip(records, rows, strict=True))
    assert listener.stages[-1] == ("predicting", 201, 201)


def test_labels_are_predicted_without_labels(classifier_run, tmp_path):
    (tmp_path / "t.jsonl").write_text('{"id": "b", "text": "France"}\n{"id": "a", "text": "October"}\n', encoding="utf-8")
    assert predict_file(classifier_run, tmp_path / "t.jsonl", tmp_path / "a.jsonl") == 2
    rows = lines(tmp_path / "a.jsonl")
    assert [row["id"] for row in rows] == ["b", "a"]
    assert all(row["probabilities"][row["label"]] == row["probability"] for row in rows)


def test_records_that_get_no_prediction_are_warned_of(reader_run, tmp_path):
    (tmp_path / "q.jsonl").write_text(
        '{"id": "a", "question": "Who?", "context": "Ada."}\n{"id": \n{"id": "c", "question": "Who?", "context": ""}\n',
        encoding="utf-8",
    )
    listener = Listener()
    assert predict_file(reader_run, tmp_path / "q.jsonl", tmp_path / "a.jsonl", watch=listener) == 1
    assert listener.warnings == ["2 of 3 records get no prediction (spantune check tells which and why)"]


def test_a_question_longer_than_the_window_stops_nothing(reader_run, tmp_path):
    records = [replace(one, answers=None) for one in made_examples(3)]
    records[1] = replace(records[1], question="What was the revenue? " * 60)
    write_examples(records, tmp_path / "q.json")
    assert predict_file(reader_run, tmp_path / "q.json", tmp_path / "a.jsonl") == 3


def test_a_failure_leaves_no_predictions_and_the_old_file_as_it_was(reader_run, data_folder, tmp_path, monkeypatch):
    out = tmp_path / "a.jsonl"
    out.write_text("old\n")
    with pytest.raises(RunError):
        predict_file(reader_run, data_folder / "texts.json", out)
    (tmp_path / "empty.jsonl").write_text('{"id": "c", "question": "Who?", "context": ""}\n')
    with pytest.raises(DataError):
        predict_file(reader_run, tmp_path / "empty.jsonl", out)

    answer_many = Reader.answer_many

    def interrupted(self, examples, *_, **__):
        yield from answer_many(self, examples[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(Reader, "answer_many", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_file(reader_run, data_folder / "questions.json", out)
    assert out.read_text() == "old\n"
    assert len(lines(tmp_path / "a.jsonl.partial")) == 1


def test_the_same_command_goes_on_with_interrupted_predictions(reader_run, data_folder, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "a.jsonl"
    predict_file(reader_run, data_folder / "questions.json", whole)
    answer_many, asked = Reader.answer_many, []

    def interrupted(self, examples, *others, **named):
        asked.append(len(examples))
        yield from answer_many(self, examples[:25], *others, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(Reader, "answer_many", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_file(reader_run, data_folder / "questions.json", out)
    with pytest.raises(KeyboardInterrupt):
        predict_file(reader_run, data_folder / "questions.json", out, top=2)  # other answers: from the beginning
    with pytest.raises(KeyboardInterrupt):
        predict_file(reader_run, data_folder / "questions.json", out)
    monkeypatch.undo()
    listener = Listener()
    assert predict_file(reader_run, data_folder / "questions.json", out, watch=listener) == 40
    assert asked == [40, 40, 40]
    assert any("holds 25 of 40 lines" in note for note in listener.notes)
    for one, other in zip(lines(out), lines(whole), strict=True):  # batches of other questions round a little differently
        assert [one[key] for key in ("id", "text", "start", "end")] == [other[key] for key in ("id", "text", "start", "end")]
        assert one["probability"] == pytest.approx(other["probability"], rel=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "whole.jsonl"]


def test_a_run_is_the_same_wherever_it_lies_and_its_exported_model_counts_where_it_answers(reader_run, tmp_path, monkeypatch):
    """Previously a run that was named in another way, or exported meanwhile, began its predictions anew, without a word."""
    moved = shutil.copytree(reader_run, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    before = identity_of(reader_run)
    assert before == identity_of(moved) == identity_of("moved")
    (moved / "exported").mkdir()
    (moved / "exported" / "model.onnx").write_bytes(b"0")
    assert identity_of(moved, exported=False) == before != identity_of(moved)


def test_lines_that_an_other_call_left_are_told_before_they_are_made_anew(reader_run, data_folder, tmp_path):
    out, listener = tmp_path / "a.jsonl", Listener()
    (tmp_path / "a.jsonl.partial").write_text('{"id": "q1"}\n')
    predict_file(reader_run, data_folder / "questions.json", out, watch=listener)
    assert any("is of other data, settings or another run" in note for note in listener.notes)


@pytest.mark.parametrize("out", ["-", "/dev/stdout", "/dev/fd/1"])
def test_a_stream_is_refused_before_the_work(reader_run, data_folder, out):
    """Previously `--out /dev/stdout >> log.txt` replaced the log."""
    listener = Listener()
    with pytest.raises(OutputError, match="is a stream"):
        predict_file(reader_run, data_folder / "questions.json", out, watch=listener)
    assert listener.stages == []


def test_alternatives_of_a_label_are_refused(classifier_run, tmp_path):
    """Previously `--top` was ignored."""
    write_examples(made_texts(3), tmp_path / "texts.json")
    with pytest.raises(ConfigError, match="5 alternatives of a run that classifies"):
        predict_file(classifier_run, tmp_path / "texts.json", tmp_path / "out.jsonl", top=5)


def test_questions_with_contradictory_labels_are_answered_in_their_place(reader_run, tmp_path):
    """Previously `predict` left them out, though it has no use for labels."""
    rows = [
        {
            "id": str(number),
            "question": "What was the note?",
            "context": "The note was 12.",
            "answers": [],
            "is_impossible": odd,
        }
        for number, odd in enumerate([True, False, True])
    ]
    (tmp_path / "questions.json").write_text(json.dumps(rows), encoding="utf-8")
    assert predict_file(reader_run, tmp_path / "questions.json", tmp_path / "answers.jsonl") == 3
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [answer["id"] for answer in answers] == ["0", "1", "2"]
