"""`predict_parts`: every row of Parquet answered once, by workers that may die, in a folder that is gone on with."""

import importlib.util
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import made_examples, made_texts
from hypothesis import given, settings
from hypothesis import strategies as st
from test_road_training import Listener

from spantune.data import Example, ReadAs, Span, TextExample, write_examples
from spantune.data.parts import divide
from spantune.errors import ConfigError, EmptyDataError, MissingDataError, RunError, SpantuneError, UnreadableDataError
from spantune.evaluation import score_answers
from spantune.road import predict_file, predict_parts
from spantune.road.bulk import engines, predicting
from spantune.road.bulk.working import Finished, Work, Worker

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

# Ray Data warns of its own settings when it makes them, not of any that we chose.
pytestmark = pytest.mark.filterwarnings("ignore:`use_:DeprecationWarning:ray.data.context")

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


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """Sixty labelled questions, some without an answer, as Parquet."""
    file = tmp_path_factory.mktemp("bulk") / "questions.parquet"
    records = made_examples(60, seed=5, unanswerable=0.3)
    write_examples(records, file)
    return SimpleNamespace(records=records, file=str(file))


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
def worker(reader_run):
    """A worker whose work is replaced by the tests."""
    return Worker(work_of(reader_run, "/nowhere"))


# -- a worker


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
def test_workers_have_a_gpu_each_or_their_share_of_the_processors(reader_run, questions, machines, backend, asked, handed):
    """Previously an exported model took a GPU that it could not use, and all processors of its machine."""
    ray, parts = StandIn(*machines), divide(questions.file, 1)
    assert not list(engines._answered(ray, parts, work_of(reader_run, "/nowhere", backend=backend), None))
    assert (ray.asked["workers"], ray.asked["num_cpus"], ray.asked["num_gpus"]) == asked
    assert (ray.asked["work"].threads, ray.asked["work"].device) == handed


# -- the whole, with a worker of this process in the place of Ray


@pytest.fixture
def without_ray(monkeypatch):
    """`predict_parts` with one worker in this process; the list of the parts that were handed to it."""
    given = []

    def answered(parts, work, workers):
        worker = Worker(work)
        for part in parts:
            given.append(part.number)
            finished = worker(part)
            if finished.error is not None:
                raise finished.error
            yield finished

    monkeypatch.setattr(predicting, "answered_by_ray", answered)
    return given


def test_what_was_written_is_counted_and_scored(without_ray, reader_run, tmp_path):
    records = list(made_examples(40, seed=7, unanswerable=0.2))
    records[3] = replace(records[3], answers=None)
    write_examples(records, tmp_path / "q.parquet")
    table = parquet.read_table(tmp_path / "q.parquet").to_pylist()
    table[5]["context"] = None
    file, listener = saved(table, tmp_path / "q.parquet"), Listener()
    made = predict_parts(reader_run, file, str(tmp_path / "out"), rows=16, watch=listener)
    assert (made.rows, made.unanswered, made.parts, made.found) == (40, 1, 3, 0)
    found = rows_of(tmp_path / "out")
    known = [at for at in range(40) if at not in (3, 5)]
    scores = score_answers(
        [records[at] for at in known], [SimpleNamespace(id=found[at]["id"], text=found[at]["text"]) for at in known]
    )
    assert {name: mean.value for name, mean in made.scores.items()} == pytest.approx(
        {name: getattr(scores, name) / 100 for name in SCORES}
    )
    assert {mean.count for mean in made.scores.values()} == {38}
    assert listener.warnings == ["1 of 40 rows have no answer: the column 'problem' says why"]
    assert ("answering", 40, 40) in listener.stages
    told = json.loads(json.dumps(made.as_dict()))
    assert (told["predictions"], told["rows"], told["unanswered"], told["parts"]) == (39, 40, 1, 3)
    assert told["scores"]["f1"]["value"] == pytest.approx(scores.f1)
    assert told["scores"]["f1"]["low"] <= told["scores"]["f1"]["value"] <= told["scores"]["f1"]["high"]


