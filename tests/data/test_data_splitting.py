"""Splitting: whole documents, no context on two sides, the same for any order of the rows."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data import GROUPINGS, Example, Span, TextExample, demo_data, read_examples, split
from spantune.data.records import Place
from spantune.data.splitting import LeakShares, fold_leak_shares, folds, split_three
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


@pytest.mark.parametrize("seed", range(20))
def test_no_document_is_nearly_all_of_what_is_held_out_where_others_can_be(seed):
    """Previously a tenth of COVID-QA was one article of 113 questions and four of 25 together."""
    sizes = [113, *[5 + number % 40 for number in range(60)]]
    rows = [
        Example(f"{at}-{n}", f"{at} {n}?", f"Text {at}.", (), f"d{at}") for at, size in enumerate(sizes) for n in range(size)
    ]
    held_out = split(rows, held_out=0.1, seed=seed, by="document").held_out
    largest = max(Counter(one.document for one in held_out).values())
    assert largest <= 2 / 3 * len(held_out)
    assert abs(len(held_out) - 0.1 * len(rows)) <= 22  # half of the largest of the others


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


# -- groupings


def fielded(count=24):
    return [
        replace(one, document=None, fields=(("topic", f"topic {int(one.id.split('.')[0]) % 4}"),) if number % 6 else ())
        for number, one in enumerate(questions(documents=count // 6))
    ]


def near_pair(words="alpha beta gamma delta epsilon zeta eta theta iota kappa lambda my"):
    """Twelve documents, of which the first two hold nearly the same passage."""
    rows = questions(documents=12, contexts=1)
    same = [replace(row, context=f"{words} {row.document}") for row in rows[:4]]
    return [*same, *rows[4:]]


def test_near_duplicates_under_two_titles_are_on_one_side():
    """Previously (by title and identical context) 7 % of FaQuAD's held-out questions had a near context in train."""
    rows = near_pair()
    result = split(rows, held_out=0.5)
    assert sum(result.groups.values()) == 11
    assert result.grouped_by.endswith("11 groups instead of 12")
    for seed in range(12):
        parts = split(rows, held_out=0.5, seed=seed)
        assert len({row.document for row in parts.train} & {"doc 0", "doc 1"}) != 1
        assert parts.leaks.now == 0.0
    by_title = [split(rows, held_out=0.5, by="document", seed=seed) for seed in range(12)]
    assert max(parts.leaks.now for parts in by_title) > 0


def test_where_nothing_is_nearly_the_same_documents_alone_decide():
    rows = questions()
    assert split(rows).held_out == split(rows, by="document").held_out
    assert split(rows).grouped_by == split(rows, by="document").grouped_by


def test_records_made_from_one_form_do_not_become_one_group():
    rows = numbered(FORM, 20, "product {}".format)
    result = split(rows)
    assert len(result.held_out) == 4
    assert "they join 20 of 20" in result.grouped_by
    with pytest.raises(DataError, match="1 group"):
        split(rows, by="near-duplicate")


@pytest.mark.parametrize("largest", [4, 6])
def test_forms_of_which_most_questions_ask_one_are_split_by_it(largest):
    """Previously they were refused, as one group, where one form had half of the records already."""
    rows = [
        replace(one, context=FORM.format(max(0, n - largest + 1))) for n, one in enumerate(numbered(FORM, 10, lambda _: None))
    ]
    result = split(rows)
    assert {one.context for one in result.train}.isdisjoint({one.context for one in result.held_out})
    assert "they join 10 of 10" in result.grouped_by


def numbered(form, count, document):
    return [Example(f"{form[:8]}{n}", "What?", form.format(n), (), document(n)) for n in range(count)]


FORM = "This product with the number {0} is made of steel, weighs one kilogram, and comes with a warranty of two years."


def test_a_document_that_most_records_name_is_ignored_and_told():
    """Previously two SQuAD files, each with one title for all of it, were one group: nothing could be held out."""
    rows = [replace(row, document="SQuAD 1") for row in questions(documents=10, contexts=1)]
    rows += [replace(row, id=f"2{row.id}", document="SQuAD 2") for row in questions(documents=4, contexts=1)]
    result = split(rows)
    assert sum(result.groups.values()) == 7  # six contexts of one file alone, and SQuAD 2
    assert "'SQuAD 1' is ignored: 20 of 28 (71.4%) of the records name it" in result.grouped_by


