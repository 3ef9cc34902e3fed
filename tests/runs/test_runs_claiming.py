"""Which folders a run may be written to, and what is found in them: leftovers of kills, checkpoints, files of others."""

import pytest
from conftest import WINDOWS, made_examples, quick
from saving import FILES, checkpoint, names, refusal, result_of, saved

from spantune.errors import OutputError, RunError
from spantune.features import encode
from spantune.runs import claim_folder, locked
from spantune.training import fine_tune


@pytest.fixture
def result(tiny_reader_model):
    return result_of(tiny_reader_model)


def test_a_new_or_empty_folder_can_be_claimed_and_claimed_again(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new", "deep/er/new"):
        assert claim_folder(tmp_path / name) == tmp_path / name / "checkpoints"
        assert claim_folder(tmp_path / name).is_dir()


def test_a_folder_in_the_way_is_refused_and_left_alone(tmp_path, reader_run, result, wordpiece):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear")
    (tmp_path / "file").write_text("x")
    taken = {tmp_path / "letters": "dear.txt", tmp_path / "file": "is a file", reader_run: "finished run"}
    for folder, words in taken.items():
        with pytest.raises(RunError, match=words):
            claim_folder(folder)
        with pytest.raises(RunError, match=words):
            claim_folder(folder, resume=True)
        with pytest.raises(RunError, match=words):
            saved(folder, result, wordpiece)
    assert (tmp_path / "letters" / "dear.txt").read_text() == "Dear"
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["dear.txt"]
    assert sorted(path.name for path in reader_run.iterdir()) == FILES


def test_checkpoints_of_another_program_are_never_removed(tmp_path):
    """Previously a folder of that name was taken for our own, and removed when the run was saved."""
    theirs = tmp_path / "checkpoints" / "epoch-3.ckpt"
    theirs.parent.mkdir()
    theirs.write_bytes(b"weeks of work")
    with pytest.raises(RunError, match="holds checkpoints"):
        claim_folder(tmp_path)
    assert theirs.read_bytes() == b"weeks of work"


def test_there_is_nothing_to_resume_in_a_new_folder(tmp_path):
    with pytest.raises(RunError, match="nothing to resume"):
        claim_folder(tmp_path / "new", resume=True)
    assert not (tmp_path / "new").exists()


def test_a_start_that_was_killed_before_its_first_checkpoint_is_no_obstacle(tmp_path):
    """Previously such a folder could neither be resumed ("no whole checkpoint") nor begun again ("add --resume")."""
    checkpoints = claim_folder(tmp_path / "run")
    (checkpoints / "checkpoint-3").mkdir()
    (checkpoints / "checkpoint-3" / "model.safetensors").write_bytes(b"half")
    (tmp_path / "run" / ".staging-0a1b2c3d").mkdir()
    with pytest.raises(RunError, match="nothing to resume"):
        claim_folder(tmp_path / "run", resume=True)
    claim_folder(tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").rglob("*")] == ["checkpoints", "started-with.json"]


def test_a_save_that_was_killed_is_no_obstacle_to_going_on(tmp_path, tiny_reader_model, wordpiece):
    """Previously the `.staging` folder that a kill left behind was taken for something of the user's."""
    checkpoints = claim_folder(tmp_path / "run")
    windows = encode(made_examples(4), wordpiece, WINDOWS)
    result = fine_tune(tiny_reader_model, windows, quick(epochs=1), checkpoints=checkpoints)
    (tmp_path / "run" / ".staging-0a1b2c3d").mkdir()
    with pytest.raises(RunError, match="interrupted run"):
        claim_folder(tmp_path / "run")
    assert claim_folder(tmp_path / "run", resume=True) == checkpoints
    saved(tmp_path / "run", result, wordpiece)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == FILES


def test_a_claim_makes_the_folder_and_says_where_checkpoints_go(tmp_path):
    made = claim_folder(str(tmp_path / "deep" / "run"))
    assert made == tmp_path / "deep" / "run" / "checkpoints"
    assert {path.name: path.read_text() for path in made.iterdir()} == {"started-with.json": "{}"}


def test_a_whole_checkpoint_is_gone_on_from_when_asked_and_never_overwritten(tmp_path):
    checkpoints = claim_folder(tmp_path)
    (checkpoints / "started-with.json").write_text('{"data": 1}')
    checkpoint(checkpoints, 3)
    refused = refusal(RunError, claim_folder, tmp_path)
    assert refused.found == f"{tmp_path} holds the checkpoints of an interrupted run"
    assert "--resume" in refused.next_move
    assert claim_folder(tmp_path, resume=True) == checkpoints
    assert names(checkpoints) == ["checkpoint-3", "started-with.json"]
    assert (checkpoints / "started-with.json").read_text() == '{"data": 1}'


def test_damaged_checkpoints_are_told_with_the_reason_and_stay(tmp_path):
    """A disk that cannot be read today may be readable tomorrow."""
    checkpoints = claim_folder(tmp_path)
    (checkpoint(checkpoints, 3) / "model.safetensors").unlink()
    (checkpoint(checkpoints, 6) / "model.safetensors").write_bytes(b"weight")
    assert (
        refusal(RunError, claim_folder, tmp_path).found
        == f"{tmp_path} holds the checkpoints of an interrupted run, none of them whole"
    )
    assert refusal(RunError, claim_folder, tmp_path, resume=True).found == (
        f"{tmp_path} holds nothing to resume; "
        f"{checkpoints / 'checkpoint-6'} is passed over: model.safetensors has 6 bytes, not 7; "
        f"{checkpoints / 'checkpoint-3'} is passed over: model.safetensors is missing"
    )
    assert names(checkpoints) == ["checkpoint-3", "checkpoint-6", "started-with.json"]


def test_one_whole_checkpoint_among_damaged_ones_is_enough(tmp_path):
    checkpoints = claim_folder(tmp_path)
    checkpoint(checkpoints, 3)
    (checkpoint(checkpoints, 6) / "model.safetensors").unlink()
    assert refusal(RunError, claim_folder, tmp_path).found == f"{tmp_path} holds the checkpoints of an interrupted run"
    assert claim_folder(tmp_path, resume=True) == checkpoints


def test_what_a_killed_save_left_is_swept_by_the_next_claim_and_nothing_else_is(tmp_path):
    checkpoints = claim_folder(tmp_path)
    checkpoint(checkpoints, 3)
    for name in (".staging-01", ".staging-02"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(b"half")
    (tmp_path / "README.md").write_text("moved in already")
    (checkpoints / "moving-in.txt").write_text("README.md\nmodel.safetensors\n")
    assert claim_folder(tmp_path, resume=True) == checkpoints
    assert names(tmp_path) == ["README.md", "checkpoints"]
    assert names(checkpoints) == ["checkpoint-3", "moving-in.txt", "started-with.json"]


def test_files_are_ours_only_where_the_killed_save_noted_them(tmp_path):
    checkpoints = claim_folder(tmp_path)
    (tmp_path / "README.md").write_text("whose?")
    assert refusal(RunError, claim_folder, tmp_path).found == f"{tmp_path} holds README.md"
    (checkpoints / "moving-in.txt").write_text("model.safetensors\n")
    assert refusal(RunError, claim_folder, tmp_path).found == f"{tmp_path} holds README.md"
    (checkpoints / "moving-in.txt").write_text("model.safetensors\nREADME.md\n")
    (tmp_path / "letter.txt").write_text("mine")
    assert refusal(RunError, claim_folder, tmp_path).found == f"{tmp_path} holds letter.txt"
    (tmp_path / "letter.txt").unlink()
    claim_folder(tmp_path)


def test_what_moved_in_before_a_kill_gives_way_to_a_new_start(tmp_path, result, wordpiece):
    """Previously, where training keeps no checkpoints (folds), it stayed: hours later the save of the new one was refused."""
    run, other = tmp_path / "run", tmp_path / "other"
    checkpoints = claim_folder(run)
    (run / "README.md").write_text("half a run")
    (run / "adapter").mkdir()
    (run / "adapter" / "adapter_config.json").write_text("{}")
    other.mkdir()
    (checkpoints / "moving-in.txt").write_text("README.md\nadapter\nmodel.safetensors\n../other\n")
    claim_folder(run)
    assert names(run) == ["checkpoints"]
    assert names(checkpoints) == ["started-with.json"]
    assert other.is_dir()
    saved(run, result, wordpiece)
    assert names(run) == FILES


def test_three_of_the_things_in_the_way_are_named(tmp_path):
    for name in ("d", "b", "a", "c"):
        (tmp_path / name).write_text("")
    assert refusal(RunError, claim_folder, tmp_path).found == f"{tmp_path} holds a, b, c"


def test_whoever_holds_the_lock_may_claim_the_folder(tmp_path):
    with locked(tmp_path):
        assert ".spantune.lock" in names(tmp_path)
        claim_folder(tmp_path)


@pytest.mark.parametrize("theirs", [{"epoch-3.ckpt": "work"}, {"checkpoint-3": None}, {"started-with.json": None}])
def test_a_checkpoints_folder_that_no_start_of_ours_noted_is_not_ours(tmp_path, theirs):
    (tmp_path / "checkpoints").mkdir()
    for name, content in theirs.items():
        (tmp_path / "checkpoints" / name).mkdir() if content is None else (tmp_path / "checkpoints" / name).write_text(content)
    for resume in (False, True):
        assert refusal(RunError, claim_folder, tmp_path, resume=resume).found == f"{tmp_path} holds checkpoints"
    assert names(tmp_path / "checkpoints") == list(theirs)


def test_an_empty_checkpoints_folder_is_ours_and_a_file_of_that_name_is_not(tmp_path):
    (tmp_path / "begun" / "checkpoints").mkdir(parents=True)
    assert names(claim_folder(tmp_path / "begun")) == ["started-with.json"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "checkpoints").write_text("")
    assert refusal(RunError, claim_folder, tmp_path / "other").found == f"{tmp_path / 'other'} holds checkpoints"


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    assert (
        refusal(OutputError, claim_folder, tmp_path / "file" / "run").found
        == f"{tmp_path / 'file' / 'run'} could not be written: Not a directory"
    )
