import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.evaluation import exact_match, normalise_answer, token_f1, token_precision, token_recall
from spantune.evaluation.metrics import match

TEXT = st.lists(st.sampled_from(["a", "The", "an", "b", "B.", "c", "c,", "!", "-", "é", "7", ""]), max_size=6).map(
    " ".join
) | st.text(max_size=15)
REFERENCES = st.lists(TEXT, max_size=4)


def all_metrics(prediction: str, references: list[str]) -> tuple[float, ...]:
    return tuple(m(prediction, references) for m in (exact_match, token_f1, token_precision, token_recall))


def test_word_order_counts_for_exact_match_and_not_for_f1() -> None:
    prediction, references = "Paris is the capital of France", ["The capital of France is Paris"]
    assert exact_match(prediction, references) == 0.0
    assert token_f1(prediction, references) == 1.0


@pytest.mark.parametrize(
    ("prediction", "reference", "precision", "recall"),
    [
        ("in the city of Paris", "Paris", 1 / 4, 1.0),
        ("Paris", "in the city of Paris", 1.0, 1 / 4),
        ("New York New York", "New York", 1 / 2, 1.0),
        ("New York New York", "New York New Jersey", 3 / 4, 3 / 4),
        ("New New York", "New York City", 2 / 3, 2 / 3),
        ("London", "Paris", 0.0, 0.0),
        ("", "Paris", 0.0, 0.0),
    ],
)
def test_precision_and_recall_count_shared_words(prediction: str, reference: str, precision: float, recall: float) -> None:
    assert token_precision(prediction, [reference]) == pytest.approx(precision)
    assert token_recall(prediction, [reference]) == pytest.approx(recall)


def test_the_reference_with_the_highest_f1_gives_precision_and_recall() -> None:
    references = ["Normandy, a region in the north of France", "Normandy region", "Rollo"]
    assert token_f1("Normandy", references) == pytest.approx(2 / 3)
    assert token_precision("Normandy", references) == 1.0
    assert token_recall("Normandy", references) == 0.5


def test_of_references_with_equal_f1_the_more_precise_counts() -> None:
    assert all_metrics("x y", ["x", "x y z w"]) == all_metrics("x y", ["x y z w", "x"])
    assert token_precision("x y", ["x", "x y z w"]) == 1.0


@pytest.mark.parametrize(("prediction", "score"), [("", 1.0), ("  ", 1.0), ("Paris", 0.0)])
@pytest.mark.parametrize("references", [[], [""]])
def test_a_question_without_answer_wants_an_empty_prediction(prediction: str, score: float, references: list[str]) -> None:
    """Previously (in others' scorers) an impossible question, with no reference to take the maximum over, crashed."""
    assert all_metrics(prediction, references) == (score,) * 4


@pytest.mark.parametrize(
    ("prediction", "references", "score"),
    [
        ("A", ["A"], 1.0),
        ("a.", ["A"], 1.0),
        ("The", ["A"], 0.0),
        ("", ["A"], 0.0),
        ("Paris", ["A"], 0.0),
        ("vitamin A", ["A"], 0.0),
        ("A", ["A", "vitamin A"], 1.0),
        ("!!!", ["A"], 0.0),
        ("!!!", ["!!!"], 1.0),
        ("?", ["!"], 0.0),
        ("The", [], 1.0),
    ],
)
def test_gold_a_is_matched_by_a_only(prediction: str, references: list[str], score: float) -> None:
    """Previously (in others' scorers) gold "A" became "", and then "The", "!!!" and no answer at all scored 1.0."""
    assert all_metrics(prediction, references) == (score,) * 4


def test_a_blank_reference_beside_others_is_passed_over() -> None:
    assert all_metrics("", ["", "Paris"]) == (0.0,) * 4
    assert all_metrics("Paris", ["", "Paris"]) == (1.0,) * 4


def test_long_answers_full_of_repeated_words_are_counted_exactly() -> None:
    assert token_f1("x " * 30_000 + "y", ["x " * 10_000 + "z"]) == pytest.approx(2 * 10_000 / (30_001 + 10_001))


@given(TEXT, REFERENCES)
def test_scores_lie_between_exact_match_and_one(prediction: str, references: list[str]) -> None:
    em, f1, precision, recall = all_metrics(prediction, references)
    assert em in (0.0, 1.0)
    assert 0.0 <= em <= f1 <= 1.0
    assert min(precision, recall) - 1e-12 <= f1 <= max(precision, recall) + 1e-12


@given(TEXT, REFERENCES, st.randoms(use_true_random=False))
def test_the_order_of_references_does_not_matter(prediction: str, references: list[str], rng: random.Random) -> None:
    shuffled = rng.sample(references, len(references))
    assert all_metrics(prediction, references) == all_metrics(prediction, shuffled)


@given(TEXT, REFERENCES, TEXT)
def test_one_more_reference_never_lowers_a_score(prediction: str, references: list[str], more: str) -> None:
    # Without text in the references the question has no answer, and one more turns it into another question.
    if any(reference.strip() for reference in references):
        assert exact_match(prediction, references) <= exact_match(prediction, [*references, more])
        assert token_f1(prediction, references) <= token_f1(prediction, [*references, more])


@given(st.text(max_size=30).filter(str.strip), REFERENCES)
def test_an_identical_answer_scores_one(text: str, references: list[str]) -> None:
    assert all_metrics(text, [*references, text]) == (1.0,) * 4


@given(TEXT, TEXT)
def test_precision_of_one_side_is_recall_of_the_other(one: str, other: str) -> None:
    # Only an empty reference is no mirror image: it stands for "no answer", which "The" also gives.
    if one.strip() and other.strip():
        assert token_precision(one, [other]) == token_recall(other, [one])
        assert token_f1(one, [other]) == token_f1(other, [one])


@given(TEXT, REFERENCES)
def test_case_is_ignored(prediction: str, references: list[str]) -> None:
    assert all_metrics(prediction, references) == all_metrics(prediction.lower(), references)


@given(st.text(alphabet=" .-_aAnNtThHeE4é\u0307İ", max_size=12))
def test_a_quoted_answer_scores_one_whatever_is_looked_at(text: str) -> None:
    """Most quoted answers are not normalised at all; what decides so may never let one through that normalises to nothing."""
    scored = match(text, [text, "elsewhere"])
    assert (scored.f1, scored.exact_match) == ((1.0, 1.0) if text.strip() else (0.0, 0.0))
    assert scored.guarded == (bool(text.strip()) and not normalise_answer(text))
