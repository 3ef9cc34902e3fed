"""What the tests notice: how many of the small faults that mutmut puts into the code make a test fail, room by room.

    make mutants                                    # all rooms, anew
    make mutants ROOMS="spantune.runs.*"            # one room
    python benchmarks/mutants.py [--survivors]      # the figures of the last run again; with each mutant that survived

Two kinds of mutants are left out, and counted as left out: those that mypy refuses, which `make check` would refuse too, and
those that only change the wording of `expected=` or `next_move=` of an error, which no test is to pin word by word. A mutant
that no test reaches has survived; one that makes the tests run for ever is killed. A room that was not run, or not to its end,
keeps the row that it had.
"""

import argparse
import ast
import difflib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[1]
RESULTS = HOME / "benchmarks" / "results" / "mutants.json"
ROOMS = {
    "runs": "src/spantune/runs/*.py",
    "training/checkpoints": "src/spantune/training/checkpoints*.py",
    "features/spans": "src/spantune/features/spans.py",
    "data/repair/alignment": "src/spantune/data/repair/alignment.py",
}
SURVIVED = (0, 5, 33)  # the exit codes by which mutmut says: all tests passed, or there was none
REFUSED, NOT_RUN = 37, (None, 34)
WORDING = ("expected", "next_move")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: its name, mutmut's code for how its tests ended, and the function without and with it."""

    name: str
    code: int | None
    before: ast.FunctionDef
    after: ast.FunctionDef

    @property
    def fate(self) -> str:
        """In one word: unknown, types, wording, survived or killed."""
        if self.code in NOT_RUN:
            return "unknown"
        if self.code == REFUSED:
            return "types"
        if only_wording(self.before, self.after):
            return "wording"
        return "survived" if self.code in SURVIVED else "killed"

    def difference(self) -> str:
        """The lines that differ."""
        before, after = (ast.unparse(one).splitlines()[1:] for one in (self.before, self.after))
        return "\n".join(line for line in difflib.ndiff(before, after) if line[0] in "+-")


class _WithoutWording(ast.NodeTransformer):
    """Takes the letters out of what errors expect and advise; that they do is left."""

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if node.arg in WORDING:
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    part.value = ""
        return self.generic_visit(node)


def only_wording(before: ast.FunctionDef, after: ast.FunctionDef) -> bool:
    """Whether two versions of a function differ in nothing but the words of `expected=` and `next_move=`.

    >>> def function(text):
    ...     return ast.parse(f"def f(): {text}").body[0]
    >>> only_wording(function("raise E(x, expected='a')"), function("raise E(x, expected='XXaXX')"))
    True
    >>> only_wording(function("raise E('x', expected='a')"), function("raise E('y', expected='a')"))
    False
    """
    bodies = ([ast.dump(_WithoutWording().visit(ast.parse(ast.unparse(part)))) for part in one.body] for one in (before, after))
    return next(bodies) == next(bodies)


def mutants_of(file: Path, mutants: Path) -> Iterator[Mutant]:
    """The mutants that mutmut made of a source file; none where it made none."""
    meta = mutants / f"{file}.meta"
    if not meta.is_file():
        return
    codes: dict[str, int | None] = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    tree = ast.parse((mutants / file).read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for name, code in codes.items():
        function = name.rpartition(".")[2]
        yield Mutant(name, code, functions[f"{function.rpartition('_')[0]}_orig"], functions[function])


def of_room(pattern: str, home: Path) -> list[Mutant]:
    """All mutants of a room's files."""
    files = sorted(home.glob(pattern))
    return [mutant for file in files for mutant in mutants_of(file.relative_to(home), home / "mutants")]


def row(found: list[Mutant]) -> dict[str, Any] | None:
    """A room's figures; `None` where its mutants were not all run."""
    fates = Counter(mutant.fate for mutant in found)
    counted = fates["killed"] + fates["survived"]
    if not counted or fates["unknown"]:
        return None
    return {
        "mutants": counted,
        "killed": fates["killed"],
        "survived": fates["survived"],
        "share": round(100 * fates["killed"] / counted, 1),
        "left_out": {"refused by mypy": fates["types"], "wording of errors": fates["wording"]},
    }


def merged(before: dict[str, Any], now: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    """The rows of now where there are any, else those of before.

    >>> merged({"a": 1, "b": 2}, {"a": None, "b": 3, "c": 4})
    {'a': 1, 'b': 3, 'c': 4}
    """
    kept = {room: before.get(room) if found is None else found for room, found in now.items()}
    return {room: found for room, found in kept.items() if found is not None}


def main() -> None:
    """Write the rows to `results/mutants.json`, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--survivors", action="store_true", help="print the mutants that survived, and write nothing")
    given = parser.parse_args()
    rooms = {room: of_room(pattern, HOME) for room, pattern in ROOMS.items()}
    if given.survivors:
        for mutant in (one for found in rooms.values() for one in found if one.fate == "survived"):
            print(f"{mutant.name}\n{mutant.difference()}\n")
        return
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["rooms"] if RESULTS.is_file() else {}
    told = {"mutmut": version("mutmut"), "rooms": merged(before, {room: row(found) for room, found in rooms.items()})}
    text = json.dumps(told, indent=2) + "\n"
    RESULTS.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
