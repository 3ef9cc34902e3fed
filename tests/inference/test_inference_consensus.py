"""Of the likely spans of a context the one that agrees most with all of them; 0 as spread is the answer as it always was."""

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import WINDOWS, made_examples
from hypothesis import given
from hypothesis import strategies as st

from spantune.features import Candidate, SpanScores
from spantune.inference import Alternative, Reader, ReaderSettings, trace_html, trace_text
from spantune.inference.again import agreed_at, alone, always_answered, answered_at
from spantune.inference.choosing import choose, close_call, spans_compared
from spantune.inference.consensus import CONSIDERED, UNDISPUTED, expected_overlaps, lead, most_agreed, undisputed

SPREADS = (0.0, 0.5, 0.75, 1.0, 2.0, 10.0)
EITHER = (1e-4, 2.0)  # an untrained reader's scores lie between: the first span is given, or another one


def span(start, end, score):
    return Alternative("x" * (end - start), start, end, 0.0, score)


spans_of = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 30), st.floats(-20, 20)), min_size=1, max_size=8, unique_by=lambda one: one[:2]
).map(lambda rows: sorted([span(at, at + long, score) for at, long, score in rows], key=lambda one: -one.score))


@given(spans_of, st.sampled_from(SPREADS))
def test_the_first_has_the_largest_expected_overlap_and_none_is_lost(spans, spread):
    agreed = most_agreed(spans, spread)
    assert sorted(map(repr, agreed)) == sorted(map(repr, spans))
    assert [one for one in spans if one is not agreed[0]] == agreed[1:]
    if spread == 0:
        assert agreed == spans
        return
    weights = [math.exp((one.score - spans[0].score) / spread) for one in spans]

    def expected(one):
        shared = [max(0, min(one.end, other.end) - max(one.start, other.start)) for other in spans]
        parts = zip(weights, shared, spans, strict=True)
        sums = [weight * 2 * both / (one.end - one.start + other.end - other.start) for weight, both, other in parts]
        return sum(sums) / sum(weights)

    assert expected(agreed[0]) == pytest.approx(max(map(expected, spans)))
    assert list(expected_overlaps(spans, spread)) == pytest.approx(list(map(expected, spans)))


@given(spans_of, st.sampled_from((0.25, 0.5, 1.0)))
def test_a_span_of_enough_probability_is_given_whatever_the_others_are(spans, spread):
    others = math.log(sum(math.exp(one.score) for one in spans[1:]) or 1.0)
    first = replace(spans[0], score=others + math.log(UNDISPUTED / (1 - UNDISPUTED)) + 1e-9)
    assert most_agreed([first, *spans[1:]], spread)[0] is first
    assert undisputed(spread) == math.log(UNDISPUTED)


def test_above_a_spread_of_one_no_probability_is_enough_and_at_none_any_is():
    assert undisputed(1.5) == math.inf
    assert undisputed(0.0) == -math.inf


@given(spans_of, st.sampled_from(SPREADS[1:]), st.lists(st.floats(-1, 1), min_size=8, max_size=8))
def test_noise_well_below_the_lead_turns_no_answer(spans, spread, noise):
    agreed = most_agreed(spans, spread)
    ahead = min(lead(agreed, spread), spread / 4)  # to first order only: larger noise is not small any more
    moved = [replace(one, score=one.score + 0.2 * ahead * by) for one, by in zip(agreed, noise, strict=False)]
    if len(spans) > 2 and ahead > 1e-6:
        assert expected_overlaps(moved, spread).argmax() == 0


@pytest.fixture(scope="module")
def asked():
    return made_examples(24, seed=3)


def reader_of(model, tokenizer, **settings):
    return Reader(model, tokenizer, ReaderSettings(windows=WINDOWS, **settings))


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("may_abstain", [False, True])
def test_choosing_again_is_what_a_reader_of_that_spread_answers(tiny_reader_model, wordpiece, asked, spread, may_abstain):
    plain = reader_of(tiny_reader_model, wordpiece, may_abstain=may_abstain, threshold=-0.01)
    told = list(plain.with_spread(spread).answer_many(asked, top=CONSIDERED))
    again = [agreed_at(one, spread, -0.01 if may_abstain else math.inf) for one in plain.answer_many(asked, top=CONSIDERED)]
    for one, other in zip(told, again, strict=True):
        assert (one.text, one.start, one.end, one.alternatives) == (other.text, other.start, other.end, other.alternatives)
        assert (one.score, one.no_answer_score) == pytest.approx((other.score, other.no_answer_score))


def test_likely_spans_change_some_answers_and_the_text_is_quoted_still(tiny_reader_model, wordpiece, asked):
    plain = reader_of(tiny_reader_model, wordpiece)
    told = [list(plain.with_spread(spread).answer_many(asked)) for spread in (0.0, 2.0)]
    assert any(one.text != other.text for one, other in zip(*told, strict=True))
    for question, one in zip(asked, told[1], strict=True):
        assert question.context[one.start : one.end] == one.text != ""
        assert len(one.alternatives) == 1


