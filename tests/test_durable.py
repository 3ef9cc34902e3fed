"""Files and folders that are there whole or not at all, and the fail points that prove it."""

import errno
import multiprocessing
import os
import signal

import pytest

from spantune import durable


def filled(folder, content="new"):
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_text(content)
    return folder


def content_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_takes_its_place(tmp_path):
    staged = filled(tmp_path / "staged")
    durable.sync_tree(staged)
    durable.replace(staged, tmp_path / "place")
    assert content_of(tmp_path) == {"place/inner/file": "new"}


def test_what_was_there_gives_way(tmp_path):
    filled(tmp_path / "place", "old")
    durable.replace(filled(tmp_path / "staged"), tmp_path / "place")
    assert content_of(tmp_path) == {"place/inner/file": "new"}
    durable.write(tmp_path / "file", b"old")
    durable.write(tmp_path / "new", b"new")
    durable.replace(tmp_path / "new", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_removal_that_was_interrupted_leaves_nothing_at_its_place_and_is_swept_up(tmp_path, fail_at):
    folder = filled(tmp_path / "place")
    fail_at("EIO@3")  # renamed and synced, not yet removed
    with pytest.raises(OSError):
        durable.remove(folder)
    assert not folder.exists()
    assert content_of(tmp_path) == {".removing-place/inner/file": "new"}
    durable.sweep(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EROFS"])
def test_a_step_fails_as_the_system_would(tmp_path, fail_at, name):
    fail_at(f"{name}@2")
    durable.step()
    with pytest.raises(OSError, match=os.strerror(getattr(errno, name))) as caught:
        durable.step()
    assert caught.value.errno == getattr(errno, name)
    durable.step()  # once


def test_a_step_kills_the_process(tmp_path):
    def child():
        os.environ[durable.FAIL_AT] = "KILL@1"
        durable.write(tmp_path / "file", b"")

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not list(tmp_path.iterdir())


def test_without_the_variable_nothing_is_counted(tmp_path):
    before = durable._steps
    durable.write(tmp_path / "file", b"")
    assert durable._steps == before


def test_files_are_synced_before_the_folders_that_name_them(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(durable, "sync", lambda path: synced.append(path.name))
    folder = filled(tmp_path / "folder")
    (folder / "outer").write_text("")
    durable.sync_tree(folder)
    assert synced == ["file", "inner", "outer", "folder"]


def test_the_hash_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert durable.sha256(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
