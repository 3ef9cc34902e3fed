"""The tables of quality: what is complete is shown, means are over seeds, and the page says what the results say."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(HERE))

import methods
import quality_table
import shares
import spreads

from spantune.models.methods import METHODS

WAYS = {"recipe": (20.0, 79.0), "recipe from the reader": (31.0, 76.0), "spantune": (40.0, 78.5)}


def row(way, size, seed, f1, general, data="friendsqa"):
    return {
        "data": data,
        "size": size,
        "seed": seed,
        "way": way,
        "questions": size or 900,
        "exact_match": f1 - 10,
        "f1": f1,
        "general_f1": general,
        "seconds": 10.0,
    }


def rows():
    made = [row("untrained", 0, seed, 30.0, 79.0) for seed in (0, 1)]
    made += [row(way, 64, seed, f1 + seed, general) for way, (f1, general) in WAYS.items() for seed in (0, 1)]
    return [*made, row("spantune", 256, 0, 50.0, 79.0)]  # the other ways are not measured yet


def test_a_complete_row_shows_means_and_gains_and_an_incomplete_one_is_left_out():
    told = quality_table.rendered(rows())
    scores = "20.0 / 30.0 | 10.5 / 20.5 | 21.5 / 31.5 | **30.5 / 40.5** | +9.0"
    assert f"| FriendsQA | 64 | 2 | {scores} | 79.0 | 76.0 | **78.5** | 10 |" in told
    assert "256" not in told
    assert "mean of 1 rows: **+9.0 F1**" in told
    wider = quality_table.rendered([*rows(), *({**one, "data": "covid_qa"} for one in rows()[:-1])])
    assert "mean of 2 rows: **+9.0 ± 0.0 F1**" in wider
    assert "+10.5 F1, FriendsQA with 64" in told
    assert "lost: 0.5 F1, FriendsQA with 64 (goal: at most 1.5); by the recipe from the reader 3.0" in told


def test_without_a_complete_row_nothing_is_claimed():
    assert "nothing is complete yet" in quality_table.rendered(rows()[:2])


def test_the_picture_has_a_panel_for_each_set(tmp_path):
    more = [{**one, "data": "tatqa_spans"} for one in rows()]
    quality_table.draw(quality_table.cells_of([*rows(), *more]), tmp_path / "quality.png")
    assert (tmp_path / "quality.png").read_bytes().startswith(b"\x89PNG")


def test_the_pages_quote_the_results():
    checked = subprocess.run(
        [sys.executable, str(HERE / "quality_table.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    if methods.RESULTS.is_file():
        found = json.loads(methods.RESULTS.read_text(encoding="utf-8"))
        assert methods.rendered(found) in methods.PAGE.read_text(encoding="utf-8")
    for part in (shares, spreads):
        found = json.loads(part.RESULTS.read_text(encoding="utf-8"))
        assert part.rendered(found) in part.PAGE.read_text(encoding="utf-8")


def test_what_is_said_before_a_method_that_disappoints_is_what_was_measured():
    scores = {row["method"]: row for row in json.loads(methods.RESULTS.read_text(encoding="utf-8")) if row["asked"] == 300}
    warned = {name: method.warning for name, method in METHODS.items() if method.warning}
    assert set(warned) == {"prompt", "p-tuning", "prefix"}
    for name, said in warned.items():
        for key, methods_named in (("f1", ("none", name, "lora", "full")), ("general_f1", ("none", name, "lora"))):
            assert all(f"{scores[one][key]:.1f}" in said for one in methods_named)
