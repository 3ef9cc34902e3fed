"""Parts of the questions: what is surely worse comes first, chance is not called so, every mean is that of its part."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data import Example, Place, Span
from spantune.evaluation import QuestionScore
from spantune.evaluation.analysis import slices_of
from spantune.evaluation.analysis.slices import FEWEST, MOST_VALUES, SLICERS, question_word
from spantune.evaluation.cases import Case, Cases, Given, Grouped, groups_of

WORDS = ("who", "when", "where", "why")
CONTEXT = "Ada wrote it in London. " * 5


def made(
    count, score, *, word=lambda n: "who", document=lambda n: f"d{n // 5}", fields=lambda n: (), by=groups_of, place=False
):
    """Cases whose scores are those of `score`; five questions a document unless said otherwise."""
    records = [
        Example(
            str(n),
            f"{word(n)} {n}?",
            f"{n} {CONTEXT}",
            (Span("Ada", len(str(n)) + 1),),
            document(n),
            Place(f"{document(n)}.json", str(n)) if place else None,
            fields(n),
        )
        for n in range(count)
    ]
    grouped = by(records)
    return Cases(
        tuple(
            Case(row, Given(row.id, "x"), QuestionScore(row.id, "x", ("Ada",), float(value == 1), value, value, value), group)
            for row, value, group in zip(records, map(float, map(score, range(count))), grouped.names, strict=True)
        ),
        grouped,
    )


def named(cases, name):
    return {one.value: one for one in slices_of(cases).slices if one.name == name}


def noisy(bad, low=0.35, high=0.8):
    draw = random.Random(3)
    return lambda n: float(draw.random() < (low if bad(n) else high))


# -- what is bad is found


@pytest.mark.parametrize(
    ("options", "name", "value", "bad"),
    [
        ({"word": lambda n: WORDS[n % 4]}, "question word", "when", lambda n: n % 4 == 1),
        ({"fields": lambda n: (("topic", ("law", "art", "food")[n % 3]),)}, "topic", "law", lambda n: n % 3 == 0),
        ({"fields": lambda n: (("year", 2019 + n % 3),)}, "year", "2020", lambda n: n % 3 == 1),
        ({"fields": lambda n: (("checked", n % 3 > 0),)}, "checked", "False", lambda n: n % 3 == 0),
    ],
    ids=["question word", "field", "field of numbers", "field of truth values"],
)
def test_a_bad_part_comes_first_and_is_surely_worse(options, name, value, bad):
    sliced = slices_of(made(300, noisy(bad), **options))
    first = sliced.slices[0]
    assert (first.name, first.value) == (name, value)
    assert first.surely_worse
    assert first.p < 0.01
    assert first.behind < -0.2
    assert first.interval.low <= first.behind <= first.interval.high < 0
    assert sliced.worse == (first,)


def test_a_bad_document_is_surely_worse_where_its_paragraphs_are_the_groups():
    """Of two files that are a data set each, the names of these say nothing of documents, so that contexts are the groups."""
    cases = made(300, noisy(lambda n: n % 3 == 0), document=lambda n: "news" if n % 3 else "law", place=True)
    sliced = slices_of(cases)
    assert cases.grouped.count == 300
    assert [(one.name, one.value) for one in sliced.worse] == [("document", "law")]
    assert sliced.slices[0].value == "law"


def test_of_a_document_that_is_one_group_nothing_is_sure():
    """What is resampled are documents: one of them says nothing of how others would do, however bad it is."""
    cases = made(200, lambda n: float(n // 20 != 3), document=lambda n: f"d{n // 20}")
    assert cases.grouped.count == 10
    found = named(cases, "document")
    assert len(found) == 10
    assert (found["d3"].f1.value, found["d3"].behind) == (0.0, -1.0)
    assert {(one.p, one.interval, one.surely_worse) for one in found.values()} == {(None, None, False)}
    assert slices_of(cases).worse == ()


def test_of_several_bad_parts_the_worst_comes_first_and_the_others_keep_their_order():
    draw = random.Random(9)
    low = {"who": 0.9, "when": 0.1, "where": 0.4, "why": 0.95}
    sliced = slices_of(made(800, lambda n: float(draw.random() < low[WORDS[n % 4]]), word=lambda n: WORDS[n % 4]))
    assert [one.value for one in sliced.worse] == ["when", "where"]
    assert [one.value for one in sliced.slices] == ["when", "where", "who", "why"]


def test_a_part_of_which_all_is_wrong_and_of_the_others_nothing_is_surely_worse():
    sliced = slices_of(made(120, lambda n: float(n % 4 != 1), word=lambda n: WORDS[n % 4]))
    assert [one.value for one in sliced.worse] == ["when"]


def test_what_is_surely_better_is_not_surely_worse():
    sliced = slices_of(made(300, noisy(lambda n: n % 4 != 1), word=lambda n: WORDS[n % 4]))
    best = next(one for one in sliced.slices if one.value == "when")
    assert best.behind > 0.2
    assert best.p < 0.01
    assert not best.surely_worse


def test_more_parts_make_p_values_larger():
    """A part of one document in six, alike in both: with more fields beside it, the corrected p is higher."""
    score = noisy(lambda n: n % 6 == 0, low=0.6)
    alone = made(300, score, fields=lambda n: (("a", n % 6 == 0),))
    score = noisy(lambda n: n % 6 == 0, low=0.6)
    among = made(300, score, fields=lambda n: (("a", n % 6 == 0), *((f"f{k}", n * (k + 3) % 7 % 3) for k in range(12))))
    assert named(alone, "a")["True"].p < named(among, "a")["True"].p


# -- chance is not


def by_chance(seed):
    """Scores that depend on the document and on nothing that is sliced by, but for the document's own topic."""
    draw = np.random.default_rng(seed)
    of_document = np.repeat(draw.normal(0, 0.15 * (seed % 3), 32), 5)
    scores = np.clip(draw.choice([0.0, 0.4, 0.67, 1.0], 160, p=[0.2, 0.1, 0.1, 0.6]) + of_document, 0, 1)
    words, topics, years = draw.integers(0, 4, 160), np.repeat(draw.integers(0, 3, 32), 5), draw.integers(0, 3, 160)
    return made(
        160,
        lambda n: scores[n],
        word=lambda n: WORDS[words[n]],
        fields=lambda n: (("topic", f"t{topics[n]}"), ("year", int(years[n]))),
    )


