"""From a probability to a confidence: a map that never falls, and that a run can keep."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from spantune.confidence import Calibration, Curve, from_log_odds, log_odds


def rising(numbers):
    return st.lists(numbers, min_size=1, max_size=6, unique=True).flatmap(
        lambda at: st.lists(numbers, min_size=len(at), max_size=len(at)).map(
            lambda to: tuple(zip(sorted(map(float, at)), sorted(map(float, to)), strict=True))
        )
    )


KNOTS = rising(st.floats(-16, 16))
CURVES = st.builds(Curve, st.sampled_from(["temperature", "isotonic"]), st.integers(30, 10_000), KNOTS)
PROBABILITIES = st.floats(0, 1)


@given(CURVES, PROBABILITIES, PROBABILITIES)
def test_a_better_answer_never_gets_less_confidence(curve, one, other):
    low, high = sorted((one, other))
    assert 0 <= curve(low) <= curve(high) + 1e-12
    assert curve(high) <= 1


@given(CURVES)
def test_beyond_its_ends_a_curve_is_flat(curve):
    (first, low), (last, high) = curve.knots[0], curve.knots[-1]
    if first > log_odds(0):
        assert curve(0.0) == pytest.approx(from_log_odds(low))
    if last < log_odds(1):
        assert curve(1.0) == pytest.approx(from_log_odds(high))


@given(rising(st.integers(-15, 15)))
def test_a_curve_goes_through_its_knots(knots):
    curve = Curve("isotonic", 100, knots)
    for at, to in knots:
        assert log_odds(curve(from_log_odds(at))) == pytest.approx(to, abs=1e-6)


def test_between_knots_log_odds_are_joined_by_straight_lines():
    curve = Curve("temperature", 100, ((-4.0, -1.0), (0.0, 0.0), (2.0, 4.0)))
    assert curve(from_log_odds(-2.0)) == pytest.approx(from_log_odds(-0.5))
    assert curve(from_log_odds(1.0)) == pytest.approx(from_log_odds(2.0))
    assert curve(0.5) == 0.5


def test_one_knot_is_the_same_confidence_for_all():
    curve = Curve("isotonic", 30, ((0.3, 1.2),))
    assert {curve(probability) for probability in (0.0, 0.2, 0.574, 0.9, 1.0)} == {from_log_odds(1.2)}


@given(st.floats(1e-7, 1 - 1e-7))
def test_log_odds_and_probability_are_inverse_to_each_other(probability):
    assert from_log_odds(log_odds(probability)) == pytest.approx(probability, rel=1e-6)


@given(st.floats(allow_nan=False))
def test_every_log_odds_is_a_probability(value):
    assert 0 <= from_log_odds(value) <= 1
    assert from_log_odds(-value) == pytest.approx(1 - from_log_odds(value))


def test_certainty_has_finite_log_odds():
    assert math.isfinite(log_odds(0.0))
    assert math.isfinite(log_odds(1.0))
    assert log_odds(0.0) == pytest.approx(-log_odds(1.0))


def test_answers_and_no_answers_have_curves_of_their_own():
    low, high = Curve("isotonic", 40, ((0.0, -1.0),)), Curve("temperature", 50, ((0.0, 1.0),))
    both = Calibration(low, high)
    assert both.confidence(0.5, answered=True) == from_log_odds(-1.0)
    assert both.confidence(0.5, answered=False) == from_log_odds(1.0)
    assert Calibration(None, high).confidence(0.5, answered=True) is None
    assert Calibration(low, None).confidence(0.5, answered=False) is None


@given(st.none() | CURVES, st.none() | CURVES)
@settings(max_examples=40)
def test_a_calibration_comes_back_from_json_as_it_was(answer, none):
    kept = Calibration(answer, none)
    adapter = TypeAdapter(Calibration)
    assert adapter.validate_json(adapter.dump_json(kept)) == kept
    assert adapter.validate_python(adapter.dump_python(kept, mode="json")) == kept


@pytest.mark.parametrize(
    "text", ["{}", '{"answer": 3, "none": null}', '{"answer": {"method": "isotonic"}, "none": null}', "[]"]
)
def test_damaged_json_is_no_calibration(text):
    with pytest.raises(ValidationError):
        TypeAdapter(Calibration).validate_json(text)
