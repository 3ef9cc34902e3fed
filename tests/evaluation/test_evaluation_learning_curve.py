"""Learning curves: what more labels would give, how sure that is, and what to do."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.errors import EvaluationError
from spantune.evaluation import LearningCurve, Point, doubling, paired_gain


def curve_of(law, sizes=(16, 32, 64, 128, 256), seeds=3, noise=0.0, untuned=None):
    draw = np.random.default_rng(1)
    points = [Point(n, seed, float(law(n) + noise * draw.standard_normal())) for n in sizes for seed in range(seeds)]
    return LearningCurve(tuple(points), untuned)


def steep(n):
    return 80 - 120 * n**-0.5


def flat(n):
    return 70.0 + 0 * n


def test_a_law_is_found_again_and_its_estimate_is_that_of_the_law():
    curve = curve_of(steep)
    assert curve.estimate(200).gain == pytest.approx(steep(456) - steep(256), abs=0.2)
    assert curve.at(np.array([16.0, 256.0])) == pytest.approx([steep(16), steep(256)], abs=0.2)
    assert curve.advice()[0] == "label more"


def test_what_is_flat_says_stop():
    advice, why = curve_of(flat, noise=0.3).advice()
    assert advice == "stop labelling"
    assert "200 more labels" in why


def test_more_noise_is_a_wider_range():
    widths = []
    for noise in (0.3, 3.0):
        estimate = curve_of(steep, noise=noise).estimate(200)
        assert estimate.low <= estimate.gain <= estimate.high
        widths.append(estimate.high - estimate.low)
    assert widths[0] < widths[1]


def test_the_range_holds_the_truth_about_nine_times_in_ten():
    draw, held = np.random.default_rng(5), 0
    for _ in range(40):
        top, fall, power, noise = draw.uniform(55, 85), draw.uniform(30, 80), draw.choice([0.2, 0.4, 0.7]), draw.uniform(0.5, 2)
        points = [
            Point(n, seed, top - fall * n**-power + noise * draw.standard_normal())
            for n in (16, 32, 64, 128, 256)
            for seed in range(3)
        ]
        estimate = LearningCurve(tuple(points), None).estimate(200)
        held += estimate.low <= fall * (256**-power - 456**-power) <= estimate.high
    assert held >= 32


@pytest.mark.parametrize(
    ("untuned", "sizes", "advice"),
    [
        (79.0, (16, 32, 64), "retrieve or prompt instead"),
        (20.0, (8,), "retrieve or prompt instead"),
        (20.0, (64,), "label more"),
        (72.0, (32, 64), "retrieve or prompt instead"),
    ],
)
def test_where_the_untuned_model_is_as_good_or_labels_are_few_other_ways_are_named(untuned, sizes, advice):
    assert curve_of(steep, sizes=sizes, untuned=untuned).advice()[0] == advice


def test_one_size_says_nothing_of_more():
    estimate = curve_of(steep, sizes=(64,)).estimate(200)
    assert np.isnan(estimate.gain)
    assert (estimate.low, estimate.high) == (-np.inf, np.inf)


def test_previously_a_few_points_were_taken_for_certain():
    """Previously as many sizes as the law has numbers, one training each, had no error at all, and a range without width."""
    curve = curve_of(steep, sizes=(16, 64), seeds=1, untuned=20.0)
    assert not curve.is_known
    assert curve.estimate().high == np.inf
    assert "too little" in curve.advice()[1]


def test_previously_what_two_sizes_promise_lay_outside_of_its_range():
    """Previously the steepest law was taken for certain, since all of them fit two sizes: 14.9 points (2.9 to 14.3)."""
    points = [Point(16, 0, 41.6), Point(16, 1, 37.9), Point(32, 0, 48.8), Point(32, 1, 44.3)]
    estimate = LearningCurve(tuple(points), untuned=43.9).estimate(200)
    assert estimate.low < estimate.gain < estimate.high
    assert estimate.gain < 12 < estimate.high


def test_few_labels_are_luck_however_good_they_look():
    why = curve_of(lambda n: 72.0, sizes=(15,), untuned=40.0).advice()[1]
    assert "mostly luck" in why
    assert "no clear gain" not in why


def test_what_is_worth_it_depends_on_the_number_of_labels():
    curve = curve_of(steep)
    assert curve.estimate(50).gain < 1.0
    assert curve.advice(50)[0] == "label more"


def test_one_training_each_has_no_spread_but_an_error_from_what_the_fit_leaves():
    curve = curve_of(steep, seeds=1, noise=2.0)
    assert set(curve.spreads.values()) == {None}
    assert curve.error > 0


@given(st.lists(st.floats(0, 100), min_size=2, max_size=6))
def test_no_promise_beyond_a_hundred_and_none_of_harm(scores):
    points = [Point(16 * 2**at, 0, score) for at, score in enumerate(scores)]
    fitted = LearningCurve(tuple(points), None).at(np.geomspace(16, 1e6, 50))
    assert fitted.max() <= 100 + 1e-9
    assert (np.diff(fitted) >= -1e-9).all()


def test_a_curve_needs_a_point():
    with pytest.raises(EvaluationError, match="without a point"):
        LearningCurve((), 50.0)


@given(st.integers(2, 5000))
def test_sizes_double_up_to_all_there_are(most):
    sizes = list(doubling(most))
    assert sizes[-1] == most
    assert sizes == sorted(set(sizes))
    assert all(later == 2 * earlier for earlier, later in pairwise(sizes[:-1]))


def test_gains_are_those_of_the_same_questions_in_the_same_order():
    with pytest.raises(EvaluationError, match="different questions"):
        paired_gain([_row("a", 0.0)], [_row("b", 0.0)])
    with pytest.raises(EvaluationError, match="1 and 0 scores"):
        paired_gain([_row("a", 0.0)], [])


def _row(name, f1):
    from spantune.evaluation import QuestionScore

    return QuestionScore(name, "", (), 0.0, f1, 0.0, 0.0)
