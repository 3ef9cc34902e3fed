"""Means with intervals: what they promise, and what must not change them."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data.records import Example, Span
from spantune.errors import EvaluationError
from spantune.evaluation import judge
from spantune.evaluation.cases import Given
from spantune.evaluation.uncertainty import Resampling, freedom, interval_of, t_quantile, t_two_sided


def resampled(groups, values, portion=None, rounds=300, seed=13):
    sums = Resampling(1, rounds=rounds, seed=seed)
    for begin in range(0, len(groups), portion or len(groups)):
        part = slice(begin, begin + (portion or len(groups)))
        sums.add(groups[part], np.asarray(values[part], dtype=float)[:, None])
    return sums


def mean_of(groups, values, **options):
    return resampled(groups, values, **options).mean(0)


def apart(count):
    return [f"document {number}" for number in range(count)]


def numbers_of(mean):
    return [mean.value, mean.groups, mean.error, mean.interval.low, mean.interval.high]


@pytest.mark.parametrize(
    ("df", "at_975", "at_995"),
    [(1, 12.7062, 63.6567), (2, 4.3027, 9.9248), (5, 2.5706, 4.0321), (30, 2.0423, 2.7500), (1000, 1.9623, 2.5808)],
)
def test_quantiles_of_t_are_those_of_the_printed_tables(df, at_975, at_995):
    assert t_quantile(0.975, df) == pytest.approx(at_975, abs=1e-4)
    assert t_quantile(0.995, df) == pytest.approx(at_995, abs=1e-4)
    assert t_two_sided(at_975, df) == pytest.approx(0.05, abs=1e-5)
    assert t_two_sided(-at_995, df) == pytest.approx(0.01, abs=1e-5)


@given(st.floats(1.0, 5000.0), st.floats(0.001, 0.999))
@settings(max_examples=40)
def test_quantile_and_tail_are_inverse_to_each_other(df, probability):
    t = t_quantile(probability, df)
    assert t_two_sided(t, df) == pytest.approx(2 * min(probability, 1 - probability), abs=1e-5)
    assert t_quantile(1 - probability, df) == pytest.approx(-t, rel=1e-4, abs=1e-6)


def test_with_many_degrees_t_is_normal_and_nothing_is_beyond_the_whole():
    assert t_quantile(0.975, 1e7) == pytest.approx(1.95996, abs=1e-4)
    assert t_two_sided(0.0, 7) == pytest.approx(1.0)
    assert t_two_sided(1e9, 7) == pytest.approx(0.0, abs=1e-9)


VALUES = st.lists(st.tuples(st.integers(0, 6), st.floats(0, 1)), min_size=1, max_size=40)


@given(VALUES, st.integers(0, 5))
@settings(max_examples=60)
def test_the_interval_holds_the_mean_and_stays_between_0_and_1(rows, seed):
    groups, values = [f"d{group}" for group, _ in rows], [value for _, value in rows]
    found = mean_of(groups, values, rounds=100, seed=seed)
    assert found.count == len(rows)
    assert found.value == pytest.approx(np.mean(values))
    assert 1 <= found.groups <= len(set(groups)) + 1e-9
    if found.interval is None:
        assert found.error is None
    else:
        assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1 + 1e-9
        assert found.interval.half == pytest.approx((found.interval.high - found.interval.low) / 2)


@pytest.mark.parametrize("portion", [1, 7, 500])
def test_neither_order_nor_portions_change_shares_of_right_answers(portion):
    rng = random.Random(portion)
    rows = [(f"d{rng.randrange(60)}", float(rng.random() < 0.6)) for _ in range(500)]
    shuffled = rng.sample(rows, len(rows))
    assert mean_of(*zip(*rows, strict=True)) == mean_of(*zip(*shuffled, strict=True), portion=portion)


@pytest.mark.parametrize("portion", [1, 7, 500])
def test_neither_order_nor_portions_change_f1_but_by_rounding(portion):
    rng = random.Random(portion)
    rows = [(f"d{rng.randrange(60)}", rng.choice([0.0, 1 / 3, 0.4, 1.0])) for _ in range(500)]
    shuffled = rng.sample(rows, len(rows))
    one, other = mean_of(*zip(*rows, strict=True)), mean_of(*zip(*shuffled, strict=True), portion=portion)
    assert numbers_of(one) == pytest.approx(numbers_of(other), abs=1e-12)


def test_the_order_of_the_questions_of_a_file_does_not_change_what_is_told():
    rows = [Example(str(n), "Who?", f"Ada, {n}.", (Span("Ada", 0),), document=f"d{n // 4}") for n in range(80)]
    shuffled = random.Random(1).sample(rows, len(rows))
    one, other = (
        judge(order, [Given(row.id, "Ada" if int(row.id) % 3 else "Ada, it says") for row in order]).means["f1"]
        for order in (rows, shuffled)
    )
    assert numbers_of(one) == pytest.approx(numbers_of(other), abs=1e-12)


def test_one_seed_gives_one_result_and_another_a_slightly_different_one():
    values = [float(number % 3 > 0) for number in range(90)]
    one, same, other = (mean_of(apart(90), values, rounds=1000, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.interval != other.interval
    assert one.interval.half == pytest.approx(other.interval.half, rel=0.15)


def test_questions_that_are_alike_within_documents_say_less_than_independent_ones():
    values = [float(number // 10 % 3 > 0) for number in range(200)]
    alone = mean_of(apart(200), values)
    together = mean_of([f"d{number // 10}" for number in range(200)], values)
    assert together.value == alone.value
    assert (alone.groups, together.groups) == (pytest.approx(200, rel=0.03), pytest.approx(20, rel=0.03))
    assert together.interval.half > 2 * alone.interval.half
    assert together.error > 2 * alone.error


def test_more_questions_narrow_an_interval_and_a_higher_level_widens_it():
    few, many = (resampled(apart(count), [0.0, 1.0] * (count // 2)) for count in (20, 320))
    assert many.mean(0).interval.half < few.mean(0).interval.half / 3
    assert few.mean(0, level=0.99).interval.half > few.mean(0).interval.half > few.mean(0, level=0.8).interval.half


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_only_right_or_only_wrong_answers_leave_room_for_the_other(right):
    alone, together = mean_of(apart(40), [right] * 40), mean_of([f"d{number // 8}" for number in range(40)], [right] * 40)
    for found in (alone, together):
        assert found.value == right
        assert right in (found.interval.low, found.interval.high)
    assert 0.03 < 2 * alone.interval.half < 0.12
    assert together.interval.half > 2 * alone.interval.half


def test_independent_right_and_wrong_answers_get_jeffreys_interval():
    """90 of 100: Jeffreys' interval is 0.8299 to 0.9474 (Beta(90.5, 10.5))."""
    found = mean_of(apart(100), [1.0] * 90 + [0.0] * 10, rounds=8000).interval
    assert (found.low, found.high) == (pytest.approx(0.8299, abs=0.01), pytest.approx(0.9474, abs=0.01))


