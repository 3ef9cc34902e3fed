"""What is known of a run comes back as it was saved, and each way in which it can be broken is told."""

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path

import pytest
from conftest import WINDOWS, made_examples, made_texts, quick, tiny_reader
from saving import FILES, names, refusal, result_of, saved

from spantune.confidence import Calibration, Curve
from spantune.config import Config, ModelConfig
from spantune.data import fingerprint
from spantune.errors import RunError
from spantune.runs import Provenance, RunFacts, known_from_training, load_history, load_run, read_facts, save_run
from spantune.runs.card import CardFacts, model_card
from spantune.training import History
from spantune.training.defaults import Choice
from spantune.training.history import Epoch

FACTS = RunFacts(
    task="classify",
    config=Config(windows=WINDOWS, training=quick(epochs=7)),
    labels=("no", "yes"),
    answer_length=17,
    may_abstain=True,
    threshold=-1.25,
    data={"names": ["a.json"], "train": {"count": 3, "fingerprint": "9f2c"}},
    scores={"f1": 71.5},
    untuned_scores={"f1": 8.25},
    choices=({"key": "training.epochs", "value": 7, "reason": "few questions"},),
    versions={"python": "3.11.7"},
    new_head=False,
    share=0.75,
    general={"before": 80.0, "after": 78.5},
    calibration=Calibration(Curve("temperature", 100, ((-10.0, -5.0), (10.0, 5.0))), None),
    least_confidence=0.25,
    judged={"verdict": "better", "intervals": {"f1": [60.0, 80.0]}},
)
HISTORY = History(
    (Epoch(1, 2.5, 1.75, {"exact_match": 51.0, "f1": 60.5}, 44.0, 3e-4, 9.5, 40.0, "first epoch"),),
    best_epoch=1,
    stopped_early=True,
)
PROVENANCE = Provenance(
    train=made_examples(5),
    held_out=made_examples(3, seed=5),
    data_names=("folder/questions.json", "held-out.json"),
    eval_names=("held-out.json",),
    read_as={"columns": {"question": "q"}},
    split="by document",
    scores={"exact_match": 31.25, "f1": 55.5},
    untuned={"exact_match": 1.25, "f1": 8.0},
    threshold=0.5,
    touched=2,
    without_touched={"f1": 50.0},
    new_head=False,
    share=0.75,
    mixed=True,
    spread_chosen=True,
    general={"before": 80.0, "after": 78.5},
    calibration=FACTS.calibration,
    judged={"verdict": "better"},
)


def known_of(model):
    made = result_of(model, folds=5)
    return replace(made, history=HISTORY, choices=(Choice("training.epochs", 2, "few questions"),), may_abstain=True)


@pytest.fixture
def result(tiny_reader_model):
    return known_of(tiny_reader_model)


@pytest.fixture
def run(tmp_path, result, wordpiece):
    """A run of which everything is known."""
    return saved(tmp_path / "my_run", result, wordpiece, provenance=PROVENANCE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, wordpiece):
    """The same, for all tests that look at copies."""
    return saved(tmp_path_factory.mktemp("runs") / "whole", known_of(tiny_reader(wordpiece)), wordpiece, provenance=PROVENANCE)


@pytest.fixture
def copied(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "run"))


def test_every_fact_comes_back_from_its_text():
    plain = RunFacts(**{field.name: getattr(FACTS, field.name) for field in fields(FACTS)[:11]})
    for facts in (FACTS, replace(FACTS, task="answer", untuned_scores=None, calibration=None), plain):
        assert RunFacts.from_json(facts.to_json(), "spantune.json") == facts
    assert (plain.new_head, plain.share, plain.least_confidence) == (True, 1.0, 0.0)
    assert (plain.general, plain.calibration, plain.judged) == (None, None, None)


def test_the_text_is_for_people_too():
    text = replace(FACTS, labels=("größer", "黑豹")).to_json()
    assert text.startswith('{\n  "format": 1,\n  "task": "classify"')
    assert text.endswith("}\n")
    assert "größer" in text and "黑豹" in text


def broken(**changes):
    return json.dumps({**json.loads(FACTS.to_json()), **changes})


