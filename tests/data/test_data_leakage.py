"""Leakage: what is on both sides is found, in any language and order, and nothing else is told."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data import Example, Place, Span, TextExample
from spantune.data.leakage import (
    DUPLICATES,
    LEAKS,
    Sketch,
    clusters,
    find_leaks,
    find_leaks_in_sketch,
    find_leaks_within,
    finding,
    joined,
    sketch,
)
from spantune.data.leakage.finding import answers_of
from spantune.data.leakage.near import LINES, PART_SHARE, PASSAGES, jaccard, near_pairs, near_twins, part_twins, signatures
from spantune.data.leakage.shingles import anchors, evened, line_shingles, passage_shingles, units
from spantune.errors import DataError, UnreadableDataError

WORDS = [
    f"{head}{tail}" for head in ("oil", "em", "tow", "rev", "bar", "dol") for tail in ("er", "ing", "ate", "um", "ost", "y")
]
ADA = (
    "Ada Lovelace wrote the notes on the analytical engine in 1843. She signed them with her initials only. "
    "The last of them tells how the engine would compute the numbers of Bernoulli, step by step, and it is called "
    "the first program. The engine itself was never built in the time of anyone who read the notes."
)
LOOM = (
    "The loom of Jacquard was steered by cards with holes. A weaver in Lyon could repeat a pattern as often as he liked, "
    "and nobody had to lift the threads by hand. Babbage owned a portrait of its maker that was woven from silk."
)
CHINESE = "埃达写下了关于分析机的笔记并且只用自己名字的首字母署名最后一篇说明机器如何逐步计算伯努利数因此被称为第一个程序"
THAI = "เอดาเขียนบันทึกเกี่ยวกับเครื่องวิเคราะห์และลงชื่อด้วยอักษรย่อเท่านั้นบันทึกสุดท้ายเล่าว่าเครื่องจะคำนวณตัวเลขทีละขั้นได้อย่างไร"


def ask(id, question, context, *answers, document=None, file="a.json"):
    spans = tuple(Span(answer, context.index(answer)) for answer in answers)
    return Example(id, question, context, spans, document, Place(file, id))


def made_text(draw, length=120):
    return [draw.choice(WORDS) + str(draw.randint(0, 30)) for _ in range(length)]


def counted(report):
    return {kind: count for kind, count in report.counts.items() if count}


TRAIN = (
    ask("t1", "Who wrote the notes on the engine?", ADA, "Ada Lovelace", document="Ada"),
    ask("t2", "When were the notes on the engine written?", ADA, "1843", document="Ada"),
    ask("t3", "What was the loom of Jacquard steered by?", LOOM, "cards", document="Looms"),
)

# -- what is compared


def test_copying_does_not_change_what_is_compared():
    assert evened("Ａｄａ\u00a0 wrote\r\nit") == evened("ADA wrote it ")
    assert passage_shingles("Ada's notes: signed!") == passage_shingles("ada s notes signed")
    assert units("cafe\u0301") == units("caf\u00e9")
    assert units("हिन्दी में।") == ["हिन्दी", "में"]
    assert units("شَجَرَة كبيرة") == ["شَجَرَة", "كبيرة"]


def test_texts_without_letters_are_compared_by_their_signs():
    """Previously (every comparison of words) "👍" and "👎" held no word, and were the same."""
    assert not line_shingles("👍") & line_shingles("👎")
    report = find_leaks([TextExample("a", "👍")], [TextExample("b", "👎")])
    assert report.ok
    assert find_leaks([TextExample("a", "👍")], [TextExample("b", "👍 ")]).counts["same_record"] == 1


def test_half_a_surrogate_pair_and_an_empty_text_can_be_compared():
    odd = ["a \ud800 b", "", " ", "\u202e"]
    assert len(signatures(odd, passage_shingles)) == len(signatures(odd, line_shingles)) == 4
    assert all(anchors(text) for text in odd)
    assert find_leaks([ask("a", "\ud800?", odd[0])], [ask("b", "?", odd[0])]).counts["same_context"] == 1


# -- near-duplicates and parts


@pytest.mark.parametrize("text", [ADA, LOOM, CHINESE, THAI], ids=["en", "en2", "zh", "th"])
def test_a_few_changed_characters_make_a_near_duplicate_in_any_script(text):
    middle = len(text) // 2
    changed = text[:middle] + "Ω" + text[middle + 1 :]
    (found,) = near_twins([changed], [LOOM[:40], text], PASSAGES).values()
    assert found[0].index == 1
    assert found[0].similarity == jaccard(passage_shingles(changed), passage_shingles(text)) >= PASSAGES.threshold
    assert len(found) == 1


@pytest.mark.parametrize("text", [ADA, LOOM, CHINESE, THAI], ids=["en", "en2", "zh", "th"])
def test_a_part_is_found_from_either_side_in_any_script(text):
    part = text[len(text) // 4 : -len(text) // 3]
    (found,) = part_twins([part], ["Nothing of that kind.", text]).values()
    assert found[0].index == 1
    assert found[0].similarity >= PART_SHARE
    assert part_twins([text], [part])[0][0].similarity == found[0].similarity


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), changes=st.integers(0, 60))
def test_no_pair_is_told_that_is_not_one_and_its_similarity_is_exact(seed, changes):
    draw = random.Random(seed)
    words = made_text(draw)
    changed = list(words)
    for _ in range(changes):
        changed[draw.randrange(len(changed))] = "changed"
    one, other = " ".join(words), " ".join(changed)
    exact = jaccard(passage_shingles(one), passage_shingles(other))
    found = near_pairs([one, " ".join(made_text(draw)), other], PASSAGES)
    assert all(pair == (0, 2, exact) and exact >= PASSAGES.threshold for pair in found)
    assert found or exact < PASSAGES.threshold + 0.1  # a miss is only likely just above the threshold


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(15, 60), start=st.integers(0, 60))
def test_every_piece_of_fifteen_words_shares_an_anchor_with_its_text(seed, length, start):
    words = made_text(random.Random(seed))
    piece = words[start : start + length]
    assert anchors(" ".join(piece)) & anchors(" ".join(words))
    assert part_twins([" ".join(piece)], [" ".join(words)])[0][0].similarity == 1.0


def test_a_form_letter_of_thousands_is_compared_in_time_and_joined_into_one_cluster():
    form = "Dear customer {}, we have received your order and will send it to your address in three working days. Thank you."
    texts = [form.format(number) for number in range(1500)]
    assert len(set(clusters(texts))) == 1


def test_clusters_join_through_others():
    draw = random.Random(1)
    words = made_text(draw, 90)
    texts = [" ".join(words[:60]), " ".join(made_text(draw)), " ".join(words[30:]), " ".join(words)]
    assert clusters(texts) == [0, 1, 0, 0]
    assert clusters(list(reversed(texts))) == [0, 0, 2, 0]
    assert clusters([]) == []


# -- find_leaks


def test_each_touched_question_counts_once_under_the_gravest_kind():
    test = [
        ask("a", "who wrote the NOTES on the engine?", ADA),
        ask("b", "What is the last note about?", ADA + "\n"),
        ask("c", "What is the last note about?", ADA.replace("step by step", "one by one")),
        ask("d", "What did the engine never become?", ADA[110:230]),
        ask("e", "What was Jacquard's loom steered by?", "No loom without cards.", "cards"),
        ask("f", "When were the notes on the engine written?", "In 1842 nobody wrote.", "1842"),
        ask("g", "Why?", "Nobody knows."),
    ]
    test[4] = replace(test[4], question="What was the loom of Jacquard steered by")
    report = find_leaks(test, TRAIN)
    assert counted(report) == {
        "same_record": 1,
        "same_context": 1,
        "near_context": 1,
        "contained_context": 1,
        "same_question_and_answer": 1,
        "same_question": 1,
        "answer_in_training": 1,
    }
    assert report.touched == {0, 1, 2, 3, 4}
    assert report.touched_count == sum(report.counts[leak.code] for leak in LEAKS if leak.touches)
    assert [one.id for one in report.untouched(test)] == ["f", "g"]
    assert report.untouched("abcdefg") == ("f", "g")
    assert not report.ok


def test_pairs_name_both_records_with_places_and_similarity():
    near = ask("c", "What?", ADA.replace("step by step", "one by one"), document="Lovelace", file="test.json")
    report = find_leaks([near], TRAIN)
    pairs = {pair.kind: pair for pair in report.pairs}
    found = pairs["near_context"]
    assert (found.record.id, found.record.place) == ("c", "test.json: c")
    assert (found.twin.id, found.twin.place) == ("t1", "a.json: t1")
    assert found.similarity == round(jaccard(passage_shingles(near.context), passage_shingles(ADA)), 3)
    assert (pairs["renamed_document"].record.document, pairs["renamed_document"].twin.document) == ("Lovelace", "Ada")


def test_unlike_sets_share_nothing():
    test = [ask("x", "Who?", "Somebody else wrote something else.", document="Else")]
    for one, other in ((test, TRAIN), (test, []), ([], TRAIN)):
        report = find_leaks(one, other)
        assert report.ok
        assert not counted(report)
        assert report.sentences() == (f"none of {len(one)} test records is known from training",)


def test_two_unanswerable_questions_have_no_answer_in_common():
    one = Example("a", "Who built the engine at that time?", "Nobody did.", ())
    other = replace(one, id="b", context="It was planned alone.")
    assert counted(find_leaks([one], [other])) == {"same_question": 1}
    assert find_leaks([one], [other]).answered == 0


def test_answers_are_read_once_where_one_question_is_asked_of_every_document(monkeypatch):
    """Previously each held-out question read the answers of all training records that ask it: minutes for some thousands."""
    read = []
    monkeypatch.setattr(finding, "answers_of", lambda record: read.append(record.id) or answers_of(record))
    forms = [
        ask(f"{n}", "What is the amount due?", f"Invoice {n * n + 7} is about {n * 31} things of {n}.", str(n))
        for n in range(60)
    ]
    report = find_leaks([*forms[:20], replace(forms[30], id="again", context="Another text with 30 in it.")], forms[20:])
    assert counted(report)["same_question_and_answer"] == 1
    assert [pair.twin.id for pair in report.pairs if pair.kind == "same_question_and_answer"] == ["30"]
    assert len(read) <= 3 * len(forms)


def test_a_question_that_differs_in_one_word_alone_touches_nothing():
    one = ask("a", "How many works did the composer write in 1843?", "He wrote 20 of them.", "20")
    other = ask("b", "How many works did the composer write in 1845?", "There were 7 of them.", "7")
    report = find_leaks([one], [other])
    assert report.ok
    assert counted(report) == {"same_question": 1}


def test_documents_on_both_sides_are_told_unless_all_have_one_name():
    other = ask("x", "Who?", "Somebody else wrote something else.", document="Ada")
    assert counted(find_leaks([other], TRAIN)) == {"same_document": 1}
    renamed = [replace(one, document="file.json") for one in (*TRAIN, other)]
    assert not counted(find_leaks(renamed[-1:], renamed[:-1]))


def test_a_name_that_a_whole_file_has_is_no_other_title():
    """Previously all of SQuAD 2.0's questions had "another title" in a file of SQuAD 1.1 that is one article."""
    whole = [replace(one, document="SQuAD, as one article") for one in TRAIN]
    assert counted(find_leaks(TRAIN, whole)) == {"same_record": 3, "answer_in_training": 3}
    assert counted(find_leaks(whole, TRAIN)) == {"same_record": 3, "answer_in_training": 3}


