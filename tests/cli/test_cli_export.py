"""`spantune export`, as users type it."""

import json

import pytest
from typer.testing import CliRunner

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from spantune.cli.main import app


def test_export_tells_both_engines_and_json_is_json(reader_run, data_folder, tmp_path):
    command = ["export", str(reader_run), "--data", str(data_folder / "held-out.json"), "--force"]
    told = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "one")])
    assert told.exit_code == 0, told.output
    assert "PyTorch   EM" in told.output
    assert "exported  EM" in told.output
    assert "fused attention: 2 Attention" in told.output or "fused attention: 1 Attention" in told.output
    machine = CliRunner().invoke(app, [*command, "--int8", "--json", "--out", str(tmp_path / "two")])
    found = json.loads(machine.stdout)
    assert found["int8"] is True
    assert found["comparison"]["questions"] == 12
    assert (tmp_path / "two" / "model.onnx").stat().st_size == found["comparison"]["exported"]["bytes"]