WRONGS = {
    "no JSON": ("{", "file cannot be read: Expecting property name enclosed in double quotes"),
    "a list": ("[]", "file cannot be read: not a JSON object"),
    "a number": ("1", "file cannot be read: not a JSON object"),
    "no format": ("{}", "file cannot be read: 'format'"),
    "a later format": ('{"format": 2}', "file has format 2"),
    "a format in words": ('{"format": "1"}', "file has format '1'"),
    "a task of its own": (broken(task="sing"), "file cannot be read: task: Input should be 'answer' or 'classify', not 'sing'"),
    "a word for a number": (broken(threshold="low"), "file cannot be read: threshold: Input should be a valid number"),
    "a wrong setting": (broken(config={"windows": {"stride": "wide"}}), "file cannot be read: config.windows.stride: "),
    "two wrong": (broken(task="sing", share="all"), "file cannot be read: task: "),
}


@pytest.mark.parametrize(("text", "words"), WRONGS.values(), ids=WRONGS)
def test_a_broken_text_is_told_with_the_place_and_what_stands_there(text, words):
    assert refusal(RunError, RunFacts.from_json, text, "file").found.startswith(words)


def test_what_stands_there_is_told_at_no_great_length():
    found = refusal(RunError, RunFacts.from_json, broken(threshold="x" * 500), "file").found
    assert found.endswith(f"not '{'x' * 59}")


# -- as a run keeps them


def test_everything_that_was_known_is_in_the_run(run):
    facts = read_facts(run)
    records = {"train": PROVENANCE.train, "held_out": PROVENANCE.held_out}
    assert facts == RunFacts(
        task="answer",
        config=Config(windows=WINDOWS, training=quick(folds=5)),
        labels=(),
        answer_length=30,
        may_abstain=True,
        threshold=0.5,
        data={
            "names": ["folder/questions.json", "held-out.json"],
            "eval_names": ["held-out.json"],
            "read_as": {"columns": {"question": "q"}},
            "split": "by document",
            **{part: {"count": len(held), "fingerprint": fingerprint(held)} for part, held in records.items()},
            "touched": 2,
            "scores_without_touched": {"f1": 50.0},
        },
        scores={"exact_match": 31.25, "f1": 55.5},
        untuned_scores={"exact_match": 1.25, "f1": 8.0},
        choices=({"key": "training.epochs", "value": 2, "reason": "few questions"},),
        versions=facts.versions,
        new_head=False,
        share=0.75,
        general={"before": 80.0, "after": 78.5},
        calibration=FACTS.calibration,
        judged={"verdict": "better"},
    )
    assert names(run) == FILES
    assert load_history(run) == HISTORY


def test_nothing_known_is_no_fact(tmp_path, result, wordpiece):
    facts = read_facts(saved(str(tmp_path / "run"), result, wordpiece))
    assert facts.data["train"] == facts.data["held_out"] == {"count": 0, "fingerprint": None}
    assert (facts.data["touched"], facts.data["scores_without_touched"], facts.untuned_scores) == (0, None, None)
    assert (facts.threshold, facts.share, facts.new_head, facts.general, facts.scores) == (0.0, 1.0, True, None, {})


def test_the_card_of_a_run_is_that_of_its_facts(run):
    facts = read_facts(run)
    card = CardFacts(
        name="my_run",
        task="answer",
        base_model=facts.config.model.name,
        train_count=5,
        held_out_count=3,
        data_names=["questions.json", "held-out.json"],
        seed=13,
        data_fingerprints={part: facts.data[part]["fingerprint"] for part in ("train", "held_out")},
        config=facts.config.model_dump(mode="json"),
        versions=facts.versions,
        scores=PROVENANCE.scores,
        untuned_scores=PROVENANCE.untuned,
        history=HISTORY,
        picture="curves.png",
        touched=2,
        without_touched={"f1": 50.0},
        folds=5,
        share=0.75,
        mixed=True,
        spread_chosen=True,
    )
    assert (run / "README.md").read_text(encoding="utf-8") == model_card(card)