def test_texts_to_classify_are_compared_as_lines():
    train = [TextExample("t", "It looks like my card payment might have been reverted.", "reverted")]
    test = [
        TextExample("a", "it looks like my card payment might have been reverted", "reverted"),
        TextExample("b", "It looks like my card payments might have been reverted!", "reverted"),
        TextExample("c", "My card was eaten.", "swallowed"),
    ]
    report = find_leaks(test, train)
    assert report.touched == {0, 1}
    assert 0.8 <= report.pairs[1].similarity < 1.0


def test_the_report_is_plain_values_and_sentences():
    report = find_leaks([replace(TRAIN[0], id="x"), ask("y", "Why?", "Nobody knows.")], TRAIN)
    found = json.loads(json.dumps(report.as_dict()))
    assert (found["total"], found["touched"], found["kinds"]["same_record"]["count"]) == (2, 1, 1)
    assert found["pairs"][0]["twin"]["id"] == "t1"
    assert report.sentences()[0].startswith("1 of 2 test records (50.0%) are known from training")
    assert any(said.startswith("1 of 1 (100%) have an answer") and said.endswith("not counted") for said in report.sentences())


# -- find_leaks_within


def test_what_stands_in_one_set_twice_is_found_within_and_across_its_files():
    rows = [
        *TRAIN,
        replace(TRAIN[0], id="again"),
        replace(TRAIN[1], id="other", answers=(Span("Ada", 0),)),
        ask("near", "Why?", LOOM.replace("silk", "wool"), document="Weaving", file="b.json"),
        ask("part", "Why?", ADA[110:230], document="Ada"),
    ]
    report = find_leaks_within(rows)
    assert counted(report) == {
        "same_record": 1,
        "other_answer": 1,
        "near_context": 1,
        "contained_context": 1,
        "renamed_document": 2,
    }
    assert report.across_files == 2  # the near one, and the loom that stands under its title
    assert not report.ok
    assert len(report.sentences()) == 6
    assert set(report.as_dict()["kinds"]) == {kind.code for kind in DUPLICATES}


