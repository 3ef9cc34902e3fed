"""`spantune predict --engine ray`: what it refuses, what it prints, and a whole call as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import made_examples
from test_cli_commands import as_json, failed, spantune

from spantune.data import write_examples
from spantune.road.bulk import predicting
from spantune.road.bulk.working import Worker

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

__all__ = ["spantune"]  # the fixture that calls the command line


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six labelled questions in three row groups."""
    file = tmp_path_factory.mktemp("bulk") / "questions.parquet"
    write_examples(made_examples(6), file)
    parquet.write_table(parquet.read_table(file), file, row_group_size=2)
    return file


@pytest.fixture
def without_ray(monkeypatch):
    """One worker in this process in the place of Ray; the number of workers that each call asked for."""
    asked = []

    def answered(parts, work, workers):
        asked.append(workers)
        return map(Worker(work), parts)

    monkeypatch.setattr(predicting, "answered_by_ray", answered)
    return asked


def ids_in(folder):
    return [one for file in sorted(Path(folder).glob("*.parquet")) for one in parquet.read_table(file)["id"].to_pylist()]


# -- what is refused


def test_an_engine_that_does_not_exist_is_told(spantune, reader_run, data, tmp_path):
    result = spantune("predict", reader_run, data, "--out", tmp_path / "out", "--engine", "spark")
    assert failed(result, "Error: --engine spark", "expected: here or ray")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("engine", [[], ["--engine", "here"]])
def test_workers_without_an_engine_that_has_them_are_refused(spantune, reader_run, data, tmp_path, engine):
    result = spantune("predict", reader_run, data, "--out", tmp_path / "out", "--workers", "2", *engine)
    assert failed(result, "Error: --workers 2 without --engine ray", "add --engine ray, or leave --workers away")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_number_of_workers_that_is_none_is_refused(spantune, reader_run, data, tmp_path, count):
    code, out, err = spantune("predict", reader_run, data, "--out", tmp_path / "out", "--engine", "ray", "--workers", count)
    assert (code, out) == (2, "")
    assert "--workers" in err
    assert "Traceback" not in err


def test_an_engine_that_is_not_installed_is_told(spantune, reader_run, data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    result = spantune("predict", reader_run, data, "--out", tmp_path / "out", "--engine", "ray")
    assert failed(result, "--engine ray takes Ray, which is not installed", "pip install 'spantune[ray]'")


def test_data_that_is_no_parquet_or_not_there_is_told(spantune, reader_run, data_folder, tmp_path):
    for file in (data_folder / "questions.json", tmp_path / "missing.parquet", "nonsense://bucket/a.parquet"):
        assert failed(spantune("predict", reader_run, file, "--out", tmp_path / "out", "--engine", "ray"), str(file))
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_folder_is_told(spantune, reader_run, data, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert failed(spantune("predict", reader_run, data, "--out", tmp_path / "out", "--engine", "ray"), "out")


# -- what is printed


def test_what_was_written_and_what_it_scores_is_printed(spantune, without_ray, reader_run, data, tmp_path):
    words = ("predict", reader_run, data, "--out", tmp_path / "out", "--engine", "ray", "--workers", "1", "--top", "2")
    code, out, err = spantune(*words)
    assert code == 0
    assert out.startswith(f"6 predictions in {tmp_path / 'out'} (3 parts)\n")
    assert all(name in out for name in ("  EM ", "  F1 ", " on 6 rows with a label"))
    assert "6 rows in 3 parts" in err
    assert without_ray == [1]
    assert ids_in(tmp_path / "out") == [f"q{number}" for number in range(6)]
    code, out, _ = spantune(*words)
    assert (code, out.partition("\n")[0]) == (0, f"6 predictions in {tmp_path / 'out'} (3 parts, 3 of them were there)")
    assert without_ray == [1]
    assert failed(spantune(*words[:-2]), "settings differ")


def test_json_has_the_counts_and_the_scores_in_percent(spantune, without_ray, reader_run, data, tmp_path):
    told = as_json(spantune("predict", reader_run, data, "--out", tmp_path / "out", "--engine", "ray", "--json"))
    assert told["out"] == str(tmp_path / "out")
    assert {name: told[name] for name in ("predictions", "rows", "unanswered", "parts", "parts_found")} == {
        "predictions": 6,
        "rows": 6,
        "unanswered": 0,
        "parts": 3,
        "parts_found": 0,
    }
    assert set(told["scores"]) == {"exact_match", "f1", "precision", "recall"}
    assert 0 <= told["scores"]["f1"]["value"] <= 100


def test_rows_without_an_answer_are_warned_of(spantune, without_ray, reader_run, tmp_path):
    rows = [{"question": "Who?", "context": "It was Ada."}, {"question": None, "context": "It was Ada."}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "q.parquet")
    result = spantune("predict", reader_run, tmp_path / "q.parquet", "--out", tmp_path / "out", "--engine", "ray", "--json")
    assert as_json(result)["unanswered"] == 1
    assert "WARNING: 1 of 2 rows have no answer: the column 'problem' says why" in " ".join(result[2].split())


def test_the_folder_may_be_named_by_its_uri(spantune, without_ray, reader_run, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    where = f"file://{tmp_path}/out"
    told = as_json(spantune("predict", reader_run, f"file://{data}", "--out", where, "--engine", "ray", "--json"))
    assert told["out"] == where
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    assert ids_in(tmp_path / "out") == [f"q{number}" for number in range(6)]


# -- a process of its own


def begun(run, data, folder):
    """The command, begun with one worker."""
    pytest.importorskip("ray")
    words = [sys.executable, "-m", "spantune", "predict", str(run), str(data), "--out", "out", "--engine", "ray"]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return subprocess.Popen(
        [*words, "--workers", "1", "--json"],
        cwd=folder,
        env={**environment, "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers_of(process):
    """The processes below one that hold a model for Ray."""
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text(encoding="ascii").split()):
            if Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"ray::MapWorker"):
                yield child
            yield from workers_of(child)


@pytest.mark.nightly
def test_a_whole_call_prints_json_and_nothing_else(reader_run, data, tmp_path):
    out, err = (process := begun(reader_run, data, tmp_path)).communicate(timeout=240)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert (told["predictions"], told["parts"], told["out"]) == (6, 3, str(tmp_path / "out"))
    assert not [word for word in ("Traceback", "Warning", "(raylet)", "INFO") if word in err]
    assert ids_in(tmp_path / "out") == [f"q{number}" for number in range(6)]


@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for the worker in /proc")
def test_a_worker_that_is_killed_is_nothing_to_print_beside_the_json(reader_run, tmp_path):
    write_examples(made_examples(300), tmp_path / "q.parquet")
    parquet.write_table(parquet.read_table(tmp_path / "q.parquet"), tmp_path / "q.parquet", row_group_size=1)
    process, until = begun(reader_run, tmp_path / "q.parquet", tmp_path), time.monotonic() + 120
    while not list(tmp_path.glob("out/*.parquet")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    (worker,) = workers_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    assert len(list(tmp_path.glob("out/*.parquet"))) < 300
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert json.loads(out)["predictions"] == 300
    assert "Traceback" not in err
    assert ids_in(tmp_path / "out") == [f"q{number}" for number in range(300)]
