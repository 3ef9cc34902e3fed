"""The verdict: every rule speaks beyond its boundary, is silent before it, and says what to do in numbers that are right."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.evaluation.analysis import Evidence, verdict_on
from spantune.evaluation.uncertainty import Interval, Mean
from spantune.evaluation.uncertainty.comparing import Difference


def mean(percent, half=2.0, *, count=1000, error=None):
    """A mean in percent, known to half an interval; None for one of a single group."""
    value = percent / 100
    if half is None:
        return Mean(value, count, 1.0, None, None)
    return Mean(value, count, 90.0, Interval(value - half / 100, value + half / 100), half / 196 if error is None else error)


def evidence(em=75, f1=85, half=2.0, *, count=1000, **more):
    return Evidence(mean(em, half, count=count), mean(f1, half, count=count), **more)


def rules(known):
    return [one.rule for one in verdict_on(known).remarks]


def remark(known, rule):
    (one,) = [one for one in verdict_on(known).remarks if one.rule == rule]
    return one


def gain(low, high, value=None, detectable=0.03):
    return Difference((low + high) / 2 if value is None else value, Interval(low, high), 0.01, detectable)


# -- the grade


@pytest.mark.parametrize(
    ("em", "f1", "grade"),
    [
        (70.1, 80.1, "good"),
        (70.0, 80.1, "fair"),
        (70.1, 80.0, "fair"),
        (70.0, 80.0, "fair"),
        (100.0, 100.0, "good"),
        (40.0, 50.0, "fair"),
        (39.9, 50.0, "poor"),
        (40.0, 49.9, "poor"),
        (39.9, 85.0, "poor"),
        (0.0, 0.0, "poor"),
    ],
)
def test_the_grade(em, f1, grade):
    verdict = verdict_on(evidence(em, f1))
    first = verdict.remarks[0]
    assert (verdict.grade, first.rule, first.alarming) == (grade, "grade", grade == "poor")
    assert first.sentence.startswith(f"{grade}: ")
    assert f"EM {em:.1f} ({em - 2:.1f} to {em + 2:.1f}), F1 {f1:.1f} ({f1 - 2:.1f} to {f1 + 2:.1f})" in first.sentence


def test_a_good_model_of_which_enough_is_known_has_nothing_else_to_say():
    assert rules(evidence()) == ["grade"]


# -- the wording


@pytest.mark.parametrize(("em", "f1", "fires"), [(70, 85, True), (70, 84.9, False), (45, 60.1, True), (85, 85, False)])
def test_f1_far_above_em_is_a_matter_of_wording(em, f1, fires):
    assert ("wording" in rules(evidence(em, f1))) is fires


def test_the_wording_is_no_alarm_and_says_how_far_apart():
    one = remark(evidence(50, 72), "wording")
    assert not one.alarming
    assert one.sentence.startswith("F1 is 22 points above EM")


# -- against the untuned model


@pytest.mark.parametrize(
    ("found", "rule", "alarming"),
    [
        (gain(0.01, 0.09), "better", False),
        (gain(-0.09, -0.01), "worse", True),
        (gain(-0.01, 0.09), "not better", True),
        (gain(0.0, 0.09), "not better", True),
        (gain(-0.09, 0.0), "not better", True),
        (Difference(0.3, None, None, None), "not better", True),
    ],
)
def test_better_worse_or_not_distinguishable(found, rule, alarming):
    known = evidence(gain=found)
    assert rules(known) == ["grade", rule]
    assert remark(known, rule).alarming is alarming
    assert verdict_on(known).better is (rule == "better")


def test_without_an_untuned_model_nothing_is_better():
    assert not verdict_on(evidence()).better


def test_what_a_gain_says():
    assert "+5.0 points (1.0 to 9.0)" in remark(evidence(gain=gain(0.01, 0.09)), "better").sentence
    worse = remark(evidence(gain=gain(-0.09, -0.01)), "worse").sentence
    assert "-5.0 points (-9.0 to -1.0)" in worse
    assert worse.endswith("Use the untuned model")
    unknown = remark(evidence(gain=gain(-0.01, 0.03, detectable=0.042)), "not better").sentence
    assert "+1.0 points (-1.0 to 3.0); a true difference below 4.2 would mostly go unseen" in unknown
    assert "unseen" not in remark(evidence(gain=Difference(0.3, None, None, None)), "not better").sentence


# -- training


@pytest.mark.parametrize(
    ("trained", "held", "half", "rule"),
    [
        (98.0, 85.0, 1.0, "overfitting"),  # 13 less 1.4 is above 10
        (96.0, 85.0, 1.0, None),  # 11 less 1.4 is not
        (98.0, 85.0, 3.0, None),  # 13 less 4.2 is not: too little is known
        (95.0, 85.0, 0.0, None),  # 10 is not above 10
        (95.1, 85.0, 0.0, "overfitting"),
        (59.9, 55.0, 2.0, "underfitting"),
        (60.0, 55.0, 2.0, None),
        (59.0, 49.5, 0.0, "underfitting"),
        (59.0, 48.0, 2.0, None),  # apart, and not surely so: neither
        (55.0, 62.0, 2.0, "underfitting"),
        (59.0, 45.0, 1.0, "overfitting"),
    ],
)
def test_overfitting_and_underfitting(trained, held, half, rule):
    known = evidence(held - 10, held, half, trained_on=mean(trained, half))
    fired = [one for one in rules(known) if one.endswith("fitting")]
    assert fired == ([rule] if rule else [])
    if rule:
        one = remark(known, rule)
        assert one.alarming
        assert f"F1 {trained:.1f} on the training data, {held:.1f} on held-out data" in one.sentence


def test_the_gap_of_overfitting_has_its_own_interval():
    sentence = remark(evidence(60, 70, 3.0, trained_on=mean(95, 4.0)), "overfitting").sentence
    assert "a gap of 25.0 ± 5.0 points" in sentence


@pytest.mark.parametrize(("half", "trained"), [(None, mean(99)), (2.0, mean(99, None)), (2.0, None)])
def test_of_fitting_nothing_is_said_where_nothing_is_known(half, trained):
    assert not [one for one in rules(evidence(60, 70, half, trained_on=trained)) if one.endswith("fitting")]


# -- leakage


@pytest.mark.parametrize(
    ("touched", "alarming"), [(0, None), (1, False), (10, False), (11, True), (1000, True)], ids=lambda value: str(value)
)
def test_leakage_is_always_told_and_an_alarm_beyond_one_in_a_hundred(touched, alarming):
    known = evidence(touched=touched)
    if alarming is None:
        assert rules(known) == ["grade"]
        return
    one = remark(known, "leakage")
    assert one.alarming is alarming
    assert f"{touched:,} of 1,000 (" in one.sentence
    assert "without them" not in one.sentence


def test_leakage_says_what_the_score_is_without():
    assert remark(evidence(touched=30, without_touched=71.25), "leakage").sentence.endswith("; without them F1 is 71.2")


# -- forgetting


@pytest.mark.parametrize(
    ("before", "after", "fires"), [(80.0, 78.5, False), (80.0, 78.25, True), (80.0, 80.0, False), (70.0, 85.0, False)]
)
def test_forgetting(before, after, fires):
    known = evidence(general=(before, after))
    assert ("forgetting" in rules(known)) is fires
    if fires:
        assert remark(known, "forgetting").alarming
        assert f"fell from {before:.1f} to {after:.1f}" in remark(known, "forgetting").sentence


# -- too few


@pytest.mark.parametrize(("half", "fires"), [(4.99, False), (5.01, True), (20.0, True), (0.1, False)])
def test_too_few(half, fires):
    assert ("too few" in rules(evidence(half=half))) is fires


@pytest.mark.parametrize(
    ("half", "count", "groups", "questions", "needed"),
    [
        (10.1, 99, 39, "410", "160"),  # twice as wide asks for four times as many
        (7.5, 100, 41, "230", "93"),
        (13.0, 1001, 303, "6,770", "2,049"),
        (31.0, 2, 2, "80", "77"),
    ],
)
def test_how_many_would_be_enough(half, count, groups, questions, needed):
    known = evidence(half=half, count=count, groups=groups, grouped_by="by ticket")
    one = remark(known, "too few")
    assert one.alarming
    assert f"± {half:.1f} points only" in one.sentence
    assert one.sentence.endswith(f"About {questions} questions in {needed} groups (by ticket) would make it ± 5")


def test_of_one_context_nothing_is_known_about_others():
    one = remark(evidence(half=None, count=12), "too few")
    assert one.alarming
    assert "12 questions about one context alone" in one.sentence


def test_groups_of_which_one_has_nearly_all_questions_are_not_called_one_context():
    """Previously 138 questions in five documents, 113 of them in one, were said to be about one context alone."""
    one = remark(evidence(half=None, count=138, groups=5, grouped_by="by document"), "too few")
    assert "138 questions in 5 groups (by document), most of them in one of these, so that next to nothing" in one.sentence


# -- the whole


EVERYTHING = evidence(
    41,
    60,
    7.0,
    gain=gain(-0.09, -0.01),
    trained_on=mean(99, 1.0),
    touched=40,
    without_touched=55.0,
    general=(80.0, 60.0),
    groups=40,
)


def test_alarming_remarks_come_first_after_the_grade():
    found = verdict_on(EVERYTHING).remarks
    assert [one.rule for one in found] == ["grade", "worse", "leakage", "overfitting", "forgetting", "too few", "wording"]
    assert [one.alarming for one in found] == [False, True, True, True, True, True, False]
    mild = verdict_on(evidence(60, 80, gain=gain(0.01, 0.02), touched=1, general=(80.0, 70.0))).remarks
    assert [one.rule for one in mild] == ["grade", "forgetting", "better", "leakage", "wording"]


def test_the_verdict_as_json():
    for known in (EVERYTHING, evidence(), evidence(half=None), evidence(gain=Difference(0.1, None, None, None))):
        verdict = verdict_on(known)
        told = json.loads(json.dumps(verdict.as_dict(), allow_nan=False))
        assert told["grade"] == verdict.grade
        assert told["better"] is verdict.better
        assert [one["rule"] for one in told["remarks"]] == [one.rule for one in verdict.remarks]
        assert all(one.keys() == {"rule", "alarming", "sentence"} and one["sentence"] for one in told["remarks"])


percents = st.floats(0, 100)
means = st.builds(mean, percents, st.none() | st.floats(0, 50), count=st.integers(1, 10**6))
gains = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1)).map(
    lambda drawn: gain(*sorted(drawn[:2]), detectable=drawn[2])
)


@given(
    means,
    means,
    st.none() | gains,
    st.none() | means,
    st.none() | st.tuples(percents, percents),
    st.none() | percents,
    st.integers(1, 10**6),
    st.data(),
)
def test_whatever_is_known_the_verdict_is_plain_text(em, f1, found, trained, general, without, groups, data):
    touched = data.draw(st.integers(0, f1.count))
    verdict = verdict_on(Evidence(em, f1, found, trained, touched, without, general, "by document", groups))
    assert verdict.remarks[0].rule == "grade"
    rest = [one.alarming for one in verdict.remarks[1:]]
    assert rest == sorted(rest, reverse=True)
    assert len({one.rule for one in verdict.remarks}) == len(verdict.remarks)
    assert len({"better", "worse", "not better"} & {one.rule for one in verdict.remarks}) == (found is not None)
    for one in verdict.remarks:
        assert not re.search(r"\bnan\b|\binf\b|None", one.sentence)
    json.dumps(verdict.as_dict(), allow_nan=False)