def test_rows_without_labels_have_no_scores(without_ray, reader_run, tmp_path):
    write_examples([replace(one, answers=None) for one in made_examples(5)], tmp_path / "q.parquet")
    assert predict_parts(reader_run, str(tmp_path / "q.parquet"), str(tmp_path / "out"), rows=2).scores == {}


def test_texts_are_scored_by_their_accuracy(without_ray, classifier_run, tmp_path):
    write_examples(made_texts(12, seed=3), tmp_path / "t.parquet")
    made = predict_parts(classifier_run, str(tmp_path / "t.parquet"), str(tmp_path / "out"), rows=5)
    found = rows_of(tmp_path / "out")
    assert made.scores["accuracy"].value == pytest.approx(sum(row["accuracy"] for row in found) / 12)


def test_the_folder_is_readable_as_one_table_of_as_many_files_as_parts(without_ray, reader_run, questions, tmp_path):
    predict_parts(reader_run, questions.file, str(tmp_path / "out"), rows=25)
    assert names_in(tmp_path / "out") == [NOTE, *(f"part-{number:06d}.parquet" for number in range(3))]
    assert parquet.read_table(tmp_path / "out").num_rows == 60


def test_a_second_call_finds_all_and_answers_none(without_ray, reader_run, questions, tmp_path):
    first = predict_parts(reader_run, questions.file, str(tmp_path / "out"), rows=25)
    before, listener = files_of(tmp_path / "out"), Listener()
    without_ray.clear()
    again = predict_parts(reader_run, questions.file, str(tmp_path / "out"), rows=25, watch=listener)
    assert without_ray == []
    assert files_of(tmp_path / "out") == before
    assert again == replace(first, found=3)
    assert any("holds 3 of 3 parts" in note for note in listener.notes)


def test_only_the_parts_that_are_missing_are_made_and_they_are_the_same(without_ray, reader_run, questions, tmp_path):
    predict_parts(reader_run, questions.file, str(tmp_path / "out"), rows=10)
    before = files_of(tmp_path / "out")
    for name in ("part-000001.parquet", "part-000004.parquet"):
        (tmp_path / "out" / name).unlink()
    without_ray.clear()
    assert predict_parts(reader_run, questions.file, str(tmp_path / "out"), rows=10).found == 4
    assert without_ray == [1, 4]
    after = files_of(tmp_path / "out")
    assert {name: content for name, (content, _) in after.items()} == {name: content for name, (content, _) in before.items()}
    assert [name for name in before if before[name][1] != after[name][1]] == ["part-000001.parquet", "part-000004.parquet"]


def test_an_interrupted_call_is_gone_on_with(without_ray, reader_run, questions, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        predict_parts(
            reader_run,
            questions.file,
            str(tmp_path / "out"),
            rows=10,
            watch=Listener(lambda stage, done, total: (stage, done) == ("answering", 30)),
        )
    begun = files_of(tmp_path / "out")
    assert len(begun) == 3
    made = predict_parts(reader_run, questions.file, str(tmp_path / "out"), rows=10)
    assert (made.found, made.rows) == (3, 60)
    assert {name: content for name, content in files_of(tmp_path / "out").items() if name in begun} == begun


def _other_data(call, folder):
    rows = parquet.read_table(call["data"]).to_pylist()
    return {**call, "data": saved(rows[:-1], Path(call["data"]))}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda call, _: {**call, "top": 2}, "settings"),
        (lambda call, _: {**call, "always_answer": True}, "settings"),
        (lambda call, _: {**call, "rows": 11}, "rows-a-part"),
        (lambda call, _: {**call, "read_as": ReadAs(columns={"question": "question"})}, "read-as"),
        (_other_data, "data"),
    ],
    ids=["top", "always answer", "rows", "columns", "data"],
)
def test_a_folder_of_other_answers_is_refused_and_what_differs_is_named(
    without_ray, reader_run, questions, tmp_path, change, named
):
    data = tmp_path / "q.parquet"
    data.write_bytes(Path(questions.file).read_bytes())
    call = {"run": reader_run, "data": str(data), "out": str(tmp_path / "out"), "rows": 10}
    predict_parts(**call)
    (tmp_path / "out" / "part-000002.parquet").unlink()
    before = files_of(tmp_path / "out"), (tmp_path / "out" / NOTE).read_bytes()
    with pytest.raises(RunError, match=rf"holds answers that were made otherwise \({named} differ\)") as caught:
        predict_parts(**change(call, tmp_path))
    assert "another --out" in caught.value.next_move
    assert (files_of(tmp_path / "out"), (tmp_path / "out" / NOTE).read_bytes()) == before


