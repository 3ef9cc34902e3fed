"""`judge`: everything of some answers at once, and that its parts agree with each other and with the scores."""

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data import Example, Span
from spantune.errors import EvaluationError
from spantune.evaluation import Aliases, Known, Mean, Scoring, judge, score_answers
from spantune.evaluation.cases import Given
from spantune.evaluation.judging import FEWEST_CALIBRATED

PEOPLE = ("Ada Lovelace", "Charles Babbage", "Grace Hopper", "Alan Turing", "Emmy Noether")


def questions(count, unanswerable=0.2, seed=0):
    """Labelled questions, four a document."""
    draw, rows = random.Random(seed), []
    for n in range(count):
        one, other = draw.sample(PEOPLE, 2)
        context = f"Entry {n}: {one} met {other} that day."
        spans = () if draw.random() < unanswerable else (Span(one, context.index(one)),)
        rows.append(Example(f"q{n}", f"Who met {other}?", context, spans, f"d{n // 4}", fields=(("part", f"p{n % 3}"),)))
    return rows


def answers(rows, right=0.7, seed=1, probability=True):
    """Right ones, others of the context, parts, refusals; surer where right."""
    draw, found = random.Random(seed), []
    for row in rows:
        label = row.answers[0].text if row.answers else ""
        good = draw.random() < right
        text = label if good else draw.choice(["", label[:3], f"{label} met", "that day", draw.choice(PEOPLE)])
        said = round(min(max(draw.gauss(0.8 if good else 0.5, 0.15), 0.01), 0.99), 3) if probability else None
        more = tuple(dict.fromkeys(one for one in (text, label, "that day") if one))
        found.append(Given(row.id, text, probability=said, no_answer_score=None, alternatives=more if probability else ()))
    return found


def strict(found):
    """The judgement as it is read back from JSON; fails on what JSON has not."""
    return json.loads(json.dumps(found.as_dict(), allow_nan=False))


ROWS = questions(160)
SAID = answers(ROWS)


@pytest.fixture(scope="module")
def judged():
    return judge(ROWS, SAID)


# -- scores


def test_the_means_are_those_of_the_scores(judged):
    scores = score_answers(ROWS, SAID).as_dict()
    names = ["exact_match", "f1", "precision", "recall", "HasAns_exact", "HasAns_f1", "NoAns_exact", "NoAns_f1"]
    assert set(names) <= set(judged.means)
    for name in names:
        assert 100 * judged.means[name].value == pytest.approx(scores[name])
    assert judged.means["f1"].count == len(ROWS)
    assert judged.means["HasAns_f1"].count == scores["HasAns_total"]
    assert judged.means["NoAns_f1"].count == scores["NoAns_total"]


@settings(max_examples=15)
@given(st.integers(1, 30), st.floats(0, 1), st.integers(0, 999))
def test_for_any_answers_means_are_those_of_the_scores_within_their_intervals(count, right, seed):
    rows = questions(count, seed=seed)
    said = answers(rows, right, seed)
    found, scores = judge(rows, said), score_answers(rows, said)
    for name, mean in found.means.items():
        if hasattr(scores, name):
            assert 100 * mean.value == pytest.approx(getattr(scores, name))
        if mean.interval is not None:
            assert 0 <= mean.interval.low <= mean.value <= mean.interval.high <= 1
    assert sum(found.mistakes.counts.values()) == len(scores.errors())
    assert found.means["exact_match"].value <= found.means.get("top_3", found.means["exact_match"]).value
    strict(found)


def test_without_unanswerable_questions_and_alternatives_there_are_four_scores():
    rows = questions(40, unanswerable=0)
    assert list(judge(rows, answers(rows, probability=False)).means) == ["exact_match", "f1", "precision", "recall"]


def test_the_best_answers_are_looked_at_for_recall(judged):
    assert judged.means["exact_match"].value < judged.means["top_3"].value <= judged.means["top_5"].value


def test_the_rank_of_a_right_alternative_counts():
    rows = [Example("1", "Who?", "a b c d e", (Span("d", 6),))]
    found = judge(rows, [Given("1", "a", alternatives=("a", "b", "c", "d", "e"))])
    assert (found.means["top_3"].value, found.means["top_5"].value) == (0.0, 1.0)


