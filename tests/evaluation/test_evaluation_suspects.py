"""Labels to look at: one example for every reason, the surest first, none for good labels."""

import json

import pytest

from spantune.data import Example, Span
from spantune.evaluation import Aliases, score_answers
from spantune.evaluation.analysis import suspects_of
from spantune.evaluation.analysis.suspects import REASONS
from spantune.evaluation.cases import Given, cases_of

CONTEXT = "Ada Lovelace wrote notes on the engine of Charles Babbage in 1843, in London."


def at(text, context=CONTEXT):
    return Span(text, context.index(text))


def row(name, answers, question=None, context=CONTEXT):
    return Example(name, question or f"Question {name}?", context, tuple(answers))


def suspects(*pairs, confidence=None, **scoring):
    """What is suspected of pairs of a record, and an answer or its text."""
    records = [record for record, _ in pairs]
    answers = [said if isinstance(said, Given) else Given(record.id, said) for record, said in pairs]
    found = cases_of(records, answers, score_answers(records, answers, **scoring)).known(confidence)
    return suspects_of(found)


def reasons(*pairs, **options):
    return {one.case.record.id: one.reasons for one in suspects(*pairs, **options)}


def sure(name, text, probability=0.95):
    return Given(name, text, probability=probability)


# -- one example for every reason


def test_the_reader_is_sure_of_another_answer():
    assert reasons((row("1", [at("Ada Lovelace")]), sure("1", "London"))) == {"1": ("sure of another answer",)}


def test_the_reader_is_sure_of_an_answer_where_there_is_none():
    assert reasons((row("1", []), sure("1", "London"))) == {"1": ("sure that there is one",)}


def test_annotators_disagree():
    assert reasons((row("1", [at("Ada Lovelace"), at("1843")]), "1843")) == {"1": ("annotators disagree",)}


def test_a_question_is_labelled_twice():
    pairs = [
        (row("1", [at("Ada Lovelace")], "Who wrote?"), "Ada Lovelace"),
        (row("2", [at("Charles Babbage")], "who wrote"), "Ada Lovelace"),
    ]
    assert reasons(*pairs) == {"1": ("labelled twice",), "2": ("labelled twice",)}


def test_an_answer_in_one_record_and_none_in_another_is_labelled_twice():
    pairs = [(row("1", [at("London")], "Where?"), "London"), (row("2", [], "Where?"), "")]
    assert reasons(*pairs) == {"1": ("labelled twice",), "2": ("labelled twice",)}


@pytest.mark.parametrize("text", ["Ada Love", "Lovelace", "da Lovelace", "184", "843"])
def test_a_label_cuts_a_word(text):
    label = Span(text, CONTEXT.index(text))
    assert reasons((row("1", [label]), text)) == ({} if text == "Lovelace" else {"1": ("cuts a word",)})


def test_every_reason_is_described():
    assert set(REASONS) == {
        "sure of another answer",
        "sure that there is one",
        "annotators disagree",
        "labelled twice",
        "cuts a word",
    }
    assert all(REASONS.values())


# -- how sure is sure


@pytest.mark.parametrize(
    ("probability", "confidence", "suspected"),
    [
        (0.90, None, True),
        (0.89, None, False),
        (None, None, False),
        (0.50, 0.70, True),
        (0.99, 0.69, False),  # calibrated confidence is what counts where there is one
        (None, 0.70, True),
        (0.99, 0.0, False),
    ],
)
def test_from_where_on_a_reader_is_sure(probability, confidence, suspected):
    pair = (row("1", [at("Ada Lovelace")]), sure("1", "London", probability))
    assert bool(reasons(pair, confidence=[confidence])) is suspected


@pytest.mark.parametrize("said", ["Lovelace", "Ada Lovelace", "notes of Ada", ""])
def test_who_shares_a_word_or_refuses_is_not_sure_of_another_answer(said):
    assert reasons((row("1", [at("Ada Lovelace")]), sure("1", said, 1.0))) == {}


# -- the order


