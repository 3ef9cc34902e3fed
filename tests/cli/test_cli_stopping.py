"""A training in a real process, asked to end, gone on with, and not disturbed by another."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spantune.cli import demo


@pytest.fixture
def words(tiny_model_folder, data_folder, tmp_path):
    keys = {
        "windows.length": 64,
        "windows.stride": 16,
        "training.epochs": 24,
        "training.early_stopping": 0,
        "training.batch_size": 8,
        "training.precision": "fp32",
    }
    settings = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    data = [str(data_folder / "questions.json"), "--eval-data", str(data_folder / "held-out.json")]
    return [sys.executable, "-m", "spantune", "train", *data, "--out", "run", "--model", str(tiny_model_folder), *settings]


TORCHRUN = [str(Path(sys.executable).with_name("torchrun")), "--standalone", "--nproc-per-node", "2"]


def begun(words, folder):
    """A training that has made a checkpoint, and goes on."""
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not list(folder.glob("run/checkpoints/checkpoint-*")) and time.monotonic() < until:
        time.sleep(0.02)
    return process


def test_a_training_that_is_asked_to_end_saves_and_goes_on_later(words, tmp_path):
    """Previously SIGTERM ended it where it was, and Ctrl-C lost what was done since the last epoch."""
    first = begun(words, tmp_path)
    first.send_signal(signal.SIGSTOP)  # or it would be done before the other one is awake
    second = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 2
    assert "another process is writing to run" in second.stderr
    first.send_signal(signal.SIGTERM)
    first.send_signal(signal.SIGCONT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 130, said
    assert "SIGTERM: finishing this step, then saving" in said
    assert "which is saved; the same command with --resume goes on from there" in said
    assert "Traceback" not in said
    assert not (tmp_path / "run" / ".spantune.lock").exists()
    third = subprocess.run([*words, "--resume"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert third.returncode == 0, third.stderr
    kept = json.loads((tmp_path / "run" / "history.json").read_text(encoding="utf-8"))
    assert [one["epoch"] for one in kept["epochs"]] == list(range(1, 25))


def test_a_training_that_is_killed_leaves_no_lock_and_a_checkpoint(words, tmp_path):
    process = begun(words, tmp_path)
    process.kill()
    process.communicate(timeout=60)
    again = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 2
    assert "add --resume to go on from the last checkpoint" in again.stderr


def test_a_curve_that_is_terminated_leaves_no_temporary_files_and_says_how_to_go_on(data_folder, tiny_model_folder, tmp_path):
    """Previously SIGTERM ended it where it was, with the checkpoints of the training that ran left in the temporary folder."""
    (tmp_path / "tmp").mkdir()
    words = [sys.executable, "-m", "spantune", "curve", str(data_folder / "questions.json"), "--out", "curve"]
    settings = ["--set", "windows.length=64", "--set", "windows.stride=16", "--set", "training.epochs=60"]
    process = subprocess.Popen(
        [*words, "--model", str(tiny_model_folder), *settings],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    )
    until = time.monotonic() + 60
    while not list(tmp_path.glob("tmp/spantune-*")) and time.monotonic() < until:
        time.sleep(0.02)
    assert list(tmp_path.glob("tmp/spantune-*"))
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert "terminated; the same command goes on: what is measured is kept" in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("tmp/spantune-*"))


def test_a_stopped_demo_is_found_again(tmp_path, monkeypatch):
    """Previously a stopped demo spoke of --resume, which it did not know, and began anew in another folder."""
    monkeypatch.chdir(tmp_path)
    assert demo._stopped() == Path("demo-run")
    for number, name in enumerate(("demo-run", "demo-run-2", "demo-run-3")):
        (tmp_path / name / ("checkpoints" if number < 2 else "")).mkdir(parents=True)
        os.utime(tmp_path / name, (number, number))
    assert demo._stopped() == Path("demo-run-2")
    shutil.rmtree(tmp_path / "demo-run-2")
    command = [sys.executable, "-m", "spantune", "demo", "--resume"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "demo-run holds nothing to resume" in told.stderr


def _in_two(words):
    """The same training in two processes."""
    return [*TORCHRUN, *words[1:]]


def _workers(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    return sorted(map(int, children))


def test_two_processes_that_are_asked_to_end_save_once_and_one_goes_on(words, tmp_path):
    process = begun(_in_two(words), tmp_path)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=300)
    assert said.count("SIGTERM: finishing this step, then saving") == 1
    assert said.count("which is saved; the same command with --resume goes on from there") == 1
    assert not (tmp_path / "run" / ".spantune.lock").exists()
    again = subprocess.run([*words, "--resume"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr
    kept = json.loads((tmp_path / "run" / "history.json").read_text(encoding="utf-8"))
    assert [one["epoch"] for one in kept["epochs"]] == list(range(1, 25))


@pytest.mark.nightly
@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_that_is_killed_ends_all_and_two_go_on(words, tmp_path, killed):
    process = begun(_in_two(words), tmp_path)
    os.kill(_workers(process)[killed], signal.SIGKILL)
    _, said = process.communicate(timeout=300)
    assert process.returncode != 0
    assert f"[process {1 - killed} of 2] Error: process {1 - killed} of 2 lost the others: " in said
    again = [*_in_two(words), "--resume"]
    done = subprocess.run(again, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "spantune.json").is_file()


@pytest.mark.parametrize(("name", "engine"), [("ACCELERATE_USE_FSDP", "FSDP"), ("ACCELERATE_USE_DEEPSPEED", "DeepSpeed")])
def test_an_engine_that_spreads_the_weights_is_refused_before_anything_is_written(words, tmp_path, name, engine):
    environment = {**os.environ, name: "true"}
    run = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 2
    assert run.stderr.startswith(f"Error: this training would run under {engine} ({name})\n  expected: ")
    assert not (tmp_path / "run").exists()
