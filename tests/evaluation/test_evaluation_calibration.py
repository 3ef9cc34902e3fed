"""Calibration: what a reader's probabilities are worth, and what can be made of them."""

import random
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.confidence import from_log_odds, log_odds
from spantune.errors import EvaluationError
from spantune.evaluation.calibration import (
    FEWEST,
    METHODS,
    Expected,
    Selection,
    expected_for,
    fit_calibration,
    fit_curve,
    reliability,
    selection_for,
    selective,
)


def numbered(count, each=1):
    return [f"document {number // each}" for number in range(count)]


def drawn(count, seed, truth=np.square):
    """Probabilities, and answers that are right as often as `truth` says."""
    rng = np.random.default_rng(seed)
    said = rng.random(count)
    return said.tolist(), (rng.random(count) < truth(said)).tolist()


def fitted_to(said, right, groups=None, answered=None):
    return fit_calibration(said, right, answered or [True] * len(said), groups or numbered(len(said)))


def test_overconfident_probabilities_become_true_ones_on_fresh_answers():
    said, right = drawn(1000, seed=1)
    curve = fitted_to(said, right).calibration.answer
    fresh, truth = drawn(2000, seed=2)
    before, after = reliability(fresh, truth), reliability([curve(one) for one in fresh], truth)
    assert before.ece > 0.1
    assert after.ece <= 0.05
    assert after.brier < before.brier
    assert curve.questions == 1000


def test_a_curve_that_no_straight_line_fits_is_found_as_well():
    said, right = drawn(3000, seed=3, truth=lambda p: np.where(p < 0.5, 0.2, 0.8))
    fitted = fitted_to(said, right)
    assert fitted.calibration.answer.method == "isotonic"
    fresh, truth = drawn(2000, seed=4, truth=lambda p: np.where(p < 0.5, 0.2, 0.8))
    assert reliability([fitted.calibration.answer(one) for one in fresh], truth).ece <= 0.05


def test_cross_fitted_confidences_fit_the_answers_they_were_made_for():
    said, right = drawn(1000, seed=5)
    fitted = fitted_to(said, right, numbered(1000, each=4))
    assert all(0 <= one <= 1 for one in fitted.cross_fitted)
    assert reliability(fitted.cross_fitted, right).ece <= 0.05


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_steps_never_say_always_or_never(right):
    """Not even beyond the ends of what they were fitted to, and not where all of a step were right."""
    curve = fit_curve(np.linspace(-3, 3, 60), np.array([right] * 60), "isotonic")
    assert [curve(0.0), curve(0.5), curve(1.0)] == pytest.approx([(60 * right + 0.5) / 61] * 3)


@pytest.mark.parametrize("method", METHODS)
@given(rows=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40))
@settings(max_examples=40)
def test_whatever_it_is_fitted_to_a_curve_is_a_probability_that_never_falls(method, rows):
    x = np.array([log_odds(probability) for probability, _ in rows])
    y = np.array([float(right) for _, right in rows])
    curve = fit_curve(x, y, method)
    assert (curve.method, curve.questions) == (method, len(rows))
    confidences = [curve(probability) for probability in np.linspace(0, 1, 41).tolist()]
    assert all(np.isfinite(confidences))
    assert min(confidences) >= 0
    assert max(confidences) <= 1
    assert (np.diff(confidences) >= -1e-12).all()


@pytest.mark.parametrize("method", [pytest.param("temperature"), "isotonic"])
def test_where_surer_answers_are_worse_all_get_nearly_the_same(method):
    said, right = drawn(400, seed=6, truth=lambda p: 1 - p)
    curve = fit_curve(np.array([log_odds(one) for one in said]), np.array(right, dtype=float), method)
    share = sum(right) / len(right)
    assert [curve(one) for one in (0.1, 0.5, 0.9)] == pytest.approx([share] * 3, abs=0.06)


def test_probabilities_that_are_true_are_left_alone():
    said, right = drawn(2000, seed=7, truth=lambda p: p)
    curve = fitted_to(said, right).calibration.answer
    assert [curve(one) for one in (0.1, 0.3, 0.5, 0.7, 0.9)] == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9], abs=0.06)


