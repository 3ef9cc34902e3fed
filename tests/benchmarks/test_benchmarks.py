"""The benchmarks: their parts at sizes that cost nothing; the whole of them, without the peers' environments, each night."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(HERE))

import machine
import made_up
import roofline
import rounds
import squad_plain
import table

from spantune import score_answers
from spantune.evaluation import normalise_answer


def test_ratios_are_formed_within_a_round():
    told = {
        "spantune": [{"seconds": 1.0, "count": 10}, {"seconds": 2.0, "count": 10}],
        "peer": [{"seconds": 2.0, "count": 10}, {"seconds": 4.0, "count": 10}],
    }
    found = rounds.compared(told)
    assert found["times_faster_than"]["peer"] == {"median": 2.0, "least": 2.0, "most": 2.0}
    assert found["rates"]["spantune"] == {"median": 7.5, "least": 5.0, "most": 10.0}


def test_sides_take_turns_and_what_they_print_is_not_taken_for_an_answer(tmp_path):
    script = tmp_path / "side.py"
    script.write_text(
        "from rounds import serve\n"
        "def one(warm):\n    print('noise')\n    return {'seconds': 1.0, 'count': 0 if warm else 3}\n"
        "serve(one)\n"
    )
    with rounds.started({name: lambda: rounds.Side(sys.executable, str(script), {}) for name in ("a", "b")}) as sides:
        said: list[str] = []
        told = rounds.alternate(sides, 2, said.append)
    assert told == {name: [{"seconds": 1.0, "count": 3}] * 2 for name in ("a", "b")}
    assert [line.split(",")[0].strip() for line in said] == ["a", "b"] * 3


def test_made_up_questions_have_the_lengths_of_squad():
    examples = made_up.squad_like(2000)
    assert all(one.context[s.start :].startswith(s.text) for one in examples for s in one.answers)
    words = [len(one.context.split()) for one in examples]
    assert 115 < np.mean(words) < 140
    assert np.percentile(words, 99) > 250


def test_rows_come_back_as_they_were_written(tmp_path):
    examples = made_up.squad_like(7)
    made_up.write_rows(examples, tmp_path / "rows.json")
    assert [one.answers for one in made_up.read_rows(str(tmp_path / "rows.json"))] == [one.answers for one in examples]


def test_the_plain_definition_finds_the_best_pair_and_abstains():
    question = {"id": "1", "context": "It began in October 1973.", "answers": ["October 1973"]}
    feature = {"example": 0, "offset_mapping": [None, (0, 2), (3, 8), (9, 11), (12, 19), (20, 24), None]}
    start, end = np.zeros((1, 7)), np.zeros((1, 7))
    start[0, 4] = end[0, 5] = 9.0
    answers, lists = squad_plain.answers_of([question], [feature], start, end)
    assert answers == {"1": "October 1973"}
    assert lists["1"][0]["probability"] > 0.9
    start[0, 0] = end[0, 0] = 20.0
    assert squad_plain.answers_of([question], [feature], start, end, abstains=True)[0] == {"1": ""}
    assert squad_plain.answers_of([question], [feature], start, end, abstains=True, threshold=99.0)[0] == answers


def test_the_plain_definition_scores_as_the_package_does():
    assert squad_plain.normalised("The  U.S. Senate,") == normalise_answer("The  U.S. Senate,")
    examples = made_up.squad_like(20)
    answers = [one.answers[0].text.split()[0] for one in examples]
    questions = [{"id": one.id, "answers": [span.text for span in one.answers]} for one in examples]
    plain = squad_plain.scored(questions, {one.id: text for one, text in zip(examples, answers, strict=True)})
    found = [type("Given", (), {"id": one.id, "text": text})() for one, text in zip(examples, answers, strict=True)]
    ours = score_answers(examples, found)
    assert plain["f1"] == pytest.approx(ours.f1)
    assert plain["exact_match"] == pytest.approx(ours.exact_match)


def test_operations_are_those_that_the_shapes_say(tiny_reader_model):
    shape = roofline.shape_of(tiny_reader_model)
    hidden, tokens = shape.hidden, 10
    projections, scores, inner = 4 * hidden * hidden, 2 * tokens * hidden, 2 * hidden * shape.inner
    assert shape.forward([tokens]) == 2 * tokens * (shape.layers * (projections + scores + inner) + 2 * hidden)
    assert shape.training([tokens, tokens]) == 6 * shape.forward([tokens])


def test_a_peer_that_was_not_there_is_told_as_missing():
    one = {"machine": machine.describe(), "texts": "made up", "unit": "questions/s", "rounds": 1, "missing": ["pipeline fp32"]}
    one |= {"rates": {"spantune": rounds.spread([1.0])}, "times_faster_than": {}}
    assert "pipeline fp32 | 5×, 9× | missing" in table.rendered({"answering": one})
    assert "No results yet" in table.rendered({})


def test_the_pages_quote_the_results():
    found = table.of_folder(table.RESULTS)
    for page in table.PAGES:
        text = page.read_text(encoding="utf-8")
        assert table.quoted(text, found) == text, "run: python benchmarks/table.py"


@pytest.mark.nightly
def test_the_whole_bench_runs_at_toy_size(reader_run, tmp_path):
    command = [
        sys.executable,
        str(HERE / "bench.py"),
        "--quick",
        "--without-peers",
        "--run",
        str(reader_run),
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert set(told) >= {"startup", "windows", "training", "answering", "passages", "evaluating", "memory", "scaling", "gpu"}
    assert told["answering"]["missing"]
    assert (tmp_path / "scaling.png").exists()
    assert "| training |" in (tmp_path / "table.md").read_text(encoding="utf-8")
