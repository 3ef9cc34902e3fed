"""The documentation is run: what a page promises, happens."""

import doctest
import re
import runpy
from pathlib import Path

import pytest

from spantune import Example, write_examples
from spantune.config import known_keys

ROOT = Path(__file__).parent.parent


PAGES = {
    "one-datum.md": 40,
    "data.md": 25,
    "formats.md": 25,
    "augmentation.md": 3,
    "export.md": 5,
    "performance.md": 1,
    "coming-from.md": 8,
    "methods.md": 8,
    "recipes.md": 7,
    "evaluation.md": 12,
    "reader.md": 4,
    "nothing-lost.md": 15,
}
"""Pages of the documentation, and how many examples each has at least."""


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_happens(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = str(ROOT / "docs" / page)
    result = doctest.testfile(file, module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    assert result.attempted > PAGES[page]
    assert result.failed == 0


def test_every_page_is_run():
    assert {page.name for page in (ROOT / "docs").glob("*.md")} == set(PAGES)


def test_the_road_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    from conftest import made_examples

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert blocks, "the README shows no Python"
    monkeypatch.chdir(tmp_path)
    examples: list[Example] = list(made_examples(10))
    write_examples(examples, "train.json")
    space: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), space)
    assert "f1" in capsys.readouterr().out


def test_the_journey_is_short_and_runs(tmp_path, capsys):
    from conftest import made_examples

    script = ROOT / "examples" / "journey.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 40
    write_examples(list(made_examples(10)), tmp_path / "train.json")
    runpy.run_path(str(script))["main"](str(tmp_path / "train.json"), str(tmp_path / "run"))
    assert "held-out F1" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"docs/{page}" for page in PAGES)])
def test_links_to_files_of_the_repository_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert not [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()]


def test_settings_that_the_documentation_names_exist():
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
    named = set(re.findall(r"--set ([a-z_]+\.[a-z_]+)=", text))
    assert named <= set(known_keys())