def test_more_reasons_come_first_and_then_the_surest():
    rows = [
        (row("sure", [at("Ada Lovelace")]), sure("sure", "London", 0.92)),
        (row("surer", [at("Ada Lovelace")]), sure("surer", "London", 0.99)),
        (row("surest", []), sure("surest", "London", 1.0)),
        (row("cut", [at("Ada Love")]), "Ada Love"),
        (row("both", [at("Ada Love"), at("1843")]), "1843"),
        (row("twice", [at("Ada Lovelace")], "Who?"), sure("twice", "Ada Lovelace", 0.3)),
        (row("again", [at("1843")], "Who?"), sure("again", "Ada Lovelace", 0.2)),
        (row("good", [at("London")]), sure("good", "London", 1.0)),
    ]
    found = [one.case.record.id for one in suspects(*rows)]
    assert "good" not in found
    assert found.index("both") < found.index("cut")
    assert found[-3:] == ["surest", "surer", "sure"]
    assert found.index("twice") < found.index("again")
    assert len(found) == 7


def test_of_the_same_reasons_the_surest_comes_first():
    values = [0.91, 0.99, 0.9, 0.95]
    rows = [(row(str(value), [at("Ada Lovelace")]), sure(str(value), "London", value)) for value in values]
    assert [one.case.record.id for one in suspects(*rows)] == ["0.99", "0.95", "0.91", "0.9"]


# -- good labels


def test_good_labels_are_not_suspected():
    pairs = [
        (row("right", [at("Ada Lovelace")]), sure("right", "Ada Lovelace")),
        (row("unsure", [at("1843")]), sure("unsure", "London", 0.5)),
        (row("none", []), sure("none", "", 0.99)),
        (row("agree", [at("Ada Lovelace"), at("Lovelace")]), "Ada"),
        (row("once", [at("London")], "Where was it?"), "London"),
        (row("once more", [at("London")], "Where was it?"), "London"),
        (row("in part", [at("in London")], "Where was it?"), "London"),
        (row("at the end", [at("London.")]), "London"),
        (row("at the start", [at("Ada")]), "Ada"),
    ]
    assert reasons(*pairs) == {}


def test_the_same_question_about_another_context_is_another_question():
    other = "Charles Babbage designed it."
    pairs = [
        (row("1", [at("Ada Lovelace")], "Who?"), "Ada Lovelace"),
        (row("2", [at("Charles Babbage", other)], "Who?", other), "Charles Babbage"),
    ]
    assert reasons(*pairs) == {}


@pytest.mark.parametrize(
    ("context", "text"),
    [("巴黎是法国的首都。", "法国"), ("東京は日本の首都です。", "日本"), ("大韓民國의 首都는 서울이다", "서울")],
)
def test_scripts_without_spaces_between_words_cut_none(context, text):
    assert reasons((row("1", [at(text, context)], context=context), text)) == {}


@pytest.mark.parametrize(
    ("context", "text"), [("กรุงเทพเป็นเมืองหลวงของไทย", "เมืองหลวง"), ("ພາສາລາວເປັນພາສາ", "ລາວ"), ("ភ្នំពេញជារាជធានី", "ជា")]
)
def test_thai_lao_and_khmer_cut_no_words_either(context, text):
    assert reasons((row("1", [at(text, context)], context=context), text)) == {}


def test_a_place_that_does_not_hold_the_label_is_not_judged():
    assert reasons((row("1", [Span("Ada Love", 3)]), "Ada Love")) == {}
    assert reasons((row("1", [Span("Ada Love")]), "Ada Love")) == {}


def test_other_names_of_an_answer_are_no_disagreement():
    aliases = Aliases.of([["London", "the Big Smoke"]])
    assert reasons((row("1", [at("London")]), "London"), aliases=aliases) == {}


# -- what is written


def test_a_row_of_the_review_sheet():
    (one,) = suspects((row("1", [at("Ada Lovelace")]), sure("1", "London")))
    assert one.as_row() == {
        "id": "1",
        "question": "Question 1?",
        "references": ["Ada Lovelace"],
        "prediction": "London",
        "confidence": 0.95,
        "reasons": ["sure of another answer"],
    }
    (one,) = suspects((row("1", [at("Ada Lovelace")]), sure("1", "London")), confidence=[0.8])
    assert one.as_row()["confidence"] == 0.8
    (one,) = suspects((row("1", [at("Ada Love")]), "x"))
    assert json.loads(json.dumps(one.as_row()))["confidence"] is None
