"""A worker: its parts answered once each, as `predict_file` does, with what went wrong in their place."""

from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from bulk import (
    SCORES,
    answered_here,
    files_of,
    lines,
    names_in,
    rows_of,
    same_but_for_rounding,
    saved,
    sixty_questions,
    work_of,
)
from conftest import made_examples, made_texts
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data import Example, ReadAs, Span, TextExample, write_examples
from spantune.data.parts import divide
from spantune.errors import RunError, SpantuneError, UnreadableDataError
from spantune.evaluation import score_answers
from spantune.road import predict_file
from spantune.road.bulk import engines
from spantune.road.bulk.working import Finished, Work, Worker

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    return sixty_questions(tmp_path_factory.mktemp("bulk"))


@pytest.fixture(scope="module")
def expected(reader_run, questions, tmp_path_factory):
    """What `predict_file` answers to the same, by the number of alternatives and whether it always answers."""
    folder = tmp_path_factory.mktemp("expected")

    def asked(top, always):
        out = folder / f"{top}-{always}.jsonl"
        predict_file(reader_run, questions.file, out, top=top, always_answer=always)
        return lines(out)

    return {choice: asked(*choice) for choice in [(1, False), (3, True)]}


@pytest.fixture(scope="module")
def worker(reader_run, tmp_path_factory):
    """A worker whose work is replaced by the tests."""
    return Worker(work_of(reader_run, tmp_path_factory.mktemp("answered")))


@pytest.mark.parametrize(("top", "always"), [(1, False), (3, True)])
def test_a_worker_answers_every_row_in_order_as_predict_file_does(reader_run, questions, expected, tmp_path, top, always):
    worker = Worker(work_of(reader_run, tmp_path, top=top, always_answer=always))
    finished = answered_here(worker, questions.file, 17)
    assert finished == [Finished(number, rows, 0) for number, rows in enumerate([17, 17, 17, 9])]
    found = rows_of(tmp_path)
    assert [row["id"] for row in found] == [record.id for record in questions.records]
    for row, record, one in zip(found, questions.records, expected[top, always], strict=True):
        assert row["text"] == record.context[row["start"] : row["end"]]
        assert len(row["alternatives"]) == top
        assert same_but_for_rounding({name: row[name] for name in one}, one)
        assert row["problem"] is None


@settings(max_examples=12)
@given(st.integers(1, 70))
def test_the_answers_do_not_depend_on_how_the_rows_are_divided(worker, questions, expected, tmp_path_factory, rows):
    out = tmp_path_factory.mktemp("divided")
    worker.work = replace(worker.work, out=str(out))
    assert sum(one.rows for one in answered_here(worker, questions.file, rows)) == 60
    for row, one in zip(rows_of(out), expected[1, False], strict=True):
        assert same_but_for_rounding({name: row[name] for name in one}, one)


def test_a_row_that_cannot_be_asked_has_a_problem_in_its_place_and_no_answer(reader_run, tmp_path):
    rows = [
        {"id": "a", "question": "Who?", "context": "It was Ada."},
        {"id": "b", "question": None, "context": "It was Ada."},
        {"id": None, "question": "Who?", "context": ""},
        {"id": "d", "question": " ", "context": "It was Ada."},
        {"id": "e", "question": "Who was it?", "context": "It was Ada."},
    ]
    (part,) = divide(saved(rows, tmp_path / "q.parquet"), 10)
    assert Worker(work_of(reader_run, tmp_path / "out"))(part) == Finished(0, 5, 3)
    found = rows_of(tmp_path / "out")
    assert [row["id"] for row in found] == ["a", "b", "row-3", "d", "e"]
    assert [row["text"] is None for row in found] == [False, True, True, True, False]
    assert [(row["problem"] or "").partition(":")[0] for row in found] == [
        "",
        "question_missing",
        "context_empty",
        "question_empty",
        "",
    ]
    assert all(value is None for row in found if row["problem"] for name, value in row.items() if name not in ("id", "problem"))


def test_a_part_of_nothing_but_broken_rows_is_written_too(reader_run, tmp_path):
    (part,) = divide(saved([{"question": None, "context": None, "answers": "x"}] * 3, tmp_path / "q.parquet"), 10)
    assert Worker(work_of(reader_run, tmp_path / "out", read_as=ReadAs("records")))(part) == Finished(0, 3, 3)
    assert [row["id"] for row in rows_of(tmp_path / "out")] == ["row-1", "row-2", "row-3"]


