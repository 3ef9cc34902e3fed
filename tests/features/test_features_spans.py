"""Scores become spans: the best of all valid pairs, never two separate best guesses."""

import tracemalloc

import numpy as np
import pytest
from conftest import made_examples, tokenizer_of
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.config import WindowsConfig
from spantune.data import Example
from spantune.features import Candidate, SpanScores, best_spans, collate, encode, merge_candidates
from spantune.features.pairs import context_logits, log_totals, try_every_pair
from spantune.features.spans import merge_windows, no_answer_score, trim

CONTEXT = "Paris is the capital of France. Lyon is not Paris."


def one_window(context=CONTEXT, kind="wordpiece"):
    return encode([Example("q", "Which?", context)], tokenizer_of(kind), WindowsConfig(length=128, stride=8))


def every_pair(windows, window, start, end, answer_length):
    """Brute force: (score, first, last) of every valid span of a window, best first."""
    low, high = windows.context[window]
    pairs = [
        (float(start[first]) + float(end[last]), first, last)
        for first in range(low, high)
        for last in range(first, min(first + answer_length, high))
    ]
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))


@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "decoder"])
@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), answer_length=st.integers(1, 80), top=st.integers(1, 25), coarse=st.booleans())
def test_the_best_spans_are_those_of_trying_every_pair(kind, seed, answer_length, top, coarse):
    draw = np.random.default_rng(seed)
    examples = draw.permutation(np.array(made_examples(4), dtype=object))
    windows = encode(tuple(examples), tokenizer_of(kind), WindowsConfig(length=40, stride=8))
    indices = draw.permutation(len(windows))[:5]
    shape = collate(windows, indices)["input_ids"].shape
    start, end = (draw.normal(0, 5, shape).astype(np.float32) for _ in "se")
    if coarse:  # many ties
        start, end = start.round(), end.round()
    found = best_spans(windows, indices, start, end, answer_length, top)
    for row, (window, scores) in enumerate(zip(indices, found, strict=True)):
        expected = every_pair(windows, window, start[row], end[row], answer_length)
        assert scores.window == window
        assert [spans.score for spans in scores.candidates] == pytest.approx([score for score, *_ in expected[:top]])
        assert [(spans.first, spans.last) for spans in scores.candidates] == [tuple(pair[1:]) for pair in expected[:top]]
        base = windows.bounds[window]
        for spans in scores.candidates:
            assert windows.context[window, 0] <= spans.first <= spans.last < windows.context[window, 1]
            assert spans.last - spans.first < answer_length
            assert (spans.start, spans.end) == (windows.starts[base + spans.first], windows.ends[base + spans.last])
        null = windows.null[window]
        assert scores.null == pytest.approx(float(start[row, null]) + float(end[row, null]))
        assert scores.log_total == pytest.approx(np.logaddexp.reduce([score for score, *_ in expected]))


def test_the_end_is_never_before_the_start():
    """Previously (txtai) start and end were two separate argmaxes: an end before the start gave an empty answer."""
    windows = one_window()
    start, end = np.zeros((2, 1, int(windows.lengths[0])))
    first, last = windows.context[0]
    start[0, last - 2], end[0, first] = 9.0, 9.0
    best = best_spans(windows, np.array([0]), start, end, answer_length=5, top=100)[0].candidates
    assert all(candidate.first <= candidate.last for candidate in best)
    assert {(candidate.first, candidate.last) for candidate in best[:6]} >= {(first, first), (last - 2, last - 1)}
    assert best[0].score == 9.0


def test_questions_special_tokens_and_padding_are_no_answers():
    """Previously (transformers#5711) a special token or one of the question's was predicted, and raised a KeyError."""
    windows = one_window()
    first, last = windows.context[0]
    start, end = np.full((2, 1, int(windows.lengths[0]) + 8), -1.0)
    start[0, :first] = end[0, :first] = start[0, last:] = end[0, last:] = 50.0
    scores = best_spans(windows, np.array([0]), start, end, answer_length=10, top=500)[0]
    assert {candidate.score for candidate in scores.candidates} == {-2.0}
    assert scores.null == 100.0