def test_a_document_a_file_says_nothing_beside_the_files():
    """Previously two files of one title each, as large as one another, were split file by file or not at all."""
    rows = [
        replace(row, id=f"{name}{row.id}", document=name, place=Place(f"{name}.json", "1"))
        for name in ("one", "two")
        for row in questions(documents=6, contexts=1)
    ]
    result = split(rows)
    assert sum(result.groups.values()) == 6
    assert (
        result.grouped_by == "by identical context: all records of a file name one document, which says nothing beside the file"
    )
    apart = [replace(row, place=Place(f"{row.document}.json", "1")) for row in questions(documents=6)]
    assert sum(split(apart).groups.values()) == 6  # a file for each document is no data set


def test_leak_proof_takes_near_duplicates_alone_before_documents_alone():
    """Previously documents and near-duplicates that joined everything together left documents alone, which leaked."""
    rows = [  # a ring: each document holds a passage and nearly the next one
        Example(
            f"{d}.{near}", "What?", " ".join(f"{word}{(d + near) % 12}" for word in "abcdefghijkl") + "xy"[near], (), f"doc {d}"
        )
        for d in range(12)
        for near in (0, 1)
    ]
    result = split(rows)
    assert "documents may be on both sides" in result.grouped_by
    assert sum(result.groups.values()) >= 5
    assert result.leaks.now == 0.0
    assert split(rows, by="document").leaks.now > 0


def test_what_leaks_all_the_same_is_warned_of():
    """Previously a split that leaked all of its held-out records said so in one even sentence among others."""
    result = split(numbered(FORM, 20, "product {}".format))
    assert result.leaks.now == 1.0
    assert result.leaks.warning.startswith("100% of the records set apart have a context in training too")
    assert split(questions()).leaks.warning is None


def test_small_leaks_are_told_as_such_and_random_is_not_compared_with_itself():
    """Previously 1 of 10,000 was told as 0.0%; and `--by random` compared a random split with a random split."""
    assert str(LeakShares(random=0.9, now=0.0001)).startswith("<0.1% of the records")
    rows = questions(documents=5, contexts=2, each=10)
    assert str(split(rows, by="random").leaks).endswith("no two records were kept together: this is a random split of the rows")
    assert fold_leak_shares([part.held_out for part in folds(rows, by="random")], 13, groups=len(rows)).row_by_row


def test_by_a_field_its_values_stay_whole_and_those_without_it_are_told():
    rows = fielded()
    result = split(rows, by="field:topic")
    assert result == split(rows, by="topic")
    assert "4 records do not have it" in result.grouped_by
    sides = [{dict(row.fields)["topic"] for row in side if row.fields} for side in result]
    assert not sides[0] & sides[1]
    with pytest.raises(ConfigError, match="field:topic"):
        split(rows, by="field:year")


def test_row_by_row_warns_and_tells_how_much_it_leaks():
    rows = questions(documents=5, contexts=2, each=10)
    result = split(rows, by="random")
    assert "how well a model remembers" in result.grouped_by
    assert result.leaks.now > 0.9
    assert len(result.held_out) == 20
    whole = split(rows)
    assert whole.leaks.now == 0.0
    assert whole.leaks.random > 0.9
    assert "0% of the records set apart" in str(whole.leaks)
    assert split(rows, by="context").grouped_by == "by identical context, whatever the document"


def test_row_by_row_parts_equal_rows_too():
    """Previously rows of one content were drawn together, as if they were one group, so that less leaked than does."""
    rows = [Example(f"{number}.{copy}", "Who?", f"Ada, {number}.") for number in range(30) for copy in range(4)]
    held_out = split(rows, by="random").held_out
    contexts = {row.context for row in held_out}
    assert len(held_out) == 24
    assert len(contexts) > 12  # six, drawn together
    assert sum(row.context in contexts for row in split(rows, by="random").train) > 24
    assert {row.id for row in split(rows[::-1], by="random").held_out} == {row.id for row in held_out}