@pytest.mark.parametrize(("middle", "spread"), [(2.0, 1.0), (5.0, 1.0), (8.0, 3.0), (0.0, 3.0)])
def test_a_reader_that_is_always_sure_gets_a_straight_line_too(middle, spread):
    """Right answers follow a line in log-odds, as `temperature` supposes; most readers give probabilities near 1."""
    rng = np.random.default_rng(8)
    x = rng.normal(middle, spread, 600)
    truth = 1 / (1 + np.exp(-(0.3 * (x - middle) + 0.4)))
    y = (rng.random(600) < truth).astype(float)
    curve = fit_curve(x, y, "temperature")
    at = middle + np.array([-spread, 0.0, spread])
    expected = 1 / (1 + np.exp(-(0.3 * (at - middle) + 0.4)))
    assert [curve(from_log_odds(one)) for one in at.tolist()] == pytest.approx(expected.tolist(), abs=0.1)


def test_a_reader_that_is_always_sure_is_calibrated_all_the_same():
    rng = np.random.default_rng(8)
    x = rng.normal(6, 2, 3000)
    right = (rng.random(3000) < 1 / (1 + np.exp(-(0.5 * (x - 6) + 0.4)))).tolist()
    said = [from_log_odds(one) for one in x.tolist()]
    curve = fitted_to(said[:1000], right[:1000]).calibration.answer
    assert reliability([curve(one) for one in said[1000:]], right[1000:]).ece <= 0.07


@pytest.mark.parametrize(
    "method",
    [
        "temperature",
        pytest.param("isotonic"),
    ],
)
def test_the_order_of_the_answers_does_not_change_the_curve(method):
    said, right = drawn(200, seed=9)
    rows = [(round(probability, 1), float(label)) for probability, label in zip(said, right, strict=True)]
    curves = []
    for order in (rows, sorted(rows), random.Random(1).sample(rows, len(rows))):
        curves.append(fit_curve(np.array([log_odds(one) for one, _ in order]), np.array([label for _, label in order]), method))
    for curve in curves[1:]:
        assert [curve(one / 10) for one in range(11)] == pytest.approx([curves[0](one / 10) for one in range(11)], abs=1e-6)


def test_answers_of_one_probability_get_their_share_of_right_ones():
    x = np.full(100, log_odds(0.9))
    for right in ([0.0] * 50 + [1.0] * 50, [1.0] * 50 + [0.0] * 50):
        assert fit_curve(x, np.array(right), "isotonic")(0.9) == pytest.approx(0.5, abs=0.02)


def test_too_few_answers_get_no_curve_and_no_confidence():
    said, right = drawn(FEWEST, seed=10)
    right[0], right[1] = True, False
    assert fitted_to(said, right).calibration.answer is not None
    fewer = fitted_to(said[:-1], right[:-1])
    assert (fewer.calibration.answer, fewer.calibration.none) == (None, None)
    assert set(fewer.cross_fitted) == {None}


@pytest.mark.parametrize("right", [True, False])
def test_always_or_never_right_gets_no_curve(right):
    said, _ = drawn(200, seed=11)
    fitted = fitted_to(said, [right] * 200)
    assert fitted.calibration.answer is None
    assert set(fitted.cross_fitted) == {None}


def test_answers_and_no_answers_are_fitted_apart():
    said, right = drawn(400, seed=12)
    often, other = drawn(400, seed=13, truth=np.sqrt)
    answered = [True, False] * 400
    mixed = [one for pair in zip(said, often, strict=True) for one in pair]
    truth = [one for pair in zip(right, other, strict=True) for one in pair]
    both = fitted_to(mixed, truth, answered=answered)
    assert both.calibration.answer(0.5) == pytest.approx(0.25, abs=0.08)
    assert both.calibration.none(0.5) == pytest.approx(0.71, abs=0.08)
    assert None not in both.cross_fitted
    few = fitted_to(mixed[:420], truth[:420], answered=[True] * 400 + [False] * 20)
    assert few.calibration.none is None
    assert [one is None for one in few.cross_fitted] == [False] * 400 + [True] * 20


def test_the_confidence_of_a_group_does_not_come_from_its_own_answers():
    """What a group answered changes others' confidences, never its own: in a clear case, so that all fits take one method."""
    said, right = drawn(1000, seed=14, truth=lambda p: np.where(p < 0.5, 0.1, 0.9))
    groups = numbered(1000, each=5)
    before = fitted_to(said, right, groups)
    for own in ("document 3", "document 77", "document 150"):
        turned = [not label if group == own else label for label, group in zip(right, groups, strict=True)]
        after = fitted_to(said, turned, groups)
        assert after.calibration.answer.method == before.calibration.answer.method
        pairs = list(zip(groups, before.cross_fitted, after.cross_fitted, strict=True))
        assert all(one == other for group, one, other in pairs if group == own)
        assert any(one != other for group, one, other in pairs if group != own)