def test_rows_with_a_label_have_the_scores_of_the_evaluation_and_others_none(reader_run, tmp_path):
    labelled = made_examples(30, seed=8, unanswerable=0.3)
    records = [one if number % 3 else replace(one, answers=None) for number, one in enumerate(labelled)]
    write_examples(records, tmp_path / "q.parquet")
    worker = Worker(work_of(reader_run, tmp_path / "out", always_answer=True))
    answered_here(worker, tmp_path / "q.parquet", 7)
    found = rows_of(tmp_path / "out")
    known = [at for at, record in enumerate(records) if record.answers is not None]
    answers = [SimpleNamespace(id=found[at]["id"], text=found[at]["text"]) for at in known]
    scores = score_answers([records[at] for at in known], answers)
    assert 0 < scores.f1 < 100
    for at, score in zip(known, scores.per_question, strict=True):
        assert {name: found[at][name] for name in SCORES} == {name: getattr(score, name) for name in SCORES}
        assert found[at]["group"] == records[at].document
    for at in set(range(30)) - set(known):
        assert {found[at][name] for name in (*SCORES, "group")} == {None}
        assert found[at]["text"] is not None


def test_a_label_that_contradicts_itself_is_answered_told_and_not_scored(reader_run, tmp_path):
    write_examples(made_examples(2), tmp_path / "q.parquet")
    rows = parquet.read_table(tmp_path / "q.parquet").to_pylist()
    rows[1]["is_impossible"] = True
    (part,) = divide(saved(rows, tmp_path / "q.parquet"), 10)
    assert Worker(work_of(reader_run, tmp_path / "out"))(part) == Finished(0, 2, 0)
    sound, contradictory = rows_of(tmp_path / "out")
    assert (sound["problem"], sound["f1"] is None) == (None, False)
    assert contradictory["problem"].startswith("contradiction: ")
    assert contradictory["text"] is not None
    assert {contradictory[name] for name in (*SCORES, "group")} == {None}


def test_rows_without_a_document_are_grouped_by_their_context(reader_run, tmp_path):
    write_examples([Example("1", "Who?", "It was Ada.", (Span("Ada", 7),))], tmp_path / "q.parquet")
    answered_here(Worker(work_of(reader_run, tmp_path / "out")), tmp_path / "q.parquet", 5)
    assert rows_of(tmp_path / "out")[0]["group"] == "It was Ada."


def test_a_part_that_is_there_is_not_answered_again(reader_run, questions, tmp_path):
    worker = Worker(work_of(reader_run, tmp_path))
    parts = divide(questions.file, 20)
    assert [worker(part) for part in parts[:2]] == [Finished(0, 20, 0), Finished(1, 20, 0)]
    before = files_of(tmp_path)
    predictor, worker.predictor = worker.predictor, None
    assert [worker(part).error for part in parts[:2]] == [None, None]
    assert [worker(part).rows for part in parts[:2]] == [20, 20]
    assert files_of(tmp_path) == before
    worker.predictor = predictor
    worker(parts[2])
    assert {name: content for name, content in files_of(tmp_path).items() if name in before} == before
    assert [row["id"] for row in rows_of(tmp_path)] == [record.id for record in questions.records]


def test_a_damaged_file_or_part_is_what_the_worker_hands_back(reader_run, questions, tmp_path):
    file = tmp_path / "q.parquet"
    file.write_bytes(Path(questions.file).read_bytes())
    (part,) = divide(str(file), 100)
    content = bytearray(file.read_bytes())
    content[4:200] = b"\xff" * 196
    file.write_bytes(content)
    worker = Worker(work_of(reader_run, tmp_path / "out"))
    finished = worker(part)
    assert isinstance(finished.error, UnreadableDataError)
    assert (finished.part, finished.rows, finished.unanswered) == (0, 0, 0)
    assert str(file) in finished.error.found
    assert not (tmp_path / "out" / "part-000000.parquet").exists()
    file.unlink()
    assert isinstance(worker(part).error, SpantuneError)