def test_huge_scores_do_not_overflow_and_a_window_without_words_has_no_span():
    examples = [Example("a", "Which?", CONTEXT), Example("b", "Which?", "  ")]
    windows = encode(examples, tokenizer_of("wordpiece"), WindowsConfig(length=64, stride=8))
    start = np.full((2, int(windows.lengths.max())), 1e4, dtype=np.float32)
    full, empty = best_spans(windows, np.array([0, 1]), start, start, answer_length=3, top=2)
    assert full.log_total == pytest.approx(2e4, abs=10)
    assert (empty.candidates, empty.log_total, empty.null) == ((), -np.inf, 2e4)
    assert best_spans(windows, np.array([], dtype=int), start[:0], start[:0], answer_length=3, top=2) == []


def test_more_spans_asked_for_than_there_are_is_no_mistake():
    """Previously (haystack#1277) a limit above the number of spans was out of bounds."""
    windows = one_window("Paris")
    start = np.zeros((1, int(windows.lengths[0])))
    words = int(windows.context[0, 1] - windows.context[0, 0])
    found = best_spans(windows, np.array([0]), start, start, answer_length=50, top=10_000)[0].candidates
    assert len(found) == words * (words + 1) // 2


def test_merging_trims_orders_and_keeps_one_of_equal_texts():
    second = CONTEXT.rindex("Paris")
    candidates = [
        Candidate(0, 5, 1.0, 0, 1, 1),
        Candidate(second - 1, second + 5, 3.0, 1, 7, 8),
        Candidate(12, 20, 2.0, 0, 4, 4),
        Candidate(5, 6, 9.0, 0, 2, 2),
        Candidate(4, 4, 9.0, 0, 2, 2),
    ]
    merged = merge_candidates(CONTEXT, candidates, top=5)
    assert [CONTEXT[each.start : each.end] for each in merged] == ["Paris", "capital"]
    assert (merged[0].start, merged[0].score, merged[0].window) == (second, 3.0, 1)
    assert merge_candidates(CONTEXT, candidates, top=1) == merged[:1]
    assert merge_candidates(CONTEXT, [], top=3) == []


@given(st.permutations([Candidate(start, start + 4, score, 0, 0, 0) for start in range(6) for score in (1.0, 2.0)]))
def test_merging_does_not_depend_on_the_order_of_the_windows(candidates):
    merged = merge_candidates(CONTEXT, candidates, top=4)
    assert merged == merge_candidates(CONTEXT, sorted(candidates, key=lambda each: each.start), top=4)
    assert [each.score for each in merged] == [2.0] * 4


@given(st.text(" \u00a0\nab", max_size=12), st.data())
def test_trimming_takes_white_space_and_nothing_else(context, data):
    start = data.draw(st.integers(0, len(context)))
    end = data.draw(st.integers(start, len(context)))
    trimmed = trim(context, Candidate(start, end, 0.5, 1, 2, 3))
    assert context[trimmed.start : trimmed.end] == context[start:end].strip()
    assert (trimmed.score, trimmed.window, trimmed.first, trimmed.last) == (0.5, 1, 2, 3)


def test_the_score_of_no_answer_is_the_least_of_the_windows():
    assert no_answer_score([SpanScores(0, (), 3.0, 0.0), SpanScores(1, (), -2.0, 0.0)]) == -2.0


LOGIT = st.floats(-20, 20, width=32).map(round) | st.floats(-1e4, 1e4, width=32) | st.just(-np.inf)
ODD = LOGIT | st.sampled_from([np.nan, np.inf])


