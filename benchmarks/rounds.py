"""Two programs measured in alternation: each is a process of its own that stays alive and does one round when it is told to.

A side calls `serve(round)`. Whoever measures starts each side with `Side(…)` and calls `alternate(sides, rounds)`: every side
does a round in turn, so that what the machine does meanwhile meets all of them alike. Needs the standard library alone: the
peers' environments hold no spantune.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


WARM = "warm"


def serve(one_round: Callable[[bool], Mapping[str, Any]]) -> None:
    """Do a round for each line of standard input, and answer with a line of JSON: what the round told.

    The round is told whether it is only to warm up, and may then do less.

    What libraries print goes to standard error, so that standard output holds the answers alone.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        answers.write("ready\n")
        answers.flush()
        for line in sys.stdin:
            answers.write(json.dumps(one_round(line.strip() == WARM)) + "\n")
            answers.flush()


class Side:
    """A process that serves rounds. `job` is what it is to do, handed over as a JSON file."""

    def __init__(self, python: Path | str, script: str, job: Mapping[str, Any], threads: int | None = None) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False, encoding="utf-8") as file:
            json.dump(dict(job), file)
        self._job = Path(file.name)
        environment = {**os.environ, "PYTHONPATH": str(HERE), "HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False"}
        if threads is not None:
            environment |= dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS"), str(threads))
        self._process = subprocess.Popen(
            [str(python), str(HERE / script), str(self._job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
            env=environment,
        )
        self._line()  # "ready"

    def round(self, warm: bool = False) -> dict[str, Any]:
        """What one round told, `seconds` and `count` among it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{WARM if warm else ''}\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._line())
        return told

    def close(self) -> None:
        """End the process and wait for it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._job.unlink(missing_ok=True)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a side of the comparison ended with {self._process.wait()}: see above")
        return line


@contextlib.contextmanager
def started(starts: Mapping[str, Callable[[], Side]]) -> Iterator[dict[str, Side]]:
    """The sides, ended whatever happens."""
    sides: dict[str, Side] = {}
    try:
        for name, start in starts.items():
            sides[name] = start()
        yield sides
    finally:
        for side in sides.values():
            side.close()


def alternate(sides: Mapping[str, Side], rounds: int, say: Callable[[str], None]) -> dict[str, list[dict[str, Any]]]:
    """What every round of every side told, the sides taking turns; one round of each before that does not count."""
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            began = time.perf_counter()
            one = side.round(warm=not number)
            say(f"  {name}, {f'round {number}' if number else 'warming up'}: {time.perf_counter() - began:.1f} s")
            if number:
                told[name].append(one)
    return told


def spread(values: Sequence[float]) -> dict[str, Any]:
    """The median with the least and the most.

    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'least': 1.0, 'most': 3.0}
    """
    return {"median": rounded(statistics.median(values)), "least": rounded(min(values)), "most": rounded(max(values))}


def rounded(value: float) -> float:
    """Three significant digits.

    >>> rounded(123456.0), rounded(0.012345)
    (123456.0, 0.0123)
    """
    return float(f"{value:.3g}") if abs(value) < 1000 else round(value)


def rates(told: Sequence[Mapping[str, Any]]) -> list[float]:
    """Things done a second, round by round."""
    return [one["count"] / one["seconds"] for one in told]


def compared(told: Mapping[str, Sequence[Mapping[str, Any]]], ours: str = "spantune") -> dict[str, Any]:
    """Rates of every side, and how many times our rate the others' is: ratios within a round, then their median and spread."""
    mine = rates(told[ours])
    return {
        "rounds": len(mine),
        "rates": {name: spread(rates(rounds)) for name, rounds in told.items()},
        "times_faster_than": {
            name: spread([a / b for a, b in zip(mine, rates(rounds), strict=True)])
            for name, rounds in told.items()
            if name != ours
        },
    }
