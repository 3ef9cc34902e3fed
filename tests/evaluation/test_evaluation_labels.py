import json
import random
from dataclasses import dataclass

import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from spantune.data.records import TextExample
from spantune.errors import EvaluationError
from spantune.evaluation import Confusion, LabelScore, LabelScores, score_labels
from spantune.evaluation.label_means import label_means


@dataclass(frozen=True)
class Given:
    id: str
    label: str


def scored(gold: list[str], predicted: list[str]) -> LabelScores:
    texts = [TextExample(str(i), "text", label) for i, label in enumerate(gold)]
    return score_labels(texts, (Given(str(i), label) for i, label in enumerate(predicted)))


def test_accuracy_and_macro_f1_are_in_percent() -> None:
    scores = scored(["good", "good", "good", "bad"], ["good", "good", "bad", "bad"])
    assert scores.accuracy == 75.0
    assert scores.macro_f1 == pytest.approx(100 * (4 / 5 + 2 / 3) / 2)
    assert scores.per_label[0] == LabelScore("bad", precision=50.0, recall=100.0, f1=pytest.approx(200 / 3), support=1)


@pytest.mark.parametrize(("labels", "seed"), [(2, 1), (77, 2), (300, 3)])
def test_numbers_equal_those_of_scikit_learn(labels: int, seed: int) -> None:
    rng = random.Random(seed)
    gold = [f"label {rng.randrange(labels)}" for _ in range(600)]
    predicted = [label if rng.random() < 0.6 else f"label {rng.randrange(labels + 1)}" for label in gold]
    scores = scored(gold, predicted)

    assert scores.accuracy == pytest.approx(100 * accuracy_score(gold, predicted), abs=1e-9)
    assert scores.macro_f1 == pytest.approx(100 * f1_score(gold, predicted, average="macro", zero_division=0), abs=1e-9)
    columns = precision_recall_fscore_support(gold, predicted, zero_division=0)
    for score, precision, recall, f1, support in zip(scores.per_label, *columns, strict=True):
        assert [score.precision, score.recall, score.f1] == pytest.approx([100 * precision, 100 * recall, 100 * f1], abs=1e-9)
        assert score.support == support


def test_a_label_that_is_only_predicted_counts_in_the_mean() -> None:
    scores = scored(["good", "good"], ["good", "awful"])
    assert scores.macro_f1 == pytest.approx(100 * (2 / 3 + 0) / 2)
    assert scores.per_label[0] == LabelScore("awful", precision=0.0, recall=0.0, f1=0.0, support=0)


def test_the_most_frequent_confusions_come_first() -> None:
    scores = scored(list("aaabbc"), list("bbcaac"))
    assert scores.confusions == (Confusion("a", "b", 2), Confusion("b", "a", 2), Confusion("a", "c", 1))


def test_the_dict_is_json() -> None:
    numbers = scored(["good", "bad"], ["good", "good"]).as_dict()
    assert list(numbers) == ["count", "accuracy", "macro_f1", "per_label"]
    assert json.loads(json.dumps(numbers, allow_nan=False))["per_label"]["bad"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "support": 1,
    }


def test_texts_without_label_are_refused() -> None:
    with pytest.raises(EvaluationError, match="1 of 2 records have no label; the first is '2'"):
        score_labels([TextExample("1", "Fine.", "good"), TextExample("2", "Bad.")], [])


def test_predictions_of_other_texts_are_refused() -> None:
    with pytest.raises(EvaluationError, match="answer 1 is for '9', record 1 is '1'"):
        score_labels([TextExample("1", "Fine.", "good")], [Given("9", "good")])


def test_no_texts_are_an_error_and_not_nan() -> None:
    with pytest.raises(EvaluationError, match="0 records to score"):
        score_labels([], [])


@pytest.mark.parametrize("wrong", [0, 1])
def test_the_interval_of_macro_f1_is_no_narrower_than_that_of_accuracy(wrong: int) -> None:
    """Previously it went from 100 to 100 where all of twenty texts were right, and was too narrow where nearly all were."""
    texts = [TextExample(str(i), f"text {i}", "ab"[i % 2]) for i in range(20)]
    means, _ = label_means(texts, [Given(str(i), "ab"[i % 2] if i >= wrong else "b") for i in range(20)])
    accuracy, macro = means["accuracy"], means["macro_f1"]
    assert accuracy.interval is not None
    assert macro.interval is not None
    assert macro.value - macro.interval.low >= accuracy.value - accuracy.interval.low - 1e-12 > 0
    assert macro.error is not None
    assert accuracy.error is not None
    assert macro.error >= accuracy.error
