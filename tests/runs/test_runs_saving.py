"""What a save writes and in which order, and what is left where it goes wrong: a whole run, or the folder as it was."""

import errno
import warnings
from pathlib import Path

import pytest
from conftest import made_texts
from saving import result_of, saved, told

from spantune.errors import OutputError
from spantune.runs import Provenance, claim_folder


@pytest.fixture
def result(tiny_reader_model):
    return result_of(tiny_reader_model)


def test_logs_for_tensorboard_survive_the_checkpoints(tmp_path, result, wordpiece):
    """Previously what `training.report_to=[tensorboard]` had written was removed with the checkpoints."""
    logs = claim_folder(tmp_path / "run") / "runs" / "Jan01"
    logs.mkdir(parents=True)
    (logs / "events.out.tfevents.1").write_bytes(b"x")
    folder = saved(tmp_path / "run", result, wordpiece)
    assert (folder / "runs" / "Jan01" / "events.out.tfevents.1").is_file()
    assert not (folder / "checkpoints").exists()


# -- a full disk


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    "where",
    ["pathlib.Path.write_text", "spantune.runs.folder.save_curves", "model.save_pretrained", "tokenizer.save_pretrained"],
)
def test_a_full_disk_leaves_nothing_half_written(tmp_path, result, wordpiece, monkeypatch, where, begun):
    if begun:
        claim_folder(tmp_path / "run")
    owner = {"model": result.model, "tokenizer": wordpiece}.get(where.partition(".")[0])
    with monkeypatch.context() as patched:
        patched.setattr(type(owner), "save_pretrained", full) if owner else patched.setattr(where, full)
        with pytest.raises(OutputError, match="No space left") as caught:
            saved(tmp_path / "run", result, wordpiece)
    assert told(caught)
    assert [path.name for path in tmp_path.rglob("*")] == (["run", "checkpoints", "started-with.json"] if begun else [])


def test_a_failure_between_two_files_takes_back_the_first(tmp_path, result, wordpiece, monkeypatch):
    """Previously the files that had been moved in stayed, and `--out` was in the way of the next try."""
    claim_folder(tmp_path / "run")
    move = Path.replace

    def interrupted(self, target):
        if self.name == "model.safetensors":
            raise KeyboardInterrupt
        return move(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path / "run", result, wordpiece)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoints"]


def test_a_disk_that_is_really_full_is_told_under_its_own_name(tmp_path, result, wordpiece):
    """safetensors reports a full disk as an error of its own; a limit on file sizes comes nearest to one."""
    import resource
    import signal

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        with pytest.raises(OutputError, match="could not be written") as caught:
            saved(tmp_path / "run", result, wordpiece)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert told(caught)
    assert list(tmp_path.iterdir()) == []


def test_saving_warns_of_nothing(tmp_path, result, wordpiece, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved(tmp_path / "run", result, wordpiece, provenance=Provenance(train=made_texts(3)))
    assert capsys.readouterr() == ("", "")
