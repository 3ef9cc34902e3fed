"""How long `spantune --help` and the first answer take from a cold start, against the bare interpreter: interleaved runs.

    python benchmarks/startup.py [--repeats 15] [--run RUN]

From the start of the process to its end, so ending Python is in it; for the first answer, which needs the folder of a
finished run, to the moment at which its line can be read.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from typing import Any

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import spantune": ["-c", "import spantune"],
    "spantune --help": ["-m", "spantune", "--help"],
}
CONTEXT = "The 1973 oil crisis began in October 1973, when members of OAPEC proclaimed an embargo."
ASK = """import sys
from spantune import Reader
print(Reader.load(sys.argv[1]).answer("When did it begin?", sys.argv[2]).text, flush=True)"""


def commands(run: str | None) -> dict[str, list[str]]:
    """What is measured: with a run, the first answer as well, by the library and by the command line."""
    if run is None:
        return COMMANDS
    return COMMANDS | {
        "first answer": ["-c", ASK, run, CONTEXT],
        "spantune ask": ["-m", "spantune", "ask", run, "When did it begin?", "--context", CONTEXT],
    }


def seconds(arguments: list[str]) -> float:
    """Wall-clock seconds of one run of the interpreter, or to its first line where it answers."""
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        answered = process.stdout.readline() and time.perf_counter() - began
        process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return float(answered) if CONTEXT in arguments and answered else time.perf_counter() - began


def measure(repeats: int, run: str | None) -> dict[str, Any]:
    """Medians and spreads as a JSON object."""
    for arguments in commands(run).values():
        seconds(arguments)
    times: dict[str, list[float]] = {name: [] for name in commands(run)}
    for _ in range(repeats):
        for name, arguments in commands(run).items():
            times[name].append(seconds(arguments))
    return {
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "repeats": repeats,
        "median_seconds": {name: round(statistics.median(values), 3) for name, values in times.items()},
        "spread_seconds": {name: [round(min(values), 3), round(max(values), 3)] for name, values in times.items()},
    }


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--run", help="the folder of a finished run")
    given = parser.parse_args()
    print(json.dumps(measure(given.repeats, given.run), indent=2))


if __name__ == "__main__":
    main()
