"""Files of a line for each id, gone on with after an interruption."""

import json
import random
import signal
import time

import pytest
import several

from spantune.data import growing
from spantune.data.growing import write_growing
from spantune.errors import OutputError

IDS = [str(number) for number in range(1000)]
NOTE = {"run": "a"}


def line(number):
    return json.dumps({"id": IDS[number], "text": "é\u2028" * (number % 5)}, ensure_ascii=False)


def lines_from(begun):
    return (line(number) for number in range(begun, len(IDS)))


def dying(at, error=KeyboardInterrupt):
    def made(begun):
        for number in range(begun, len(IDS)):
            if number == at:
                raise error
            yield line(number)

    return made


WHOLE = "".join(f"{line(number)}\n" for number in range(len(IDS)))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "a.jsonl"


def test_every_line_is_there_and_nothing_else_is_left(out):
    said = []
    assert write_growing(out, NOTE, IDS, lines_from, said.append) == 1000
    assert out.read_text(encoding="utf-8") == WHOLE
    assert [one.name for one in out.parent.iterdir()] == ["a.jsonl"]
    assert not said


@pytest.mark.parametrize("at", [1, 255, 256, 257, 999])
def test_an_interruption_keeps_what_was_made_and_the_next_call_goes_on(out, at):
    said = []
    out.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_growing(out, NOTE, IDS, dying(at), said.append)
    assert out.read_text() == "old"
    assert "so far are in" in said.pop()
    begun = []
    write_growing(out, NOTE, IDS, lambda n: begun.append(n) or lines_from(n), said.append)
    assert begun == [at]
    assert f"{at} of 1,000 lines: going on from there" in said.pop()
    assert out.read_text(encoding="utf-8") == WHOLE
    assert [one.name for one in out.parent.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_a_kill_cut_off_is_made_again(out, cut):
    with pytest.raises(KeyboardInterrupt):
        write_growing(out, NOTE, IDS, dying(300), print)
    partial = out.with_name("a.jsonl.partial")
    partial.write_bytes(partial.read_bytes()[:-cut])
    write_growing(out, NOTE, IDS, lines_from, print)
    assert out.read_text(encoding="utf-8") == WHOLE


@pytest.mark.parametrize("other", [{"run": "b"}, {}])
def test_lines_that_were_made_from_something_else_are_made_anew(out, other):
    with pytest.raises(KeyboardInterrupt):
        write_growing(out, other, IDS, dying(300), print)
    begun = []
    write_growing(out, NOTE, IDS, lambda n: begun.append(n) or lines_from(n), print)
    assert begun == [0]
    assert out.read_text(encoding="utf-8") == WHOLE


def test_lines_of_other_ids_or_that_are_no_json_are_not_gone_on_with(out):
    for wrong in (b'{"id": "7"}\n', b"[]\n", b"{\n", b"\xff\n", b"\n"):
        out.with_name("a.jsonl.partial").write_bytes(f"{line(0)}\n".encode() + wrong)
        out.with_name("a.jsonl.partial.json").write_text(json.dumps(NOTE))
        begun = []
        write_growing(out, NOTE, IDS, lambda n, begun=begun: begun.append(n) or lines_from(n), print)
        assert begun == [1]
        assert out.read_text(encoding="utf-8") == WHOLE


def test_nothing_is_left_where_nothing_was_made(out):
    with pytest.raises(KeyboardInterrupt):
        write_growing(out, NOTE, IDS, dying(0), print)
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize("count", [999, 1001])
def test_a_line_too_few_or_too_many_is_no_file(out, count):
    with pytest.raises(ValueError, match="lines too"):
        write_growing(out, NOTE, IDS, lambda _: (line(min(number, 999)) for number in range(count)), print)
    assert not out.exists()


def test_two_at_a_time_is_told(out):
    def second(begun):
        with pytest.raises(OutputError, match="another process is writing there") as caught:
            write_growing(out, NOTE, IDS, lines_from, print)
        assert "wait for it" in caught.value.next_move
        return lines_from(begun)

    write_growing(out, NOTE, IDS, second, print)
    assert out.read_text(encoding="utf-8") == WHOLE


@pytest.mark.parametrize("name", ["ENOSPC", "EIO"])
def test_a_disk_that_fills_up_is_told_and_gone_on_with(out, name, monkeypatch, fail_at):
    monkeypatch.setattr(growing, "AT_ONCE", 100)
    fail_at(f"{name}@5")
    with pytest.raises(OutputError):
        write_growing(out, NOTE, IDS, lines_from, print)
    assert not out.exists()
    write_growing(out, NOTE, IDS, lines_from, print)
    assert out.read_text(encoding="utf-8") == WHOLE


def test_a_path_that_is_no_file_is_told(tmp_path):
    for wrong in (tmp_path, tmp_path / "missing" / "a.jsonl"):
        with pytest.raises(OutputError):
            write_growing(wrong, NOTE, IDS, lines_from, print)


def grow(out, count):
    """Write so many lines, in a process that may be killed."""
    ids = [str(number) for number in range(count)]
    write_growing(out, NOTE, ids, lambda begun: (f'{{"id": "{one}"}}' for one in ids[begun:]), lambda text: None)


def _killed_again_and_again(out, count, seed):
    draw, kills, until = random.Random(seed), 0, time.monotonic() + several.PATIENCE
    partial = out.with_name("a.jsonl.partial")
    while time.monotonic() < until:
        child = several.SERVER.Process(target=grow, args=(str(out), count))
        before = partial.stat().st_size if partial.exists() else 0
        child.start()
        while child.is_alive() and not (partial.exists() and partial.stat().st_size > before + draw.randrange(4 * count)):
            time.sleep(0.001)
        child.kill()
        child.join()
        kills += child.exitcode == -signal.SIGKILL
        if child.exitcode == 0:
            break
    with out.open(encoding="utf-8") as lines:
        assert all(json.loads(line) == {"id": str(number)} for number, line in enumerate(lines))
    assert out.stat().st_size == sum(len(f'{{"id": "{number}"}}\n') for number in range(count))
    assert [one.name for one in out.parent.iterdir() if not one.name.endswith(".lock")] == ["a.jsonl"]
    return kills


def test_a_process_that_is_killed_again_and_again_writes_each_line_once(out):
    assert _killed_again_and_again(out, 100_000, seed=1) >= 2


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(3))
def test_a_million_lines_come_through_kills_each_once(out, seed):
    assert _killed_again_and_again(out, 1_000_000, seed) >= 2