def test_chance_is_called_surely_worse_in_few_of_many_datasets():
    found = [slices_of(by_chance(seed)) for seed in range(60)]
    assert min(len(sliced.slices) for sliced in found) >= 8
    assert sum(bool(sliced.worse) for sliced in found) <= 0.08 * 60


def test_where_all_score_the_same_nothing_is_worse():
    for value in (0.0, 0.5, 1.0):
        sliced = slices_of(made(100, lambda n, value=value: value, word=lambda n: WORDS[n % 4]))
        assert sliced.worse == ()
        assert {(one.f1.value, one.behind) for one in sliced.slices} == {(value, 0.0)}


# -- which parts are shown


def test_parts_of_few_questions_are_counted_and_not_shown():
    sizes = {"a": FEWEST, "b": FEWEST - 1, "c": 1, "d": 40}
    values = [value for value, size in sizes.items() for _ in range(size)]
    cases = made(len(values), lambda n: n % 2, document=lambda n: None, fields=lambda n: (("kind", values[n]),))
    assert {value: one.count for value, one in named(cases, "kind").items()} == {"a": 10, "d": 40}
    assert slices_of(cases).too_small == 2


def test_a_part_that_leaves_out_few_questions_is_not_one():
    cases = made(60, lambda n: n % 2, document=lambda n: None, fields=lambda n: (("kind", "rest" if n >= 9 else "few"),))
    assert slices_of(cases).slices == ()
    assert slices_of(cases).too_small == 1


