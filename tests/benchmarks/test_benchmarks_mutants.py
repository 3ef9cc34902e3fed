"""The figures of `make mutants`, read from what mutmut leaves: a source file with its mutants, and how their tests ended."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import mutants

VERSIONS = (
    "raise E(found, expected='a file', next_move='go' if one else 'stay')",  # as it is
    "raise E(found, expected='XXa fileXX', next_move='go' if one else 'stay')",
    "raise E(found, expected='a file', next_move='GO' if one else 'stay')",
    "raise E(found, expected='a file', next_move='go' if not one else 'stay')",
    "raise E(None, expected='a file', next_move='go' if one else 'stay')",
    "raise E(found, expected=None, next_move='go' if one else 'stay')",
)


def left_by_mutmut(home, codes):
    """A home with one source file of one function, and its mutants with these codes."""
    file = Path("src/house/room.py")
    (home / "mutants" / file).parent.mkdir(parents=True)
    (home / file).parent.mkdir(parents=True)
    (home / file).write_text("")
    names = ["orig", *range(1, len(VERSIONS))]
    text = "".join(f"def x_tell__mutmut_{name}(found, one):\n    {line}\n" for name, line in zip(names, VERSIONS, strict=True))
    (home / "mutants" / file).write_text(text)
    told = {f"house.room.x_tell__mutmut_{number}": code for number, code in enumerate(codes, 1)}
    (home / "mutants" / f"{file}.meta").write_text(json.dumps({"exit_code_by_key": told}))
    return mutants.of_room("src/house/*.py", home)


def test_what_mypy_refuses_and_what_only_words_an_error_is_left_out(tmp_path):
    found = left_by_mutmut(tmp_path, [0, 1, 0, 1, 37])
    assert [one.fate for one in found] == ["wording", "wording", "survived", "killed", "types"]
    assert mutants.row(found) == {
        "mutants": 2,
        "killed": 1,
        "survived": 1,
        "share": 50.0,
        "left_out": {"refused by mypy": 1, "wording of errors": 2},
    }
    assert found[2].difference().splitlines() == [f"-     {VERSIONS[0]}", f"+     {VERSIONS[3]}"]


def test_a_mutant_that_no_test_reaches_has_survived_and_one_that_never_ends_is_killed(tmp_path):
    assert [one.fate for one in left_by_mutmut(tmp_path, [1, 1, 33, 36, 37])][2:4] == ["survived", "killed"]


def test_a_room_that_was_not_run_to_its_end_keeps_its_row(tmp_path):
    assert mutants.row(left_by_mutmut(tmp_path, [1, 1, None, 1, 37])) is None
    assert mutants.row([]) is None
    assert mutants.merged({"one": {"share": 71.0}}, {"one": None, "two": {"share": 80.0}, "three": None}) == {
        "one": {"share": 71.0},
        "two": {"share": 80.0},
    }


def test_every_room_is_one_that_mutmut_is_told_to_change():
    import tomllib

    settings = tomllib.loads((mutants.HOME / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    files = {room: set(mutants.HOME.glob(pattern)) for room, pattern in mutants.ROOMS.items()}
    assert all(files.values())
    told = {file for pattern in settings["only_mutate"] for file in mutants.HOME.glob(pattern) if file.suffix == ".py"}
    assert set().union(*files.values()) == told
    assert all((mutants.HOME / place).exists() for place in settings["pytest_add_cli_args_test_selection"])
