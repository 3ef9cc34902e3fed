"""Make the peers' own environments, which the benchmarks measure against: a folder each below `.peers/`.

    python benchmarks/peers/make.py [NAME …]

A peer that is installed as its requirement file says is left as it is. Progress goes to standard error; a JSON object of the
versions installed goes to standard output.
"""

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / ".peers"
NAMES = tuple(sorted(file.stem for file in HERE.glob("*.txt")))
STAMP = "installed.txt"
"""A copy of the requirement file, written last: an installation that was broken off is made again."""


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment."""
    return FOLDER / name / "bin" / "python"


def is_made(name: str) -> bool:
    """Whether the environment is there, installed as its requirement file says today."""
    stamp = FOLDER / name / STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8") == requirements(name).read_text(encoding="utf-8")


def requirements(name: str) -> Path:
    """The file of a peer's pinned requirements."""
    return HERE / f"{name}.txt"


def make(name: str) -> None:
    """Make one environment from nothing, unless it is made."""
    if is_made(name):
        print(f"{name}: made already", file=sys.stderr)
        return
    print(f"{name}: installing, a few minutes", file=sys.stderr)
    venv.create(FOLDER / name, clear=True, with_pip=True)
    install = [str(python_of(name)), "-m", "pip", "install", "--quiet", "--requirement", str(requirements(name))]
    subprocess.run(install, check=True, stdout=sys.stderr)
    (FOLDER / name / STAMP).write_text(requirements(name).read_text(encoding="utf-8"), encoding="utf-8")


def versions(name: str) -> dict[str, str]:
    """Every distribution that the environment holds."""
    found = subprocess.run(
        [str(python_of(name)), "-m", "pip", "list", "--format=json"], check=True, capture_output=True, text=True
    )
    return {one["name"]: one["version"] for one in json.loads(found.stdout)}


def main() -> None:
    """Make the peers named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(NAMES)}; all without a name")
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(NAMES)):
        parser.error(f"no such peer: {', '.join(unknown)} (there are {', '.join(NAMES)})")
    names = given.names or NAMES
    for name in names:
        make(name)
    print(json.dumps({name: versions(name) for name in names}, indent=2))


if __name__ == "__main__":
    main()
