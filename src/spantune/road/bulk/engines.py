"""In: parts and how they are to be answered. Out: what became of each, as they come. Does not know: records, scores.

Ray Data holds a pool of actors, each with the model loaded once; it starts one anew where it died, on another machine where
that one is gone, and hands its parts out again.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from spantune.data.parts import Part
from spantune.errors import ConfigError, MissingExtraError, RunError, SpantuneError
from spantune.inference.exported import ENGINES
from spantune.road.bulk.working import Finished, Work, Worker
from spantune.wording import first_line, visible

MOST_BLOCKS = 4096  # Ray keeps books of each
SMALLEST_STORE = 100_000_000  # bytes: numbers of parts pass through it, and nothing else
PART = tuple(field.name for field in fields(Part))


class Actor:
    """A `Worker` as Ray Data calls it: rows in, rows out. One that cannot begin says so of its first part, and ends all."""

    def __init__(self, work: Work) -> None:
        self.worker: Worker | SpantuneError
        try:
            self.worker = Worker(work)
        except SpantuneError as error:  # Ray would tell the last line of where it was raised
            self.worker = error

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Answer the part of this row."""
        part = Part(**{name: row[name] for name in PART})
        begun = isinstance(self.worker, Worker)
        finished = Finished(part.number, 0, 0, self.worker) if isinstance(self.worker, SpantuneError) else self.worker(part)
        error = (
            None if finished.error is None else [getattr(finished.error, name) for name in ("found", "expected", "next_move")]
        )
        return {
            "part": finished.part,
            "rows": finished.rows,
            "unanswered": finished.unanswered,
            "error": error,
            "begun": begun,
            "notes": list(finished.notes),
        }


def answered_by_ray(parts: Sequence[Part], work: Work, workers: int | None) -> Iterator[Finished]:
    """What became of each part, in the order in which they are done.

    `RAY_ADDRESS` names a cluster; without it Ray is started on this machine, for this call. Raises `MissingExtraError` without
    Ray, `ConfigError` for more workers than it has processors or GPUs for, `RunError` where Ray gives up or a worker cannot
    begin. What Ray prints meanwhile goes to standard error.
    """
    ray = _ray()
    ours = not ray.is_initialized()
    with contextlib.redirect_stdout(sys.stderr):
        if ours:
            _start(ray)
        try:
            yield from _answered(ray, parts, work, workers)
        except ray.exceptions.RayError as error:
            raise RunError(
                f"Ray gave up: {_reason(error)}",
                expected="workers that last as long as a part does",
                next_move="see Ray's own logs; the same command goes on with the parts that are missing",
            ) from error
        finally:
            if ours:
                ray.shutdown()


def _answered(ray: Any, parts: Sequence[Part], work: Work, workers: int | None) -> Iterator[Finished]:
    has = ray.cluster_resources()
    gpus, processors = int(has.get("GPU", 0)), int(has.get("CPU", 1))
    taken = 0 if work.backend in ENGINES else gpus  # exported models compute on processors
    most = taken or processors
    count = taken or max(1, processors // 2) if workers is None else workers
    if not 1 <= count <= most:
        raise ConfigError(
            f"--workers {count} where Ray has {gpus} GPUs and {processors} processors",
            expected=f"1 to {most} workers",
            next_move="leave --workers away, or give Ray more machines",
        )
    count = min(count, len(parts))
    largest = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=1)
    each = max(1, min(processors // count, largest))  # of one machine: a worker is on one
    data = ray.data.from_items([asdict(part) for part in parts], override_num_blocks=min(len(parts), MOST_BLOCKS))
    answered = data.map(
        Actor,
        fn_constructor_args=(replace(work, threads=each, device=None if taken else "cpu"),),
        compute=ray.data.ActorPoolStrategy(size=count),
        num_cpus=0 if taken else each,
        num_gpus=1 if taken else 0,
    )
    for row in answered.iter_rows():
        error = None
        if row["error"] is not None:
            found, expected, next_move = map(str, row["error"])
            error = RunError(found, expected=expected, next_move=next_move)
            if not row["begun"]:
                raise error
        yield Finished(int(row["part"]), int(row["rows"]), int(row["unanswered"]), error, tuple(map(str, row["notes"])))


def _reason(error: Exception) -> str:
    """What ended it: Ray's own first line is the name of an actor, in colours."""
    lines = [line.strip() for line in visible(str(error)).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers
    if not os.environ.get("RAY_ADDRESS"):  # or Ray listens on every network that this machine is on
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it warns of what restarts need while they have it
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError(
            "--engine ray takes Ray, which is not installed",
            expected="the extra 'ray'",
            next_move="pip install 'spantune[ray]'",
        ) from None
    return ray


def _start(ray: Any) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address := os.environ.get("RAY_ADDRESS"):
        try:
            ray.init(**quiet)
        except (OSError, RuntimeError, ValueError) as error:
            raise RunError(
                f"no Ray at RAY_ADDRESS={address}: {first_line(error)}",
                expected="the address of a running cluster, such as first:6379",
                next_move="start it (ray start --head), correct the address, or leave RAY_ADDRESS away",
            ) from None
    else:
        here = {"include_dashboard": False, "object_store_memory": SMALLEST_STORE, "_node_ip_address": "127.0.0.1"}
        with _no_standard_error():
            ray.init(address="local", **here, **quiet)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False


@contextlib.contextmanager
def _no_standard_error() -> Iterator[None]:
    """What Ray's native part says of its own settings, whatever level it is told, is for nobody; errors are raised."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
