"""The embedded reader: its bytes, what it was trained on, and the word `embedded` wherever a run or a model is named."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from conftest import made_examples, quick_config, same_weights
from typer.testing import CliRunner

import spantune
from spantune.cli.main import app
from spantune.data import Example, Span, TextExample, record_hash, write_examples
from spantune.data.general import probe, replay
from spantune.embedded import EMBEDDED, READER_FOLDER, READER_SHA256
from spantune.errors import ConfigError, ModelError, RunError
from spantune.export.exporting import _beside
from spantune.inference import Reader
from spantune.models import ENCODER, has_new_head, load_classifier, load_reader, open_reader, sources
from spantune.models.merging import merge_adapter
from spantune.models.quiet import quiet
from spantune.road import export_reader
from spantune.road.bulk import predicting
from spantune.road.commands import report_command
from spantune.road.comparing import _check as _check_calibrated
from spantune.road.predicting import identity_of
from spantune.runs import known_from_training, load_run, read_facts
from spantune.runs.reading import load_history

ROOT = Path(__file__).parent.parent.parent
EMBARGO = "The oil crisis began in October 1973, when members of OAPEC proclaimed an embargo. Prices quadrupled by March 1974."


def hashes(name, folder):
    content = (folder / name).read_bytes()
    assert len(content) % 8 == 0
    return {content[at : at + 8] for at in range(0, len(content), 8)}


def hashes_of(records):
    contexts = {record_hash(TextExample("", one.context)) for one in records}
    return {bytes.fromhex(one) for one in contexts | {record_hash(one) for one in records}}


@pytest.fixture(scope="module")
def reader():
    return Reader.load(EMBEDDED)


# -- what it is


def test_everything_that_ships_with_it_takes_at_most_8_mb():
    assert sum(path.stat().st_size for path in READER_FOLDER.iterdir() if path.is_file()) <= 8_000_000


def test_no_text_that_it_was_trained_on_is_among_those_it_is_measured_on(request):
    trained = hashes("trained-on.hashes", READER_FOLDER)
    measured = hashes("eval.hashes", request.path.parent)
    assert (len(trained) > 30_000, len(measured)) == (True, 18_535)
    assert not trained & measured


def test_the_hashes_are_of_the_texts_that_ship_to_be_trained_on_again():
    trained = hashes("trained-on.hashes", READER_FOLDER)
    assert hashes_of(replay(5_000, seed=1, unanswerable=True)) <= trained
    assert not hashes_of(probe()) & trained


def test_its_weights_are_those_of_the_encoder_and_the_adapter_as_peft_adds_them():
    import peft
    from transformers import AutoModelForQuestionAnswering

    with quiet():
        base = AutoModelForQuestionAnswering.from_pretrained(sources.resolve_model(ENCODER), dtype=torch.float32)
        theirs = peft.PeftModel.from_pretrained(base, str(READER_FOLDER)).merge_and_unload()
    mine = open_reader(EMBEDDED).state_dict()
    assert theirs.state_dict().keys() == mine.keys()
    assert max((one - mine[name]).abs().max().item() for name, one in theirs.state_dict().items()) < 1e-6


def test_peft_is_not_imported_to_answer(tmp_path):
    import subprocess

    code = "import sys, spantune; spantune.Reader.load('embedded').answer('Who?', 'Ada.'); sys.exit('peft' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_changed_byte_of_the_adapter_is_refused(monkeypatch, tmp_path):
    copy = shutil.copytree(READER_FOLDER, tmp_path / "copy")
    weights = copy / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    monkeypatch.setattr(sources, "READER_FOLDER", copy)
    with pytest.raises(ModelError, match="adapter has SHA-256") as told:
        load_reader(EMBEDDED)
    assert READER_SHA256 in told.value.expected
    assert "--force-reinstall" in told.value.next_move
    weights.unlink()
    sources._verified.cache_clear()
    with pytest.raises(ModelError, match="SHA-256 no file"):
        load_reader(EMBEDDED)
    sources._verified.cache_clear()


# -- what it answers


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When did the oil crisis begin?", "October 1973"),
        ("Who proclaimed an embargo?", "OAPEC"),
        ("By when had prices quadrupled?", "March 1974"),
    ],
)
def test_it_answers_by_quoting(reader, question, answer):
    given = reader.answer(question, EMBARGO)
    assert answer in given.text
    assert EMBARGO[given.start : given.end] == given.text


def test_it_gives_no_answer_where_there_is_none_unless_it_must(reader):
    asked = "What is the capital of France?", EMBARGO
    assert reader.answer(*asked).text == ""
    assert reader.always_answering().answer(*asked).text


def test_it_answers_most_general_questions_right(reader):
    measured = [one for one in probe() if not one.is_impossible][::10]
    scores = spantune.score_answers(measured, reader.always_answering().answer_many(measured))
    assert scores.f1 > 60


# -- the word, wherever a run or a model is named


def test_it_is_a_start_with_a_trained_head_and_its_encoder_is_not():
    assert not has_new_head(load_reader(EMBEDDED))
    assert has_new_head(load_reader(ENCODER))
    assert has_new_head(load_classifier(EMBEDDED, ["no", "yes"]))


def test_to_classify_its_encoder_is_the_start():
    one, other = load_classifier(EMBEDDED, ["no", "yes"]), load_classifier(ENCODER, ["no", "yes"])
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(one.parameters(), other.parameters(), strict=True))


def test_its_facts_are_those_of_a_run():
    facts = read_facts(EMBEDDED)
    assert (facts.task, facts.config.model.name, facts.may_abstain) == ("answer", ENCODER, True)
    assert facts.data["train"]["count"] > 30_000


def test_questions_it_was_trained_on_are_recognised(tmp_path):
    again = replay(3, seed=1, unanswerable=False)
    known = known_from_training(EMBEDDED, [*again, Example("x", "Who?", "Nobody was ever asked this before.", ())])
    assert known.counts["same_record"] == 3
    write_examples(again, tmp_path / "again.json")
    assert spantune.evaluate_run(EMBEDDED, [tmp_path / "again.json"]).seen == 3


def test_it_evaluates_predicts_and_answers_on_the_command_line(tmp_path):
    write_examples(made_examples(4), tmp_path / "data.json")
    data, out = str(tmp_path / "data.json"), tmp_path / "out.jsonl"
    told = CliRunner().invoke(app, ["evaluate", EMBEDDED, data, "--always-answer", "--json"])
    assert (told.exit_code, json.loads(told.stdout)["count"]) == (0, 4)
    assert CliRunner().invoke(app, ["predict", EMBEDDED, data, "--out", str(out)]).exit_code == 0
    assert len(out.read_text().splitlines()) == 4
    told = CliRunner().invoke(app, ["ask", EMBEDDED, "When did the oil crisis begin?", "--context", EMBARGO])
    assert "October 1973" in told.stdout


def test_where_every_question_has_an_answer_the_scores_of_the_best_spans_stand_beside(tmp_path):
    asked = [
        Example("1", "When did the oil crisis begin?", EMBARGO, (Span("October 1973", EMBARGO.index("October")),)),
        Example("2", "How did prices change?", EMBARGO, (Span("quadrupled", EMBARGO.index("quadrupled")),)),
    ]
    write_examples(asked, tmp_path / "data.json")
    found = spantune.evaluate_run(EMBEDDED, [tmp_path / "data.json"])
    assert (found.abstained, found.scores.f1, found.always.f1) == (1, 50.0, 100.0)
    assert found.as_dict()["always_answering"]["f1"] == 100.0
    told = CliRunner().invoke(app, ["evaluate", EMBEDDED, str(tmp_path / "data.json")])
    assert "1 got no answer although each has one; with --always-answer:\n  2 questions: EM 100.0" in told.stdout
    assert spantune.evaluate_run(EMBEDDED, [tmp_path / "data.json"], always_answer=True).always is None
    write_examples([*asked, Example("3", "Who?", EMBARGO, ())], tmp_path / "both.json")
    assert spantune.evaluate_run(EMBEDDED, [tmp_path / "both.json"]).always is None


def test_who_gets_no_answer_is_shown_the_best_span():
    told = CliRunner().invoke(app, ["ask", EMBEDDED, "How did prices change?", "--context", EMBARGO])
    assert told.stdout.startswith("(no answer in this context)")
    assert "with --always-answer: quadrupled" in told.stdout


def test_its_export_needs_a_folder(tmp_path):
    pytest.importorskip("onnxruntime")
    write_examples(made_examples(4), tmp_path / "data.json")
    with pytest.raises(ConfigError, match="--out FOLDER"):
        export_reader(EMBEDDED, [tmp_path / "data.json"])
    assert not (READER_FOLDER / "exported").exists()


@pytest.fixture
def beside_it(tmp_path, monkeypatch, reader_run):
    """A run of one's own in a folder called as the word is, in the folder where one stands."""
    shutil.copytree(reader_run, tmp_path / "embedded")
    monkeypatch.chdir(tmp_path)
    return reader_run


