"""The whole road in several processes: all of them work, the first writes and tells."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import several
from conftest import made_examples, quick_config
from test_road_training import Listener

from spantune.config import with_settings
from spantune.data import write_examples
from spantune.errors import OutputError, RunError, TrainingError
from spantune.road import evaluate_run, train_run


def trained(data, held_out, out, model_folder, settings):
    listener = Listener()
    rank = os.environ["RANK"]
    eval_data = [str(held_out).format(rank=rank)] if held_out else []
    config = with_settings(quick_config(model_folder, **settings), {"keep.probe": False, "keep.replay": 0.0})
    result = train_run([str(data).format(rank=rank)], out, config, eval_data=eval_data, watch=listener)
    return dict(result.facts.scores), [str(one) for one in (*listener.notes, *listener.warnings)], sorted(listener.stages)


@pytest.fixture(scope="module")
def in_two(tmp_path_factory, data_folder, tiny_model_folder):
    """What two processes gave, and the run that they left."""
    out = tmp_path_factory.mktemp("several") / "run"
    data, held_out = data_folder / "questions.json", data_folder / "held-out.json"
    return several.run(2, trained, data, held_out, out, str(tiny_model_folder), {}), out


def test_two_processes_make_one_run_that_scores_what_they_say(in_two, data_folder):
    ((scores, _, _), (theirs, _, _)), out = in_two
    assert scores == theirs
    again = evaluate_run(out, [data_folder / "held-out.json"]).scores
    assert again.f1 == pytest.approx(scores["f1"], abs=0.1)


def test_only_the_first_process_tells(in_two):
    ((_, told, stages), (_, by_the_other, their_stages)), _ = in_two
    assert told
    assert "training" in {stage for stage, _, _ in stages}
    assert (by_the_other, their_stages) == ([], [])


def test_the_run_is_like_that_of_one_process(in_two, reader_run):
    _, out = in_two

    def files(folder):
        return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())

    assert files(out) == files(reader_run)
    mine, theirs = (json.loads((folder / "spantune.json").read_text()) for folder in (out, reader_run))
    assert mine["config"]["training"] == theirs["config"]["training"]
    assert mine["data"] == theirs["data"]


def test_folds_are_trained_in_several_processes_too(tmp_path, data_folder, reader_run):
    """Their models answer already, and each is trained without checkpoints."""
    outcomes = several.run(2, trained, data_folder / "questions.json", None, tmp_path / "run", str(reader_run), {"folds": 2})
    assert outcomes[0][0] == outcomes[1][0]
    assert (tmp_path / "run" / "spantune.json").is_file()


def test_an_error_of_the_first_process_is_raised_in_all_and_leaves_what_was_there(tmp_path, data_folder, tiny_model_folder):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    outcome = several.finish(
        *several.start(2, trained, data_folder / "questions.json", None, tmp_path / "run", str(tiny_model_folder), {})
    )
    assert [type(error) for _, error in outcome] == [RunError] * 2
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_made_is_told_by_all(tmp_path, data_folder, tiny_model_folder):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "run"
    outcome = several.finish(*several.start(2, trained, data_folder / "questions.json", None, out, str(tiny_model_folder), {}))
    assert all(isinstance(error, OutputError) for _, error in outcome), outcome


def _ends_before_the_others_hear(data, held_out, out, model_folder, settings):
    """The first process saves the run; the other one is gone by then."""
    from spantune.road import training as road

    save_run = road.save_run

    def saving(*given, **named):
        time.sleep(3)
        return save_run(*given, **named)

    road.save_run = saving
    first_does = road.together.first_does

    def leaving(action):
        if os.environ["RANK"] == "1" and (Path(out) / "checkpoints").exists() and "save_run" in action.__code__.co_names:
            os.kill(os.getpid(), signal.SIGKILL)
        return first_does(action)

    road.together.first_does = leaving
    return trained(data, held_out, out, model_folder, settings)


def test_a_saved_run_stays_where_another_process_ends_meanwhile(tmp_path, data_folder, tiny_model_folder):
    """Previously what the first process had just saved was removed, with its checkpoints."""
    out = tmp_path / "run"
    words = (data_folder / "questions.json", data_folder / "held-out.json", out, str(tiny_model_folder), {})
    children, results = several.start(2, _ends_before_the_others_hear, *words)
    (_, error), _ = several.finish(children, results, expected=1)
    assert isinstance(error, TrainingError)
    assert children[1].exitcode == -signal.SIGKILL
    assert evaluate_run(out, [data_folder / "held-out.json"]).scores.count == 12


def test_processes_that_read_other_data_are_refused(tmp_path, tiny_model_folder, data_folder):
    for rank in range(2):
        write_examples(made_examples(30, seed=rank), tmp_path / f"data-{rank}.json")
    held_out = data_folder / "held-out.json"
    outcome = several.finish(
        *several.start(2, trained, tmp_path / "data-{rank}.json", held_out, tmp_path / "run", str(tiny_model_folder), {})
    )
    for _, error in outcome:
        assert isinstance(error, RunError)
        assert error.found == "train differ between the processes of this training"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["evaluate", "predict", "tune"])
def test_commands_that_do_not_share_their_work_say_so_under_a_launcher(command):
    run = subprocess.run(
        [sys.executable, "-m", "spantune", command, "embedded", "data.json"],
        env={**os.environ, "WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.startswith(f"[process 1 of 2] Error: spantune {command} is one of 2 processes (WORLD_SIZE)\n")
    assert "Traceback" not in run.stderr