# -- answerability


def half_unanswerable(documents=40):
    """Every other document has unanswerable questions alone."""
    rows = questions(documents=documents, contexts=1, each=3)
    return [replace(row, answers=(Span("C", 0),)) if int(row.id.split(".")[0]) % 2 else row for row in rows]


def test_the_unanswerable_share_is_alike_on_both_sides():
    for seed in range(10):
        for part in split(half_unanswerable(), seed=seed):
            assert 0.4 <= sum(row.is_impossible for row in part) / len(part) <= 0.6


# -- three sides, and folds


def test_three_sides_share_nothing_and_lose_nothing():
    rows = questions(documents=20)
    parts = split_three(rows, held_out=0.2, test=0.1)
    assert [len(part) for part in parts] == [84, 24, 12]
    assert parts.groups == {"train": 14, "held_out": 4, "test": 2}
    assert sorted(ids([*parts.train, *parts.held_out, *parts.test])) == sorted(ids(rows))
    titles = [{row.document for row in part} for part in parts]
    assert sum(map(len, titles)) == len(set.union(*titles))
    assert parts.held_out == split(rows, held_out=0.2).held_out
    assert parts.leaks.now == 0.0


def test_three_sides_need_three_groups_and_shares_that_leave_some():
    with pytest.raises(DataError, match="at least three groups"):
        split_three(questions(documents=2))
    with pytest.raises(ConfigError, match=r"held_out and test are 1\.1 together"):
        split_three(questions(), held_out=0.5, test=0.6)
    with pytest.raises(ConfigError, match="test is 0"):
        split_three(questions(), test=0)


def test_each_record_is_held_out_once_in_folds_of_like_size():
    rows = half_unanswerable()
    parts = folds(rows, k=5)
    assert sorted(row.id for part in parts for row in part.held_out) == sorted(ids(rows))
    for part in parts:
        assert len(part.held_out) == 24
        assert sum(row.is_impossible for row in part.held_out) == 12
        assert not {row.document for row in part.train} & {row.document for row in part.held_out}
        assert part.groups == {"train": 32, "held_out": 8}
    assert len({folds(rows, k=5, seed=seed)[0].held_out for seed in range(5)}) > 1
    shares = fold_leak_shares([part.held_out for part in parts], seed=13)
    assert shares.now == 0.0
    assert shares.random > 0.9


def test_labels_are_alike_in_all_folds():
    rows = [TextExample(f"{label}{n}", f"text {label} {n}", label) for label in "abc" for n in range(10)]
    for part in folds(rows, k=5):
        assert sorted(row.label for row in part.held_out) == sorted("aabbcc")


def test_folds_need_two_of_them_and_a_group_for_each():
    with pytest.raises(ConfigError, match="1 folds"):
        folds(questions(), k=1)
    with pytest.raises(DataError, match="as many groups as folds, 11"):
        folds(questions(), k=11)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), shuffle=st.integers(0, 10**6), by=st.sampled_from([*GROUPINGS, "field:topic"]))
def test_seed_and_content_alone_decide_and_groups_stay_whole(seed, shuffle, by):
    rows = [replace(row, fields=(("topic", row.document or ""),)) for row in [*near_pair(), *half_unanswerable(6)[:9]]]
    rows = [replace(row, id=f"{number}") for number, row in enumerate(rows)]
    shuffled = random.Random(shuffle).sample(rows, len(rows))
    for one, other in (
        (split(rows, by=by, seed=seed), split(shuffled, by=by, seed=seed)),
        (split_three(rows, by=by, seed=seed), split_three(shuffled, by=by, seed=seed)),
        *zip(folds(rows, 3, by, seed), folds(shuffled, 3, by, seed), strict=True),
    ):
        assert [set(ids(part)) for part in one] == [set(ids(part)) for part in other]
        assert one.groups == other.groups
        assert one.grouped_by == other.grouped_by
        assert sorted(i for part in one for i in ids(part)) == sorted(ids(rows))
    if by != "random":
        train, held_out = split(rows, by=by, seed=seed)
        assert not {row.context for row in train} & {row.context for row in held_out}
