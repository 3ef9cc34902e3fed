"""Statistics: exact counts of what a person looks at, in any language, whatever the order of the records."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.data import Example, Span, TextExample, demo_data, read_examples
from spantune.data.statistics import Tally, statistics
from spantune.data.statistics.distributions import distribution, quantile
from spantune.data.statistics.question_words import WORDS, QuestionKinds
from spantune.data.statistics.words import answer_kind, count_words, first_word

CONTEXT = "Ada Lovelace wrote it in 1843. It ran to 3 notes. She signed it A.A.L., and nobody else did. Ada!"


def question(number=0, text="Who wrote it?", context=CONTEXT, answers=("Ada Lovelace",), document=None):
    spans = None if answers is None else tuple(Span(one, context.index(one)) for one in answers)
    return Example(f"q{number}", text, context, spans, document)


def facts(*records):
    return statistics(records).questions


# -- distributions


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200))
def test_a_distribution_is_exact(values):
    found = distribution(Counter(values))
    ordered = sorted(values)
    assert (found.count, found.minimum, found.maximum) == (len(values), ordered[0], ordered[-1])
    assert found.mean == pytest.approx(sum(values) / len(values))
    for name, share in (("p5", 5), ("quarter", 25), ("median", 50), ("three_quarters", 75), ("p95", 95), ("p99", 99)):
        assert getattr(found, name) == ordered[-(-share * len(values) // 100) - 1]


@given(st.lists(st.one_of(st.integers(0, 40), st.integers(0, 10**9)), min_size=1, max_size=60))
def test_a_histogram_holds_every_value_once_in_at_most_twenty_five_bars(values):
    found = distribution(Counter(values)).histogram
    assert sum(found.counts) == len(values)
    assert len(found.edges) == len(found.counts) + 1 <= 26
    assert list(found.edges) == sorted(set(found.edges))
    for low, high, count in zip(found.edges, found.edges[1:], found.counts, strict=False):
        assert count == sum(low <= value < high for value in values)


def test_values_that_reach_far_get_bars_that_grow():
    assert distribution({2: 900, 3: 50, 4_000: 1}).histogram.scale == "log"
    assert distribution({100: 9, 140: 9, 300: 1}).histogram.scale == "linear"
    assert distribution({}) is None


def test_quantiles_do_not_stumble_over_rounding():
    assert 0.07 * 100 > 7  # as floating point has it
    assert quantile([(1, 7), (500, 93)], 0.07) == 1


# -- words and kinds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one", 1),
        (" two  words\n", 2),
        ("a — b", 2),
        ("don't stop", 2),
        ("...", 0),
        ("黑豹队防守", 5),
        ("東京 tower", 3),
        ("ภาษาไทย", 7),
        ("बहुत अच्छा", 2),
        ("كم نقطة", 2),
        ("Ada,Grace", 1),
        ("한국어 단어", 2),
    ],
)
def test_words_are_counted_by_white_space_or_by_letter_where_a_script_has_none(text, words):
    assert count_words(text) == words


def test_counting_words_takes_linear_time():
    for text in ("-" * 10**6, "a" * 10**6, "é" * 10**6, "字" * 10**5, "- " * 10**5):
        assert count_words(text) >= 0
        assert len(first_word(text)) <= 40


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Who?", "who"),
        ("¿Cuánto es?", "cuánto"),
        ("«Où?»", "où"),
        ("Wer war's?", "wer"),
        ("What's up?", "what's"),
        ("", ""),
        ("पैंथर्स डिफ़ेंस ने?", "पैंथर्स"),
        ("谁在第51届?", "谁在"),
        ("ما هي؟", "ما"),
        ("?!", ""),
        ("1066 was?", "1066"),
        ("İstanbul?", "i̇stanbul"),
    ],
)
def test_the_first_word_keeps_its_marks_and_loses_signs(question, word):
    assert first_word(question) == word


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1843", "number"),
        ("3 notes", "with number"),
        ("Ada Lovelace", "capitalised"),
        ("wrote it", "other"),
        ("It ran to 3 notes.", "sentence"),
        ("It ran to 3 notes", "sentence"),
        ("Ada", "capitalised"),
        ("ran to 3 notes.", "with number"),
    ],
)
def test_answers_are_sorted_by_what_they_look_like(text, kind):
    assert answer_kind(text, CONTEXT, CONTEXT.index(text)) == kind


@pytest.mark.parametrize(
    ("language", "questions"),
    [
        ("English", ["How many died?", "In which year?", "Who was it?", "Is it true?", "Name one."]),
        ("German", ["Wie viele starben?", "In welchem Jahr?", "Wer war es?", "Ist es wahr?", "Nenne einen."]),
        ("French", ["Combien ?", "En quelle année ?", "Qui était-ce ?", "Est-ce vrai ?", "Nomme."]),
        ("Arabic", ["كم عددهم؟", "في أي عام؟", "من هو؟", "هل هذا صحيح؟", "اذكر."]),
        ("Chinese", ["死了多少人？", "在哪个城市？", "谁是国王？", "", ""]),
    ],
)
def test_question_words_are_found_in_the_language_of_the_data(language, questions):
    kinds = QuestionKinds()
    for one in questions:
        kinds.add(one)
    told, counts = kinds.told()
    assert told == language
    assert counts["how many, how much"] == counts["which"] == counts["who"] == 1
    assert counts.total() == len(questions)


def test_a_language_that_is_not_known_is_not_guessed():
    told = facts(*(question(n, text) for n, text in enumerate(("Kim yazdı?", "Hangi yıl?", "Ne zaman?"))))
    assert (told.language, told.kinds) == (None, ())
    assert {row.name for row in told.first_words} == {"kim", "hangi", "ne"}


def test_the_table_of_question_words_is_as_questions_are_looked_at():
    for kinds in WORDS.values():
        for words in kinds.values():
            for word in words.split(", "):
                kinds_found = QuestionKinds()
                kinds_found.add(f"{word.removeprefix('^')} …?")
                assert kinds_found.told()[0] is not None, word


# -- questions


def test_counts_of_questions_contexts_documents_and_answers():
    told = facts(
        question(1, "Who?", document="d"),
        question(2, "When?", answers=("1843",), document="d"),
        question(3, "WHEN? ", answers=("1843", "in 1843"), document="d"),
        question(4, "Where?", answers=(), document="e", context="Nowhere."),
        question(5, "Why?", answers=None),
    )
    assert (told.questions, told.answers, told.unanswerable, told.unlabelled) == (5, 4, 1, 1)
    assert (told.contexts, told.documents, told.repeated) == (2, 2, 1)
    assert told.context_lengths.characters.count == 2  # each context once
    assert told.questions_per_context.maximum == 4
    assert (told.answers_per_question.minimum, told.answers_per_question.maximum) == (0, 2)


def test_answers_that_are_not_at_their_start_are_counted_and_take_no_part_in_the_rest():
    told = facts(
        Example("1", "Who?", "It was Ada.", (Span("Ada", 6), Span("Ada"), Span("Ada", -4), Span("", 0), Span("Ada", 7)))
    )
    assert (told.answers, told.unaligned) == (5, 4)
    assert sum(row.count for row in told.answer_kinds) == sum(told.positions) == 1


def test_answers_that_occur_again_or_cut_a_word_are_counted():
    told = facts(question(answers=("Ada", "1843", "ovelace", "note")))
    assert (told.again, told.cut_words) == (1, 2)
    overlapping = facts(Example("1", "What?", "aaa", (Span("aa", 0),)))
    assert overlapping.again == 1


def test_the_place_of_an_answer_is_relative_to_where_it_could_have_stood():
    context = "x" * 100
    spread = [Example(str(n), "?", context, (Span("x", n),)) for n in range(100)]
    assert facts(*spread).positions == (5,) * 20
    whole = facts(Example("1", "?", context, (Span(context, 0),)))
    assert (whole.whole_context, sum(whole.positions)) == (1, 0)
    assert facts(Example("1", "?", "ab", (Span("b", 1),))).positions[10] == 1


def test_a_bias_of_places_is_told_only_where_there_is_one():
    context = "x" * 100
    spread = statistics(Example(str(n), f"{n}?", context, (Span("x", n),)) for n in range(100))
    assert not any("fifth" in one for one in spread.remarks)
    front = statistics(Example(str(n), f"{n}?", context, (Span("x", n % 20),)) for n in range(100))
    assert any("100% of the answers begin in the first fifth" in one for one in front.remarks)
    few = statistics(Example(str(n), f"{n}?", context, (Span("x", 0),)) for n in range(9))
    assert not any("fifth" in one for one in few.remarks)


def test_agreement_counts_equal_texts_and_shared_characters():
    same = facts(question(answers=("Ada Lovelace", "Ada Lovelace")))
    assert (same.agreement.questions, same.agreement.identical, same.agreement.overlap) == (1, 1, 1.0)
    half = facts(Example("1", "?", "abcd", (Span("ab", 0), Span("abcd", 0))))
    assert (half.agreement.identical, half.agreement.overlap) == (0, 0.5)
    assert facts(question()).agreement is None
    apart = facts(Example("1", "?", "ab ab", (Span("ab", 0), Span("AB", 3)))).agreement
    assert (apart.identical, apart.overlap) == (1, 0.0)


# -- texts


def texts(**counts):
    return [TextExample(f"{label}{n}", f"{label} text {n}", label) for label, count in counts.items() for n in range(count)]


def test_labels_go_from_the_most_frequent_to_the_rarest_and_imbalance_is_told():
    told = statistics(texts(rare=2, much=40, some=20))
    assert [(row.name, row.count) for row in told.texts.labels] == [("much", 40), ("some", 20), ("rare", 2)]
    assert told.texts.imbalance == 20.0
    assert any("1 label has fewer than 10 texts" in one for one in told.remarks)
    assert any("macro F1" in one for one in told.remarks)


def test_texts_that_are_there_twice_and_those_with_two_labels_are_counted():
    rows = [TextExample("1", "Hello there", "a"), TextExample("2", "hello  there", "a"), TextExample("3", "Hello there", "b")]
    told = statistics([*rows, TextExample("4", "Bye", "b")]).texts
    assert (told.repeated, told.contradicting) == (2, 1)
    unlabelled = statistics([TextExample("1", "x"), TextExample("2", "x", "a")]).texts
    assert (unlabelled.unlabelled, unlabelled.contradicting) == (1, 0)


def test_one_unlabelled_text_does_not_hide_that_others_contradict_each_other():
    """Previously a single text without a label made the count of contradictions 0."""
    rows = [TextExample("1", "Hello", "a"), TextExample("2", "hello", "b"), TextExample("3", "Hey", None)]
    assert statistics(rows).texts.contradicting == 1


# -- all of it


def test_statistics_do_not_depend_on_the_order_of_the_records():
    shared = [question(1, document="a"), question(2, document="b"), question(3, "When?", "A 1.", ("1",), document="a")]
    records = [*shared, *read_examples(demo_data())]
    mixed = list(records)
    random.Random(3).shuffle(mixed)
    assert statistics(mixed) == statistics(records)


def test_a_tally_can_be_asked_at_any_time():
    tally = Tally()
    assert tally.told().records == 0
    tally.add(question(1))
    assert tally.told().questions.questions == 1
    tally.add(question(2, "When?"))
    assert tally.told() == statistics([question(1), question(2, "When?")])


@pytest.mark.parametrize(
    "records", [[], [question(answers=None)], [TextExample("1", "x")], [question(), TextExample("1", "x", "y")]]
)
def test_every_kind_of_data_becomes_json(records):
    told = statistics(records)
    assert json.loads(json.dumps(told.as_dict(), allow_nan=False))["records"] == len(records)


HOSTILE = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["", " ", "\x00", "\ud800", "\u202e", "'" * 20, "’’", "-" * 50, "字" * 9]
)


@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, st.integers(-3, 40)), max_size=5))
def test_nothing_that_a_record_holds_raises(rows):
    records = [Example(str(n), q, c, (Span(a, s), Span(c, 0))) for n, (q, c, a, s) in enumerate(rows)]
    told = statistics([*records, *(TextExample(f"t{n}", q, a) for n, (q, _, a, _) in enumerate(rows))])
    assert told.records == 2 * len(rows)
    assert len(told.remarks) < 20
