"""Both rows of the table of tasks walk the same miniature road."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import WINDOWS, made_examples, made_texts, quick

from spantune.config import Config, ModelConfig
from spantune.data import Example, TextExample
from spantune.errors import DataError
from spantune.evaluation import likely_threshold, score_answers
from spantune.models import load_tokenizer
from spantune.runs import Provenance, save_run
from spantune.tasks import TASKS, no_answer_columns
from spantune.training import fine_tune

RECORDS = {"answer": made_examples, "classify": made_texts}


@pytest.fixture
def config(tiny_model_folder):
    return Config(model=ModelConfig(name=str(tiny_model_folder)), windows=WINDOWS, training=quick())


def prepared(task, config, train, held_out):
    """What the road has in hand before it trains: model, predictor, windows of both sides."""
    model = task.load_model(config, train)
    tokenizer = load_tokenizer(config.model)
    windows = task.encode(train, tokenizer, model, config)
    return (
        model,
        tokenizer,
        task.predictor(model, tokenizer, config, windows),
        windows,
        task.encode(held_out, tokenizer, model, config),
    )


@pytest.mark.parametrize("name", TASKS)
def test_a_task_goes_the_whole_road(name, config, tmp_path):
    task = TASKS[name]
    assert task.name == name
    train, held_out = RECORDS[name](24), RECORDS[name](8, seed=5)
    model, tokenizer, predictor, windows, held_windows = prepared(task, config, train, held_out)
    ticks = []
    untuned = task.measure(predictor, held_windows, held_out, config, ticks.append)
    assert sum(ticks) == len(held_windows)
    assert untuned.held.loss > 0
    assert task.headline in untuned.held.scores
    result = fine_tune(
        model,
        windows,
        config.training,
        evaluate=lambda _: task.measure(predictor, held_windows, held_out, config, None).held,
        headline=task.headline,
    )
    measured = task.measure(predictor, held_windows, held_out, config, None)
    assert result.history.best.scores[task.headline] == pytest.approx(measured.held.scores[task.headline])
    assert result.history.best.held_out_loss == pytest.approx(measured.held.loss, abs=1e-5)
    assert set(task.shown) <= measured.scores.as_dict().keys()
    run = save_run(tmp_path / "run", model, tokenizer, config, result, Provenance(train=train))
    predictions = tuple(task.predict(task.open(run), held_out, None, None))
    assert [one.id for one in predictions] == [record.id for record in held_out]
    scores = task.score(held_out, predictions)
    before, after = measured.scores.as_dict(), scores.as_dict()
    assert [after[score] for score in task.shown] == pytest.approx([before[score] for score in task.shown])
    errors = task.errors(held_out, predictions, scores)
    assert len(errors) <= len(held_out)
    json.dumps([errors, scores.as_dict(), [one.as_dict() for one in predictions]], allow_nan=False)


def test_measuring_gives_what_answering_gives(config):
    """Loss, accuracy and answers come out of one forward pass; the answers are those of the reader."""
    task = TASKS["answer"]
    held_out = made_examples(30, seed=2)
    _, _, reader, _, windows = prepared(task, config, made_examples(8), held_out)
    measured = task.measure(reader, windows, held_out, config, None)
    plain = list(reader.answer_many(held_out))
    assert [(a.text, a.start) for a in measured.predictions] == [(a.text, a.start) for a in plain]
    assert measured.scores.f1 == pytest.approx(score_answers(held_out, plain).f1)
    assert 0 <= measured.held.span_accuracy <= 100
    assert measured.threshold == 0.0


def test_a_threshold_is_tuned_where_held_out_questions_have_no_answer(config):
    """Previously (run_qa.py) the score of "no answer" was always 0, and the threshold never tuned."""
    task = TASKS["answer"]
    train, held_out = made_examples(40, unanswerable=0.3), made_examples(40, seed=5, unanswerable=0.3)
    model, _, reader, windows, held_windows = prepared(task, config, train, held_out)
    assert reader.settings.may_abstain
    fine_tune(model, windows, quick(epochs=3, learning_rate=3e-3))
    measured = task.measure(reader, held_windows, held_out, config, None)
    assert measured.threshold != 0.0
    assert math.isfinite(measured.threshold)
    tuned = task.tuned(reader, measured)
    assert tuned.settings.threshold == measured.threshold
    columns = no_answer_columns(held_out, measured.predictions)
    assert measured.threshold == likely_threshold(*columns).value
    again = task.measure(tuned, held_windows, held_out, config, None)
    assert again.scores.f1 == pytest.approx(likely_threshold(*columns).f1)


@pytest.mark.parametrize("held_share", [0.0, 1.0])
def test_no_threshold_is_tuned_on_questions_of_one_kind(config, held_share):
    task = TASKS["answer"]
    held_out = made_examples(10, seed=5, unanswerable=held_share)
    _, _, reader, _, windows = prepared(task, config, made_examples(20, unanswerable=0.3), held_out)
    assert task.measure(reader, windows, held_out, config, None).threshold == 0.0


def test_a_reader_that_saw_only_answers_never_abstains(config):
    _, _, reader, _, _ = prepared(TASKS["answer"], config, made_examples(8), made_examples(2))
    assert not reader.settings.may_abstain


def test_a_diverged_model_is_measured_not_crashed_on(config):
    """Previously the tuning of the threshold raised, and a training that had a good epoch before was lost with it."""
    task = TASKS["answer"]
    held_out = made_examples(10, seed=5, unanswerable=0.5)
    model, _, reader, _, windows = prepared(task, config, made_examples(8, unanswerable=0.5), held_out)
    with torch.no_grad():
        model.qa_outputs.weight.fill_(float("nan"))
    measured = task.measure(reader, windows, held_out, config, None)
    assert math.isnan(measured.held.loss)
    assert {answer.text for answer in measured.predictions} == {""}
    assert math.isfinite(measured.threshold)


def test_questions_without_any_comparable_window_have_no_loss(config):
    task = TASKS["answer"]
    context = "In 2018 " + "members " * 90 + "began."
    record = made_examples(1)[0]
    lost = replace(record, context=context, answers=(replace(record.answers[0], text=context, start=0),))
    _, _, reader, _, windows = prepared(task, config, made_examples(4), [lost])
    measured = task.measure(reader, windows, [lost], config, None)
    assert (measured.held.loss, measured.held.span_accuracy) == (None, None)
    assert 0 <= measured.scores.f1 <= 100


def test_a_held_out_label_that_training_lacks_counts_as_wrong(config):
    """Previously one such text among the held-out ones ended the run before it began."""
    task = TASKS["classify"]
    held_out = (*made_texts(6, seed=5), TextExample("new", "It speaks of Mars.", "perhaps"))
    _, _, classifier, _, windows = prepared(task, config, made_texts(12), held_out)
    assert np.count_nonzero(windows.targets < 0) == 1
    measured = task.measure(classifier, windows, held_out, config, None)
    known = task.measure(classifier, windows.take(np.arange(6)), held_out[:6], config, None)
    assert measured.held.loss == pytest.approx(known.held.loss, abs=1e-6)
    assert measured.scores.accuracy == pytest.approx(known.scores.accuracy * 6 / 7)
    assert measured.predictions[-1].label in {"no", "yes"}
    assert task.errors(held_out, measured.predictions, measured.scores)[-1]["label"] == "perhaps"


def test_held_out_texts_with_nothing_but_new_labels_have_no_loss(config):
    task = TASKS["classify"]
    held_out = (TextExample("new", "It speaks of Mars.", "perhaps"),)
    _, _, classifier, _, windows = prepared(task, config, made_texts(12), held_out)
    assert task.measure(classifier, windows, held_out, config, None).held.loss is None


def test_one_label_is_not_enough_to_classify(config):
    with pytest.raises(DataError, match="1 distinct labels"):
        TASKS["classify"].load_model(config, [TextExample("a", "France", "yes"), TextExample("b", "October", "yes")])


def test_wrong_answers_name_their_questions():
    task = TASKS["answer"]
    records = made_examples(3)
    answers = [replace_answer(record, index) for index, record in enumerate(records)]
    rows = task.errors(records, answers, task.score(records, answers))
    assert [row["question"] for row in rows if row["id"] == "q1"] == [records[1].question]


def replace_answer(record: Example, index: int):
    from spantune.inference import Answer

    text = record.answers[0].text if index == 0 else "wrong"
    return Answer(record.id, text, 0, len(text), 0.5, 1.0, 0.1, -1.0)