def test_a_set_without_duplicates_is_told_so():
    report = find_leaks_within(TRAIN)
    assert report.ok
    assert report.sentences() == ("none of 3 records stands in the data twice",)


def test_texts_with_two_labels_are_found():
    rows = [
        TextExample("a", "It is fine.", "good"),
        TextExample("b", "it is fine.", "bad"),
        TextExample("c", "It is fine.", "good"),
    ]
    assert counted(find_leaks_within(rows)) == {"same_record": 1, "other_answer": 1}


# -- sketches


def test_a_sketch_recognises_what_the_data_itself_would():
    test = [
        replace(TRAIN[0], id="a"),
        ask("b", "What?", ADA),
        ask("c", "What?", ADA.replace("step by step", "one by one")),
        ask("d", "What?", ADA[90:235]),
        ask("e", TRAIN[2].question, "No loom without cards.", "cards"),
        ask("f", "Why?", "Nobody knows."),
    ]
    exact, estimated = find_leaks(test, TRAIN), find_leaks_in_sketch(test, sketch(TRAIN))
    assert exact.touched == estimated.touched == {0, 1, 2, 3, 4}
    touching = [leak.code for leak in LEAKS if leak.touches]
    assert [exact.counts[kind] for kind in touching] == [estimated.counts[kind] for kind in touching] == [1] * 5
    assert (exact.similarity, estimated.similarity) == ("exact", "estimated")
    assert "estimated" in estimated.sentences()[-1]
    assert all(pair.twin is None for pair in estimated.pairs)


