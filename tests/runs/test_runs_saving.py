"""What a save writes and in which order, and what is left where it goes wrong: a whole run, or the folder as it was."""

import errno
import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import made_texts
from safetensors import SafetensorError
from saving import FILES, checkpoint, names, refusal, result_of, saved, told

from spantune.config import Config, ModelConfig
from spantune.errors import OutputError, RunError
from spantune.runs import Provenance, claim_folder, locked, read_facts, save_run
from spantune.runs.facts import data_name
from spantune.runs.folder import written


@pytest.fixture
def result(tiny_reader_model):
    return result_of(tiny_reader_model)


ADAPTER = {"adapter_config.json": b'{"r": 8, "revision": null}', "adapter_model.safetensors": b"weights"}


def adapted(model, method):
    return replace(result_of(model, method=method), adapter=ADAPTER)


# -- what is written


def test_what_is_verified_is_the_whole_folder_before_it_is_anywhere(tmp_path, result, wordpiece):
    seen = []

    def verify(folder):
        seen.append((names(folder), read_facts(folder).task, names(tmp_path / "run")))

    assert saved(tmp_path / "run", result, wordpiece, verify=verify) == tmp_path / "run"
    assert [(files, task) for files, task, _ in seen] == [(FILES, "answer")]
    assert [name[:9] for name in seen[0][2]] == [".staging-"]


@pytest.mark.parametrize("begun", [False, True])
def test_what_verifying_raises_undoes_the_save(tmp_path, result, wordpiece, begun):
    if begun:
        checkpoint(claim_folder(tmp_path / "run"), 3)

    def refuse(folder):
        raise RunError("its logits differ", expected="the same", next_move="look")

    with pytest.raises(RunError, match="its logits differ"):
        saved(tmp_path / "run", result, wordpiece, verify=refuse)
    assert [path.name for path in tmp_path.iterdir()] == (["run"] if begun else [])
    if begun:
        assert names(tmp_path / "run") == ["checkpoints"]
        assert names(tmp_path / "run" / "checkpoints") == ["checkpoint-3", "started-with.json"]


def test_a_method_whose_model_is_whole_keeps_its_adapter_beside_it(tmp_path, tiny_reader_model, wordpiece):
    folder = saved(tmp_path / "run", adapted(tiny_reader_model, "lora"), wordpiece)
    assert names(folder) == sorted([*FILES, "adapter"])
    assert {path.name: path.read_bytes() for path in (folder / "adapter").iterdir()} == ADAPTER
    modes = {path.stat().st_mode for path in folder.rglob("*") if path.is_file()}
    assert len(modes) == 1


def test_what_no_model_can_take_in_is_the_adapter_alone(tmp_path, tiny_reader_model, wordpiece):
    folder = saved(tmp_path / "run", adapted(tiny_reader_model, "prefix"), wordpiece)
    assert {name: (folder / name).read_bytes() for name in ADAPTER} == ADAPTER
    assert not {"model.safetensors", "config.json"} & set(names(folder))


def test_an_adapter_names_the_commit_of_its_base(tmp_path, tiny_reader_model, wordpiece):
    config = Config(model=ModelConfig(name="org/base", revision="a1b2c3"))
    result = adapted(tiny_reader_model, "lora")
    folder = save_run(tmp_path / "run", result.model, wordpiece, config, result) / "adapter"
    assert json.loads((folder / "adapter_config.json").read_text()) == {"r": 8, "revision": "a1b2c3"}
    assert (folder / "adapter_model.safetensors").read_bytes() == b"weights"


def test_the_facts_move_in_last_and_a_note_says_what_is_moving(tmp_path, result, wordpiece, monkeypatch):
    """A folder with facts is a finished run: nothing else may be missing then."""
    checkpoints = claim_folder(tmp_path / "run")
    checkpoint(checkpoints, 3)
    move, moved = Path.replace, []

    def watched(self, target):
        if self.name == "spantune.json":
            moved.append((sorted(names(tmp_path / "run")), (checkpoints / "moving-in.txt").read_text()))
        return move(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    saved(tmp_path / "run", result, wordpiece)
    ((there, noted),) = moved
    assert [name for name in there if not name.startswith(".staging-")] == sorted({*FILES, "checkpoints"} - {"spantune.json"})
    assert noted == "".join(f"{name}\n" for name in FILES)


def test_a_run_that_is_saved_is_not_written_over(tmp_path, result, wordpiece):
    folder = saved(tmp_path / "run", result, wordpiece)
    before = (folder / "spantune.json").read_bytes()
    refused = refusal(RunError, saved, folder, result, wordpiece, provenance=Provenance(threshold=1.0))
    assert refused.found == f"{folder} holds a finished run"
    assert (names(folder), (folder / "spantune.json").read_bytes()) == (FILES, before)


def test_a_save_that_fails_removes_nothing_that_was_there(tmp_path, result, wordpiece):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letter.txt").write_text("mine")
    assert refusal(RunError, saved, tmp_path / "run", result, wordpiece).found == f"{tmp_path / 'run'} holds letter.txt"
    assert names(tmp_path / "run") == ["letter.txt"]


def test_whoever_holds_the_lock_may_save(tmp_path, result, wordpiece):
    with locked(tmp_path / "run"):
        saved(tmp_path / "run", result, wordpiece)
        assert names(tmp_path / "run") == sorted([*FILES, ".spantune.lock"])
    assert names(tmp_path / "run") == FILES


def test_logs_for_tensorboard_survive_the_checkpoints(tmp_path, result, wordpiece):
    """Previously what `training.report_to=[tensorboard]` had written was removed with the checkpoints."""
    logs = claim_folder(tmp_path / "run") / "runs" / "Jan01"
    logs.mkdir(parents=True)
    (logs / "events.out.tfevents.1").write_bytes(b"x")
    folder = saved(tmp_path / "run", result, wordpiece)
    assert (folder / "runs" / "Jan01" / "events.out.tfevents.1").is_file()
    assert not (folder / "checkpoints").exists()


# -- a full disk


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("I/O error: full")])
def test_whatever_the_disk_says_is_told_under_one_name(tmp_path, error):
    def write():
        with written(tmp_path):
            raise error

    refused = refusal(OutputError, write)
    assert refused.found.startswith(f"{tmp_path} could not be written: ")
    assert refused.__cause__ is error


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


def test_names_that_are_not_utf_8_are_written_as_far_as_they_can_be(tmp_path, result, wordpiece):
    """Previously a data file with a name in Latin-1 lost the finished training, and its --resume too."""
    provenance = Provenance(data_names=(data_name("a/Pr\udcfcfung.json"),))
    saved(tmp_path / "run", result, wordpiece, provenance=provenance)
    assert read_facts(tmp_path / "run").data["names"] == ["Pr\ufffdfung.json"]


def test_what_is_no_unicode_is_told_in_words(tmp_path):
    """Previously a name that cannot be encoded ended in a traceback."""
    with pytest.raises(OutputError, match="could not be written or read"), written(tmp_path):
        (tmp_path / "a").write_text("\udcfc", encoding="utf-8")
