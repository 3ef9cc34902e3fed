import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.errors import EvaluationError
from spantune.evaluation import Threshold, best_threshold, likely_threshold


def f1_at(value: float, scores: list[float], f1: list[float], has_answer: list[bool]) -> float:
    """F1 in percent when the questions with a no-answer score of at most `value` are answered."""
    earned = [
        given if score <= value else float(not labelled) for score, given, labelled in zip(scores, f1, has_answer, strict=True)
    ]
    return 100 * math.fsum(earned) / len(scores)


def official_search(scores: list[float], f1: list[float], has_answer: list[bool]) -> tuple[float, float]:
    """The search of the SQuAD 2.0 script: answer one question more at a time, from the surest on."""
    best = total = float(has_answer.count(False))
    value = 0.0
    for i in sorted(range(len(scores)), key=scores.__getitem__):
        total += f1[i] - (not has_answer[i])
        if total > best:
            best, value = total, scores[i]
    return value, 100 * best / len(scores)


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_that_of_the_official_search(seed: int) -> None:
    rng = random.Random(seed)
    has_answer = [rng.random() < 0.5 for _ in range(2_000)]
    means = [0.4 if labelled else 0.6 for labelled in has_answer]
    # The tiny step keeps scores distinct: the official search is only right where none are equal.
    scores = [min(max(rng.gauss(mean, 0.2), 0.0), 1.0) + i * 1e-9 for i, mean in enumerate(means)]
    f1 = [rng.choice([0.0, 0.5, 2 / 3, 1.0, 1.0]) if labelled else 0.0 for labelled in has_answer]
    value, best = official_search(scores, f1, has_answer)
    threshold = best_threshold(scores, f1, has_answer)
    assert threshold.value == value
    assert threshold.f1 == pytest.approx(best, abs=1e-9)


QUESTIONS = st.lists(
    st.tuples(st.sampled_from([-2.5, 0.0, 0.5, 0.9, 7.0]), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans()),
    min_size=1,
    max_size=12,
).filter(lambda rows: len({row[0] for row in rows}) > 1)


@given(QUESTIONS)
def test_no_threshold_is_better_and_the_f1_told_is_the_f1_got(rows: list[tuple[float, float, bool]]) -> None:
    scores, f1, has_answer = (list(column) for column in zip(*rows, strict=True))
    threshold = best_threshold(scores, f1, has_answer)
    assert threshold.f1 == pytest.approx(f1_at(threshold.value, scores, f1, has_answer))
    everything = [f1_at(value, scores, f1, has_answer) for value in [-math.inf, *scores]]
    assert threshold.f1 == pytest.approx(max(everything))


def test_equal_scores_are_answered_together() -> None:
    """Previously (in the official script) the search could stop between two equal scores and promise their best F1."""
    assert best_threshold([0.0, 0.5, 0.5], [1.0, 1.0, 0.0], [True, True, False]) == Threshold(0.0, pytest.approx(200 / 3))


def test_never_answering_can_be_best_and_stays_below_in_single_precision() -> None:
    scores = [0.1, 0.3]
    threshold = best_threshold(scores, [0.0, 0.0], [False, True])
    assert threshold.f1 == 50.0
    assert math.isfinite(threshold.value)
    assert not (np.float32(scores) <= np.float32(threshold.value)).any()


def test_an_empty_answer_to_an_impossible_question_costs_nothing() -> None:
    assert best_threshold([0.1, 0.2], [1.0, 1.0], [False, True]).f1 == 100.0