@pytest.mark.parametrize("named", ["./embedded", Path("embedded")], ids=["text", "path"])
def test_a_folder_of_that_name_is_taken_by_its_path(beside_it, named):
    """Previously `Path("embedded")` was taken for the word: a run saved there was opened with facts and weights of another."""
    assert read_facts(named) == read_facts(beside_it) != read_facts(EMBEDDED)
    assert load_run(named).facts == read_facts(beside_it)
    assert load_history(named) == load_history(beside_it)
    assert known_from_training(named, made_examples(3)).touched_count == 3
    mine, theirs = Reader.load(named), Reader.load(beside_it)
    assert (mine.settings, len(mine.tokenizer)) == (theirs.settings, len(theirs.tokenizer))
    assert same_weights(mine.model, theirs.model)
    assert Reader.load(EMBEDDED).settings == Reader.load(READER_FOLDER).settings != mine.settings


def test_a_folder_of_that_name_is_asked_evaluated_predicted_and_calibrated_by_its_path(beside_it, tmp_path, data_folder):
    held_out = data_folder / "held-out.json"
    here, there = (spantune.evaluate_run(one, [held_out]) for one in (Path("embedded"), beside_it))
    assert here.predictions == there.predictions
    asked = [spantune.ask_run(one, "When?", context=EMBARGO).said for one in (Path("embedded"), beside_it, EMBEDDED)]
    assert asked[0] == asked[1] != asked[2]
    assert identity_of(Path("embedded")) == identity_of(beside_it) != identity_of(EMBEDDED)
    ask, wanted = (spantune.pipeline(model=one) for one in (Path("embedded"), beside_it))
    assert ask("When?", EMBARGO) == wanted("When?", EMBARGO)
    _check_calibrated(Path("embedded"), None)
    with pytest.raises(RunError, match="part of the package"):
        _check_calibrated(EMBEDDED, None)


