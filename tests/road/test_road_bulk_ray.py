"""`predict_parts` with Ray: workers that are killed lose and repeat no row."""

import importlib.util
import ipaddress
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from bulk import NOTE, files_of, lines, names_in, rows_of, same_but_for_rounding, sixty_questions, work_of
from conftest import made_examples
from test_road_training import Listener

from spantune.data import write_examples
from spantune.data.parts import divide
from spantune.errors import ConfigError, RunError, SpantuneError
from spantune.road import predict_file, predict_parts
from spantune.road.bulk import engines

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

# Ray Data warns of its own settings when it makes them, not of any that we chose.
pytestmark = pytest.mark.filterwarnings("ignore:`use_:DeprecationWarning:ray.data.context")

needs_proc = pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="looks at processes in /proc")
MANY = 400  # rows, each a part of its own: seconds of work, to do harm in


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    return sixty_questions(tmp_path_factory.mktemp("bulk"))


@pytest.fixture(scope="module")
def ray():
    """Ray on this machine, as `predict_parts` starts it: two processors, no GPU, whatever the machine has."""
    if importlib.util.find_spec("ray") is None:  # it reads settings when it is imported
        pytest.skip("Ray is not installed: it is an extra")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        ray = engines._ray()
        patch.setattr(ray, "init", partial(ray.init, num_cpus=2))
        engines._start(ray)
        yield ray
        ray.shutdown()


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """So many questions that there is time to do harm."""
    file = tmp_path_factory.mktemp("many") / "many.parquet"
    write_examples(made_examples(MANY, seed=9), file)
    return str(file)


def children_of(process):
    """All processes below one, with what they call themselves."""
    found = {}
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            below = task.read_text(encoding="ascii").split()
        except OSError:  # it ended
            continue
        for child in map(int, below):
            found |= {child: title_of(child), **children_of(child)}
    return found


def title_of(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def map_workers():
    """The processes that hold a model for Ray, below this one; those at work first."""
    found = {process: title for process, title in children_of(os.getpid()).items() if title.startswith("ray::MapWorker")}
    return sorted(found, key=lambda process: "submit" not in found[process])


def sockets_of(process):
    for open_file in Path(f"/proc/{process}/fd").glob("*"):
        try:
            target = str(open_file.readlink())
        except OSError:  # closed
            continue
        if target.startswith("socket:"):
            yield target[len("socket:[") : -1]


def listening(processes):
    """The addresses on which any of these processes listens, by socket."""
    ours, found = {socket for process in processes for socket in sockets_of(process)}, {}
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{name}").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in ours:
                raw = bytes.fromhex(words[1].partition(":")[0])
                address = ipaddress.ip_address(b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4)))
                found[words[9]] = getattr(address, "ipv4_mapped", None) or address
    return found


class Meanwhile(Listener):
    """Calls `act` when the first part has been answered, and with `every` after so many more; keeps what it gives."""

    def __init__(self, act, every=MANY):
        super().__init__()
        self.act, self.every, self.ticks, self.seen = act, every, 0, []

    def progress(self, stage, done, total):
        super().progress(stage, done, total)
        if stage == "answering":
            if self.ticks % self.every == 0:
                self.seen.append(self.act())
            self.ticks += 1


def once_each(folder, ids):
    """The ids of a folder's rows are these, each once, in their order."""
    assert [row["id"] for row in rows_of(folder)] == ids
    return True


IDS = [f"q{number}" for number in range(MANY)]


@pytest.fixture(scope="module")
def by_two(ray, reader_run, many, tmp_path_factory):
    """The answers of two workers, and what was seen of Ray while they worked."""
    out = tmp_path_factory.mktemp("by-two") / "out"
    before = listening([os.getpid()])

    def look():
        found = listening([os.getpid(), *children_of(os.getpid())])
        return map_workers(), {address for socket, address in found.items() if socket not in before}

    watch = Meanwhile(look, 50) if Path("/proc/self/net/tcp").exists() else Listener()
    made = predict_parts(reader_run, many, str(out), workers=2, rows=1, watch=watch)
    workers, addresses = (set().union(*one) for one in zip(*getattr(watch, "seen", [((), ())]), strict=True))
    return SimpleNamespace(made=made, out=out, workers=workers, addresses=addresses, watch=watch)


def test_two_workers_answer_every_row_once(by_two):
    made = by_two.made
    assert (made.rows, made.unanswered, made.parts, made.found) == (MANY, 0, MANY, 0)
    assert once_each(by_two.out, IDS)
    assert names_in(by_two.out) == [NOTE, *(f"part-{number:06d}.parquet" for number in range(MANY))]
    assert ("answering", MANY, MANY) in by_two.watch.stages
    assert len(by_two.workers) in (0, 2)  # 0 where nobody could look


def test_workers_of_ray_answer_as_predict_file_does(by_two, reader_run, many, tmp_path):
    predict_file(reader_run, many, tmp_path / "a.jsonl")
    for row, one in zip(rows_of(by_two.out), lines(tmp_path / "a.jsonl"), strict=True):
        assert same_but_for_rounding({name: row[name] for name in one}, one)


@needs_proc
def test_nothing_that_ray_starts_here_listens_beyond_this_machine(by_two):
    assert by_two.addresses
    assert {str(address) for address in by_two.addresses if not address.is_loopback} == set()