def test_a_constant_no_answer_score_is_refused() -> None:
    """Previously (in run_qa.py) every no-answer probability was 0, so thresholds were never tuned and nobody was told."""
    with pytest.raises(EvaluationError, match="all 3 no-answer scores are 0") as raised:
        best_threshold([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [True, False, True])
    assert "placeholder" in raised.value.next_move


def test_one_kind_of_question_needs_no_spread_of_scores() -> None:
    assert best_threshold([0.3, 0.3], [1.0, 0.5], [True, True]) == Threshold(0.3, 75.0)


EXPECTED = st.sampled_from([-20.0, -5.5, 0.0, 0.7, 300.0])


@given(QUESTIONS, EXPECTED)
def test_the_f1_told_of_a_likely_threshold_is_the_f1_got(rows: list[tuple[float, float, bool]], expected: float) -> None:
    scores, f1, has_answer = (list(column) for column in zip(*rows, strict=True))
    threshold = likely_threshold(scores, f1, has_answer, expected)
    assert threshold.f1 == pytest.approx(f1_at(threshold.value, scores, f1, has_answer))
    assert threshold.f1 <= best_threshold(scores, f1, has_answer).f1 + 1e-9


@given(QUESTIONS, EXPECTED, st.sampled_from([-100.0, -1.0, 0.25, 64.0]))
def test_a_likely_threshold_moves_with_the_scale_of_the_scores(
    rows: list[tuple[float, float, bool]], expected: float, step: float
) -> None:
    scores, f1, has_answer = (list(column) for column in zip(*rows, strict=True))
    moved = likely_threshold([score + step for score in scores], f1, has_answer, expected + step)
    assert moved.value == pytest.approx(likely_threshold(scores, f1, has_answer, expected).value + step, abs=1e-6)


@given(EXPECTED)
def test_questions_that_tell_no_thresholds_apart_leave_the_expected_one(expected: float) -> None:
    threshold = likely_threshold([-3.0, 0.0, 2.0], [0.0, 0.0, 0.0], [True, True, True], expected)
    assert threshold.value == pytest.approx(expected)


@given(QUESTIONS, st.sampled_from([-20.0, 0.0, 300.0]))
def test_many_questions_leave_little_of_what_was_expected(rows: list[tuple[float, float, bool]], expected: float) -> None:
    scores, f1, has_answer = (list(column) * 400 for column in zip(*rows, strict=True))
    found = likely_threshold(scores, f1, has_answer, expected).f1
    assert found == pytest.approx(best_threshold(scores, f1, has_answer).f1)


def test_scores_of_a_model_that_diverges_leave_nothing_of_what_was_expected() -> None:
    scores, f1, has_answer = [1e20] * 4000 + [2e20] * 4000, [1.0] * 4000 + [0.0] * 4000, [True] * 4000 + [False] * 4000
    assert likely_threshold(scores, f1, has_answer) == best_threshold(scores, f1, has_answer) == Threshold(1e20, 100.0)


def test_a_few_questions_do_not_decide_alone() -> None:
    """Previously one question with an odd score moved the threshold of a training with 16 of them by 8."""
    scores = [-9.0, -8.0, -7.5, -7.0, -6.0, -2.0, -1.0, 1.0, 2.5]
    f1 = [1.0, 1.0, 0.0, 1.0, 0.5, 0.0, 0.0, 0.5, 1.0]
    has_answer = [True, True, True, True, True, False, True, True, True]
    assert best_threshold(scores, f1, has_answer).value == 2.5
    assert -5.5 < likely_threshold(scores, f1, has_answer, -5.5).value < -1.0


@pytest.mark.parametrize(
    ("scores", "f1", "has_answer", "found"),
    [
        ([], [], [], "no-answer scores of shape (0,)"),
        ([0.1, 0.2], [1.0], [True, False], "F1 of shape (1,)"),
        ([0.1, float("nan")], [1.0, 0.0], [True, False], "no-answer score nan at position 1"),
        ([0.1, 0.2], [100.0, 0.0], [True, False], "F1 from 0 to 100"),
        ([0.1, 0.2], [float("nan"), 0.0], [True, False], "F1 from nan to nan"),
    ],
)
def test_unusable_numbers_are_refused(scores: list[float], f1: list[float], has_answer: list[bool], found: str) -> None:
    for choose in (best_threshold, likely_threshold):
        with pytest.raises(EvaluationError) as raised:
            choose(scores, f1, has_answer)
        assert found in raised.value.found


@pytest.mark.parametrize("expected", [math.nan, math.inf])
def test_an_expected_threshold_that_is_no_number_is_refused(expected: float) -> None:
    with pytest.raises(EvaluationError, match=f"the expected threshold {expected}"):
        likely_threshold([0.1, 0.2], [1.0, 0.0], [True, False], expected)
