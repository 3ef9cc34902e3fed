"""Which windows are trained on: each promise of `select_windows`."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import made_examples, tokenizer_of
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.config import WindowsConfig
from spantune.data import Example, Span
from spantune.features import encode, select_windows
from spantune.features.selection import Selection

LONG = "Members proclaimed an embargo and revenue rose from million to dollars. " * 12
ANSWER = Span("1973", len("It was "))
ANSWERED = Example("answered", "When?", "It was 1973. " + LONG, (ANSWER,))
UNANSWERABLE = Example("unanswerable", "When?", LONG, ())
UNLABELLED = Example("unlabelled", "When?", LONG)
LOST = Example("lost", "When?", LONG, (Span(LONG[:400], 0),))
SHOWN = Example("shown", "When?", "It was 1973. " + LONG + " Not 1973.", (ANSWER,))
EXAMPLES = (ANSWERED, UNANSWERABLE, UNLABELLED, LOST, SHOWN)


def windows_of(*examples):
    return encode(examples, tokenizer_of("wordpiece"), WindowsConfig(length=32, stride=8))


def chosen(windows, selection, number):
    return [index for index in selection.indices if windows.example[index] == number]


@pytest.mark.parametrize("negatives", [None, 0, 1, 4, 1000])
def test_every_window_that_holds_an_answer_is_kept(negatives):
    windows = windows_of(*EXAMPLES, *made_examples(20))
    selection = select_windows(windows, negatives, seed=1)
    assert set(np.flatnonzero(windows.holds_answer)) <= set(selection.indices.tolist())
    assert selection.indices.tolist() == sorted(set(selection.indices.tolist()))


@pytest.mark.parametrize("negatives", [0, 1, 3])
def test_of_the_windows_without_the_answer_at_most_so_many_are_kept(negatives):
    """Previously (haystack#2771) windows without the answer drowned the ones that teach something."""
    windows = windows_of(*EXAMPLES)
    selection = select_windows(windows, negatives, seed=1)
    for number in (0, 4):
        kept = chosen(windows, selection, number)
        assert sum(~windows.holds_answer[kept]) == negatives
    assert len(chosen(windows, selection, 1)) == max(negatives, 1)


def test_no_limit_keeps_all_that_teach():
    windows = windows_of(*EXAMPLES)
    selection = select_windows(windows, None, seed=1)
    assert len(chosen(windows, selection, 0)) == sum(windows.example == 0)
    assert len(chosen(windows, selection, 1)) == sum(windows.example == 1)
    assert selection.surplus == 0


def test_windows_that_show_the_answer_unlabelled_or_in_part_are_left_out():
    windows = windows_of(SHOWN)
    selection = select_windows(windows, None, seed=1)
    assert windows.unclear.sum() >= 1
    assert not windows.unclear[selection.indices].any()
    assert selection.unclear == windows.unclear.sum()


def test_windows_of_questions_without_a_label_or_with_lost_answers_are_left_out():
    windows = windows_of(LOST, UNLABELLED)
    selection = select_windows(windows, None, seed=1)
    assert len(selection.indices) == 0
    assert (selection.unlabelled, selection.unclear, selection.surplus) == (len(windows), 0, 0)


@settings(max_examples=25)
@given(
    negatives=st.none() | st.integers(0, 6), seed=st.integers(0, 99), numbers=st.lists(st.sampled_from(EXAMPLES), max_size=6)
)
def test_every_window_is_kept_or_left_out_for_one_reason(negatives, seed, numbers):
    windows = windows_of(*(replace(example, id=str(i)) for i, example in enumerate(numbers)))
    selection = select_windows(windows, negatives, seed)
    assert len(selection.indices) + selection.unclear + selection.surplus + selection.unlabelled == len(windows)


def test_the_draw_is_repeated_by_its_seed_and_no_other():
    windows = windows_of(*(replace(UNANSWERABLE, id=str(number)) for number in range(6)))
    drawn = [tuple(select_windows(windows, 2, seed).indices.tolist()) for seed in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3
    everywhere = {index for seed in range(60) for index in select_windows(windows, 2, seed).indices.tolist()}
    assert everywhere == set(range(len(windows)))


def test_what_was_left_out_is_told_in_words():
    """Previously one window left out was "1 windows"."""
    nothing = np.zeros(0, dtype=np.int64)
    assert Selection(nothing, 0, 0, 0).sentences() == ()
    assert Selection(nothing, unclear=1, surplus=2, unlabelled=1).sentences() == (
        "2 windows without the answer left out, see training.negatives",
        "1 window showing a part of an answer, or its text at an unlabelled place, left out",
        "1 window of questions that have no label, or lost their answer in windowing, left out",
    )
