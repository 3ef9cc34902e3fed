"""`evaluate_run` against others, `compare_systems`, `calibrate_run`, `write_report`: what is made of answers."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import made_examples, made_texts, quick_config
from test_road_training import Listener

from spantune.confidence import Calibration
from spantune.data import read_examples, write_examples
from spantune.errors import ConfigError, EvaluationError, RunError
from spantune.evaluation import Scoring, score_answers
from spantune.export import Limits, export_run
from spantune.inference import Reader
from spantune.inference.exported import ExportedReader
from spantune.road import calibrate_run, compare_systems, comparing, evaluate_run, train_run, write_report
from spantune.runs import read_facts


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Labelled questions that no run was trained on."""
    file = tmp_path_factory.mktemp("many") / "many.json"
    write_examples(made_examples(90, seed=77), file)
    return file


@pytest.fixture
def own_run(reader_run, tmp_path):
    return shutil.copytree(reader_run, tmp_path / "own")


@pytest.fixture(scope="module")
def tuned_again(reader_run, data_folder, tmp_path_factory, tiny_model_folder):
    """A run that began with a run, which could answer before; it keeps what was trained, on any machine."""
    out = tmp_path_factory.mktemp("again") / "run"
    config = quick_config(tiny_model_folder)
    config = config.model_copy(update={"model": config.model.model_copy(update={"name": str(reader_run)})})
    config = config.model_copy(update={"keep": config.keep.model_copy(update={"probe": False, "mix": False})})
    train_run([data_folder / "questions.json"], out, config, eval_data=[data_folder / "held-out.json"])
    return out


