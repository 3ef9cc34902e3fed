"""Two or more systems on the same questions: which is better, and how often that is said where none is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data.records import Example, Span
from spantune.errors import EvaluationError
from spantune.evaluation import compare
from spantune.evaluation.cases import Given, groups_of
from spantune.evaluation.uncertainty import Discordant, holm, mcnemar, mean_difference


def apart(count):
    return [f"document {number}" for number in range(count)]


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        ([1.0, 1.0, 0.0, 1.0] * 15, "better"),
        ([0.0, 0.5, 0.0, 0.0] * 15, "worse"),
        ([1.0, 0.0, 0.5, 0.5] * 15, "not distinguishable"),
    ],
)
def test_a_difference_is_better_worse_or_not_distinguishable(after, outcome):
    found = mean_difference([0.5] * 60, after, apart(60))
    assert found.outcome == outcome
    assert found.value == pytest.approx(np.mean(after) - 0.5)
    assert found.interval.low < found.value < found.interval.high
    assert (found.p < 0.05) is (outcome != "not distinguishable")


def test_identical_answers_are_not_distinguishable_with_certainty():
    scores = [0.0, 0.5, 1.0] * 10
    found = mean_difference(scores, scores, apart(30))
    assert (found.value, found.interval.low, found.interval.high, found.p) == (0.0, 0.0, 0.0, 1.0)
    assert found.outcome == "not distinguishable"


PAIRS = st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0.0, 0.3, 1.0]), st.floats(0, 1)), min_size=1, max_size=30)


@given(PAIRS, st.integers(0, 3))
@settings(max_examples=40)
def test_swapping_the_systems_flips_the_sign_and_nothing_else(rows, seed):
    groups = [f"d{group}" for group, _, _ in rows]
    before, after = [one for _, one, _ in rows], [other for _, _, other in rows]
    there, back = mean_difference(before, after, groups, seed=seed), mean_difference(after, before, groups, seed=seed)
    assert there.value == pytest.approx(-back.value, abs=1e-12)
    if there.interval is None:
        assert (there.p, there.detectable, back.p, back.interval) == (None, None, None, None)
        return
    assert there.interval.low == pytest.approx(-back.interval.high, abs=1e-9)
    assert there.interval.high == pytest.approx(-back.interval.low, abs=1e-9)
    assert there.p == pytest.approx(back.p, abs=1e-3)
    assert there.detectable == pytest.approx(back.detectable, abs=1e-12)


def test_questions_of_one_document_alone_decide_nothing():
    found = mean_difference([0.0] * 20, [1.0] * 20, ["only"] * 20)
    assert (found.value, found.interval, found.p, found.detectable) == (1.0, None, None, None)
    assert found.outcome == "not distinguishable"


def disagreements(documents, seeds):
    """Data where p and interval contradict each other, p far from 0.05."""
    wrong = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        groups = [f"d{number % documents}" for number in range(3 * documents)]
        after = np.clip(rng.normal(rng.uniform(-0.3, 0.3), 0.3, len(groups)), -1, 1)
        found = mean_difference(np.zeros(len(groups)), after, groups, seed=seed)
        excludes = not found.interval.low <= 0 <= found.interval.high
        if excludes is not (found.p < 0.05) and abs(found.p - 0.05) >= 0.01:
            wrong.append((seed, found))
    return wrong


@pytest.mark.parametrize("documents", [7, 10, 40])
def test_p_is_below_a_twentieth_exactly_where_the_interval_excludes_0(documents):
    assert not disagreements(documents, range(60))


@pytest.mark.parametrize("documents", [2, 3, 4, 5])
def test_p_and_interval_agree_for_few_documents_too(documents):
    assert not disagreements(documents, range(60))


def test_more_questions_detect_smaller_differences():
    found = [
        mean_difference([0.0, 0.5, 1.0, 1.0] * count, [0.5, 0.0, 1.0, 0.0] * count, apart(4 * count)) for count in (5, 20, 80)
    ]
    detectable = [one.detectable for one in found]
    assert detectable[0] > 1.8 * detectable[1] > 3.2 * detectable[2] > 0


def test_a_difference_as_large_as_the_detectable_one_is_seen_about_8_times_in_10():
    rng, seen = np.random.default_rng(3), 0
    true = mean_difference(np.zeros(60), rng.normal(0, 0.3, 60), apart(60)).detectable
    for seed in range(150):
        gains = true + rng.normal(0, 0.3, 60)
        seen += mean_difference(np.zeros(60), gains, apart(60), seed=seed).outcome == "better"
    assert 0.65 <= seen / 150 <= 0.93


@pytest.mark.parametrize(
    ("before", "after", "groups"),
    [
        ([], [], []),
        ([0.0, 1.0], [1.0, 1.0], ["a"]),
        ([0.0, float("nan")], [1.0, 1.0], ["a", "b"]),
        pytest.param(
            [0.0, 1.0],
            [1.0, 1.0, 0.0],
            ["a", "b", "c"],
        ),
        pytest.param(
            [0.0],
            [1.0, 1.0, 0.0],
            ["a", "b", "c"],
        ),
    ],
)
def test_scores_that_do_not_belong_together_are_refused(before, after, groups):
    with pytest.raises(EvaluationError):
        mean_difference(before, after, groups)


@pytest.mark.parametrize(
    ("first_alone", "second_alone", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (0, 5, 2 / 32),
        (0, 6, 2 / 64),
        (1, 9, 22 / 1024),
        (2, 8, 2 * (1 + 10 + 45) / 1024),
        (3, 3, 1.0),
        (4, 5, 1.0),
    ],
)
def test_mcnemar_is_the_exact_binomial_test_whoever_comes_first(first_alone, second_alone, p):
    both = [True, False, True]
    first = [True] * first_alone + [False] * second_alone + both
    second = [False] * first_alone + [True] * second_alone + both
    assert mcnemar(first, second) == Discordant(first_alone, second_alone, pytest.approx(p))
    assert mcnemar(second, first) == Discordant(second_alone, first_alone, pytest.approx(p))


def exact_p(fewer, count):
    """Twice the binomial tail, from logarithms of factorials."""
    whole = math.lgamma(count + 1) - count * math.log(2)
    return min(1.0, 2 * math.fsum(math.exp(whole - math.lgamma(k + 1) - math.lgamma(count - k + 1)) for k in range(fewer + 1)))


@pytest.mark.parametrize(
    ("fewer", "more"), [(1000, 1100), (1000, 1200), (5950, 6050), (5880, 6120), (5700, 6300), (6000, 6000)]
)
def test_many_questions_get_the_exact_p_or_one_close_to_it(fewer, more):
    found = mcnemar([True] * fewer + [False] * more, [False] * fewer + [True] * more)
    assert found.p == pytest.approx(exact_p(fewer, fewer + more), rel=0.02, abs=1e-9)


def test_hopeless_systems_have_a_p_of_nearly_0_and_no_overflow():
    assert mcnemar([True] * 9000, [False] * 9000).p == pytest.approx(0.0, abs=1e-300)
    assert mcnemar([True] * 20_000, [False] * 20_000).p == pytest.approx(0.0, abs=1e-300)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_corrected_p_values_keep_their_order_and_are_never_smaller_nor_above_1(ps):
    corrected = holm(ps)
    assert len(corrected) == len(ps)
    assert all(p <= more <= 1 for p, more in zip(ps, corrected, strict=True))
    ranked = [corrected[at] for at in sorted(range(len(ps)), key=ps.__getitem__)]
    assert ranked == sorted(ranked)
    if ps:
        assert min(corrected) == min(1.0, len(ps) * min(ps))


def test_one_comparison_needs_no_correction_and_order_does_not_matter():
    assert holm([0.03]) == (0.03,)
    assert holm([0.03, 0.01, 0.04]) == pytest.approx((0.06, 0.03, 0.06))


def false_betters(simulations, per_document):
    """How often of 100 one of two equals is said to be better, questions alike within each of 20 documents."""
    rng, better = np.random.default_rng(11), 0
    groups = [f"d{number // per_document}" for number in range(20 * per_document)]
    for seed in range(simulations):
        liking = np.repeat(rng.normal(0, 0.1, 20), per_document)
        hard = rng.random(len(groups))
        before, after = ((rng.random(len(groups)) < np.clip(hard + sign * liking, 0, 1)).astype(float) for sign in (-1, 1))
        better += mean_difference(before, after, groups, seed=seed).outcome == "better"
    return 100 * better / simulations


def test_equals_are_rarely_called_better():
    assert false_betters(200, 5) <= 5 + 3


@pytest.mark.nightly
@pytest.mark.parametrize("per_document", [1, 10])
def test_of_100_equals_at_most_5_are_called_better(per_document):
    assert false_betters(1000, per_document) <= 5


@pytest.mark.parametrize("questions", [20, 40, 500])
@pytest.mark.parametrize("wins", [1, 2, 3, 4])
def test_a_handful_of_wins_is_luck_however_many_questions_are_alike(questions, wins):
    """One win and no loss is what a coin gives every time; four are what it gives once in eight times, on one side or other."""
    found = mean_difference([0.0] * questions, [1.0] * wins + [0.0] * (questions - wins), apart(questions))
    assert found.outcome == "not distinguishable"
    assert found.p > 0.05


@pytest.mark.parametrize(("questions", "differing"), [(60, 0.03), (30, 0.1)])
def test_equals_that_differ_in_few_questions_are_rarely_called_better(questions, differing):
    rng, better = np.random.default_rng(0), 0
    for seed in range(100):
        gains = rng.choice([-1.0, 0.0, 1.0], questions, p=[differing / 2, 1 - differing, differing / 2])
        better += mean_difference(np.zeros(questions), gains, apart(questions), seed=seed).outcome == "better"
    assert better <= 5 + 4


def records(count, per_document=1):
    return [
        Example(str(number), "Who?", f"Ada saw {number}.", (Span("Ada", 0),), document=f"d{number // per_document}")
        for number in range(count)
    ]


def answers(rows, right):
    return [Given(row.id, "Ada" if good else "Bob") for row, good in zip(rows, right, strict=True)]


@given(st.lists(st.tuples(*[st.sampled_from(["Ada", "Ada saw", "Bob", ""])] * 2), min_size=1, max_size=12))
@settings(max_examples=30)
def test_wins_ties_and_losses_are_all_questions(said):
    rows = records(len(said))
    systems = {name: [Given(row.id, both[at]) for row, both in zip(rows, said, strict=True)] for at, name in enumerate("ab")}
    found = compare(rows, systems)
    other = found.others[0]
    assert other.wins + other.ties + other.losses == found.questions == len(rows)
    assert (len(other.won), len(other.lost)) == (other.wins, other.losses)
    assert not set(other.won) & set(other.lost)
    assert other.means["f1"].value - found.means["f1"].value == pytest.approx(other.f1.value, abs=1e-12)


def test_two_systems_are_compared_question_by_question():
    rows = records(40, per_document=2)
    found = compare(rows, {"old": answers(rows, [False] * 40), "new": answers(rows, [True, True, True, False] * 10)})
    new = found.others[0]
    assert (found.first, new.name, found.questions, found.groups) == ("old", "new", 40, 20)
    assert "document" in found.grouped_by
    assert (new.outcome, new.wins, new.ties, new.losses) == ("better", 30, 10, 0)
    assert new.discordant == Discordant(0, 30, pytest.approx(2 / 2**30))
    assert new.f1.value == new.exact_match.value == pytest.approx(0.75)
    assert new.p == new.f1.p < 0.05
    told = found.as_dict()
    assert told["scores"]["f1"]["value"] == 0.0
    assert told["compared"][0]["f1"]["value"] == pytest.approx(75.0)


def test_the_questions_that_differ_most_come_first():
    rows = records(3)
    before = [Given("0", "Ada"), Given("1", "Bob"), Given("2", "Bob")]
    after = [Given("0", "Bob"), Given("1", "Ada saw"), Given("2", "Ada")]
    other = compare(rows, {"before": before, "after": after}).others[0]
    assert (other.won, other.lost) == (("2", "1"), ("0",))


def test_several_systems_are_corrected_so_that_one_lucky_one_is_not_better():
    rows = records(40)
    lucky = [True] * 8 + [False] * 32
    surely = [True] * 30 + [False] * 10
    first = answers(rows, [False] * 39 + [True])
    others = {f"equal {number}": answers(rows, [False] * 39 + [True]) for number in range(9)}
    alone = compare(rows, {"first": first, "lucky": answers(rows, lucky)}).others[0]
    among = compare(rows, {"first": first, "lucky": answers(rows, lucky), **others}).others
    assert alone.outcome == "better"
    assert among[0].f1 == alone.f1
    assert among[0].p == pytest.approx(10 * alone.p)
    assert among[0].outcome == "not distinguishable"
    assert [one.p for one in among[1:]] == [1.0] * 9
    assert compare(rows, {"first": first, "surely": answers(rows, surely), **others}).others[0].outcome == "better"


def test_of_one_document_no_comparison_is_certain():
    rows = [Example(str(number), "Who?", "Ada.", (Span("Ada", 0),), document="only") for number in range(20)]
    other = compare(rows, {"a": answers(rows, [False] * 20), "b": answers(rows, [True] * 20)}).others[0]
    assert (other.p, other.outcome, other.wins) == (None, "not distinguishable", 20)
    assert other.as_dict()["f1"]["low"] is None


def test_one_document_is_resampled_by_its_paragraphs():
    rows = [Example(str(number), "Who?", f"Ada, {number // 2}.", (Span("Ada", 0),), document="only") for number in range(20)]
    grouped = groups_of(rows)
    assert grouped.count == 10
    assert "context" in grouped.sentence


@pytest.mark.parametrize("systems", [0, 1])
def test_a_comparison_needs_two_systems(systems):
    rows = records(3)
    with pytest.raises(EvaluationError, match=f"{systems} system"):
        compare(rows, {str(number): answers(rows, [True] * 3) for number in range(systems)})


def test_answers_of_other_questions_are_refused():
    rows = records(3)
    with pytest.raises(EvaluationError):
        compare(rows, {"a": answers(rows, [True] * 3), "b": answers(records(4)[1:], [True] * 3)})
    with pytest.raises(EvaluationError):
        compare(rows, {"a": answers(rows, [True] * 3), "b": answers(rows[:2], [True] * 2)})