def test_commands_that_are_shown_name_such_a_folder_so_that_it_is_found(beside_it):
    assert report_command(Path("embedded"), ["data.json"], Path("r.html")).startswith("spantune report ./embedded data.json ")
    assert report_command(EMBEDDED, ["data.json"], Path("r.html")).startswith("spantune report embedded data.json ")


def test_a_run_that_is_trained_into_such_a_folder_has_its_own_facts(tmp_path, monkeypatch, data_folder, tiny_model_folder):
    """Previously its facts, and with them all that was shown after the training, were those of the embedded reader."""
    monkeypatch.chdir(tmp_path)
    config = quick_config(tiny_model_folder, epochs=1)
    made = spantune.train_run([data_folder / "questions.json"], "embedded", config)
    assert made.facts.config.model.name == str(tiny_model_folder)
    assert made.facts == read_facts(tmp_path / "embedded")


def test_bulk_answering_takes_the_word_for_the_reader_alone(beside_it, tmp_path, monkeypatch):
    """Previously data in a folder of that name was looked for where each worker happened to stand."""
    pytest.importorskip("pyarrow")
    works = []
    monkeypatch.setattr(predicting, "answered_by_ray", lambda parts, work, workers: works.append((parts, work)) or ())
    monkeypatch.setattr(predicting, "_told", lambda *_: None)
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    Path("embedded").mkdir()
    write_examples(made_examples(4), "embedded/data.parquet")
    spantune.predict_parts(EMBEDDED, "embedded", "out")
    shutil.copytree(beside_it, "run/embedded")
    monkeypatch.chdir("run")
    spantune.predict_parts(Path("embedded"), "../embedded/data.parquet", "embedded-out")
    assert [work.run for _, work in works] == [EMBEDDED, str(tmp_path / "deep" / "run" / "embedded")]
    assert works[0][0][0].file == str(tmp_path / "deep" / "embedded" / "data.parquet")
    assert works[0][1].out == str(tmp_path / "deep" / "out")


def test_the_export_of_such_a_folder_goes_beside_its_model(beside_it):
    assert _beside(Path("embedded")) == Path("embedded/exported")
    with pytest.raises(ConfigError, match="--out FOLDER"):
        _beside(EMBEDDED)


def test_to_answer_always_is_for_runs_that_answer(classifier_run, tmp_path):
    with pytest.raises(ConfigError, match="classify"):
        spantune.ask_run(classifier_run, "A text.", always_answer=True)


def test_its_adapter_has_the_head_with_it():
    model = load_reader(ENCODER)
    assert merge_adapter(model, READER_FOLDER) == {"qa_outputs.weight", "qa_outputs.bias"}


@pytest.mark.parametrize("page", ["README.md", "docs/reader.md", "src/spantune/embedded/README.md"])
def test_the_pages_show_the_scores_that_were_measured(page):
    found = json.loads((ROOT / "reader" / "scores.json").read_text())
    assert found["sha256"] == READER_SHA256
    for row in found["rows"]:
        told = f"| {row['set']} | {row['questions']:,} | {row['exact_match']:.1f} | {row['f1']:.1f} |"
        assert told in (ROOT / page).read_text(encoding="utf-8")
