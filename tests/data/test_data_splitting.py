"""Splitting: whole documents, no context on two sides, the same for any order of the rows."""

import random

import pytest

from spantune.data import GROUPINGS, Example, TextExample, demo_data, read_examples, split
from spantune.errors import ConfigError, DataError


def questions(documents=10, contexts=3, each=2, title="doc {}"):
    return [
        Example(f"{d}.{c}.{q}", f"Question {q}?", f"Context {c} of {d}.", (), title and title.format(d))
        for d in range(documents)
        for c in range(contexts)
        for q in range(each)
    ]


def ids(records):
    return [record.id for record in records]


def test_documents_stay_whole_and_the_share_is_met():
    result = split(questions(), held_out=0.3)
    train, held_out = result
    assert (len(train), len(held_out)) == (42, 18)
    assert not {r.document for r in train} & {r.document for r in held_out}
    assert result.groups == {"train": 7, "held_out": 3}
    assert result.grouped_by.startswith("by document")


def test_input_order_is_kept_and_nothing_is_lost():
    rows = questions()
    train, held_out = split(rows)
    assert ids(train) == [i for i in ids(rows) if i in set(ids(train))]
    assert sorted(ids(train) + ids(held_out)) == sorted(ids(rows))


def test_the_order_of_the_rows_does_not_matter():
    """Previously (every splitter that shuffles row numbers) sorting the file changed the held-out set."""
    rows = questions()
    shuffled = random.Random(1).sample(rows, len(rows))
    assert set(ids(split(rows).held_out)) == set(ids(split(shuffled).held_out))


def test_seeds_repeat_and_differ():
    rows = questions()
    assert split(rows, seed=1).held_out == split(rows, seed=1).held_out
    assert len({tuple(ids(split(rows, seed=seed).held_out)) for seed in range(8)}) > 4


def test_one_context_under_two_titles_is_on_one_side():
    """Previously a random row split of COVID-QA left 99.6 % of the test questions with a context also in train."""
    rows = [Example(f"{n}", "Who?", f"Context {n // 2}.", (), f"doc {(n + 1) // 2 % 20}") for n in range(40)]
    with pytest.raises(DataError, match="1 group"):  # a ring: each context links two titles
        split(rows)
    for seed in range(10):
        train, held_out = split(rows[:10] + rows[20:30], seed=seed)
        assert not {r.context for r in train} & {r.context for r in held_out}


@pytest.mark.parametrize("title", ["the file's name", None])
def test_a_title_that_all_share_says_nothing(title):
    result = split(questions(title=title))
    assert result.groups == {"train": 24, "held_out": 6}
    assert "identical context" in result.grouped_by
    assert ("the file's name" in result.grouped_by) == (title is not None)


def test_at_least_one_group_on_each_side():
    rows = questions(documents=2)
    for share in (0.01, 0.99):
        assert split(rows, held_out=share).groups == {"train": 1, "held_out": 1}
    with pytest.raises(DataError, match="nothing can be held out") as caught:
        split(questions(documents=1, contexts=1))
    assert "2 records in 1 group (" in caught.value.found
    with pytest.raises(DataError, match="0 records in 0 groups"):
        split([])


def test_a_large_document_does_not_fill_the_held_out_side():
    rows = questions(documents=8, contexts=1) + [Example(f"big{n}", f"{n}?", "Big.", (), "big") for n in range(100)]
    for seed in range(10):
        assert "big" not in {record.document for record in split(rows, seed=seed).held_out}


def test_each_label_is_on_both_sides():
    rows = [TextExample(f"{label}{n}", f"text {label} {n}", label) for label in "abc" for n in range(10)]
    rows += [TextExample("single", "the only one", "d"), *(TextExample(f"e{n}", f"few {n}", "e") for n in range(2))]
    train, held_out = split(rows)
    assert {r.label for r in train} == set("abcde")
    assert {r.label for r in held_out} == set("abce")
    assert len(held_out) == 7


def test_identical_texts_stay_together():
    rows = [TextExample(f"{n}", f"text {n % 10}" + " " * (n % 2), "ab"[n % 2]) for n in range(40)]
    train, held_out = split(rows)
    assert not {r.text.strip() for r in train} & {r.text.strip() for r in held_out}


def test_unknown_choices_are_told():
    with pytest.raises(ConfigError, match=f"one of {', '.join(GROUPINGS)}"):
        split(questions(), by="colour")
    for share in (0, 1, -0.2, 20):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            split(questions(), held_out=share)


def test_the_demo_data_splits_by_context():
    result = split(read_examples(demo_data()))
    assert (len(result.train), len(result.held_out)) == (270, 68)
    assert not {r.context for r in result.train} & {r.context for r in result.held_out}