def test_estimates_are_near_the_exact_similarity():
    draw = random.Random(3)
    errors = []
    for changes in range(0, 16, 3):
        words = made_text(draw)
        changed = list(words)
        for at in draw.sample(range(len(words)), changes):
            changed[at] = "changed"
        one, other = ask("a", "Q?", " ".join(words)), ask("b", "Q?", " ".join(changed) + " end")
        (pair,) = (p for p in find_leaks_in_sketch([other], sketch([one])).pairs if p.kind == "near_context")
        errors.append(pair.similarity - jaccard(passage_shingles(one.context), passage_shingles(other.context)))
    assert max(map(abs, errors)) < 0.13  # three standard errors


def test_a_sketch_knows_neither_order_nor_ids_and_comes_back_as_it_was():
    rows = [*TRAIN, TRAIN[0]]
    made = sketch(rows)
    assert made == sketch([replace(row, id=f"x{row.id}") for row in reversed(rows)])
    assert Sketch.from_bytes(made.to_bytes()) == made
    assert Sketch.from_bytes(sketch([]).to_bytes()) == sketch([])
    assert find_leaks_in_sketch(TRAIN, sketch([])).ok
    assert b"Lovelace" not in made.to_bytes()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_sketch_is_told(data):
    content = SKETCHED
    kind = data.draw(st.sampled_from(["cut", "flip", "noise", "longer"]))
    if kind == "cut":
        damaged = content[: data.draw(st.integers(0, len(content) - 1))]
    elif kind == "flip":
        at = data.draw(st.integers(0, len(content) - 1))
        damaged = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    elif kind == "noise":
        damaged = content[:8] + data.draw(st.binary(max_size=200))
    else:
        damaged = content + data.draw(st.binary(min_size=1, max_size=50))
    with pytest.raises(UnreadableDataError):
        Sketch.from_bytes(damaged)


