"""What a run's folder holds, that it loads anywhere, and that nothing but a whole one is ever believed."""

import json
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from conftest import WINDOWS, made_examples, quick
from safetensors.torch import load_file, save_file
from saving import FILES, result_of, saved, told
from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification, AutoTokenizer

from spantune.config import Config
from spantune.errors import ModelError, RunError
from spantune.features import encode
from spantune.inference import Classifier, Reader
from spantune.inference.exported import folder as exported
from spantune.inference.reader import ReaderSettings
from spantune.runs import Provenance, claim_folder, known_from_training, load_run, read_facts, save_run
from spantune.runs.reading import is_run
from spantune.training import fine_tune

ENCODED = ("What was the note?", "Report 7. The note was 12. The points was 3.")


@pytest.fixture
def result(tiny_reader_model):
    return result_of(tiny_reader_model)


@pytest.fixture
def copied(reader_run, tmp_path):
    """A whole run, to be damaged."""
    return Path(shutil.copytree(reader_run, tmp_path / "copy"))


# -- what is in it


def test_the_folder_holds_these_files_and_no_other(reader_run, classifier_run):
    for folder in (reader_run, classifier_run):
        assert sorted(path.name for path in folder.iterdir()) == FILES


def test_an_exported_models_folder_is_told_from_a_run(tmp_path):
    """Previously it was "not a run folder", to be replaced by one that spantune train made."""
    (tmp_path / exported.EXPORT).touch()
    with pytest.raises(RunError, match="is an exported model") as refused:
        read_facts(tmp_path)
    assert "ExportedReader.load" in refused.value.next_move


def test_no_pickle_is_in_the_folder(reader_run):
    starts = {path.name: path.read_bytes()[:2] for path in reader_run.iterdir()}
    assert not [name for name, start in starts.items() if start[:1] == b"\x80" or start == b"PK"]


def test_the_curves_are_a_picture_and_the_history_is_strict_json(reader_run):
    assert (reader_run / "curves.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")

    def refuse(name):
        raise ValueError(name)

    history = json.loads((reader_run / "history.json").read_text(), parse_constant=refuse)
    assert [epoch["epoch"] for epoch in history["epochs"]] == [1, 2]
    assert {"f1", "exact_match"} <= history["epochs"][0]["scores"].keys()
    json.loads((reader_run / "spantune.json").read_text(), parse_constant=refuse)


def test_spantune_json_holds_versions_every_setting_seed_fingerprints_and_scores(reader_run):
    facts = json.loads((reader_run / "spantune.json").read_text())
    assert {"python", "spantune", "torch", "transformers", "tokenizers"} == facts["versions"].keys()
    assert facts["config"].keys() == Config().model_dump().keys()
    assert facts["config"]["training"].keys() == Config().training.model_dump().keys()
    assert facts["config"]["training"]["seed"] == 13
    assert facts["config"]["training"]["precision"] == "fp32"
    assert (facts["data"]["train"]["count"], facts["data"]["held_out"]["count"]) == (40, 12)
    assert facts["data"]["train"]["fingerprint"] != facts["data"]["held_out"]["fingerprint"]
    assert facts["scores"].keys() == facts["untuned_scores"].keys() == {"exact_match", "f1", "precision", "recall"}


def test_settings_that_were_open_are_stored_as_chosen(tmp_path, tiny_reader_model, wordpiece):
    windows = encode(made_examples(4), wordpiece, WINDOWS)
    result = fine_tune(tiny_reader_model, windows, quick(epochs=1, learning_rate=None))
    facts = read_facts(saved(tmp_path / "run", result, wordpiece))
    assert facts.config.training.learning_rate == 3e-4
    assert [choice["key"] for choice in facts.choices] == ["training.learning_rate"]


