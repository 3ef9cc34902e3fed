"""Keeps the house true: what each room says of itself, which way imports run, what the front door loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import spantune

HOUSE = Path(spantune.__file__).parent

GROUND = {
    "errors",
    "durable",
    "wording",
    "pages",
    "markdown",
    "confidence",
    "config",
    "lazily",
    "ahead",
    "embedded",
    "processes",
}
# The rooms from the ground up: a room may import those above it in this list that its row names, and no other.
MAY_IMPORT = {
    "errors": set(),
    "durable": set(),
    "wording": set(),
    "confidence": set(),
    "pages": set(),
    "markdown": set(),
    "lazily": set(),
    "ahead": set(),
    "embedded": set(),
    "config": {"errors"},
    "processes": {"errors"},
    "data": GROUND,
    "features": {*GROUND, "data"},
    "models": {*GROUND, "data", "features"},
    "evaluation": {*GROUND, "data"},
    "training": {*GROUND, "data", "features", "models"},
    "runs": {*GROUND, "data", "models", "training"},
    "inference": {*GROUND, "data", "features", "models", "runs"},
    "tasks": {*GROUND, "data", "evaluation", "features", "models", "training", "inference"},
    "export": {*GROUND, "data", "evaluation", "features", "models", "inference"},
    "road": {
        "embedded",
        "durable",
        "processes",
        "errors",
        "wording",
        "confidence",
        "config",
        "lazily",
        "data",
        "evaluation",
        "features",
        "models",
        "training",
        "runs",
        "inference",
        "tasks",
        "export",
    },
}
ROOMS = {"cli": set(MAY_IMPORT) | {"cli"}, **{room: allowed | {room} for room, allowed in MAY_IMPORT.items()}}
# The packages that a room must not import, so that what it says of itself at its head stays possible to believe.
DOES_NOT_KNOW = {
    "durable": {"numpy", "torch", "transformers", "pydantic", "rich", "typer"},
    "errors": {"numpy", "torch", "transformers", "pydantic", "rich", "typer"},
    "wording": {"numpy", "torch", "transformers", "pydantic", "rich", "typer", "jinja2"},
    "pages": {"numpy", "torch", "transformers", "pydantic", "rich", "typer"},
    "markdown": {"numpy", "torch", "transformers", "pydantic", "rich", "typer", "jinja2"},
    "confidence": {"numpy", "torch", "transformers", "pydantic", "rich", "typer"},
    "ahead": {"numpy", "torch", "transformers", "pydantic", "rich", "typer"},
    "processes": {"numpy", "torch", "transformers", "pydantic", "rich", "typer"},
    "lazily": {"numpy", "torch", "transformers", "pydantic", "rich", "typer"},
    "embedded": {"numpy", "torch", "transformers", "pydantic", "rich", "typer"},
    "config": {"numpy", "torch", "transformers", "rich", "typer"},
    "data": {"numpy", "torch", "transformers", "tokenizers", "rich", "typer"},
    "features": {"torch", "transformers", "rich", "typer"},
    "models": {"rich", "typer"},
    "evaluation": {"torch", "transformers", "tokenizers", "rich", "typer"},
    "training": {"tokenizers", "typer"},
    "runs": {"typer", "rich"},
    "inference": {"typer", "starlette", "fastapi"},
    "tasks": {"typer", "rich"},
    "export": {"typer", "rich"},
    "road": {"typer", "rich"},
    "cli": {"numpy", "torch", "transformers"},
}


def files_of(room):
    return sorted((HOUSE / room).rglob("*.py")) if (HOUSE / room).is_dir() else [HOUSE / f"{room}.py"]


def imports_of(file):
    """Dotted names of everything that a file imports, at its head, inside functions or for type checking."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "spantune")


def test_every_folder_and_file_of_the_house_is_a_known_room():
    found = {path.stem for path in HOUSE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__", "__main__"} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_opens_with_what_goes_in_what_comes_out_and_what_it_does_not_know(room):
    head = ast.get_docstring(ast.parse(files_of(room)[0].read_text(encoding="utf-8"))) or ""
    if (HOUSE / room).is_dir():
        head = ast.get_docstring(ast.parse((HOUSE / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    for label in ("In:", "Out:", "Does not know:"):
        assert label in head, f"{room} does not say '{label}' at its head"


def test_a_room_inside_a_room_says_the_same_at_its_head():
    for door in HOUSE.rglob("*/*/__init__.py"):
        head = ast.get_docstring(ast.parse(door.read_text(encoding="utf-8"))) or ""
        missing = [label for label in ("In:", "Out:", "Does not know:") if label not in head]
        assert not missing, f"{door.relative_to(HOUSE)} does not say {missing} at its head"


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room):
    wrong = [
        f"{file.relative_to(HOUSE)} imports {name}"
        for file in files_of(room)
        for name in imports_of(file)
        if name.startswith("spantune.") and name.split(".")[1] in ROOMS and name.split(".")[1] not in ROOMS[room]
    ]
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_does_not_import_packages_that_are_not_its_business(room):
    wrong = [
        f"{file.relative_to(HOUSE)} imports {name}"
        for file in files_of(room)
        for name in imports_of(file)
        if name.split(".")[0] in DOES_NOT_KNOW[room]
    ]
    assert not wrong


def test_nothing_imports_the_command_line_but_the_front_door_of_the_package():
    wrong = [
        str(file.relative_to(HOUSE))
        for room in MAY_IMPORT
        for file in files_of(room)
        if any(name.startswith("spantune.cli") for name in imports_of(file))
    ]
    assert not wrong


@pytest.mark.parametrize("argument", [["-c", "import spantune"], ["-m", "spantune", "--help"]], ids=["import", "help"])
def test_the_front_door_loads_neither_torch_nor_transformers(argument):
    """`import spantune` and `spantune --help` must not make anybody wait for what they do not use."""
    run = subprocess.run([sys.executable, "-X", "importtime", *argument], capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "spantune" in loaded
    assert not loaded & {"torch", "transformers", "numpy", "matplotlib", "pyarrow", "datasets"}


def test_no_file_is_longer_than_four_hundred_lines():
    long = {
        str(file.relative_to(HOUSE)): lines
        for file in HOUSE.rglob("*.py")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_the_error_tree_at_the_head_of_its_file_is_the_real_one():
    import spantune.errors as errors

    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)]
    tree = errors.__doc__.partition("\n\n")[2]
    drawn = [line.lstrip("│├└─ ").split()[0] for line in tree.splitlines() if line.strip()]
    assert drawn == [one.__name__ for one in classes]
    assert all(one.__doc__ for one in classes)
