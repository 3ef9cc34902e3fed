"""`predict_parts`, with a worker of this process in the place of Ray: what is counted, refused and gone on with."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from bulk import NOTE, SCORES, files_of, names_in, rows_of, saved, sixty_questions
from conftest import made_examples, made_texts
from test_road_training import Listener

from spantune.data import ReadAs, write_examples
from spantune.errors import ConfigError, EmptyDataError, MissingDataError, RunError, SpantuneError, UnreadableDataError
from spantune.evaluation import score_answers
from spantune.road import predict_parts
from spantune.road.bulk import predicting
from spantune.road.bulk.working import Worker

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    return sixty_questions(tmp_path_factory.mktemp("bulk"))


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


def test_a_run_copied_elsewhere_goes_on_and_one_of_other_weights_is_refused(without_ray, reader_run, questions, tmp_path):
    copied = tmp_path / "run"
    shutil.copytree(reader_run, copied)
    predict_parts(reader_run, questions.file, str(tmp_path / "out"))
    assert predict_parts(copied, questions.file, str(tmp_path / "out")).found > 0
    weights = sorted(copied.glob("*.safetensors"))[0]
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(RunError, match=r"\(run differ\)"):
        predict_parts(copied, questions.file, str(tmp_path / "out"))


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