def test_what_all_questions_have_alike_is_no_part():
    assert slices_of(made(60, lambda n: n % 2, document=lambda n: None, fields=lambda n: (("source", "same"),))).slices == ()


def test_a_field_with_many_values_slices_nothing():
    for values, shown in ((MOST_VALUES, MOST_VALUES), (MOST_VALUES + 1, 0)):
        cases = made(21 * 12, lambda n: n % 2, fields=lambda n, values=values: (("key", f"v{n % values}"),))
        assert len(named(cases, "key")) == shown


def test_a_question_without_the_field_is_in_no_part_of_it():
    cases = made(90, lambda n: n % 2, fields=lambda n: (("topic", ("law", "art")[n % 3]),) if n % 3 < 2 else ())
    assert {value: one.count for value, one in named(cases, "topic").items()} == {"law": 30, "art": 30}


def test_an_empty_value_is_not_a_missing_one():
    cases = made(60, lambda n: n % 2, fields=lambda n: ((("topic", ""),), (("topic", "law"),), ())[n % 3])
    assert {value: one.count for value, one in named(cases, "topic").items()} == {"": 20, "law": 20}


# -- the numbers


@settings(max_examples=15)
@given(st.integers(20, 90), st.integers(0, 2**20))
def test_every_mean_is_that_of_its_questions_and_what_it_is_behind_that_of_all_others(count, seed):
    draw = random.Random(seed)
    scores = [draw.choice([0.0, 0.25, 0.5, 1.0]) for _ in range(count)]
    words = [draw.choice(WORDS) for _ in range(count)]
    cases = made(count, lambda n: scores[n], word=lambda n: words[n])
    for value, one in named(cases, "question word").items():
        own = [score for score, word in zip(scores, words, strict=True) if word == value]
        others = [score for score, word in zip(scores, words, strict=True) if word != value]
        assert one.count == one.f1.count == len(own)
        assert one.f1.value == pytest.approx(sum(own) / len(own))
        assert one.exact_match.value == pytest.approx(own.count(1.0) / len(own))
        assert one.behind == pytest.approx(sum(own) / len(own) - sum(others) / len(others))
        assert 0 <= one.f1.interval.low <= one.f1.value <= one.f1.interval.high <= 1


def test_more_questions_than_are_taken_in_at_a_time_give_the_same_numbers():
    count = 5000
    cases = made(count, lambda n: n * 7 % 11 / 10, word=lambda n: WORDS[n % 4], document=lambda n: f"d{n % 9}")
    for value, one in named(cases, "question word").items():
        own = [n * 7 % 11 / 10 for n in range(count) if WORDS[n % 4] == value]
        assert one.count == len(own)
        assert one.f1.value == pytest.approx(sum(own) / len(own))


def test_the_order_of_the_questions_does_not_matter():
    cases = made(150, noisy(lambda n: n % 4 == 1), word=lambda n: WORDS[n % 4])
    mixed = list(cases.each)
    random.Random(4).shuffle(mixed)
    other = slices_of(Cases(tuple(mixed), cases.grouped)).slices
    told = [{(one.name, one.value): one for one in found} for found in (slices_of(cases).slices, other)]
    assert told[0].keys() == told[1].keys()
    for key, one in told[0].items():
        assert told[1][key].behind == pytest.approx(one.behind)
        assert (told[1][key].p is None) == (one.p is None)
        assert told[1][key].p == pytest.approx(one.p) or one.p is None