def test_one_document_alone_says_nothing_of_others():
    found = mean_of(["only"] * 50, [0.0, 1.0] * 25)
    assert (found.value, found.count, found.interval, found.error) == (0.5, 50, None, None)


def test_one_document_with_nearly_all_questions_is_hardly_more_than_one():
    found = mean_of(["large"] * 99 + ["small"], [1.0] * 99 + [0.0])
    assert found.groups == pytest.approx(1.0, abs=0.05)
    assert found.interval is None


def test_effective_groups_are_those_of_kish():
    assert mean_of(["a"] * 3 + ["b"], [0.0, 1.0, 0.0, 1.0]).groups == pytest.approx(4**2 / (3**2 + 1**2))


def test_each_column_counts_its_own_questions():
    sums = Resampling(2, rounds=200)
    unknown = float("nan")
    values = [[1, unknown], [1, 0.5], [0, unknown], [1, 1], [1, 0], [0, 0]]
    sums.add(list("aabbcc"), values, ~np.isnan(values))
    total, drawn = sums.sums
    assert sums.counts == (6, 4)
    assert total.tolist() == [4.0, 1.5]
    assert drawn.shape == (200, 2)
    assert np.isfinite(drawn).all()
    assert sums.mean(1).value == 1.5 / 4
    assert sums.mean(1).count == 4


