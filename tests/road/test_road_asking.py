"""`ask_run` and `worth_asking`: one question to a finished run, and one that shows what the run can do."""

import io
import json
import sys
from types import SimpleNamespace

import pytest
from conftest import made_examples

from spantune.errors import (
    ConfigError,
    DataError,
    MissingDataError,
    QuestionTooLongError,
    RunError,
    UnreadableDataError,
)
from spantune.inference import Reader
from spantune.road import ask_run, worth_asking

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
    assert asked.as_dict().keys() == {"id", "label", "probability", "probabilities", "backend"}


def test_a_trace_of_a_classified_text_is_refused_in_every_form(classifier_run, tmp_path):
    """Previously JSON had the answer alone, without a word."""
    asked = ask_run(classifier_run, "It speaks of France.")
    for traced in (
        lambda: asked.trace_text(80, "utf-8"),
        lambda: asked.as_dict(with_trace=True),
        lambda: asked.write_html(tmp_path / "trace.html"),
    ):
        with pytest.raises(ConfigError, match="trace of a classified text"):
            traced()
    assert not (tmp_path / "trace.html").exists()


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