def test_where_there_is_no_other_group_there_is_no_cross_fitted_confidence():
    said, right = drawn(100, seed=15)
    alone, turned = (fitted_to(said, labels, ["only"] * 100) for labels in (right, [not label for label in right]))
    assert alone.cross_fitted == turned.cross_fitted


def test_the_order_of_questions_does_not_change_what_is_fitted():
    said, right = drawn(500, seed=16)
    groups = numbered(500, each=5)
    order = random.Random(2).sample(range(500), 500)
    one = fitted_to(said, right, groups)
    other = fitted_to([said[at] for at in order], [right[at] for at in order], [groups[at] for at in order])
    assert [one.calibration.answer(p / 10) for p in range(11)] == pytest.approx(
        [other.calibration.answer(p / 10) for p in range(11)], abs=1e-6
    )
    assert [one.cross_fitted[at] for at in order] == pytest.approx(list(other.cross_fitted), abs=1e-6)


def test_columns_of_numpy_are_columns_like_others():
    said, right = drawn(100, seed=17)
    found = fit_calibration(np.array(said), np.array(right), np.ones(100, dtype=bool), numbered(100))
    assert found.calibration.answer is not None


def test_the_error_of_perfect_confidences_is_that_of_chance():
    said, right = drawn(1000, seed=18, truth=lambda p: p)
    found = reliability(said, right)
    assert found.ece == pytest.approx(found.chance, abs=0.02)
    assert found.count == 1000
    assert found.brier == pytest.approx(1 / 6, abs=0.03)
    assert reliability(said, right, seed=1).ece == found.ece


def test_more_answers_leave_less_to_chance_and_wrong_confidences_are_beyond_it():
    few, many = (reliability(*drawn(count, seed=19, truth=lambda p: p)).chance for count in (100, 10_000))
    assert many < few / 5
    found = reliability(*drawn(1000, seed=20))
    assert found.ece > 3 * found.chance
    assert found.ece == pytest.approx(1 / 6, abs=0.03)


def test_bins_have_all_answers_and_empty_ones_are_left_out():
    found = reliability([0.0, 0.05, 0.1, 0.95, 1.0], [False, True, True, True, False])
    assert [(one.count, one.confidence, one.right) for one in found.bins] == [
        (2, pytest.approx(0.025), 0.5),
        (1, pytest.approx(0.1), 1.0),
        (2, pytest.approx(0.975), 0.5),
    ]
    assert found.ece == pytest.approx((2 * 0.475 + 0.9 + 2 * 0.475) / 5)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
@settings(max_examples=30)
def test_the_error_is_the_mean_distance_over_bins(rows):
    said, right = zip(*rows, strict=True)
    found = reliability(said, right)
    assert sum(one.count for one in found.bins) == found.count == len(rows)
    assert found.ece == pytest.approx(sum(one.count * abs(one.confidence - one.right) for one in found.bins) / len(rows))
    assert 0 <= found.ece <= 1
    assert 0 <= found.brier <= 1


@pytest.mark.parametrize(
    ("said", "right"),
    [([], []), ([0.5], [True, False]), ([1.2], [True]), ([-0.1, 0.5], [True, False]), ([float("nan")], [True])],
)
def test_what_is_no_confidence_is_refused(said, right):
    with pytest.raises(EvaluationError) as raised:
        reliability(said, right)
    assert f"{len(said)} confidences for {len(right)} answers" in raised.value.found
    assert "between 0 and 1" in raised.value.expected


def test_an_order_that_informs_lies_between_the_best_and_a_blind_one():
    said, right = drawn(500, seed=21)
    found = selective(said, right)
    assert found.best < found.area < found.blind
    turned = selective([-one for one in said], right)
    assert turned.area > turned.blind
    assert (turned.best, turned.blind) == (found.best, found.blind)
    assert selective([0.3] * 500, right).area == pytest.approx(found.blind)


ANSWERS = st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.4001, 0.9, 1.0]), st.floats(0, 1)), min_size=1, max_size=20)


