"""`evaluate_run`, `predict_file`, `split_files`, `ask_run`: a finished run, used."""

import io
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import made_examples, made_texts

from spantune.data import Span, read_examples, write_examples
from spantune.errors import (
    ConfigError,
    DataError,
    EmptyDataError,
    MissingDataError,
    OutputError,
    QuestionTooLongError,
    RunError,
    UnreadableDataError,
)
from spantune.evaluation import score_answers
from spantune.inference import Reader
from spantune.road import Silent, ask_run, evaluate_run, predict_file, split_files, worth_asking


class Listener(Silent):
    def __init__(self):
        self.notes, self.warnings, self.done = [], [], []

    def note(self, text):
        self.notes.append(text)

    def warn(self, text):
        self.warnings.append(text)

    def progress(self, stage, done, total):
        self.done.append((stage, done, total))


# -- evaluate


def test_scores_are_those_of_the_reader_on_the_records(reader_run, data_folder):
    listener = Listener()
    found = evaluate_run(reader_run, [data_folder / "held-out.json"], watch=listener)
    records = read_examples(data_folder / "held-out.json")
    scores = score_answers(list(records), Reader.load(reader_run).answer_many(records))
    told = {**scores.as_dict(), "seen_in_training": 0, "left_out": 0, "touched_by_training": 0}
    assert found.as_dict() == {**told, **found.judged.as_dict()}
    json.dumps(found.as_dict(), allow_nan=False)
    assert {"count", "exact_match", "f1", "precision", "recall"} <= found.as_dict().keys()
    assert (listener.warnings, ("evaluating", 12, 12) in listener.done) == ([], True)


def test_every_reference_counts_wherever_it_stands(reader_run, tmp_path):
    """Previously a reference that occurs twice in the context was removed before scoring, and its answer counted as wrong."""
    rows = [
        {"id": "a", "question": "What was the note?", "context": "The note was 12. See note 12.", "answers": ["12", "12. See"]}
    ]
    (tmp_path / "twice.json").write_text(json.dumps(rows), encoding="utf-8")
    found = evaluate_run(reader_run, [tmp_path / "twice.json"])
    assert found.scores.per_question[0].references == ("12", "12. See")


def test_records_of_the_training_are_scored_apart(reader_run, data_folder, tmp_path):
    trained, held_out = (read_examples(data_folder / name).records for name in ("questions.json", "held-out.json"))
    write_examples([*trained[:3], *held_out], tmp_path / "mixed.json")
    found = evaluate_run(reader_run, [tmp_path / "mixed.json"])
    assert (found.seen, found.scores.count, found.untouched.count) == (3, 15, 12)
    assert found.as_dict()["without_touched"] == evaluate_run(reader_run, [data_folder / "held-out.json"]).scores.as_dict()


def test_a_place_that_cannot_be_written_to_is_told_before_the_work(reader_run, data_folder, tmp_path):
    listener = Listener()
    with pytest.raises(OutputError, match="not there"):
        evaluate_run(reader_run, [data_folder / "held-out.json"], out=tmp_path / "no" / "folder.json", watch=listener)
    assert listener.done == []


def test_labels_are_scored_too(classifier_run, tmp_path):
    write_examples(made_texts(10, seed=5), tmp_path / "t.json")
    found = evaluate_run(classifier_run, [tmp_path / "t.json"])
    assert {"count", "accuracy", "macro_f1"} <= found.as_dict().keys()


def test_evaluating_on_training_records_is_warned_of_loudly(reader_run, data_folder, tmp_path):
    listener = Listener()
    found = evaluate_run(reader_run, [data_folder / "questions.json"], watch=listener)
    assert found.seen == found.as_dict()["seen_in_training"] == 40
    assert listener.warnings[0].startswith("40 of 40 test records (100%) are known from training")
    again = [replace(one, id=f"n{one.id}", question=one.question.lower()) for one in made_examples(40)[:2]]
    write_examples([*again, *made_examples(3, seed=5)], tmp_path / "mixed.json")
    listener = Listener()
    assert evaluate_run(reader_run, [tmp_path / "mixed.json"], watch=listener).seen == 2
    assert listener.warnings


def test_the_sheet_holds_scores_and_every_wrong_answer(reader_run, data_folder, tmp_path):
    found = evaluate_run(reader_run, [data_folder / "held-out.json"], out=tmp_path / "sheet.json")
    sheet = json.loads((tmp_path / "sheet.json").read_text(encoding="utf-8"))
    assert sheet["f1"] == pytest.approx(found.scores.f1)
    wrong = {one.id for one in found.scores.per_question if one.exact_match < 1}
    assert wrong <= {row["id"] for row in sheet["errors"]}
    assert all(row["question"] for row in sheet["errors"])