def surely_right(run, many, file):
    """The questions without those of the surest third that the run answers wrongly, so that it is right where it is sure."""
    records = list(read_examples(many))
    answers = list(Reader.load(run).answer_many(records))
    right = [one.exact_match for one in score_answers(records, answers).per_question]
    surest = sorted(range(len(records)), key=lambda at: -answers[at].probability)[: len(records) // 3]
    write_examples([one for at, one in enumerate(records) if right[at] or at not in surest], file)
    return file


# -- training


def test_a_training_keeps_intervals_a_verdict_and_what_its_own_questions_score(reader_run):
    judged = read_facts(reader_run).judged
    assert judged["verdict"]["remarks"][0]["rule"] == "grade"
    assert judged["intervals"]["f1"]["low"] <= read_facts(reader_run).scores["f1"] <= judged["intervals"]["f1"]["high"]
    assert judged["trained_on"]["count"] == 40
    assert judged["gain"] is None  # its head was new: anything is better


def test_a_training_from_a_reader_says_what_it_gained_over_it(tuned_again):
    judged = read_facts(tuned_again).judged
    assert judged["gain"]["outcome"] in ("better", "worse", "not distinguishable")
    assert judged["untuned"]["f1"]["value"] == pytest.approx(read_facts(tuned_again).untuned_scores["f1"])


def test_what_a_run_keeps_of_its_judgement_holds_no_question_and_no_answer(reader_run, data_folder):
    kept = json.dumps(read_facts(reader_run).judged)
    texts = [text for row in read_examples(data_folder / "held-out.json").records for text in (row.question, row.context)]
    assert not any(text in kept for text in texts)


# -- evaluate


def test_against_untuned_is_what_the_run_began_with(tuned_again, reader_run, many):
    found = evaluate_run(tuned_again, [many], against="untuned").judged
    other = evaluate_run(tuned_again, [many], against=str(reader_run)).judged
    assert found.gain == other.gain
    assert found.untuned["f1"].value == pytest.approx(evaluate_run(reader_run, [many]).judged.means["f1"].value)
    assert found.verdict.better == (found.gain.outcome == "better")


def test_a_run_is_not_surely_better_than_itself(reader_run, many):
    found = evaluate_run(reader_run, [many], against=str(reader_run))
    assert (found.judged.gain.value, found.judged.gain.p, found.meets("better")) == (0.0, 1.0, False)


def test_a_run_that_began_with_a_new_head_has_nothing_untuned_to_compare_with(reader_run, many):
    with pytest.raises(ConfigError, match="--against untuned"):
        evaluate_run(reader_run, [many], against="untuned")


def test_predictions_of_any_tool_are_scored_as_a_run_is(reader_run, many, tmp_path):
    records = list(read_examples(many))
    answers = list(Reader.load(reader_run).answer_many(records))
    (tmp_path / "squad.json").write_text(json.dumps({one.id: one.text for one in answers}), encoding="utf-8")
    rows = "".join(json.dumps(one.as_dict()) + "\n" for one in answers)
    (tmp_path / "rows.jsonl").write_text(rows, encoding="utf-8")
    run = evaluate_run(reader_run, [many])
    for name in ("squad.json", "rows.jsonl"):
        found = evaluate_run(tmp_path / name, [many], out=tmp_path / f"{name}.sheet.json")
        assert found.scores.as_dict() == run.scores.as_dict()
        assert found.judged.means["f1"].interval.low == pytest.approx(run.judged.means["f1"].interval.low)
        assert json.loads((tmp_path / f"{name}.sheet.json").read_text(encoding="utf-8"))["errors"]


def test_predictions_that_always_answer_are_compared_with_what_does_so_too(own_run, many, tmp_path):
    """Previously a reader that may give no answer refused many questions, so that it was worse than itself."""
    (own_run / "spantune.json").write_text(replace(read_facts(own_run), may_abstain=True, threshold=-1000.0).to_json())
    records = list(read_examples(many))
    answers = Reader.load(own_run).always_answering().answer_many(records)
    (tmp_path / "all.json").write_text(json.dumps({one.id: one.text for one in answers}), encoding="utf-8")
    assert evaluate_run(own_run, [many]).scores.f1 == 0
    judged = evaluate_run(tmp_path / "all.json", [many], against=str(own_run)).judged
    assert judged.gain.value == 0


def test_predictions_that_leave_questions_out_are_refused(many, tmp_path):
    (tmp_path / "some.json").write_text(json.dumps({"none": "of them"}), encoding="utf-8")
    with pytest.raises(EvaluationError, match="no prediction for 90 of 90"):
        evaluate_run(tmp_path / "some.json", [many])


def test_predictions_are_made_and_cannot_be_asked_to_answer(many, tmp_path):
    (tmp_path / "some.json").write_text(json.dumps({"a": "b"}), encoding="utf-8")
    for asked in ({"always_answer": True}, {"against": "untuned"}):
        with pytest.raises(ConfigError, match="predictions"):
            evaluate_run(tmp_path / "some.json", [many], **asked)


def test_an_answer_that_no_window_shows_is_a_mistake_of_its_own(own_run, tmp_path):
    long = replace(made_examples(1, seed=3)[0], id="long")
    text = " ".join(f"word{number}" for number in range(80))
    long = replace(long, context=text, answers=(replace(long.answers[0], text=text, start=0),))
    write_examples([long, *made_examples(5, seed=4)], tmp_path / "long.json")
    found = evaluate_run(own_run, [tmp_path / "long.json"]).judged
    assert found.mistakes.counts["gold in no window"] == 1


def test_another_language_changes_how_texts_are_compared(reader_run, many):
    assert evaluate_run(reader_run, [many], scoring=Scoring("de")).scores.count == 90


# -- compare


def test_systems_are_compared_with_the_first(reader_run, tuned_again, many):
    found = compare_systems([str(reader_run), str(tuned_again), str(reader_run)], [many])
    assert [one.name for one in found.others] == [str(tuned_again), f"{reader_run} (3)"]
    assert found.others[1].outcome == "not distinguishable"
    assert found.others[1].ties == found.questions == 90
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_system_that_was_trained_on_the_questions_is_warned_of(reader_run, data_folder, many):
    """Previously `compare` and `--against` said nothing of what another system than the evaluated one knows by heart."""
    known, listener = data_folder / "questions.json", Listener()
    compare_systems(["embedded", str(reader_run)], [known], watch=listener)
    evaluate_run("embedded", [known], against=str(reader_run), watch=listener)
    told = [one for one in listener.warnings if one.startswith(f"{reader_run}: ") and "Compare on other documents" in one]
    assert len(told) == 2
    quiet = Listener()
    compare_systems([str(reader_run), str(reader_run)], [many], watch=quiet)
    assert not [one for one in quiet.warnings if "Compare on other" in one]


def test_one_system_is_not_compared(reader_run, many):
    with pytest.raises(EvaluationError, match="1 system"):
        compare_systems([str(reader_run)], [many])


def test_systems_compared_by_what_is_no_language_are_told_before_the_work(reader_run, many):
    """Previously it was told when the first system had answered all questions."""
    listener = Listener()
    with pytest.raises(EvaluationError, match="the language 'english'"):
        compare_systems([str(reader_run), str(reader_run)], [many], scoring=Scoring("english"), watch=listener)
    assert listener.stages == []


# -- calibrate


def test_confidence_is_fitted_kept_and_used(own_run, many):
    found = calibrate_run(own_run, [many])
    facts = read_facts(own_run)
    assert isinstance(facts.calibration, Calibration)
    assert found.after.ece <= found.before.ece
    records = list(read_examples(many))
    answers = list(Reader.load(own_run).answer_many(records))
    assert all(answer.confidence is not None for answer in answers)
    surest = sorted(answers, key=lambda one: one.probability)
    assert [one.confidence for one in surest] == sorted(one.confidence for one in answers)
    assert evaluate_run(own_run, [many]).judged.calibrated


def test_questions_of_one_group_fit_confidence_without_a_measure_of_it(own_run, many, monkeypatch):
    """Previously the run was changed, and then the command failed, as no confidence could be fitted to other documents."""
    monkeypatch.setattr(comparing, "groups_of", lambda records: SimpleNamespace(names=["one"] * len(records)))
    found = calibrate_run(own_run, [many])
    assert (found.after, found.as_dict()["calibration_error_after"]) == (None, None)
    assert read_facts(own_run).calibration == found.calibration


def test_an_exported_model_answers_as_the_run_was_calibrated(own_run, many):
    """Previously it went on with the threshold and the confidence of before."""
    made = export_run(own_run, made_examples(6, seed=5), limits=Limits(f1=100.0, speed=0.0))
    listener = Listener()
    calibrate_run(own_run, [many], watch=listener)
    there, here = ExportedReader.load(own_run).settings, Reader.load(own_run).settings
    assert there == here
    assert there.calibration is not None
    assert any("keeps it, too" in note for note in listener.notes)
    (made.folder / "model.onnx").write_bytes(b"broken")
    calibrate_run(own_run, [many], watch=listener)
    assert any("answers as before" in warning for warning in listener.warnings)


def test_a_wanted_precision_is_what_the_answers_given_reach(own_run, many, tmp_path):
    many = surely_right(own_run, many, tmp_path / "surely.json")
    wanted = evaluate_run(own_run, [many]).scores.exact_match / 100 + 0.02
    found = calibrate_run(own_run, [many], precision=wanted)
    assert found.selection.precision >= wanted
    assert found.as_dict()["expected_coverage"] == found.expected.coverage <= 1
    answers = list(Reader.load(own_run).answer_many(list(read_examples(many))))
    given = [answer for answer in answers if answer.text]
    assert len(given) == round(found.selection.coverage * len(answers)) < len(answers)
    assert all(answer.confidence >= found.selection.confidence for answer in given)
    assert all(one.text for one in Reader.load(own_run).always_answering().answer_many(list(read_examples(many))))
    calibrate_run(own_run, [many])
    assert all(one.text for one in Reader.load(own_run).answer_many(list(read_examples(many))))


@pytest.mark.parametrize(
    ("run", "asked", "error", "told"),
    [
        ("embedded", {}, RunError, "part of the package"),
        (None, {"precision": 1.5}, ConfigError, "a precision of 1.5"),
    ],
)
def test_what_cannot_be_calibrated_is_told(own_run, many, run, asked, error, told):
    with pytest.raises(error, match=told):
        calibrate_run(run or own_run, [many], **asked)


def test_confidence_is_not_fitted_to_what_was_trained_on(own_run, data_folder):
    with pytest.raises(RunError, match="trained on"):
        calibrate_run(own_run, [data_folder / "questions.json"])


def test_too_few_questions_are_told(own_run, tmp_path):
    write_examples(made_examples(10, seed=78), tmp_path / "few.json")
    with pytest.raises(EvaluationError, match="too few"):
        calibrate_run(own_run, [tmp_path / "few.json"])
    assert "calibration" in json.loads((own_run / "spantune.json").read_text(encoding="utf-8"))


def test_a_run_that_classifies_is_not_calibrated_or_reported(classifier_run, tmp_path):
    write_examples(made_texts(40, seed=9), tmp_path / "texts.json")
    with pytest.raises(RunError, match="classifies"):
        calibrate_run(classifier_run, [tmp_path / "texts.json"])
    with pytest.raises(RunError, match="classifies"):
        write_report(classifier_run, [tmp_path / "texts.json"], tmp_path / "out.html")


# -- report


@pytest.mark.parametrize("kind", ["html", "md", "json", "csv"])
def test_a_report_is_written_in_each_format(tuned_again, many, tmp_path, kind):
    made = write_report(tuned_again, [many], tmp_path / f"report.{kind}")
    text = made.file.read_text(encoding="utf-8")
    assert made.size == made.file.stat().st_size < 1_000_000
    assert (made.traces is not None) == (kind == "html")
    if kind == "html":
        assert "spantune train questions.json" in text
        assert "Before training" in text
        pages = sorted(made.traces.glob("*.html"))
        assert len(pages) == min(len(made.evaluated.judged.mistakes.each), 50)
        assert all(f"{made.traces.name}/{page.name}" in text for page in pages)
    if kind == "json":
        assert json.loads(text)["verdict"]["grade"] == made.evaluated.judged.verdict.grade


def test_a_report_on_predictions_has_no_training_and_no_traces(many, tmp_path):
    said = {row.id: row.answers[0].text if int(row.id.strip("hq")) % 2 else "nothing" for row in read_examples(many)}
    (tmp_path / "said.json").write_text(json.dumps(said), encoding="utf-8")
    made = write_report(tmp_path / "said.json", [many], tmp_path / "report.html")
    text = made.file.read_text(encoding="utf-8")
    assert made.traces is None
    assert "another tool" in text
    assert "epoch" not in text


def test_an_unknown_format_is_told_before_anything_is_asked(tuned_again, many, tmp_path):
    with pytest.raises(ConfigError, match="'pdf'"):
        write_report(tuned_again, [many], tmp_path / "report.pdf")


def test_likeness_in_meaning_stands_beside_the_scores_and_changes_none(reader_run, many):
    plain, semantic = evaluate_run(reader_run, [many]), evaluate_run(reader_run, [many], semantic=True)
    assert semantic.scores.as_dict() == plain.scores.as_dict()
    assert 0 < semantic.semantic.value < 1
    assert (plain.semantic, semantic.as_dict()["semantic"]["count"]) == (None, 90)


def test_a_trace_of_a_refusal_for_want_of_confidence_says_so(own_run, many):
    """Previously it named the threshold for "no answer", which had no part in it."""
    calibrate_run(own_run, [many])
    facts = json.loads((own_run / "spantune.json").read_text(encoding="utf-8"))
    (own_run / "spantune.json").write_text(json.dumps({**facts, "least_confidence": 0.999}), encoding="utf-8")
    record = next(iter(read_examples(many)))
    trace = Reader.load(own_run).trace(record.question, record.context)
    assert trace.answer.text == ""
    assert "no span reaches a confidence of 0.999" in next(one.reason for one in trace.candidates if one.window is None)


def test_what_another_version_kept_of_its_judgement_is_an_error_with_a_next_move(own_run, many):
    """Previously a run whose mean was kept in another form ended in a traceback."""
    file = own_run / "spantune.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    kept["judged"]["trained_on"].pop("interval")
    file.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(RunError, match=r"training questions score: Field required\n.*\n.*train again"):
        evaluate_run(own_run, [many])