def test_the_card_does_not_tell_where_a_model_lay_nor_hash_what_is_not_there(tmp_path, result, wordpiece):
    (tmp_path / "private" / "mine").mkdir(parents=True)
    config = Config(model=ModelConfig(name=str(tmp_path / "private" / "mine")), windows=WINDOWS)
    known = Provenance(train=made_examples(5))
    text = (save_run(tmp_path / "run", result.model, wordpiece, config, result, known) / "README.md").read_text(
        encoding="utf-8"
    )
    assert "It is mine, fine-tuned" in text
    assert "private" not in text.partition("### Settings")[0]
    assert "fingerprint of train" in text
    assert "held\\_out" not in text


def test_a_classifier_keeps_its_labels_and_a_reader_its_answer_length(
    tmp_path, tiny_classifier_model, tiny_reader_model, wordpiece
):
    labelled = replace(result_of(tiny_classifier_model), answer_length=0)
    facts = read_facts(saved(tmp_path / "labels", labelled, wordpiece, provenance=Provenance(train=made_texts(3))))
    assert (facts.task, facts.labels, facts.answer_length) == ("classify", ("no", "yes"), 0)
    config = Config(windows=WINDOWS.model_copy(update={"answer_length": 3}), training=quick())
    reader = result_of(tiny_reader_model)
    assert read_facts(save_run(tmp_path / "answers", reader.model, wordpiece, config, reader)).answer_length == 3


def test_what_a_run_was_trained_on_is_known_again(copied):
    met = known_from_training(copied, [*PROVENANCE.held_out, PROVENANCE.train[2]])
    assert met.touched == frozenset({3})


# -- runs that are none


def test_a_whole_run_is_loaded_ready_to_answer(copied):
    loaded = load_run(str(copied), task="answer")
    assert (loaded.folder, loaded.history, loaded.facts) == (copied, HISTORY, read_facts(copied))
    assert not loaded.model.training
    assert loaded.tokenizer("What was the note?")["input_ids"]


def test_a_run_of_another_task_is_told(copied):
    refused = refusal(RunError, load_run, copied, "classify")
    assert refused.found == f"{copied} is a run of the task 'answer'"
    assert refused.expected == "a run of the task 'classify'"


def test_what_is_no_run_is_told_with_what_it_is(tmp_path):
    nowhere, empty, begun = (tmp_path / name for name in ("nowhere", "empty", "begun"))
    empty.mkdir()
    (begun / "checkpoints").mkdir(parents=True)
    for folder, what in ((nowhere, "not there"), (empty, "not a run folder"), (begun, "an interrupted run")):
        refused = refusal(RunError, read_facts, folder)
        assert refused.found == f"{folder} is {what}"
        assert ("--resume" in refused.next_move) == (folder == begun)


def test_a_name_that_no_system_takes_is_shown_in_part():
    found = refusal(RunError, read_facts, "x" * 5000).found
    assert found.startswith("'xxx") and "characters" in found and "is no path: File name too long" in found
    assert len(found) < 200


def test_the_embedded_reader_is_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_facts("embedded").task == "answer"
    Path("embedded").mkdir()
    assert load_history("embedded").epochs


@pytest.mark.parametrize("name", ["model.safetensors", "history.json", "trained-on.sketch"])
def test_a_file_that_cannot_be_read_is_told_with_the_folder(copied, name):
    (copied / name).unlink()
    (copied / name).mkdir()
    read = {"history.json": load_history, "trained-on.sketch": lambda folder: known_from_training(folder, [])}.get(
        name, load_run
    )
    assert refusal(RunError, read, copied).found.startswith(f"{copied} is damaged: ")


def test_a_sketch_that_is_none_is_told_with_its_file(copied):
    (copied / "trained-on.sketch").write_bytes(b"no sketch")
    found = refusal(RunError, known_from_training, copied, []).found
    assert found.startswith(f"{copied / 'trained-on.sketch'}: 9 bytes")


def test_every_file_of_weights_is_looked_at(copied):
    (copied / "more.safetensors").write_bytes(b"\x00" * 20)
    assert refusal(RunError, load_run, copied).found.startswith(f"{copied} is damaged: ")