# -- what is sliced by


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Who wrote it?", "who"),
        ("WHO wrote it?", "who"),
        ("In what year?", "what"),
        ("How many were there?", "how many"),
        ("How much is it?", "how much"),
        ("How long did it take?", "how long"),
        ("How  many were there?", "how"),
        ("How is it done?", "how"),
        ("Whose is it?", "whose"),
        ("To whom was it given?", "whom"),
        ("Why?", "why"),
        ("Is it so?", "yes/no"),
        ("Did they know when it began?", "yes/no"),
        ("Name the river", "other"),
        ("Whatever it is, name it", "other"),
        ("", "other"),
        ("   ", "other"),
        ("谁写的？", "other"),
    ],
)
def test_the_question_word(question, word):
    assert question_word(SimpleNamespace(record=SimpleNamespace(question=question))) == word


def case_of(context="", references=("Ada",), start=0, document=None):
    answers = tuple(Span(text, start) for text in references)
    record = Example("1", "Who?", context, answers, document)
    return Case(record, Given("1", ""), QuestionScore("1", "", tuple(references), 0, 0, 0, 0), "0")


@pytest.mark.parametrize(
    ("slicer", "case", "value"),
    [
        *(
            ("answer length", case_of(references=("w " * words,)), band)
            for words, band in (
                (1, "1 word"),
                (2, "2 words"),
                (3, "3 to 5 words"),
                (5, "3 to 5 words"),
                (6, "6 to 10 words"),
                (10, "6 to 10 words"),
                (11, "over 10 words"),
            )
        ),
        ("answer length", case_of(references=("one two three", "one")), "1 word"),
        ("answer length", case_of(references=()), None),
        *(
            ("context length", case_of("w " * words), band)
            for words, band in (
                (1, "1 to 100 words"),
                (100, "1 to 100 words"),
                (101, "101 to 250 words"),
                (500, "251 to 500 words"),
                (1000, "501 to 1000 words"),
                (1001, "over 1000 words"),
            )
        ),
        *(
            ("position of the answer", case_of("x" * 100, start=start), quarter)
            for start, quarter in (
                (0, "first quarter"),
                (24, "first quarter"),
                (25, "second quarter"),
                (50, "third quarter"),
                (75, "last quarter"),
                (100, "last quarter"),
            )
        ),
        ("position of the answer", case_of("x" * 100, start=None), None),
        ("position of the answer", case_of("x" * 100, references=()), None),
        *(
            ("windows", case_of("w " * words), band)
            for words, band in (
                (0, "1 window"),
                (250, "1 window"),
                (251, "2 windows"),
                (500, "2 windows"),
                (501, "3 to 4 windows"),
                (1001, "over 4 windows"),
            )
        ),
        ("annotators", case_of(references=("Ada",)), None),
        ("annotators", case_of(references=("Ada", "Ada")), "all agree"),
        ("annotators", case_of(references=("Ada", "the Ada!")), "all agree"),
        ("annotators", case_of(references=("Ada Lovelace", "Ada")), "mostly agree"),
        ("annotators", case_of(references=("Ada", "London")), "disagree"),
        ("answer", case_of(), "has an answer"),
        ("answer", case_of(references=()), "has none"),
        ("document", case_of(document="handbook"), "handbook"),
        ("document", case_of(), None),
    ],
)
def test_what_a_question_is_sliced_by(slicer, case, value):
    assert SLICERS[slicer](case) == value


def test_other_names_of_an_answer_are_no_disagreement():
    from spantune.evaluation import Aliases, score_answers
    from spantune.evaluation.cases import cases_of

    rows = [Example("1", "Where?", "Founded by the UN.", (Span("UN", 15),))]
    scores = score_answers(rows, [Given("1", "UN")], aliases=Aliases.of([["UN", "United Nations"]]))
    assert SLICERS["annotators"](cases_of(rows, [Given("1", "UN")], scores).each[0]) is None


def test_without_groups_there_is_still_a_mean():
    """All about one context: what a part scored is known, and nothing of others."""
    one_group = Grouped(("0",) * 40, "all about one context", 1)
    cases = made(40, lambda n: n % 2, word=lambda n: WORDS[n % 2], by=lambda records: one_group)
    assert {(one.f1.interval, one.p) for one in slices_of(cases).slices} == {(None, None)}
