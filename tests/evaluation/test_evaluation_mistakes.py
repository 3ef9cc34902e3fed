"""Kinds of mistakes: one example for each class, and for any answers counts that add up."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data import Example, Span
from spantune.evaluation import score_answers
from spantune.evaluation.analysis import MISTAKES, mistakes_of
from spantune.evaluation.cases import Given, cases_of

CONTEXT = (
    "Paris is the capital of France. Ada Lovelace wrote notes on the engine of Charles Babbage in 1843, in London. "
    "Lovelace was born in 1815. The capital of Italy is Rome."
)
LABEL = Span("Ada Lovelace", CONTEXT.index("Ada"))


def cases(*rows, context=CONTEXT, unreachable=()):
    """Cases of rows of references and an answer, which is a text or a `Given`."""
    records = [Example(str(n), "Who?", context, tuple(spans)) for n, (spans, _) in enumerate(rows)]
    answers = [one if isinstance(one, Given) else Given(str(n), one) for n, (_, one) in enumerate(rows)]
    return cases_of(records, answers, score_answers(records, answers)).known(None, frozenset(unreachable))


def kind_of(spans, answer, start=None, context=CONTEXT, unreachable=()):
    (one,) = mistakes_of(cases((spans, Given("0", answer, start)), context=context, unreachable=unreachable)).each
    return one.kind


def at(text, from_=0):
    return Span(text, CONTEXT.index(text, from_))


@pytest.mark.parametrize(
    ("kind", "spans", "answer"),
    [
        ("answered the unanswerable", (), "Ada Lovelace"),
        ("answered the unanswerable", (), "not from here"),
        ("refused the answerable", (LABEL,), ""),
        ("boundary too long", (LABEL,), "Ada Lovelace wrote notes"),
        ("boundary too long", (LABEL,), "France. Ada Lovelace"),
        ("boundary too long", (at("1815"), LABEL), "Ada Lovelace wrote"),
        ("boundary too short", (LABEL,), "Ada"),
        ("boundary too short", (at("capital of France"),), "of"),
        ("boundary shifted", (LABEL,), "Lovelace wrote notes"),
        ("boundary shifted", (at("the engine of Charles"),), "of Charles Babbage"),
        ("right words elsewhere", (at("capital of France"),), "The capital of Italy"),
        ("other words of the sentence", (LABEL,), "1843"),
        ("other words of the sentence", (at("1843"),), "Charles Babbage"),
        ("wrong sentence", (LABEL,), "1815"),
        ("wrong sentence", (at("Rome"),), "Paris"),
        ("not in the context", (LABEL,), "Grace Hopper"),
        ("not in the context", (LABEL,), "ADA OF LONDON"),
    ],
)
def test_an_example_for_every_class(kind, spans, answer):
    assert kind_of(spans, answer) == kind


def test_every_class_has_an_example_above_or_below():
    marks = next(mark for mark in test_an_example_for_every_class.pytestmark if mark.name == "parametrize")
    assert {kind for kind, _, _ in marks.args[1]} | {"gold in no window"} == set(MISTAKES)


def test_a_reference_in_no_window_could_not_be_found():
    assert kind_of((LABEL,), "1815", unreachable={"0"}) == "gold in no window"
    assert kind_of((LABEL,), "1815", unreachable={"another"}) == "wrong sentence"
    assert kind_of((LABEL,), "Ada Lovelace wrote", unreachable={"0"}) == "gold in no window"


def test_the_place_that_a_tool_names_is_the_place_of_its_answer():
    """`Lovelace` stands twice: within the label, and in the next sentence."""
    twice = (at("wrote notes"),)
    near, far = CONTEXT.index("Lovelace"), CONTEXT.rindex("Lovelace")
    assert kind_of(twice, "Lovelace", near) == "other words of the sentence"
    assert kind_of(twice, "Lovelace", far) == "wrong sentence"


@pytest.mark.parametrize("start", [None, 3, 10_000])
def test_without_a_true_place_the_one_nearest_to_a_reference_is_taken(start):
    assert kind_of((at("wrote notes"),), "Lovelace", start) == "other words of the sentence"
    assert kind_of((at("was born"),), "Lovelace", start) == "other words of the sentence"


@pytest.mark.parametrize(
    ("context", "label", "answer", "kind"),
    [
        ("One is red! Two is blue.", "red", "blue", "wrong sentence"),
        ("One is red? Two is blue.", "red", "blue", "wrong sentence"),
        ("One is red\nTwo is blue", "red", "blue", "wrong sentence"),
        ("One is 1.5 and two is 2.5", "1.5", "2.5", "other words of the sentence"),
        ("One is red, two is blue", "red", "blue", "other words of the sentence"),
    ],
)
def test_where_a_sentence_ends(context, label, answer, kind):
    assert kind_of((Span(label, context.index(label)),), answer, context=context) == kind


@pytest.mark.parametrize("end", ["。", "！", "？"])
def test_where_a_sentence_ends_without_spaces(end):
    context = f"巴黎是法国的首都{end}里昂很大{end}"
    assert kind_of((Span("法国", 3),), "里昂", context=context) == "wrong sentence"


@pytest.mark.parametrize("text", ["Ada Lovelace", "the Ada Lovelace!", "ADA LOVELACE"])
def test_what_matches_is_no_mistake(text):
    found = mistakes_of(cases(((LABEL,), text), ((), "")))
    assert (found.each, found.counts) == ((), {})


# -- right words at another place


def test_matching_words_at_another_place_are_counted_and_no_mistake():
    label = at("Lovelace")
    far = CONTEXT.rindex("Lovelace")
    found = mistakes_of(cases(((label,), Given("0", "Lovelace", far)), ((label,), Given("1", "Lovelace", label.start))))
    assert found.elsewhere == 1
    assert found.each == ()


def test_without_a_place_a_match_is_taken_to_be_at_its_reference():
    assert mistakes_of(cases(((Span("Lovelace", CONTEXT.rindex("Lovelace")),), "Lovelace"))).elsewhere == 0


def test_refusals_and_references_without_a_place_are_not_elsewhere():
    assert mistakes_of(cases(((), ""), ((Span("Lovelace"),), "Lovelace"))).elsewhere == 0


@pytest.mark.parametrize("text", ["ada lovelace", "the Ada Lovelace", "Ada  Lovelace", '"Ada Lovelace"!'])
def test_a_match_that_is_written_otherwise_is_not_elsewhere(text):
    """Of a text that the context does not have, no place is known, so none is another one."""
    assert mistakes_of(cases(((LABEL,), text))).elsewhere == 0


# -- any answers


def spans_in(context):
    places = st.tuples(st.integers(0, len(context) - 1), st.integers(1, 40))
    return places.map(lambda place: Span(context[place[0] : sum(place)], place[0])).filter(lambda span: span.text.strip())


@settings(max_examples=60)
@given(
    st.text(st.sampled_from("abA.! \n。é"), min_size=3, max_size=60)
    .filter(str.strip)
    .flatmap(
        lambda context: st.tuples(
            st.just(context),
            st.lists(
                st.tuples(
                    st.lists(spans_in(context), max_size=3), spans_in(context) | st.just(None), st.booleans(), st.booleans()
                ),
                min_size=1,
                max_size=8,
            ),
        )
    )
)
def test_counts_add_up_to_the_answers_that_do_not_match(drawn):
    context, rows = drawn
    records = [Example(str(n), "Who?", context, tuple(spans)) for n, (spans, *_) in enumerate(rows)]
    answers = [
        Given(str(n), said.text if said else "", said.start if said and placed else None)
        for n, (_, said, placed, _) in enumerate(rows)
    ]
    unreachable = {str(n) for n, row in enumerate(rows) if row[3]}
    scores = score_answers(records, answers)
    found = mistakes_of(cases_of(records, answers, scores).known(None, unreachable))
    wrong = [one.id for one in scores.errors()]
    assert sorted(one.case.record.id for one in found.each) == sorted(wrong)
    assert sum(found.counts.values()) == len(found.each) == len(wrong)
    assert found.counts == Counter(one.kind for one in found.each)
    assert list(found.counts.values()) == sorted(found.counts.values(), reverse=True)
    assert all(len(found.of(kind)) == count and kind in MISTAKES for kind, count in found.counts.items())
    assert [one.case.score.f1 for one in found.each] == sorted(one.case.score.f1 for one in found.each)
    assert 0 <= found.elsewhere <= len(rows) - len(wrong)
    for one in found.each:
        _agrees(one)


def _agrees(one):
    """What the name of a class says of a mistake is so."""
    case, kind = one.case, one.kind
    assert (kind == "answered the unanswerable") == (not case.score.has_answer)
    assert (kind == "gold in no window") == (case.score.has_answer and case.unreachable)
    if not case.unreachable:
        assert (kind == "refused the answerable") == (case.score.has_answer and not case.given.text)
    if kind in {"boundary too long", "boundary too short"}:
        assert case.score.f1 > 0
    if kind in {"other words of the sentence", "wrong sentence"} and case.given.start is not None:
        low, high = case.given.start, case.given.start + len(case.given.text)
        assert not any(low < span.end and span.start < high for span in case.record.answers)
    assert kind != "not in the context"  # every answer here is quoted