@given(ANSWERS, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_curve_of_risk_ends_at_all_answers_and_no_order_within_ties_counts(rows, rng):
    found = selective(*zip(*rows, strict=True))
    assert found.coverage[-1] == 1.0
    assert list(found.coverage) == sorted(found.coverage)
    assert found.risk[-1] == pytest.approx(found.blind, abs=1e-9)
    assert found.best <= found.area + 1e-9
    assert all(-1e-9 <= risk <= 1 + 1e-9 for risk in found.risk)
    other = selective(*zip(*rng.sample(rows, len(rows)), strict=True))
    assert other.area == pytest.approx(found.area, abs=1e-9)
    assert other.risk == pytest.approx(found.risk, abs=1e-9)


def test_many_answers_make_a_curve_of_few_points():
    found = selective(*drawn(5000, seed=22))
    assert 100 < len(found.coverage) == len(found.risk) <= 250


def test_a_wanted_precision_is_reached_with_as_many_answers_as_can_be():
    said, right = [0.9, 0.8, 0.7, 0.6, 0.5], [True, False, True, True, False]
    assert selection_for(1.0, said, right) == Selection(0.9, 0.2, 1.0)
    assert selection_for(0.75, said, right) == Selection(0.6, 0.8, 0.75)
    assert selection_for(0.1, said, right) == Selection(0.5, 1.0, 0.6)
    assert selection_for(0.75, said[::-1], right[::-1]) == Selection(0.6, 0.8, 0.75)


def test_answers_of_one_confidence_are_given_together_or_not_at_all():
    said, right = [0.9, 0.5, 0.5, 0.5], [True, True, False, False]
    assert selection_for(0.9, said, right) == Selection(0.9, 0.25, 1.0)
    assert selection_for(0.9, [0.5, 0.5], [True, False]) is None


def test_what_a_wanted_precision_is_expected_to_give_is_measured_where_it_was_not_chosen():
    """Previously the share of right answers was told of the very questions it was chosen on, where luck is on its side."""
    luck = random.Random(4)
    promised, kept, covered = [], [], []
    for _ in range(60):
        said = [luck.random() for _ in range(150)]
        right = [luck.random() < 0.5 + 0.3 * one for one in said]
        chosen = selection_for(0.8, said, right)
        expected = expected_for(0.8, said, right, [str(n) for n in range(150)])
        if chosen and expected.precision is not None:
            promised.append(chosen.precision)
            kept.append(expected.precision)
            truth = 0.5 + 0.3 * (1 + chosen.confidence) / 2
            covered.append(truth)
    mean = statistics.mean
    assert mean(promised) >= 0.8 > mean(covered) + 0.02  # what was chosen on promises more than it keeps
    assert abs(mean(kept) - mean(covered)) < abs(mean(promised) - mean(covered))


def test_nothing_is_expected_of_a_part_for_which_the_others_reach_no_precision():
    assert expected_for(0.9, [0.9, 0.5] * 20, [False] * 40, [str(n) for n in range(40)]) == Expected(0.0, None)
    assert expected_for(0.5, [0.9, 0.8], [True, True], ["one", "one"]) == Expected(0.0, None)


def test_a_precision_that_nothing_reaches_is_told_by_none():
    assert selection_for(0.5, [0.9, 0.8], [False, False]) is None
    assert selection_for(1.01, [0.9], [True]) is None


@given(st.floats(0, 1), st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.9, 1.0]), st.booleans()), min_size=1, max_size=15))
def test_what_is_promised_of_a_selection_is_what_it_gives(precision, rows):
    found = selection_for(precision, *zip(*rows, strict=True))
    reached = {}
    for level in {said for said, _ in rows}:
        given = [right for said, right in rows if said >= level]
        reached[level] = (len(given) / len(rows), sum(given) / len(given))
    fitting = [level for level, (_, share) in reached.items() if share >= precision]
    if fitting:
        assert found == Selection(min(fitting), *reached[min(fitting)])
    else:
        assert found is None


@pytest.mark.parametrize(("said", "right"), [([], []), ([0.5], []), ([0.5], [True, False])])
def test_without_an_answer_for_each_confidence_there_is_nothing_to_select(said, right):
    for call in (lambda: selective(said, right), lambda: selection_for(0.9, said, right)):
        with pytest.raises(EvaluationError) as raised:
            call()
        assert f"{len(said)} confidences and {len(right)} scores" in raised.value.found