@settings(max_examples=150)
@given(st.data(), st.integers(1, 40), st.integers(1, 30), st.sampled_from([LOGIT, ODD]))
def test_any_logits_give_the_finite_pairs_of_trying_every_pair_in_order_and_their_sum(data, reach, top, logit):
    """Ties, -inf, NaN and numbers far apart, in windows some of which hold no context."""
    examples = [Example("a", "Which?", CONTEXT), Example("b", "Which?", "Lyon."), Example("c", "Which?", " ")]
    windows = encode(examples, tokenizer_of("wordpiece"), WindowsConfig(length=64, stride=8))
    indices = np.array(data.draw(st.permutations(range(len(windows)))))
    shape = (len(indices), int(windows.lengths.max()) + data.draw(st.integers(0, 3)))
    few = data.draw(st.lists(logit, min_size=1, max_size=12))
    draw = np.random.default_rng(data.draw(st.integers(0, 1000)))
    start, end = (draw.choice(np.array(few, dtype=np.float32), shape) for _ in "se")
    found = best_spans(windows, indices, start, end, reach, top)
    with np.errstate(invalid="ignore"):
        for row, (window, scores) in enumerate(zip(indices, found, strict=True)):
            pairs = every_pair(windows, window, start[row], end[row], reach)
            expected = sorted((p for p in pairs if np.isfinite(p[0])), key=lambda p: (-p[0], p[1], p[2]))[:top]
            assert [(one.score, one.first, one.last) for one in scores.candidates] == expected
            total = np.logaddexp.reduce([score for score, *_ in pairs], initial=-np.inf)
            assert scores.log_total == pytest.approx(total, rel=1e-9, abs=1e-9, nan_ok=True)
            null = windows.null[window]
            assert scores.null == pytest.approx(float(start[row, null]) + float(end[row, null]), nan_ok=True)
            assert {scores.window, *(one.window for one in scores.candidates)} == {window}
            tokens = [windows.bounds[window] + place for one in expected for place in one[1:]]
            assert [one.start for one in scores.candidates] == windows.starts[tokens[::2]].tolist()
            assert [one.end for one in scores.candidates] == windows.ends[tokens[1::2]].tolist()


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("reach", [1, 2, 7, 30, 40])
def test_the_sum_over_all_pairs_loses_nothing_to_sliding(scale, reach):
    """Against the banded matrix of all pairs, which is used itself where the largest start and end are no pair."""
    draw = np.random.default_rng(reach)
    start, end = draw.normal(0, scale, (2, 20, 90))
    logits = context_logits(np.array([[3, 85]] * 20), start, end, reach)
    totals = log_totals(logits)
    wanted = np.array([try_every_pair(logits, row, 1)[1] for row in range(20)])
    assert np.isnan(totals).sum() < 20 if scale < 1e4 else np.isnan(totals).any()
    usual = ~np.isnan(totals)
    np.testing.assert_allclose(totals[usual], wanted[usual], rtol=1e-9, atol=1e-9)
    assert np.isfinite(wanted).all()


@pytest.mark.parametrize("levels", [2, 1000], ids=["equal scores", "one best"])
@pytest.mark.parametrize("length", [48, 128], ids=["many windows", "one window"])
def test_candidates_are_made_when_looked_at_and_behave_as_a_tuple_does(length, levels):
    windows = encode([Example("q", "Which?", CONTEXT * 4)], tokenizer_of("wordpiece"), WindowsConfig(length=length, stride=8))
    indices = np.arange(len(windows))
    assert (len(windows) > 1) == (length == 48)
    draw = np.random.default_rng(3)
    start, end = draw.integers(0, levels, (2, len(windows), int(windows.lengths.max()))).astype(np.float32)
    for scores in best_spans(windows, indices, start, end, answer_length=5, top=7):
        found = scores.candidates
        made = tuple(found)
        assert len(found) == len(made) == 7
        assert [found[place] for place in range(-7, 7)] == [*made, *made]
        assert (found[:2], found[1:3], found[::-1]) == (made[:2], made[1:3], made[::-1])
        assert found == made and found == list(found)
        assert found != made[:-1] and found != "candidates" and found != 7
        assert (hash(found), repr(found)) == (hash(made), repr(made))
        with pytest.raises(IndexError):
            found[7]