def test_answers_that_stand_nowhere_are_scored_by_their_text_and_the_rest_is_counted(reader_run, tmp_path):
    records = list(made_examples(4, seed=5))
    records[0] = replace(records[0], answers=(Span("no such text", 0),))
    records[1] = replace(records[1], answers=None)
    write_examples(records, tmp_path / "q.json")
    listener = Listener()
    found = evaluate_run(reader_run, [tmp_path / "q.json"], watch=listener)
    assert (found.scores.count, found.left_out) == (3, 1)
    assert any("1 of 4 records cannot be scored" in note for note in listener.notes)


def test_what_cannot_be_evaluated_is_told(reader_run, data_folder, tmp_path):
    write_examples([replace(one, answers=None) for one in made_examples(3)], tmp_path / "unlabelled.json")
    with pytest.raises(EmptyDataError, match="none of them with an answer"):
        evaluate_run(reader_run, [tmp_path / "unlabelled.json"])
    with pytest.raises(RunError, match="task 'classify'"):
        evaluate_run(reader_run, [data_folder / "texts.json"])
    with pytest.raises(RunError, match="not a run folder"):
        evaluate_run(data_folder, [data_folder / "questions.json"])
    with pytest.raises(OutputError):
        evaluate_run(reader_run, [data_folder / "held-out.json"], out=tmp_path / "no" / "such" / "folder.json")


# -- predict


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
    assert listener.done[-1] == ("predicting", 201, 201)


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


# -- split


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


# -- ask

CONTEXT = "Report 3. The note was 12. The points was 7."


def test_one_question_has_an_answer_and_its_trace(reader_run):
    asked = ask_run(reader_run, "What was the note?", context=CONTEXT, top=3)
    assert asked.said == Reader.load(reader_run).answer("What was the note?", CONTEXT, top=3)
    assert "trace" not in asked.as_dict()
    assert json.loads(json.dumps(asked.as_dict(with_trace=True), allow_nan=False))["trace"]["windows"]


def test_the_context_comes_from_a_file_or_from_standard_input(reader_run, tmp_path, monkeypatch):
    """A byte-order mark, as Windows writes it, is no part of the context."""
    (tmp_path / "c.txt").write_bytes(b"\xef\xbb\xbf" + CONTEXT.encode())
    expected = ask_run(reader_run, "What was the note?", context=CONTEXT).said
    assert ask_run(reader_run, "What was the note?", context_file=tmp_path / "c.txt").said == expected
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(CONTEXT.encode())))
    assert ask_run(reader_run, "What was the note?", context_file="-").said == expected


def test_a_text_is_classified_without_a_context(classifier_run):
    asked = ask_run(classifier_run, "It speaks of France.")
    assert asked.said.label in {"no", "yes"}
    assert asked.as_dict(with_trace=True).keys() == {"id", "label", "probability", "probabilities", "backend"}
    with pytest.raises(ConfigError, match="trace of a classified text"):
        asked.trace_text(80, "utf-8")


def test_what_cannot_be_asked_is_told(reader_run, classifier_run, tmp_path):
    (tmp_path / "latin.txt").write_bytes("Café 1973".encode("latin1"))
    (tmp_path / "empty.txt").write_bytes(b"")
    question = "What was the note?"
    wrong = [
        (ConfigError, "0 contexts", reader_run, question, {}),
        (ConfigError, "2 contexts", reader_run, question, {"context": CONTEXT, "context_file": "-"}),
        (ConfigError, "1 contexts", classifier_run, question, {"context": CONTEXT}),
        (DataError, "the context is ''", reader_run, question, {"context_file": tmp_path / "empty.txt"}),
        (DataError, "the question is ' '", reader_run, " ", {"context": CONTEXT}),
        (DataError, "the text is", classifier_run, " ", {}),
        (QuestionTooLongError, "too many", reader_run, question * 40, {"context": CONTEXT}),
        (MissingDataError, "No such file", reader_run, question, {"context_file": tmp_path / "nowhere.txt"}),
        (MissingDataError, "directory", reader_run, question, {"context_file": tmp_path}),
        (
            UnreadableDataError,
            "not UTF-8: byte 0xe9 at offset 3",
            reader_run,
            question,
            {"context_file": tmp_path / "latin.txt"},
        ),
        (RunError, "not a run folder", tmp_path, question, {"context": CONTEXT}),
    ]
    for kind, words, run, asked, context in wrong:
        with pytest.raises(kind, match=words) as caught:
            ask_run(run, asked, **context)
        assert caught.value.expected
        assert caught.value.next_move


def test_a_question_worth_asking_is_answered_right_if_there_is_one(reader_run):
    records = made_examples(12, seed=5)
    reader = Reader.load(reader_run)
    chosen = worth_asking(SimpleNamespace(held_out=records, predictor=reader))
    right = [
        one for one, answer in zip(records, reader.answer_many(records), strict=True) if answer.text == one.answers[0].text
    ]
    assert chosen in (right or records)
    assert not right or len(chosen.context) == min(len(one.context) for one in right)


# -- what is written never takes the place of what was read


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