def test_the_card_has_the_scores_in_its_front_matter(reader_run):
    text = (reader_run / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---")[1])
    metrics = {one["type"]: one["value"] for one in front["model-index"][0]["results"][0]["metrics"]}
    scores = json.loads((reader_run / "spantune.json").read_text())["scores"]
    assert metrics == pytest.approx(scores, abs=1e-4)
    assert (front["library_name"], front["pipeline_tag"]) == ("transformers", "question-answering")


def test_neither_card_nor_facts_tell_where_the_model_lay(reader_run, tiny_model_folder):
    assert str(tiny_model_folder.parent) not in (reader_run / "README.md").read_text(encoding="utf-8").split("### Settings")[0]


def test_the_training_records_are_known_from_a_sketch_that_holds_no_text(reader_run):
    train, others = made_examples(40), made_examples(12, seed=5)
    assert known_from_training(reader_run, train).touched == frozenset(range(40))
    assert known_from_training(reader_run, others).touched == frozenset()
    again = replace(train[3], id="other", question=train[3].question.upper())
    assert known_from_training(reader_run, [others[0], again]).touched == frozenset({1})
    kept = (reader_run / "trained-on.sketch").read_bytes()
    assert not any(word.encode() in kept for word in train[0].context.split() if len(word) > 4)


def test_a_sketch_that_is_damaged_or_gone_is_told(reader_run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(reader_run, copy)
    (copy / "trained-on.sketch").write_bytes(b"no sketch")
    with pytest.raises(RunError, match=r"trained-on\.sketch: 9 bytes that are no sketch"):
        known_from_training(copy, made_examples(2))
    (copy / "trained-on.sketch").unlink()
    with pytest.raises(RunError, match="damaged"):
        known_from_training(copy, made_examples(2))


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_every_file_is_as_readable_as_a_new_file_is(tmp_path, result, wordpiece, mask, mode):
    """Previously model.safetensors was for its owner alone, whatever the umask: a shared run could not be loaded."""
    before = os.umask(mask)
    try:
        folder = saved(tmp_path / "run", result, wordpiece)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {mode}


# -- loading


def test_plain_transformers_load_a_reader_and_give_its_logits(reader_run):
    tokenizer = AutoTokenizer.from_pretrained(reader_run)
    model = AutoModelForQuestionAnswering.from_pretrained(reader_run).eval()
    run = load_run(reader_run)
    inputs = tokenizer(*ENCODED, return_tensors="pt")
    assert inputs["input_ids"].tolist() == run.tokenizer(*ENCODED, return_tensors="pt")["input_ids"].tolist()
    with torch.no_grad():
        plain, ours = model(**inputs), run.model(**inputs)
    assert torch.equal(plain.start_logits, ours.start_logits)
    assert torch.equal(plain.end_logits, ours.end_logits)


def test_plain_transformers_load_a_classifier_with_its_labels(classifier_run):
    tokenizer = AutoTokenizer.from_pretrained(classifier_run)
    model = AutoModelForSequenceClassification.from_pretrained(classifier_run).eval()
    assert model.config.id2label == {0: "no", 1: "yes"}
    text = "Number 3 speaks of France."
    with torch.no_grad():
        logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
    found = Classifier.load(classifier_run).predict(text)
    assert found.label == model.config.id2label[int(logits.argmax())]
    assert found.probability == pytest.approx(logits.softmax(-1).max().item(), abs=1e-6)


def test_a_saved_reader_answers_as_it_did_before(tmp_path, tiny_reader_model, wordpiece):
    """Previously (PEFT, where the head is not saved) a model came back with a random head."""
    windows = encode(made_examples(24), wordpiece, WINDOWS)
    result = fine_tune(tiny_reader_model, windows, quick())
    before = Reader(tiny_reader_model, wordpiece, ReaderSettings(WINDOWS, result.answer_length))
    after = Reader.load(saved(tmp_path / "run", result, wordpiece))
    assert after.settings == before.settings
    records = made_examples(12, seed=5)
    for old, new in zip(before.answer_many(records, top=3), after.answer_many(records, top=3), strict=True):
        assert (new.text, new.start, new.end) == (old.text, old.start, old.end)
        assert new.probability == pytest.approx(old.probability, abs=1e-6)
        assert new.no_answer_score == pytest.approx(old.no_answer_score, abs=1e-5)


def test_threshold_and_abstention_come_back(tmp_path, result, wordpiece):
    folder = saved(tmp_path / "run", replace(result, may_abstain=True), wordpiece, provenance=Provenance(threshold=-1.25))
    settings = Reader.load(folder).settings
    assert (settings.may_abstain, settings.threshold, settings.windows) == (True, -1.25, WINDOWS)


def test_an_answer_length_that_was_set_wins_over_the_one_learned(tmp_path, result, wordpiece):
    config = Config(windows=WINDOWS.model_copy(update={"answer_length": 3}), training=quick())
    save_run(tmp_path / "run", result.model, wordpiece, config, result)
    assert Reader.load(tmp_path / "run").settings.answer_length == 3


# -- damage


DAMAGES = {
    "facts missing": ("spantune.json", None, "not a run folder"),
    "facts cut": ("spantune.json", lambda text: text[:200], "spantune.json cannot be read"),
    "facts of another format": ("spantune.json", lambda text: text.replace(b'"format": 1', b'"format": 9'), "format 9"),
    "facts without a field": ("spantune.json", lambda text: text.replace(b'"answer_length"', b'"x"'), "cannot be read"),
    "facts with an unknown setting": ("spantune.json", lambda text: text.replace(b'"stride"', b'"strode"'), "cannot be read"),
    "facts with a wrong task": ("spantune.json", lambda text: text.replace(b'"task": "answer"', b'"task": "sing"'), "sing"),
    "facts with a word for a number": (
        "spantune.json",
        lambda text: text.replace(b'"threshold": 0.0', b'"threshold": "low"'),
        "threshold",
    ),
    "facts a list": ("spantune.json", lambda _: b"[]", "cannot be read"),
    "facts in another encoding": ("spantune.json", lambda _: "é".encode("latin1"), "is damaged"),
    "history missing": ("history.json", None, "is damaged"),
    "history cut": ("history.json", lambda text: text[:50], "is damaged"),
    "history without epochs": ("history.json", lambda _: b"{}", "history cannot be read"),
    "weights cut": ("model.safetensors", lambda data: data[: len(data) // 2], "is damaged"),
    "weights cut at their end": ("model.safetensors", lambda data: data[:-1], "is damaged"),
    "weights empty": ("model.safetensors", lambda _: b"", "is damaged"),
    "weights missing": ("model.safetensors", None, "no weights"),
    "tokenizer missing": ("tokenizer.json", None, "tokenizer"),
    "tokenizer cut": ("tokenizer.json", lambda text: text[:100], "tokenizer"),
    "configuration missing": ("config.json", None, "no config.json"),
    "configuration cut": ("config.json", lambda text: text[:20], "cannot be loaded"),
}


@pytest.mark.parametrize(("name", "change", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_run_is_told_with_what_to_do(copied, name, change, words):
    file = copied / name
    if change is None:
        file.unlink()
    else:
        file.write_bytes(change(file.read_bytes()))
    with pytest.raises((RunError, ModelError), match=words) as caught:
        load_run(copied)
    assert told(caught)


def test_weights_without_the_head_are_refused(copied):
    weights = {name: value for name, value in load_file(copied / "model.safetensors").items() if "qa_outputs" not in name}
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="qa_outputs") as caught:
        Reader.load(copied)
    assert told(caught)


def test_pickled_weights_are_refused(copied):
    (copied / "model.safetensors").unlink()
    (copied / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(ModelError, match="pickles only"):
        Reader.load(copied)


def test_a_run_of_the_other_task_is_refused(reader_run, classifier_run):
    with pytest.raises(RunError, match="task 'classify'"):
        Reader.load(classifier_run)
    with pytest.raises(RunError, match="task 'answer'"):
        Classifier.load(reader_run)


def test_what_is_no_run_is_told_apart(tmp_path, tiny_model_folder):
    with pytest.raises(RunError, match="is not there"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(RunError, match="not a run folder"):
        load_run(tiny_model_folder)
    claim_folder(tmp_path / "begun")
    with pytest.raises(RunError, match="interrupted run") as caught:
        load_run(tmp_path / "begun")
    assert "--resume" in caught.value.next_move


def test_a_run_below_the_home_folder_is_known_as_one(reader_run, monkeypatch):
    """Previously its weights were loaded, and what it was trained on, its threshold and its spread were lost on the way."""
    monkeypatch.setenv("HOME", str(reader_run.parent))
    assert is_run(f"~/{reader_run.name}")
    assert read_facts(f"~/{reader_run.name}") == read_facts(reader_run)
    with pytest.raises(RunError, match="is not there"):
        read_facts("~nobody-of-that-name/run")