@settings(max_examples=100)
@given(
    seed=st.integers(0, 10_000),
    top=st.integers(1, 8),
    kind=st.sampled_from(["wordpiece", "unigram", "bpe"]),
    length=st.sampled_from([40, 200]),
    levels=st.sampled_from([3, 1000]),
)
def test_merging_windows_is_merging_all_of_their_candidates(seed, top, kind, length, levels):
    """The text of a token may be white space alone, and many scores are equal."""
    draw = np.random.default_rng(seed)
    context = "Paris  is the capital,  the   capital of France. Lyon is not \u00e9\U0001f5fc Paris. " * 3
    windows = encode([Example("q", "Which?", context)], tokenizer_of(kind), WindowsConfig(length=length, stride=8))
    indices = np.arange(len(windows))
    start, end = (draw.integers(0, levels, collate(windows, indices)["input_ids"].shape).astype(np.float32) for _ in "se")
    scores = best_spans(windows, indices, start, end, answer_length=6, top=20)
    for some in (scores, scores[:1]):
        pool = [candidate for one in some for candidate in one.candidates]
        assert merge_windows(context, some, top) == merge_candidates(context, pool, top)


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_the_best_candidate_of_a_lone_window_is_the_first_of_all(kind):
    windows = one_window(kind=kind)
    start, end = (np.random.default_rng(seed).normal(size=(1, windows.lengths[0])).astype(np.float32) for seed in (1, 2))
    found = best_spans(windows, [0], start, end, answer_length=5, top=4)[0].candidates
    assert found[0] == next(iter(found)) == max(found, key=lambda one: one.score)
    assert (len(found), found[-1], found[:2]) == (4, tuple(found)[3], tuple(found)[:2])
    assert found[1].score > found[2].score
    assert (hash(found), repr(found)) == (hash(tuple(found)), repr(tuple(found)))


def scored(windows, index, **at):
    """Start and end logits (1, T) of one window: 0, but where `at` names them by a word of the context."""
    start, end = np.zeros((2, 1, int(windows.lengths.max())))
    begin = windows.bounds[index]
    for word, (its_start, its_end) in at.items():
        place = int(np.flatnonzero(windows.starts[begin : begin + windows.lengths[index]] == CONTEXT.index(word))[-1])
        start[0, place], end[0, place] = its_start, its_end
    return start, end


@pytest.mark.parametrize("scores", [-np.inf, np.nan])
@pytest.mark.parametrize("top", [1, 3])
def test_a_window_without_a_finite_score_has_no_answer(scores, top):
    """A model that diverged: there are words enough, but none of them may be offered as an answer."""
    windows = one_window()
    logits = np.full((1, int(windows.lengths[0])), scores)
    found = best_spans(windows, np.array([0]), logits, logits, answer_length=5, top=top)
    assert merge_windows(CONTEXT, found, top) == []
    assert (len(found[0].candidates), tuple(found[0].candidates), found[0].window) == (0, (), 0)


def test_a_best_span_of_white_space_alone_gives_way_to_the_next():
    """A space before a word may be a token of its own: trimmed, nothing is left of it to be an answer."""
    context = "It  was   Paris"
    windows = one_window(context, kind="decoder")
    places = list(zip(windows.starts.tolist(), windows.ends.tolist(), strict=True))
    blank = next(at for at in range(*windows.context[0]) if not context[slice(*places[at])].strip())
    start, end = np.zeros((2, 1, int(windows.lengths[0])))
    start[0, blank] = end[0, blank] = 9.0
    found = best_spans(windows, np.array([0]), start, end, answer_length=1, top=20)
    assert found[0].candidates[0].score == 18.0
    for top in (1, 4):
        merged = merge_windows(context, found, top)
        assert [one.score for one in merged] == [0.0] * top
        assert all(context[one.start : one.end].strip() for one in merged)


def test_the_better_of_two_windows_answers_and_of_equals_the_one_that_starts_first():
    """Two windows of one question, scored at odds where they overlap: the order of the windows does not count."""
    windows = encode([Example("q", "Which?", CONTEXT)], tokenizer_of("wordpiece"), WindowsConfig(length=20, stride=8))
    indices = np.arange(len(windows))
    assert len(windows) == 2
    first, second = (set(windows.starts[slice(*(windows.bounds[at] + windows.context[at]))].tolist()) for at in indices)
    assert {CONTEXT.index(word) for word in ("France", "of")} <= first & second

    def merged(earlier, later, top):
        pairs = (scored(windows, index, **at) for index, at in zip(indices, (earlier, later), strict=True))
        start, end = (np.concatenate(both) for both in zip(*pairs, strict=True))
        return merge_windows(CONTEXT, best_spans(windows, indices, start, end, answer_length=1, top=20), top)

    def texts(candidates):
        return [(CONTEXT[one.start : one.end], one.score, one.window) for one in candidates]

    assert texts(merged({"France": (1, 1)}, {"of": (2, 2)}, 2)) == [("of", 4.0, 1), ("France", 2.0, 0)]
    assert texts(merged({"France": (2, 2)}, {"of": (1, 1)}, 2)) == [("France", 4.0, 0), ("of", 2.0, 1)]
    for top in (1, 2):
        assert texts(merged({"France": (2, 2)}, {"of": (2, 2)}, top)) == [("of", 4.0, 1), ("France", 4.0, 0)][:top]
    assert texts(merged({"France": (2, 2)}, {"France": (3, 3)}, 1)) == [("France", 6.0, 1)]


WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["wordpiece", "bpe", "unigram", "decoder"]),
    stride=st.integers(2, 10),
    length=st.integers(28, 48),
    levels=st.sampled_from([2, 5, 1000]),
    reach=st.floats(0, 1),
)
def test_cutting_a_context_into_windows_changes_no_answer_that_the_overlap_holds(seed, kind, stride, length, levels, reach):
    """The same logit for a token in every window that shows it: the n best answers are those of one long window."""
    draw = np.random.default_rng(seed)
    context = " ".join(draw.permutation(WORDS))
    example, answer_length = Example("q", "Which?", context), 1 + int(reach * (stride - 1))
    logits = {}

    def answers(config):
        windows = encode([example], tokenizer_of(kind), config)
        indices = np.arange(len(windows))
        start, end = draw.normal(0, 50, (2, len(windows), int(windows.lengths.max())))  # not of the context: never looked at
        for row, (low, high) in enumerate(windows.context):
            begin = windows.bounds[row]
            whole = tuple(windows.ends[begin + low : begin + high].tolist())
            for place, to in zip(range(low, high), whole, strict=True):
                at = (windows.starts.item(begin + place), to)
                start[row, place], end[row, place] = logits.setdefault(at, draw.integers(0, levels, 2))
        found = best_spans(windows, indices, start, end, answer_length, top=10_000)
        return len(windows), [(one.start, one.end, one.score) for one in merge_windows(context, found, top=10_000)]

    cut, in_windows = answers(WindowsConfig(length=length, stride=stride))
    whole, in_one = answers(WindowsConfig(length=512, stride=stride))
    assert whole == 1 <= cut
    assert in_windows == in_one


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), length=st.sampled_from([40, 200]), levels=st.sampled_from([2, 5, 1000]))
def test_the_n_best_answers_are_distinct_in_order_and_begin_alike_for_every_n(seed, length, levels):
    draw = np.random.default_rng(seed)
    context = CONTEXT + "  the capital,  of Lyon "
    windows = encode([Example("q", "Which?", context)], tokenizer_of("bpe"), WindowsConfig(length=length, stride=8))
    indices = np.arange(len(windows))
    start, end = draw.integers(0, levels, (2, len(windows), int(windows.lengths.max()))).astype(np.float32)
    scores = best_spans(windows, indices, start, end, answer_length=6, top=500)
    merged = merge_windows(context, scores, top=500)
    texts = [context[one.start : one.end] for one in merged]
    assert all(text == text.strip() != "" for text in texts)
    assert len(set(texts)) == len(texts)
    order = [(-one.score, one.start, one.end) for one in merged]
    assert [score for score, *_ in order] == sorted(score for score, *_ in order)
    for top in (1, 2, 5):
        assert merge_windows(context, scores, top) == merged[:top]
    higher = best_spans(windows, indices, start + 3, end - 1, answer_length=6, top=500)
    assert [(one.start, one.end, one.score - 2) for one in merge_windows(context, higher, top=500)] == [
        (one.start, one.end, one.score) for one in merged
    ]


def test_windows_that_wait_for_the_others_of_their_context_do_not_keep_the_logits():
    """A context of many windows is answered after its last one: kept until then, the logits of all would fill the memory."""
    examples = [Example(str(number), "Which?", CONTEXT * 24) for number in range(10)]
    windows = encode(examples, tokenizer_of("wordpiece"), WindowsConfig(length=256, stride=8))
    start, end = np.random.default_rng(0).normal(size=(2, len(windows), 256))
    indices = np.arange(len(windows))
    assert np.bincount(windows.example).tolist() == [2] * 10
    best_spans(windows, indices, start, end, answer_length=5, top=3)
    tracemalloc.start()
    try:
        scores = best_spans(windows, indices, start, end, answer_length=5, top=3)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(len(one.candidates) == 3 for one in scores)
    assert kept < start.nbytes