def test_a_part_of_the_output_that_is_damaged_is_made_anew(reader_run, questions, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-000000.parquet").write_bytes(b"half a part")
    (part,) = divide(questions.file, 100)
    finished = Worker(work_of(reader_run, tmp_path / "out"))(part)
    assert finished.error is None
    assert parquet.read_table(tmp_path / "out" / "part-000000.parquet").num_rows == finished.rows


def test_a_part_that_ended_its_worker_three_times_is_told_and_left(reader_run, questions, tmp_path, monkeypatch):
    """Previously Ray began it again without end."""
    worker, (part,) = Worker(work_of(reader_run, tmp_path / "out")), divide(questions.file, 100)

    def dying(*_):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(type(worker.predictor), "answer_many", dying)
        for _ in range(3):
            with pytest.raises(SystemExit):
                worker(part)
    error = worker(part).error
    assert isinstance(error, RunError)
    assert "ended their worker 3 times" in error.found


def test_a_place_that_cannot_be_written_to_is_what_the_worker_hands_back(reader_run, questions, tmp_path):
    (tmp_path / "file").write_text("no folder")
    (part,) = divide(questions.file, 100)
    finished = Worker(work_of(reader_run, tmp_path / "file" / "out"))(part)
    assert "could not be written" in finished.error.found


def test_texts_are_labelled_as_predict_file_does_and_scored_where_they_have_a_label(classifier_run, tmp_path):
    texts = [*made_texts(20, seed=3), TextExample("none", "Who knows?"), *made_texts(3, seed=4)]
    write_examples(texts, tmp_path / "t.parquet")
    answered_here(Worker(work_of(classifier_run, tmp_path / "out", "classify")), tmp_path / "t.parquet", 7)
    predict_file(classifier_run, tmp_path / "t.parquet", tmp_path / "t.jsonl")
    for row, text, one in zip(rows_of(tmp_path / "out"), texts, lines(tmp_path / "t.jsonl"), strict=True):
        assert same_but_for_rounding({name: row[name] for name in one} | {"probabilities": dict(row["probabilities"])}, one)
        assert row["accuracy"] == (None if text.label is None else float(text.label == row["label"]))
        assert row["group"] == (None if text.label is None else text.text)


def test_a_worker_of_another_version_refuses(reader_run, tmp_path):
    """Previously it answered: the machines of a cluster may have another spantune installed than the one that asks."""
    work = work_of(reader_run, tmp_path)
    assert (fields(Work)[0].name, work.version) == ("version", version("spantune"))
    with pytest.raises(RunError, match=r"has spantune .*, and spantune 0\.0\.1 gave it the work") as refused:
        Worker(replace(work, version="0.0.1"))
    assert "pip install spantune==0.0.1" in refused.value.next_move
    assert not names_in(tmp_path)


@pytest.mark.parametrize("task", ["answer", "classify"])
def test_a_worker_takes_its_share_of_the_threads(reader_run, classifier_run, tmp_path, task):
    before = torch.get_num_threads()
    try:
        Worker(work_of(reader_run if task == "answer" else classifier_run, tmp_path, task, threads=before + 1))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


class StandIn:
    """Ray, as far as parts are handed out by it: the machines of a cluster, and what it was asked to do."""

    def __init__(self, *machines):
        self.machines, self.asked = machines, {}
        self.data = SimpleNamespace(from_items=self.from_items, ActorPoolStrategy=lambda size: size)

    def cluster_resources(self):
        return {kind: sum(one.get(kind, 0) for one in self.machines) for kind in ("CPU", "GPU")}

    def nodes(self):
        return [{"Alive": True, "Resources": one} for one in self.machines]

    def from_items(self, items, **_):
        def map_by(_, fn_constructor_args, compute, **asked):
            self.asked = {"work": fn_constructor_args[0], "workers": compute, **asked}
            return SimpleNamespace(iter_rows=lambda: iter(()))

        return SimpleNamespace(map=map_by)


@pytest.mark.parametrize(
    ("machines", "backend", "asked", "handed"),
    [
        ([{"CPU": 8}, {"CPU": 8}], "auto", (8, 2, 0), (2, "cpu")),
        ([{"CPU": 16, "GPU": 2}], "auto", (2, 0, 1), (8, None)),
        ([{"CPU": 2, "GPU": 4}], "torch", (4, 0, 1), (1, None)),
        ([{"CPU": 16, "GPU": 2}], "onnx", (8, 2, 0), (2, "cpu")),
        ([{"CPU": 16, "GPU": 2}], "openvino", (8, 2, 0), (2, "cpu")),
    ],
    ids=["no GPU", "GPUs", "more GPUs than processors", "onnx beside GPUs", "openvino beside GPUs"],
)
def test_workers_have_a_gpu_each_or_their_share_of_the_processors(
    reader_run, questions, tmp_path, machines, backend, asked, handed
):
    """Previously an exported model took a GPU that it could not use, and all processors of its machine."""
    ray, parts = StandIn(*machines), divide(questions.file, 1)
    assert not list(engines._answered(ray, parts, work_of(reader_run, tmp_path, backend=backend), None))
    assert (ray.asked["workers"], ray.asked["num_cpus"], ray.asked["num_gpus"]) == asked
    assert (ray.asked["work"].threads, ray.asked["work"].device) == handed
