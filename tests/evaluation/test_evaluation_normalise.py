import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.evaluation import comparable_form, normalise_answer

ANSWER_TEXT = st.text(st.sampled_from("aAnthe bBc.!-,'–  \t\n1é中ß\u00a0"), max_size=20) | st.text(max_size=20)


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("The  Eiffel\tTower.", "eiffel tower"),
        ("U.S.", "us"),
        ("a-team", "ateam"),
        ("the–end", "–end"),
        ("theatre an-other", "theatre another"),
        ("$1,234.50", "123450"),
        ("Çédille\u00a0É", "çédille é"),
        ("东京", "东京"),
        ("«Le Monde»", "«le monde»"),
        ("A", ""),
        ("The.", ""),
        ("!!!", ""),
        ("", ""),
    ],
)
def test_normalisation_is_that_of_the_official_scripts(text: str, normalised: str) -> None:
    assert normalise_answer(text) == normalised


@pytest.mark.parametrize(
    ("text", "form"),
    [("A", "a"), ("The.", "the"), ("a the", "a the"), ("!!!", "!!!"), ("-  .", "- ."), ("", ""), (" \n", "")],
)
def test_an_answer_that_normalises_to_nothing_keeps_what_it_has(text: str, form: str) -> None:
    """Previously (in others' scorers) the gold answers "A", "The" and "!!!" all became "" and equalled each other."""
    assert comparable_form(text) == form


@given(ANSWER_TEXT)
def test_the_guard_leaves_every_other_answer_alone(text: str) -> None:
    normalised = normalise_answer(text)
    assert comparable_form(text) == normalised or not normalised
    assert bool(comparable_form(text)) == bool(text.strip())


@given(ANSWER_TEXT, ANSWER_TEXT)
def test_a_guarded_form_shares_no_word_with_an_official_one(one: str, other: str) -> None:
    if normalise_answer(one) and not normalise_answer(other):
        assert not set(comparable_form(one).split()) & set(comparable_form(other).split())
