"""A run answers with PyTorch or with its exported model, as asked for, and says which."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import made_examples

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from spantune.data import ReadAs
from spantune.errors import ConfigError, RunError
from spantune.export import Limits, export_run
from spantune.inference.backends import open_with
from spantune.inference.exported import ENGINES, reader, usual_threads
from spantune.road import ask_run, predict_file
from spantune.road.bulk.working import Work, Worker

QUESTION, CONTEXT = "What was the note?", "Report 3. The note was 12."
WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "accelerate", "peft", "onnx", "matplotlib", "datasets"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
from spantune.cli.main import main

main()
"""


@pytest.fixture(scope="module")
def run_with_export(reader_run, tmp_path_factory):
    run = tmp_path_factory.mktemp("backends") / "run"
    shutil.copytree(reader_run, run)
    export_run(run, made_examples(6, seed=5), limits=Limits(f1=100.0, speed=0.0))
    return run


def without_torch(*words):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *map(str, words)], capture_output=True, text=True, check=False, encoding="utf-8"
    )


def test_the_backend_that_answered_is_told(run_with_export, classifier_run):
    for backend, told in (("auto", "torch"), ("torch", "torch"), ("onnx", "onnx")):
        found = ask_run(run_with_export, QUESTION, context=CONTEXT, backend=backend)
        assert found.as_dict()["backend"] == told
    assert ask_run(classifier_run, "It speaks of France.").as_dict()["backend"] == "torch"


def test_both_backends_predict_the_same(run_with_export, data_folder, tmp_path):
    rows = {}
    for backend in ("torch", "onnx"):
        predict_file(run_with_export, data_folder / "held-out.json", tmp_path / backend, backend=backend)
        lines = (tmp_path / backend).read_text(encoding="utf-8").splitlines()
        rows[backend] = [(row["id"], row["text"], row["start"]) for row in map(json.loads, lines)]
    assert rows["torch"] == rows["onnx"]


def test_a_run_with_an_export_answers_where_torch_is_not_installed(run_with_export, data_folder, tmp_path):
    asked = without_torch("ask", run_with_export, QUESTION, "--context", CONTEXT, "--json")
    assert (asked.returncode, asked.stderr) == (0, "")
    found = json.loads(asked.stdout)
    assert found["backend"] == "onnx"
    assert found["text"] == ask_run(run_with_export, QUESTION, context=CONTEXT).said.text
    made = without_torch("predict", run_with_export, data_folder / "held-out.json", "--out", tmp_path / "a.jsonl", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["predictions"] == 12


def test_without_torch_and_without_an_export_the_next_move_is_told(reader_run, classifier_run):
    for words in (["ask", reader_run, QUESTION, "--context", CONTEXT], ["ask", classifier_run, "It speaks of France."]):
        asked = without_torch(*words)
        assert asked.returncode != 0
        assert "torch and transformers not installed" in asked.stderr
        assert "Traceback" not in asked.stderr


def test_a_backend_that_is_not_there_is_told(reader_run, run_with_export, classifier_run):
    ask = {"question": QUESTION, "context": CONTEXT}
    with pytest.raises(ConfigError, match="tflite"):
        ask_run(reader_run, **ask, backend="tflite")
    with pytest.raises(RunError, match=r"no exported model[^$]*spantune export .* --format openvino --data"):
        ask_run(reader_run, **ask, backend="openvino")
    with pytest.raises(RunError, match="a model for onnx"):
        ask_run(run_with_export, **ask, backend="openvino")
    with pytest.raises(ConfigError, match="classifies"):
        ask_run(classifier_run, "It speaks of France.", backend="onnx")


def test_an_exported_model_computes_with_as_many_threads_as_it_was_given(run_with_export, tmp_path, monkeypatch):
    """Previously each of several workers of one machine took all of its cores."""
    pytest.importorskip("pyarrow")
    given = []
    monkeypatch.setattr(reader, "ENGINES", {"onnx": lambda file, threads: given.append(threads) or ENGINES["onnx"](file, 1)})
    open_with(run_with_export, "onnx")
    open_with(run_with_export, "onnx", threads=3)
    Worker(Work(str(run_with_export), str(tmp_path), "answer", ReadAs(), False, 1, "onnx", threads=2))
    assert given == [usual_threads(), 3, 2]