SKETCHED = sketch(TRAIN).to_bytes()

IN_ANOTHER_PROCESS = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from test_data_leakage import SKETCHED, TRAIN, find_leaks_within, CHINESE, THAI, near_pairs, LINES
print(hashlib.sha256(SKETCHED).hexdigest(), find_leaks_within(TRAIN * 2).pairs == find_leaks_within(TRAIN * 2).pairs)
"""


def test_sketches_are_the_same_in_every_process_and_on_every_machine():
    """Pinned: a run's sketch is read by other machines, and by later versions of the library that makes the signatures."""
    code = IN_ANOTHER_PROCESS.format(folder=str(Path(__file__).parent))
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {"27b2e9f40ebb51f8dc2af06eeaed2dcfad862afdf93c57f1fc63fa7809685f4c True\n"}


def test_lines_find_a_typo_and_leave_other_questions_alone():
    questions = ["Where is the Longmen Shan fault located?", "Where is the Longmen Shann fault located?", "Where is the fault?"]
    assert [pair[:2] for pair in near_pairs(questions, LINES)] == [(0, 1)]


@pytest.mark.parametrize("sides", [(0, 1), (1, 0), (2, 0)])
def test_records_of_two_tasks_are_not_compared(sides):
    """Previously questions and texts to classify were compared as if both were of the kind of the first record."""
    one, other = Example("q", "Who?", "Ada wrote it."), TextExample("t", "Ada wrote it.", "a")
    sets = [[one], [other], [one, other]]
    with pytest.raises(DataError, match=r"for the task.* 'classify'"):
        find_leaks(sets[sides[0]], sets[sides[1]])


def test_joined_sketches_recognise_what_either_does():
    texts = [" ".join(f"{word}{number}" for word in LOOM.split()) for number in range(6)]
    rows = [Example(f"q{at}", f"Which is {at}?", text, (Span(text.split()[0], 0),)) for at, text in enumerate(texts)]
    both = joined(sketch(rows[:3]), sketch(rows[2:5]))
    assert Sketch.from_bytes(both.to_bytes()) == both
    assert len(both.contexts) == 5
    changed = [replace(one, id=f"n{one.id}", context=one.context + " and more") for one in rows]
    for asked in (rows, changed):
        alone = [find_leaks_in_sketch(asked, sketch(rows[:3])).touched, find_leaks_in_sketch(asked, sketch(rows[2:5])).touched]
        assert find_leaks_in_sketch(asked, both).touched == alone[0] | alone[1]
        assert len(alone[0] | alone[1]) == 5
    assert joined(both, sketch([])) == both
    assert find_leaks_in_sketch(rows, joined(sketch([]), both)).touched_count == 5