def test_a_folder_of_another_runs_answers_is_refused(without_ray, reader_run, questions, tmp_path):
    other = tmp_path / "run"
    other.mkdir()
    for file in Path(reader_run).iterdir():
        if file.is_file():
            (other / file.name).write_bytes(file.read_bytes())
    predict_parts(reader_run, questions.file, str(tmp_path / "out"))
    with pytest.raises(RunError, match=r"\(run differ\)"):
        predict_parts(other, questions.file, str(tmp_path / "out"))


@pytest.mark.parametrize("name", ["notes.txt", "part-000000.parquet", ".hidden"])
def test_a_folder_with_anything_else_in_it_is_refused_and_left_as_it_is(without_ray, reader_run, questions, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    with pytest.raises(RunError, match=f"is not empty, and holds no {NOTE}"):
        predict_parts(reader_run, questions.file, str(out))
    assert names_in(out) == [name]
    assert (out / name).read_text() == "mine"
    assert without_ray == []


def test_a_file_in_the_place_of_the_folder_is_told_and_kept(without_ray, reader_run, questions, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SpantuneError):
        predict_parts(reader_run, questions.file, str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"


def test_answers_below_the_data_are_not_taken_for_data_when_the_call_is_repeated(without_ray, reader_run, tmp_path):
    """Either the place is refused at once, or going on works."""
    write_examples(made_examples(6), tmp_path / "q.parquet")
    try:
        predict_parts(reader_run, str(tmp_path), str(tmp_path / "out"), rows=3)
    except SpantuneError:
        assert names_in(tmp_path) == ["q.parquet"]
    else:
        assert predict_parts(reader_run, str(tmp_path), str(tmp_path / "out"), rows=3).found == 2


@pytest.mark.parametrize("backend", ["nonsense", "onnx"])
def test_a_backend_that_cannot_be_used_is_told_before_the_folder_is_taken(
    without_ray, reader_run, questions, tmp_path, backend
):
    with pytest.raises(SpantuneError) as caught:
        predict_parts(reader_run, questions.file, str(tmp_path / "out"), backend=backend)
    assert not isinstance(caught.value, UnreadableDataError)
    assert predict_parts(reader_run, questions.file, str(tmp_path / "out")).rows == 60


@pytest.mark.parametrize("options", [{"rows": 0}, {"rows": -1}], ids=str)
def test_parts_of_no_rows_are_refused_as_a_setting(without_ray, reader_run, questions, tmp_path, options):
    with pytest.raises(ConfigError):
        predict_parts(reader_run, questions.file, str(tmp_path / "out"), **options)


def test_what_cannot_be_answered_is_told_before_anything_is_written(
    without_ray, reader_run, classifier_run, questions, tmp_path
):
    write_examples(made_texts(3), tmp_path / "t.parquet")
    parquet.write_table(parquet.read_table(questions.file).slice(0, 0), tmp_path / "none.parquet")
    out = str(tmp_path / "out")
    with pytest.raises(RunError, match="'classify'"):
        predict_parts(reader_run, str(tmp_path / "t.parquet"), out)
    with pytest.raises(ConfigError, match="--always-answer"):
        predict_parts(classifier_run, str(tmp_path / "t.parquet"), out, always_answer=True)
    with pytest.raises(EmptyDataError, match="holds 0 rows"):
        predict_parts(reader_run, str(tmp_path / "none.parquet"), out)
    with pytest.raises(MissingDataError):
        predict_parts(reader_run, str(tmp_path / "missing.parquet"), out)
    with pytest.raises(RunError):
        predict_parts(tmp_path / "no-run", questions.file, out)
    assert not (tmp_path / "out").exists()


def test_paths_from_where_one_stands_and_uris_lead_to_the_same(without_ray, reader_run, questions, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.parquet").write_bytes(Path(questions.file).read_bytes())
    made = predict_parts(reader_run, "q.parquet", "out", rows=30)
    assert made.out == str(tmp_path / "out")
    assert predict_parts(reader_run, "./q.parquet", "out/", rows=30).found == 2
    by_uri = predict_parts(reader_run, f"file://{tmp_path}/q.parquet", f"file://{tmp_path}/uri", rows=30)
    assert by_uri.rows == 60
    assert rows_of(tmp_path / "uri") == rows_of(tmp_path / "out")
    assert predict_parts(reader_run, f"file://{tmp_path}/q.parquet", f"file://{tmp_path}/uri/", rows=30).found == 2


def test_the_parts_of_several_files_follow_each_other_in_the_order_of_names(without_ray, reader_run, tmp_path):
    for name in ("b", "a"):
        write_examples([replace(one, id=f"{name}{one.id}") for one in made_examples(5)], tmp_path / f"{name}.parquet")
    (tmp_path / "out").mkdir()
    made = predict_parts(reader_run, str(tmp_path), str(tmp_path.parent / f"{tmp_path.name}-out"), rows=2)
    assert (made.rows, made.parts) == (10, 6)
    assert [row["id"] for row in rows_of(made.out)] == [f"{name}q{number}" for name in "ab" for number in range(5)]


# -- with Ray

needs_proc = pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="looks at processes in /proc")
MANY = 400  # rows, each a part of its own: seconds of work, to do harm in


@pytest.fixture(scope="module")
def ray():
    """Ray on this machine, as `predict_parts` starts it: two processors, no GPU, whatever the machine has."""
    if importlib.util.find_spec("ray") is None:  # it reads settings when it is imported
        pytest.skip("Ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        ray = engines._ray()
        patch.setattr(ray, "init", partial(ray.init, num_cpus=2))
        engines._start(ray)
        yield ray
        ray.shutdown()


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """So many questions that there is time to do harm."""
    file = tmp_path_factory.mktemp("many") / "many.parquet"
    write_examples(made_examples(MANY, seed=9), file)
    return str(file)


def children_of(process):
    """All processes below one, with what they call themselves."""
    found = {}
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            below = task.read_text(encoding="ascii").split()
        except OSError:  # it ended
            continue
        for child in map(int, below):
            found |= {child: title_of(child), **children_of(child)}
    return found


def title_of(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def map_workers():
    """The processes that hold a model for Ray, below this one; those at work first."""
    found = {process: title for process, title in children_of(os.getpid()).items() if title.startswith("ray::MapWorker")}
    return sorted(found, key=lambda process: "submit" not in found[process])


def sockets_of(process):
    for open_file in Path(f"/proc/{process}/fd").glob("*"):
        try:
            target = str(open_file.readlink())
        except OSError:  # closed
            continue
        if target.startswith("socket:"):
            yield target[len("socket:[") : -1]


def listening(processes):
    """The addresses on which any of these processes listens, by socket."""
    ours, found = {socket for process in processes for socket in sockets_of(process)}, {}
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{name}").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in ours:
                raw = bytes.fromhex(words[1].partition(":")[0])
                address = ipaddress.ip_address(b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4)))
                found[words[9]] = getattr(address, "ipv4_mapped", None) or address
    return found


class Meanwhile(Listener):
    """Calls `act` when the first part has been answered, and with `every` after so many more; keeps what it gives."""

    def __init__(self, act, every=MANY):
        super().__init__()
        self.act, self.every, self.ticks, self.seen = act, every, 0, []

    def progress(self, stage, done, total):
        super().progress(stage, done, total)
        if stage == "answering":
            if self.ticks % self.every == 0:
                self.seen.append(self.act())
            self.ticks += 1


def once_each(folder, ids):
    """The ids of a folder's rows are these, each once, in their order."""
    assert [row["id"] for row in rows_of(folder)] == ids
    return True


IDS = [f"q{number}" for number in range(MANY)]


@pytest.fixture(scope="module")
def by_two(ray, reader_run, many, tmp_path_factory):
    """The answers of two workers, and what was seen of Ray while they worked."""
    out = tmp_path_factory.mktemp("by-two") / "out"
    before = listening([os.getpid()])

    def look():
        found = listening([os.getpid(), *children_of(os.getpid())])
        return map_workers(), {address for socket, address in found.items() if socket not in before}

    watch = Meanwhile(look, 50) if Path("/proc/self/net/tcp").exists() else Listener()
    made = predict_parts(reader_run, many, str(out), workers=2, rows=1, watch=watch)
    workers, addresses = (set().union(*one) for one in zip(*getattr(watch, "seen", [((), ())]), strict=True))
    return SimpleNamespace(made=made, out=out, workers=workers, addresses=addresses, watch=watch)


def test_two_workers_answer_every_row_once(by_two):
    made = by_two.made
    assert (made.rows, made.unanswered, made.parts, made.found) == (MANY, 0, MANY, 0)
    assert once_each(by_two.out, IDS)
    assert names_in(by_two.out) == [NOTE, *(f"part-{number:06d}.parquet" for number in range(MANY))]
    assert ("answering", MANY, MANY) in by_two.watch.stages
    assert len(by_two.workers) in (0, 2)  # 0 where nobody could look


def test_workers_of_ray_answer_as_predict_file_does(by_two, reader_run, many, tmp_path):
    predict_file(reader_run, many, tmp_path / "a.jsonl")
    for row, one in zip(rows_of(by_two.out), lines(tmp_path / "a.jsonl"), strict=True):
        assert same_but_for_rounding({name: row[name] for name in one}, one)


@needs_proc
def test_nothing_that_ray_starts_here_listens_beyond_this_machine(by_two):
    assert by_two.addresses
    assert {str(address) for address in by_two.addresses if not address.is_loopback} == set()


@pytest.mark.nightly
def test_a_part_that_was_deleted_is_the_only_one_made_anew(by_two, ray, reader_run, many):
    before, row = files_of(by_two.out), rows_of(by_two.out)[7]
    (by_two.out / "part-000007.parquet").unlink()
    made = predict_parts(reader_run, many, str(by_two.out), workers=2, rows=1)
    assert made == replace(by_two.made, found=MANY - 1)
    after = files_of(by_two.out)
    assert [name for name in before if after[name] != before[name]] == ["part-000007.parquet"]
    assert once_each(by_two.out, IDS)
    assert same_but_for_rounding(rows_of(by_two.out)[7], row)


@needs_proc
@pytest.mark.parametrize("killed", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_workers_that_are_killed_lose_and_repeat_no_row(ray, reader_run, many, tmp_path, killed):
    def kill():
        there, workers = len(names_in(tmp_path / "out")), map_workers()[:killed]
        for process in workers:
            os.kill(process, signal.SIGKILL)
        return there, workers

    watch = Meanwhile(kill)
    made = predict_parts(reader_run, many, str(tmp_path / "out"), workers=2, rows=1, watch=watch)
    ((there, workers),) = watch.seen
    assert workers
    assert there < MANY
    assert (made.rows, made.unanswered, made.parts) == (MANY, 0, MANY)
    assert once_each(tmp_path / "out", IDS)
    assert parquet.read_table(tmp_path / "out").num_rows == MANY
    assert watch.stages[-2:] == [("answering", MANY, MANY), ("counting", MANY, MANY)]


def test_more_workers_than_ray_has_processors_are_refused(ray, reader_run, questions, tmp_path):
    with pytest.raises(ConfigError, match="--workers 3 where Ray has 0 GPUs and 2 processors") as caught:
        predict_parts(reader_run, questions.file, str(tmp_path / "out"), workers=3, rows=5)
    assert caught.value.expected == "1 to 2 workers"
    assert names_in(tmp_path / "out") in ([], [NOTE])


def test_fewer_workers_than_one_are_refused(ray, reader_run, questions, tmp_path):
    with pytest.raises(ConfigError):
        predict_parts(reader_run, questions.file, str(tmp_path / "out"), workers=-1, rows=30)


def test_what_a_worker_could_not_read_is_told_with_the_name_of_the_file(ray, reader_run, questions, tmp_path):
    (tmp_path / "data").mkdir()
    sound = Path(questions.file).read_bytes()
    (tmp_path / "data" / "a.parquet").write_bytes(sound)
    (tmp_path / "data" / "b.parquet").write_bytes(sound[:4] + b"\xff" * 196 + sound[200:])
    out = str(tmp_path / "out")
    with pytest.raises(SpantuneError, match=r"b\.parquet is not Parquet, or is damaged") as caught:
        predict_parts(reader_run, str(tmp_path / "data"), out, workers=1, rows=60)
    assert caught.value.next_move.startswith("export the file again")


def test_a_worker_that_cannot_open_the_model_tells_what_is_wrong(ray, reader_run, questions, tmp_path, capfd):
    with pytest.raises(SpantuneError, match="nonsense"):
        predict_parts(reader_run, questions.file, str(tmp_path / "out"), workers=1, backend="nonsense")
    assert "Traceback" not in capfd.readouterr().err


def test_workers_of_another_version_end_the_call_and_tell_the_version(ray, reader_run, questions, tmp_path):
    work = work_of(reader_run, tmp_path / "out", version="0.0.1")
    with pytest.raises(RunError, match=r"spantune 0\.0\.1 gave it the work") as refused:
        list(engines.answered_by_ray(divide(questions.file, 1), work, 2))
    assert refused.value.expected == "the same version on every machine"
    assert not (tmp_path / "out").exists()


def life_of(process):
    """When a process began, which tells it from a later one of the same number; `None` where it has ended."""
    try:
        words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] == "Z" else words[19]


ALONE = """
import sys, spantune
if __name__ == "__main__":
    run, data, out = sys.argv[1:]
    spantune.predict_parts(run, data, out, workers=2, rows=1)
"""


@needs_proc
@pytest.mark.nightly
def test_a_call_that_is_killed_leaves_no_worker_and_the_same_call_goes_on(ray, reader_run, many, tmp_path):
    out, script = tmp_path / "out", tmp_path / "alone.py"
    script.write_text(ALONE, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    words = [sys.executable, str(script), str(reader_run), many, str(out)]
    driver = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while len(list(out.glob("*.parquet"))) < 20 and time.monotonic() < until and driver.poll() is None:
        time.sleep(0.01)
    below = {process: (life_of(process), title) for process, title in children_of(driver.pid).items()}
    driver.kill()
    driver.wait(60)
    assert below

    def left():
        return {process: title for process, (life, title) in below.items() if life and life_of(process) == life}

    while (working := [title for title in left().values() if "Agent" not in title]) and time.monotonic() < until:
        time.sleep(0.1)
    assert not working
    for process in left():  # Ray's agents do nothing without the others, but end a minute later
        os.kill(process, signal.SIGKILL)
    begun = files_of(out)
    assert 20 <= len(begun) < MANY
    made = predict_parts(reader_run, many, str(out), workers=2, rows=1)
    assert (made.rows, made.found) == (MANY, len(begun))
    assert once_each(out, IDS)
    assert {name: content for name, content in files_of(out).items() if name in begun} == begun