@pytest.mark.parametrize("window", [24, 64])
def test_the_answer_is_the_same_however_many_alternatives_are_asked_for(tiny_reader_model, wordpiece, asked, window):
    windows = WINDOWS.model_copy(update={"length": window, "stride": 8})
    reader = Reader(tiny_reader_model, wordpiece, ReaderSettings(windows=windows, spread=2.0))
    told = [list(reader.answer_many(asked, top=top)) for top in (1, 2, 5, 20, 60)]
    for answers in zip(*told, strict=True):
        assert len({(one.text, one.start, one.end, one.score, one.no_answer_score) for one in answers}) == 1
        assert [len(one.alternatives) for one in answers[:3]] == [1, 2, 5]
        for one in answers:
            assert len({other.text for other in one.alternatives}) == len(one.alternatives)
            assert [other.score for other in one.alternatives[1:]] == sorted(
                [other.score for other in one.alternatives[1:]], reverse=True
            )


def test_the_trace_says_why_a_span_with_a_lower_score_is_given(tiny_reader_model, wordpiece, asked):
    reader = reader_of(tiny_reader_model, wordpiece)
    traces = [reader.with_spread(spread).trace(one.question, one.context) for spread in EITHER for one in asked]
    reasons = {}
    for trace in traces:
        valid = [one for one in trace.candidates if one.reason.startswith("valid") or one.chosen]
        chosen = next(one for one in valid if one.chosen)
        reasons.setdefault(chosen is valid[0], set()).add(chosen.reason)
        rule = "that overlaps most with the likely ones" if chosen is not valid[0] else "with the highest sum of its two logits"
        assert all(f"the valid pair {rule} wins." in shown for shown in (trace_text(trace, width=200), trace_html(trace)))
        above = [one.reason for one in valid[: valid.index(chosen)]]
        assert set(above) <= {"valid, but overlaps less with the other likely spans than the answer"}
        assert {one.reason for one in valid[valid.index(chosen) + 1 :]} <= {"valid, but scored lower than the answer"}
    assert reasons[True] == {"highest score of all valid spans"}
    assert reasons[False] == {"overlaps most with the likely spans, all together"}


def test_a_refusal_names_the_span_that_was_refused(tiny_reader_model, wordpiece, asked):
    """Previously "no answer" was said to have scored higher than every span, where one that overlaps less scored higher yet."""
    plain, given = reader_of(tiny_reader_model, wordpiece, may_abstain=True), set()
    for spread, one in itertools.product(EITHER, asked):
        reader = plain.with_spread(spread)
        margin = reader.answer(one.question, one.context).no_answer_score
        trace = reader.with_threshold(margin - 1e-3).trace(one.question, one.context)
        none, *_ = [candidate for candidate in trace.candidates if candidate.window is None]
        first, *others = trace.answer.alternatives
        central = any(other.score > first.score for other in others)
        assert (trace.answer.text, none.chosen) == ("", True)
        assert ("the span that overlaps most with the likely ones" in none.reason) == central
        assert ("that overlaps most" in trace.rule) == central
        given.add((central, margin < 0))
    assert {central for central, _ in given} == {True, False}


def test_a_close_call_between_overlaps_is_told(tiny_reader_model, wordpiece, asked):
    settings = ReaderSettings(windows=WINDOWS, spread=1.0)
    assert (spans_compared(settings), spans_compared(ReaderSettings())) == (CONSIDERED, 2)
    answer = next(Reader(tiny_reader_model, wordpiece, settings).answer_many(asked, top=CONSIDERED))
    clear = (span(0, 4, 9.0), span(20, 24, 1.0), span(40, 44, 1.0))
    even = (span(0, 4, 2.0), span(0, 5, 2.0), span(0, 6, 2.0), span(0, 7, 2.0))
    assert not close_call(replace(answer, alternatives=clear), settings)
    assert close_call(replace(answer, alternatives=tuple(most_agreed(even, 1.0))), settings)


def test_a_word_below_twenty_spans_of_white_space_is_given():
    context = "Ada" + " " * 40
    empty = [Candidate(at, at + 1, 9.0 - at / 10, 0, at, at) for at in range(3, 3 + CONSIDERED)]
    found = SpanScores(0, [*empty, Candidate(0, 3, 1.0, 0, 1, 1)], null=-5.0, log_total=10.0)
    answer = choose(SimpleNamespace(id="1", question="Who?", context=context), [found], ReaderSettings(spread=1.0))
    assert (answer.text, answer.start, answer.end) == ("Ada", 0, 3)


def test_an_answer_without_a_possible_span_stays_as_it_is(tiny_reader_model, wordpiece, asked):
    answer = next(reader_of(tiny_reader_model, wordpiece).answer_many(asked))
    none = replace(answer, text="", start=0, end=0, alternatives=())
    assert agreed_at(none, 1.0, 0.0) == none == answered_at(none, 0.0)
    assert alone(answer) == answer
    refused = answered_at(answer, -math.inf)
    assert (refused.text, always_answered(refused).text) == ("", answer.text)
