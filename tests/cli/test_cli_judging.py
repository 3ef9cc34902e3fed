"""`spantune compare`, `calibrate`, `report`, and what `evaluate` says beside scores."""

import re
import shutil

import pytest
from conftest import made_examples
from test_cli_commands import as_json, failed, spantune

from spantune.data import write_examples

__all__ = ["spantune"]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    file = tmp_path_factory.mktemp("many") / "many.json"
    write_examples(made_examples(60, seed=77), file)
    return file


def test_a_requirement_that_is_not_met_ends_with_three(spantune, reader_run, many):
    code, out, err = spantune("evaluate", reader_run, many, "--against", reader_run, "--require", "better")
    assert code == 3
    assert f"not distinguishable from {reader_run}" in out
    assert err.endswith("--require better is not met\n")
    assert failed(spantune("evaluate", reader_run, many, "--require", "perfect"), "better, good, fair")


def test_a_grade_is_refused_for_a_run_that_classifies(spantune, classifier_run, data_folder):
    """Previously it was never met, however good the run."""
    assert failed(spantune("evaluate", classifier_run, data_folder / "texts.json", "--require", "good"), "--require good for")


def test_evaluate_says_where_it_goes_wrong_and_what_to_make_of_it(spantune, reader_run, many):
    code, out, _ = spantune("evaluate", reader_run, many)
    assert code == 0
    assert re.search(r"^\d+ answers do not match: \d+ ", out, re.MULTILINE)
    assert re.search(r"^(! poor|  good|  fair)", out, re.MULTILINE)
    told = as_json(spantune("evaluate", reader_run, many, "--json"))
    assert {"verdict", "intervals", "mistakes", "slices", "labels_to_look_at"} <= told.keys()


def test_aliases_are_said_to_change_the_scores(spantune, reader_run, many, tmp_path):
    (tmp_path / "names.json").write_text('{"Paris": ["Paname"]}', encoding="utf-8")
    code, _, err = spantune("evaluate", reader_run, many, "--aliases", tmp_path / "names.json")
    assert (code, "not those of the official scripts" in err) == (0, True)
    (tmp_path / "names.json").write_text("[1, 2]", encoding="utf-8")
    assert failed(spantune("evaluate", reader_run, many, "--aliases", tmp_path / "names.json"), "no lists of names")


def test_compare_says_which_is_better_and_how_sure_that_is(spantune, reader_run, many):
    code, out, _ = spantune("compare", reader_run, reader_run, many)
    assert code == 0
    assert f"is not distinguishable from {reader_run}" in out
    assert "0 questions won, 60 tied, 0 lost" in out
    assert as_json(spantune("compare", reader_run, reader_run, many, "--json"))["compared"][0]["ties"] == 60
    assert failed(spantune("compare", reader_run, many), "two systems or more")


def test_calibrate_and_report_say_where_things_are(spantune, reader_run, many, tmp_path):
    run = shutil.copytree(reader_run, tmp_path / "run")
    code, out, _ = spantune("calibrate", run, many)
    assert (code, f"kept in {run}" in out) == (0, True)
    code, out, _ = spantune("ask", run, "What was the note?", "--context", "The note was 12.")
    assert re.search(r"\n  confidence 0\.\d\d: of 100 such answers to held-out questions \d+ were right\n", out)
    code, out, _ = spantune("report", run, many, "--out", tmp_path / "report.html", "--no-traces")
    assert code == 0
    assert re.search(rf"The report is {tmp_path}/report.html \(\d+ kB\)\n$", out)
    assert as_json(spantune("report", run, many, "--out", tmp_path / "r.md", "--json"))["report"].endswith("r.md")