@pytest.mark.nightly
def test_a_part_that_was_deleted_is_the_only_one_made_anew(by_two, ray, reader_run, many):
    before, row = files_of(by_two.out), rows_of(by_two.out)[7]
    (by_two.out / "part-000007.parquet").unlink()
    made = predict_parts(reader_run, many, str(by_two.out), workers=2, rows=1)
    assert made == replace(by_two.made, found=MANY - 1)
    after = files_of(by_two.out)
    assert [name for name in before if after[name] != before[name]] == ["part-000007.parquet"]
    assert once_each(by_two.out, IDS)
    assert same_but_for_rounding(rows_of(by_two.out)[7], row)


@needs_proc
@pytest.mark.parametrize("killed", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_workers_that_are_killed_lose_and_repeat_no_row(ray, reader_run, many, tmp_path, killed):
    def kill():
        there, workers = len(names_in(tmp_path / "out")), map_workers()[:killed]
        for process in workers:
            os.kill(process, signal.SIGKILL)
        return there, workers

    watch = Meanwhile(kill)
    made = predict_parts(reader_run, many, str(tmp_path / "out"), workers=2, rows=1, watch=watch)
    ((there, workers),) = watch.seen
    assert workers
    assert there < MANY
    assert (made.rows, made.unanswered, made.parts) == (MANY, 0, MANY)
    assert once_each(tmp_path / "out", IDS)
    assert parquet.read_table(tmp_path / "out").num_rows == MANY
    assert watch.stages[-2:] == [("answering", MANY, MANY), ("counting", MANY, MANY)]


def test_more_workers_than_ray_has_processors_are_refused(ray, reader_run, questions, tmp_path):
    with pytest.raises(ConfigError, match="--workers 3 where Ray has 0 GPUs and 2 processors") as caught:
        predict_parts(reader_run, questions.file, str(tmp_path / "out"), workers=3, rows=5)
    assert caught.value.expected == "1 to 2 workers"
    assert names_in(tmp_path / "out") in ([], [NOTE])


def test_fewer_workers_than_one_are_refused(ray, reader_run, questions, tmp_path):
    with pytest.raises(ConfigError):
        predict_parts(reader_run, questions.file, str(tmp_path / "out"), workers=-1, rows=30)


def test_what_a_worker_could_not_read_is_told_with_the_name_of_the_file(ray, reader_run, questions, tmp_path):
    (tmp_path / "data").mkdir()
    sound = Path(questions.file).read_bytes()
    (tmp_path / "data" / "a.parquet").write_bytes(sound)
    (tmp_path / "data" / "b.parquet").write_bytes(sound[:4] + b"\xff" * 196 + sound[200:])
    out = str(tmp_path / "out")
    with pytest.raises(SpantuneError, match=r"b\.parquet is not Parquet, or is damaged") as caught:
        predict_parts(reader_run, str(tmp_path / "data"), out, workers=1, rows=60)
    assert caught.value.next_move.startswith("export the file again")


def test_a_worker_that_cannot_open_the_model_tells_what_is_wrong(ray, reader_run, questions, tmp_path, capfd):
    with pytest.raises(SpantuneError, match="nonsense"):
        predict_parts(reader_run, questions.file, str(tmp_path / "out"), workers=1, backend="nonsense")
    assert "Traceback" not in capfd.readouterr().err


def test_workers_of_another_version_end_the_call_and_tell_the_version(ray, reader_run, questions, tmp_path):
    work = work_of(reader_run, tmp_path / "out", version="0.0.1")
    with pytest.raises(RunError, match=r"spantune 0\.0\.1 gave it the work") as refused:
        list(engines.answered_by_ray(divide(questions.file, 1), work, 2))
    assert refused.value.expected == "the same version on every machine"
    assert not (tmp_path / "out").exists()


def life_of(process):
    """When a process began, which tells it from a later one of the same number; `None` where it has ended."""
    try:
        words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] == "Z" else words[19]


ALONE = """
import sys, spantune
if __name__ == "__main__":
    run, data, out = sys.argv[1:]
    spantune.predict_parts(run, data, out, workers=2, rows=1)
"""


@needs_proc
@pytest.mark.nightly
def test_a_call_that_is_killed_leaves_no_worker_and_the_same_call_goes_on(ray, reader_run, many, tmp_path):
    out, script = tmp_path / "out", tmp_path / "alone.py"
    script.write_text(ALONE, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    words = [sys.executable, str(script), str(reader_run), many, str(out)]
    driver = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while len(list(out.glob("*.parquet"))) < 20 and time.monotonic() < until and driver.poll() is None:
        time.sleep(0.01)
    below = {process: (life_of(process), title) for process, title in children_of(driver.pid).items()}
    driver.kill()
    driver.wait(60)
    assert below

    def left():
        return {process: title for process, (life, title) in below.items() if life and life_of(process) == life}

    while (working := [title for title in left().values() if "Agent" not in title]) and time.monotonic() < until:
        time.sleep(0.1)
    assert not working
    for process in left():  # Ray's agents do nothing without the others, but end a minute later
        os.kill(process, signal.SIGKILL)
    begun = files_of(out)
    assert 20 <= len(begun) < MANY
    made = predict_parts(reader_run, many, str(out), workers=2, rows=1)
    assert (made.rows, made.found) == (MANY, len(begun))
    assert once_each(out, IDS)
    assert {name: content for name, content in files_of(out).items() if name in begun} == begun
