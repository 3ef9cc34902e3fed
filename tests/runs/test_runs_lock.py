"""Two trainings do not write into one folder."""

import threading

import pytest

from spantune.errors import OutputError, RunError
from spantune.runs import locked


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path):
    seen = []

    def other():
        try:
            with locked(tmp_path / "run"):
                seen.append("in")
        except RunError as error:
            seen.append(error.found)

    with locked(tmp_path / "run"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        (tmp_path / "run" / "kept").write_text("")
    assert seen == [f"another process is writing to {tmp_path / 'run'}"]
    other()
    assert seen[1:] == ["in"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["kept"]


def test_a_folder_that_was_made_for_nothing_goes_again_and_one_that_was_there_stays(tmp_path):
    with locked(tmp_path / "new" / "run"):
        assert (tmp_path / "new" / "run").is_dir()
    assert [path.name for path in (tmp_path / "new").iterdir()] == []
    (tmp_path / "empty").mkdir()
    with locked(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty").is_dir()


def test_what_cannot_be_locked_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"), locked(tmp_path / "file"):
        pass
    with pytest.raises((OutputError, RunError)), locked(tmp_path / "file" / "below"):
        pass


def test_the_lock_of_a_process_that_was_killed_holds_nobody_up(tmp_path):
    (tmp_path / ".spantune.lock").write_text("")
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_held_is_told_by_its_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught, locked(tmp_path / "file"):
        pass
    assert caught.value.found == f"{tmp_path / 'file'} is a file"
    with pytest.raises(OutputError) as caught, locked(tmp_path / "file" / "run"):
        pass
    assert caught.value.found == f"{tmp_path / 'file' / 'run'} could not be written: Not a directory"


def test_what_is_raised_inside_comes_out_as_it_is_and_gives_the_folder_free(tmp_path):
    for wrong in (OSError("disk"), BlockingIOError("lock"), FileExistsError("file")):
        with pytest.raises(type(wrong)) as caught, locked(str(tmp_path / "run")):
            raise wrong
        assert caught.value is wrong
        assert not (tmp_path / "run").exists()
    with locked(tmp_path / "run"):
        (tmp_path / "run" / "kept").write_text("")
    assert (tmp_path / "run" / "kept").exists()
