"""`evaluate_run`: what a finished run scores, and on what."""

import json
from dataclasses import replace

import pytest
from conftest import made_examples, made_texts
from test_road_training import Listener

from spantune.data import Span, read_examples, write_examples
from spantune.errors import ConfigError, EmptyDataError, EvaluationError, OutputError, RunError
from spantune.evaluation import Aliases, Scoring, score_answers
from spantune.inference import Reader
from spantune.road import evaluate_run


def test_scores_are_those_of_the_reader_on_the_records(reader_run, data_folder):
    listener = Listener()
    found = evaluate_run(reader_run, [data_folder / "held-out.json"], watch=listener)
    records = read_examples(data_folder / "held-out.json")
    scores = score_answers(list(records), Reader.load(reader_run).answer_many(records))
    told = {**scores.as_dict(), "seen_in_training": 0, "left_out": 0, "touched_by_training": 0}
    assert found.as_dict() == {**told, **found.judged.as_dict()}
    json.dumps(found.as_dict(), allow_nan=False)
    assert {"count", "exact_match", "f1", "precision", "recall"} <= found.as_dict().keys()
    assert (listener.warnings, ("evaluating", 12, 12) in listener.stages) == ([], True)


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
    assert listener.stages == []


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


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"require": "good"}, "--require good for"),
        ({"semantic": True, "scoring": Scoring("de")}, "--language and --semantic for"),
        ({"scoring": Scoring(aliases=Aliases((("a", "b"),)))}, "--aliases for"),
    ],
)
def test_what_only_answers_have_is_refused_for_a_run_that_classifies(classifier_run, data_folder, asked, named):
    """Previously a grade was "not met", and a language or meaning ignored, without a word."""
    listener = Listener()
    with pytest.raises(ConfigError, match=named):
        evaluate_run(classifier_run, [data_folder / "texts.json"], watch=listener, **asked)
    assert listener.stages == []


def test_what_is_no_language_is_told_before_the_work(reader_run, data_folder):
    """Previously it was told when all questions had been answered."""
    listener = Listener()
    with pytest.raises(EvaluationError, match="the language 'english'"):
        evaluate_run(reader_run, [data_folder / "held-out.json"], scoring=Scoring("english"), watch=listener)
    assert listener.stages == []


def test_a_folder_to_write_to_is_told_before_the_work(reader_run, data_folder, tmp_path):
    """Previously a folder was taken for a file, until all was done."""
    listener = Listener()
    with pytest.raises(OutputError, match="is a folder"):
        evaluate_run(reader_run, [data_folder / "held-out.json"], out=tmp_path, watch=listener)
    assert listener.stages == []
