import itertools
import json
from dataclasses import dataclass

import pytest
import torch
from conftest import WINDOWS, made_texts

from spantune.config import WindowsConfig
from spantune.data import TextExample
from spantune.errors import DataError, ModelError, WindowError
from spantune.inference import Classifier
from spantune.inference.classifier import TEXTS_AT_ONCE


@pytest.fixture
def classifier(tiny_classifier_model, wordpiece):
    return Classifier(tiny_classifier_model, wordpiece, WINDOWS)


def test_every_label_has_its_probability_most_probable_first(classifier):
    found = classifier.predict("Number 3 speaks of France.")
    assert sum(probability for _, probability in found.probabilities) == pytest.approx(1)
    assert {label for label, _ in found.probabilities} == {"no", "yes"}
    assert (found.label, found.probability) == found.probabilities[0]
    assert found.probability >= found.probabilities[1][1]
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["probabilities"][found.label] == found.probability


def test_a_prediction_is_the_same_alone_and_in_a_batch(classifier):
    records = [*made_texts(20), TextExample("long", "France and October. " * 60), TextExample("odd", "🙂 \ud800 黑豹队")]
    for record, together in zip(records, classifier.predict_many(records), strict=True):
        (alone,) = classifier.predict_many([record])
        assert (alone.id, alone.label) == (together.id, together.label)
        assert alone.probability == pytest.approx(together.probability, abs=1e-5)


def test_an_endless_input_is_read_a_block_at_a_time(classifier):
    read, done = [], []

    def endless():
        for number in itertools.count():
            read.append(number)
            yield TextExample(f"t{number}", "It speaks of France.")

    found = list(itertools.islice(classifier.predict_many(endless(), done.append), TEXTS_AT_ONCE + 1))
    assert [one.id for one in found] == [f"t{number}" for number in range(TEXTS_AT_ONCE + 1)]
    assert (len(read), done) == (2 * TEXTS_AT_ONCE, [TEXTS_AT_ONCE])
    assert list(classifier.predict_many([])) == []


@dataclass
class Bare:
    id: str
    text: str


def test_neither_labels_nor_a_certain_type_are_needed(classifier):
    first, second = classifier.predict_many([Bare("a", "France"), TextExample("b", "France", "yes")])
    assert (first.id, second.id, first.label) == ("a", "b", second.label)
    assert dict(first.probabilities) == pytest.approx(dict(second.probabilities), abs=1e-6)  # rows of a batch round otherwise


@pytest.mark.parametrize("empty", ["", " \n", None, 3])
def test_an_empty_text_is_told(classifier, empty):
    with pytest.raises(DataError, match="the text is"):
        classifier.predict(empty)


def test_windows_longer_than_the_model_are_refused(tiny_classifier_model, wordpiece):
    with pytest.raises(WindowError, match="128 positions"):
        Classifier(tiny_classifier_model, wordpiece, WindowsConfig(length=256))


def test_a_diverged_model_is_told(classifier):
    with torch.no_grad():
        classifier.model.classifier.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        classifier.predict("France")