def test_the_language_and_other_names_count():
    rows = [Example("1", "Where?", "In the Big Smoke.", (Span("the Big Smoke", 3),))]
    assert judge(rows, [Given("1", "London")]).means["f1"].value == 0
    known = Scoring(aliases=Aliases.of([["London", "the Big Smoke"]]))
    assert judge(rows, [Given("1", "London")], known).means["exact_match"].value == 1
    rows = [Example("1", "谁？", "北京大学很大。", (Span("北京大学", 0),))]
    assert judge(rows, [Given("1", "北京")], Scoring("zh")).means["f1"].value == pytest.approx(2 / 3)


def test_any_object_with_an_id_and_a_text_is_an_answer(judged):
    class Said:
        def __init__(self, id, text):
            self.id, self.text = id, text

    found = judge(ROWS, [Said(one.id, one.text) for one in SAID])
    assert found.means["f1"] == judged.means["f1"]
    assert found.reliability is None


# -- what else is judged


def test_the_questions_of_a_document_are_one_group(judged):
    assert judged.cases.grouped.count == 40
    assert strict(judged)["groups"] == 40
    assert strict(judged)["grouped_by"].startswith("by document")


def test_every_part_is_of_the_same_cases(judged):
    assert [case.record for case in judged.cases.each] == ROWS
    assert {one.case.record.id for one in judged.mistakes.each} == {
        one.id for one in score_answers(ROWS, SAID).per_question if not one.exact_match
    }
    assert {one.name for one in judged.sliced.slices} >= {"part", "answer"}
    assert {one.case.record.id for one in judged.suspects} <= {row.id for row in ROWS}
    assert judged.verdict.remarks[0].rule == "grade"


def test_unreachable_answers_are_a_class_of_mistakes():
    unanswered = {"answered the unanswerable", "refused the answerable"}
    wrong = {one.case.record.id for one in judge(ROWS, SAID).mistakes.each if one.kind not in unanswered}
    found = judge(ROWS, SAID, known=Known(unreachable=frozenset(wrong)))
    assert wrong
    assert {one.case.record.id for one in found.mistakes.of("gold in no window")} == wrong


def test_what_is_known_of_training_reaches_the_verdict():
    high = Mean(0.99, 100, 50.0, None, 0.001)
    found = judge(
        ROWS, SAID, known=Known(trained_on=high, touched=40, without_touched=12.34, general=(80.0, 60.0))
    ).verdict.remarks
    assert {"overfitting", "leakage", "forgetting"} <= {one.rule for one in found}
    assert "12.3" in next(one.sentence for one in found if one.rule == "leakage")


# -- against the untuned model


def test_against_the_untuned_model(judged):
    before = answers(ROWS, right=0.2, seed=5)
    found = judge(ROWS, SAID, known=Known(untuned=before))
    old = score_answers(ROWS, before)
    assert 100 * found.untuned["f1"].value == pytest.approx(old.f1)
    assert 100 * found.untuned["exact_match"].value == pytest.approx(old.exact_match)
    assert found.gain.value == pytest.approx(found.means["f1"].value - found.untuned["f1"].value)
    assert (found.gain.outcome, found.verdict.better) == ("better", True)
    assert strict(found)["gain"]["value"] == pytest.approx(100 * found.gain.value)
    assert strict(found)["untuned"]["f1"]["value"] == pytest.approx(old.f1)
    assert judged.means == found.means
    back = judge(ROWS, before, known=Known(untuned=SAID))
    assert (back.gain.outcome, back.gain.value) == ("worse", pytest.approx(-found.gain.value))
    assert "worse" in [one.rule for one in back.verdict.remarks]


def test_the_same_answers_as_before_are_not_distinguishable():
    found = judge(ROWS, SAID, known=Known(untuned=SAID))
    assert (found.gain.value, found.gain.outcome) == (0.0, "not distinguishable")
    assert not found.verdict.better


def test_without_an_untuned_model_there_is_no_gain(judged):
    assert (judged.untuned, judged.gain) == (None, None)
    assert (strict(judged)["untuned"], strict(judged)["gain"]) == (None, None)


# -- confidence


def test_probabilities_as_they_came_are_looked_at_and_called_so(judged):
    assert judged.calibrated is False
    assert judged.reliability.count == len(ROWS)
    told = strict(judged)["calibration"]
    assert told["calibrated"] is False
    assert 0 <= told["expected_calibration_error"] <= 1
    assert told["best_area"] <= told["risk_coverage_area"]