def test_what_is_left_out_of_a_column_does_not_touch_it():
    rng = np.random.default_rng(1)
    values, here = rng.random((60, 1)), rng.random((60, 1)) < 0.5
    masked, picked = Resampling(1, rounds=200), Resampling(1, rounds=200)
    groups = [f"d{number // 3}" for number in range(60)]
    masked.add(groups, values, here)
    picked.add([group for group, one in zip(groups, here[:, 0], strict=True) if one], values[here[:, 0]])
    assert numbers_of(masked.mean(0)) == pytest.approx(numbers_of(picked.mean(0)), abs=1e-12)


def test_drawn_means_lie_around_the_mean_and_make_the_interval_of_any_statistic():
    sums = resampled(apart(100), [0.0, 1.0, 1.0, 1.0] * 25, rounds=2000)
    drawn = sums.drawn(0)
    assert drawn.shape == (2000,)
    assert drawn.mean() == pytest.approx(0.75, abs=0.01)
    assert interval_of(drawn, 0.75, sums.groups(0)) == sums.mean(0).interval
    assert freedom(100) > freedom(3) > 0


def test_memory_does_not_grow_with_questions():
    def held(sums):
        return sum(value.nbytes for value in vars(sums).values() if isinstance(value, np.ndarray)), len(vars(sums))

    sums = Resampling(3, rounds=50)
    before = held(sums)
    for portion in range(5):
        sums.add([f"{portion} {number}" for number in range(1000)], np.ones((1000, 3)))
    assert held(sums) == before
    assert sums.counts == (5000, 5000, 5000)


@pytest.mark.parametrize(
    ("groups", "values", "present"),
    [
        (["a", "b"], [[1.0]], None),
        (["a", "b"], [1.0, 0.0], None),
        (["a", "b"], [[1.0, 0.0], [1.0, 0.0]], None),
        (["a", "b"], [[1.0], [0.0]], [[True]]),
        (["a", "b"], [[1.0], [float("nan")]], None),
        (["a", "b"], [[1.0], [float("inf")]], [[True], [True]]),
    ],
)
def test_scores_that_do_not_fit_are_refused_and_leave_nothing_behind(groups, values, present):
    sums = Resampling(1, rounds=50)
    with pytest.raises(EvaluationError) as raised:
        sums.add(groups, values, present)
    assert "shape" in raised.value.found
    assert raised.value.next_move
    assert sums.counts == (0,)


def test_a_mean_of_nothing_is_refused():
    with pytest.raises(EvaluationError, match="0 questions in column 0"):
        Resampling(1, rounds=50).mean(0)


def independent(rng, share=0.7, count=200):
    return np.arange(count), (rng.random(count) < share).astype(float)


def documents(rng, sizes, share=0.7, alike=0.1):
    """Right and wrong answers with a correlation of `alike` within documents."""
    strength = 1 / alike - 1
    shares = rng.beta(strength * share, strength * (1 - share), len(sizes))
    return np.repeat(np.arange(len(sizes)), sizes), (rng.random(sum(sizes)) < np.repeat(shares, sizes)).astype(float)


def like_f1(rng):
    kind = rng.choice(3, 100, p=[0.25, 0.5, 0.25])
    return np.arange(100), np.select([kind == 0, kind == 1], [0.0, 1.0], rng.random(100))


WORLDS = {
    "independent": (independent, 0.7),
    "20 documents of 10": (lambda rng: documents(rng, [10] * 20), 0.7),
    "unequal documents": (lambda rng: documents(rng, rng.geometric(1 / 8, 30)), 0.7),
    "like F1": (like_f1, 0.25 * 0 + 0.5 * 1 + 0.25 * 0.5),
    "nearly all right": (lambda rng: independent(rng, 0.95), 0.95),
    "8 documents": (lambda rng: documents(rng, [25] * 8), 0.7),
}


def coverage(world, simulations, rounds):
    draw, truth = WORLDS[world]
    rng, held = np.random.default_rng(7), 0
    for seed in range(simulations):
        groups, values = draw(rng)
        found = mean_of([f"d{group}" for group in groups], values, rounds=rounds, seed=seed).interval
        held += found.low <= truth <= found.high
    return 100 * held / simulations


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    assert 90 <= coverage("20 documents of 10", 300, 300) <= 99


@pytest.mark.nightly
@pytest.mark.parametrize("world", WORLDS)
def test_95_of_100_intervals_hold_the_truth(world):
    """93 to 97 percent, and 1.2 for the noise of this many simulations."""
    assert 93 - 1.2 <= coverage(world, 1500, 1000) <= 97 + 1.2
