"""How long `spantune --help` and `import spantune` take, against the bare interpreter: medians of interleaved runs.

python benchmarks/startup.py [--repeats 15]
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import spantune": ["-c", "import spantune"],
    "spantune --help": ["-m", "spantune", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """Wall-clock seconds of one run of the interpreter."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    for arguments in COMMANDS.values():
        seconds(arguments)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeats):
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    print(
        json.dumps(
            {
                "machine": platform.processor() or platform.machine(),
                "python": platform.python_version(),
                "repeats": repeats,
                "median_seconds": {name: round(statistics.median(values), 3) for name, values in times.items()},
                "spread_seconds": {name: [round(min(values), 3), round(max(values), 3)] for name, values in times.items()},
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