def test_calibrated_confidence_goes_before_probabilities():
    right = [bool(one.exact_match) for one in score_answers(ROWS, SAID).per_question]
    found = judge(ROWS, SAID, known=Known(confidence=[float(one) for one in right]))
    assert found.calibrated
    assert found.reliability.ece == 0
    assert found.selective.area == found.selective.best
    assert [case.confidence for case in found.cases.each] == [float(one) for one in right]
    assert strict(found)["calibration"]["calibrated"] is True


@pytest.mark.parametrize(
    ("count", "known", "shown"),
    [
        (FEWEST_CALIBRATED, FEWEST_CALIBRATED, True),
        (FEWEST_CALIBRATED, FEWEST_CALIBRATED - 1, False),
        (160, 80, True),
        (160, 79, False),
    ],
)
def test_of_few_confidences_nothing_is_told(count, known, shown):
    rows = ROWS[:count]
    found = judge(rows, SAID[:count], known=Known(confidence=[0.5] * known + [None] * (count - known)))
    assert (found.reliability is not None) is (found.selective is not None) is shown
    assert found.calibrated is shown
    assert (strict(found)["calibration"] is not None) is shown


def test_scores_beyond_a_probability_are_not_taken_for_one():
    said = [Given(one.id, one.text, probability=value) for one, value in zip(SAID, [7.5, -1.0] * 80, strict=True)]
    assert judge(ROWS, said).reliability is None
    strict(judge(ROWS, said))


@pytest.mark.parametrize("probability", [math.nan, math.inf])
def test_a_probability_that_is_no_number_does_not_reach_json(probability):
    rows = [Example("1", "Who?", "Ada met Bob.", (Span("Ada", 0), Span("Bob", 8)))]
    strict(judge(rows, [Given("1", "met", probability=probability)]))


# -- JSON


def test_the_judgement_as_json(judged):
    told = strict(judged)
    assert told["verdict"]["grade"] == judged.verdict.grade
    assert told["intervals"]["f1"]["low"] <= told["intervals"]["f1"]["value"] <= told["intervals"]["f1"]["high"]
    assert told["intervals"]["f1"]["count"] == len(ROWS)
    assert sum(told["mistakes"].values()) == len(judged.mistakes.each)
    assert len(told["slices"]) == len(judged.sliced.slices)
    assert len(told["labels_to_look_at"]) == len(judged.suspects)


def test_one_question_alone_can_be_judged():
    rows = questions(1, unanswerable=0)
    for text in ("", rows[0].answers[0].text, "that day"):
        told = strict(judge(rows, [Given("q0", text)], known=Known(untuned=[Given("q0", "")])))
        assert (told["intervals"]["f1"]["low"], told["intervals"]["f1"]["high"]) == (None, None)
        assert told["gain"]["p"] is None
        assert "too few" in [one["rule"] for one in told["verdict"]["remarks"]]


def test_all_right_all_wrong_and_all_unanswerable_can_be_judged():
    rows = questions(60, unanswerable=0)
    for said in ([row.answers[0].text for row in rows], ["nobody"] * 60, [""] * 60):
        strict(judge(rows, [Given(row.id, text, probability=0.9) for row, text in zip(rows, said, strict=True)]))
    none = questions(60, unanswerable=1)
    assert strict(judge(none, [Given(row.id, "") for row in none]))["mistakes"] == {}


# -- what cannot be judged


@pytest.mark.parametrize(
    "wrong",
    [
        SAID[:-1],
        [*SAID, Given("more", "")],
        [SAID[1], SAID[0], *SAID[2:]],
        [Given(f"other-{one.id}", one.text) for one in SAID],
        [],
    ],
    ids=["too few", "too many", "another order", "other questions", "none"],
)
def test_answers_to_other_questions_are_refused(wrong):
    with pytest.raises(EvaluationError):
        judge(ROWS, wrong)
    with pytest.raises(EvaluationError):
        judge(ROWS, SAID, known=Known(untuned=wrong))


def test_no_questions_and_questions_without_labels_are_refused():
    with pytest.raises(EvaluationError, match="0 records"):
        judge([], [])
    with pytest.raises(EvaluationError, match="no answer label"):
        judge([Example("1", "Who?", "Ada.")], [Given("1", "Ada")])


def test_confidences_of_other_questions_are_refused():
    with pytest.raises(EvaluationError):
        judge(ROWS, SAID, known=Known(confidence=[0.5]))
