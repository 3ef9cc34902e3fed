"""Augmentation: whatever is altered, every answer equals its slice, and the same seed gives the same copies."""

import random
import unicodedata
from dataclasses import replace
from itertools import pairwise

import pytest
from conftest import made_examples
from growth import LINEAR, growth
from hypothesis import given
from hypothesis import strategies as st

from spantune.config import AugmentConfig
from spantune.data import Example, Place, Span, TextExample
from spantune.data.augmenting import AUGMENTATIONS, augment
from spantune.data.augmenting.altering import altered
from spantune.data.augmenting.crops import crop, removed, sentence_bounds
from spantune.data.augmenting.noise import case, disfluency, punctuation, typos
from spantune.data.augmenting.passages import SEPARATOR, Pool, distractor, unanswerable
from spantune.data.augmenting.wording import evened
from spantune.errors import UnalignedSpanError

ALL = AugmentConfig(**dict.fromkeys(AUGMENTATIONS, 1.0))
PIECES = [
    "The oil crisis began in October 1973.", "Who? ", "Dr. No paid 3.5 dollars (see spantune.org).",
    "e\u0301te\u0301 de\u0301ja\u0300. ", "👩\u200d👩\u200d👧 👍🏽! ", "石油危机始于1973年。", "价格上涨。",
    "كم نقطة تخلى عنها الدفاع؟ ", "ארבע נקודות. ", "पैंथर्स ने कितने अंक दिए। ", "\n", "\r\n\n", " ", "\u00a0", "...", "… ",
    "\u202bשלום\u202c ", "ﬁn. ", "İstanbul ", "Ada wrote it! ", "It rained\nall day. ", "a", "7", "ü" * 3, "\u200d",
]  # fmt: skip


def random_example(draw, number):
    """Any text, any slices of it: at its start, at its end, of one character, of all of it."""
    context = "x" + "".join(draw.choices(PIECES, k=draw.randint(1, 12)))
    spans = []
    for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
        start = draw.choice((0, len(context) - 1, draw.randrange(len(context))))
        end = draw.choice((len(context), start + 1, draw.randint(start + 1, len(context)), min(len(context), start + 6)))
        spans.append(Span(context[start:end], start))
    question = "".join(draw.choices(PIECES, k=draw.randint(1, 4))) + draw.choice(("?", "", "？", " and when, Ada?"))
    document = draw.choice((None, f"d{number % 5}"))
    return Example(f"q{number}", question, context, tuple(spans), document, fields=(("topic", "oil"),))


def sliced(example):
    return all(example.context[span.start : span.end] == span.text for span in example.answers)


def by_id(records):
    return {record.id: record for record in records}


def test_ten_thousand_random_records_keep_every_answer_at_its_place():
    draw = random.Random(13)
    made = dict.fromkeys(AUGMENTATIONS, 0)
    for _ in range(400):
        records = [random_example(draw, number) for number in range(25)]
        result = augment(records, ALL, seed=draw.randrange(1000))
        assert result.records[:25] == tuple(records)
        originals = by_id(records)
        for copy in result.records[25:]:
            source, _, row = copy.id.rpartition("~")
            made[row] += 1
            assert sliced(copy)
            KEEPS[row](originals[source], copy)
        assert all(result.made[row] + result.skipped[row] == 25 for row in AUGMENTATIONS)
    assert made.pop("altered") > 300, made  # random texts seldom have a number or a name in both places
    assert min(made.values()) > 1000, made


def _question_alone(source, copy):
    assert copy == replace(source, id=copy.id, question=copy.question)
    assert copy.question != source.question
    assert copy.question.strip()


def _a_part_of_the_context(source, copy):
    at = source.context.index(copy.context)
    assert len(copy.context.strip()) < len(source.context.strip())
    assert copy == replace(source, id=copy.id, context=copy.context, answers=copy.answers)
    assert [span.text for span in copy.answers] == [span.text for span in source.answers]
    if source.answers:
        shifts = {span.start - moved.start for span, moved in zip(source.answers, copy.answers, strict=True)}
        assert len(shifts) == 1
        assert source.context.startswith(copy.context, shifts.pop())
    assert at >= 0


def _the_context_and_another(source, copy):
    assert source.answers
    assert [span.text for span in copy.answers] == [span.text for span in source.answers]
    before = copy.answers[0].start > source.answers[0].start
    if before:
        added, separator, rest = copy.context.rpartition(SEPARATOR + source.context)
        assert (separator, rest) == (SEPARATOR + source.context, "")
    else:
        added = copy.context.removeprefix(source.context + SEPARATOR)
    assert copy.context in (source.context + SEPARATOR + added, added + SEPARATOR + source.context)
    assert not [span for span in source.answers if evened(span.text) in evened(added)]
    assert (copy.document, copy.fields, copy.question) == (source.document, source.fields, source.question)


def _another_context(source, copy):
    assert source.answers
    assert copy.answers == ()
    assert copy.context != source.context
    assert not [span for span in source.answers if evened(span.text) in evened(copy.context)]
    assert (copy.question, copy.fields) == (source.question, source.fields)
    assert source.document is None or copy.document != source.document


def _another_question_without_answers(source, copy):
    assert source.answers
    assert copy.answers == ()
    assert evened(copy.question) != evened(source.question)
    assert (copy.context, copy.document, copy.fields) == (source.context, source.document, source.fields)


def _the_context_without_its_answer(source, copy):
    assert source.answers
    assert copy.answers == ()
    assert len(source.context) / 2 <= len(copy.context) < len(source.context)
    assert not [span for span in source.answers if evened(span.text) in evened(copy.context)]
    assert (copy.question, copy.document, copy.fields) == (source.question, source.document, source.fields)


KEEPS = dict.fromkeys(AUGMENTATIONS, _question_alone) | {
    "crop": _a_part_of_the_context,
    "distractor": _the_context_and_another,
    "unanswerable": _another_context,
    "altered": _another_question_without_answers,
    "removed": _the_context_without_its_answer,
}


@given(st.text(max_size=60), st.integers(0, 99))
def test_any_question_is_altered_or_left_alone(question, seed):
    for alter in (typos, case, punctuation, disfluency):
        altered = alter(question, random.Random(seed))
        assert altered is None or (altered != question and altered.strip())


@given(st.text(max_size=80))
def test_sentences_make_up_the_whole_text_and_none_is_blank(text):
    bounds = sentence_bounds(text)
    assert (bounds[0], bounds[-1]) == (0, len(text))
    pieces = [text[start:end] for start, end in pairwise(bounds)]
    assert "".join(pieces) == text
    assert len(pieces) == 1 or all(piece.strip() for piece in pieces)


# -- the account


def test_the_settings_and_the_table_name_the_same_rows():
    assert list(AugmentConfig.model_fields) == list(AUGMENTATIONS)
    assert all(row.sentence for row in AUGMENTATIONS.values())


def test_nothing_is_made_by_default():
    records = made_examples(5)
    result = augment(records)
    assert result.records == records
    assert not any(result.made.values())
    assert result.sentences() == ()


def test_the_same_seed_gives_the_same_copies_and_another_one_others():
    records = made_examples(60)
    half = AugmentConfig(**dict.fromkeys(AUGMENTATIONS, 0.5))
    assert augment(records, half, 1) == augment(records, half, 1)
    assert augment(records, half, 1) != augment(records, half, 2)
    made = augment(records, half, 1).made
    assert 15 < made["typos"] < 45


def test_the_order_of_the_rows_and_the_other_shares_change_no_copy():
    records = made_examples(60, unanswerable=0.2)
    shuffled = random.Random(1).sample(records, len(records))
    half = AugmentConfig(**dict.fromkeys(AUGMENTATIONS, 0.5))
    copies = by_id(augment(records, half).records)
    assert by_id(augment(shuffled, half).records) == copies
    alone = augment(records, AugmentConfig(distractor=0.5)).records
    assert alone == tuple(one for one in copies.values() if "~" not in one.id or one.id.endswith("~distractor"))


def test_a_larger_share_keeps_the_copies_of_a_smaller_one():
    records = made_examples(60)
    few, many = (set(augment(records, AugmentConfig(crop=share)).records) for share in (0.2, 0.7))
    assert few < many


def test_ids_stay_unique_and_places_and_fields_stay():
    ada = Example("q", "Who wrote it?", "Ada.", (Span("Ada", 0),), "d", Place("a.json", "line 1"), (("topic", "x"),))
    taken = replace(ada, id="q~case", question="who wrote it?")
    result = augment([ada, taken], AugmentConfig(case=1.0))
    assert [one.id for one in result.records] == ["q", "q~case", "q~case#2"]
    assert result.records[2] == replace(ada, id="q~case#2", question="who wrote it?")
    assert result.skipped["case"] == 1


def test_texts_and_unlabelled_questions_pass_unchanged_and_are_told():
    records = [TextExample("t", "A text", "yes"), Example("u", "Who?", "Ada wrote it. It rained.")]
    result = augment(records, ALL)
    assert result.records == tuple(records)
    assert result.unfit == 2
    assert result.sentences() == ("augmentation: 2 records are no labelled questions, so no copies of them are made",)


def test_what_could_not_be_made_is_counted_and_told():
    records = [
        Example("1", "Who wrote it?", "Ada wrote it", (Span("Ada", 0),)),
        Example("2", "谁写的？", "爱达写的", (Span("爱达", 0),)),
    ]
    result = augment(records, AugmentConfig(typos=1.0, crop=1.0))
    assert (result.made["typos"], result.skipped["typos"], result.skipped["crop"]) == (1, 1, 2)
    assert result.sentences() == (
        "augmentation: 1 of 2 copies made by typos, the others cannot be",
        "augmentation: 0 of 2 copies made by crop, the others cannot be",
    )
    assert result.as_dict()["skipped"]["crop"] == 2


@pytest.mark.parametrize("start", [1, None, -1])
def test_a_reference_that_is_not_at_its_place_is_refused(start):
    with pytest.raises(UnalignedSpanError, match="not at its start"):
        augment([Example("1", "Who?", "Ada.", (Span("Ada", start),))], ALL)


# -- question noise


@pytest.mark.parametrize(
    "question", ["石油禁运何时开始？", "石油はいつ？", "पैंथर्स डिफ़ेंस ने कितने अंक दिए?", "ใครเขียน", "1973 7,5?", "Who? Or me?"]
)
def test_typos_leave_alone_what_they_would_make_another_word_of(question):
    assert typos(question, random.Random(1)) is None


@pytest.mark.parametrize(
    "question", ["Когда началось эмбарго?", "متى بدأ الحظر النفطي؟", "מתי התחיל האמברגו?", "Wann begann das Embargo?"]
)
def test_typos_are_made_in_alphabets_and_keep_digits_and_first_letters(question):
    for seed in range(50):
        altered = typos(f"{question} 1973", random.Random(seed))
        assert altered != f"{question} 1973"
        assert altered.endswith("1973")
        assert [word[0] for word in altered.split()] == [word[0] for word in f"{question} 1973".split()]


def test_a_slip_takes_no_combining_mark_from_its_letter():
    decomposed = unicodedata.normalize("NFD", "Où était l'été dernier, fée?")
    for seed in range(50):
        altered = typos(decomposed, random.Random(seed))
        assert [one for one in altered if unicodedata.combining(one)] == [
            one for one in decomposed if unicodedata.combining(one)
        ]
        assert "dernier," not in altered.split()  # the one word that is whole letters


def test_fillers_go_into_english_questions_alone():
    """Previously (fillers for all) a Portuguese question read 'Quem, you know, escreveu o livro?'."""
    english = {disfluency("When did the embargo begin?", random.Random(seed)) for seed in range(100)}
    assert any("I mean" in one or "uh" in one for one in english)
    for question in (
        "Quem escreveu o livro?",
        "Wer hat das Buch geschrieben?",
        "Когда началось эмбарго?",
        "متى بدأ الحظر النفطي؟",
    ):
        said = {disfluency(question, random.Random(seed)) for seed in range(100)}
        words = {word.strip("?؟,،").casefold() for one in said for word in one.split()}
        assert words == {word.strip("?؟").casefold() for word in question.split()}
    assert disfluency("石油禁运何时开始？", random.Random(1)) is None


# -- passages and crops


def pool_of(*contexts, question="Who wrote it?", answer="Ada"):
    asked = Example("1", question, f"{answer} wrote it.", (Span(answer, 0),), "own")
    others = [Example(f"o{n}", f"Number {n}?", context, (), document) for n, (context, document) in enumerate(contexts)]
    return asked, Pool([asked, *others])


NASSER = "Nasser named Amer as head of the army in 1953. In 1956 Egypt took the Suez Canal from Britain."


@pytest.mark.parametrize(
    ("question", "answer", "turned"),
    [
        ("Whom did Nasser name in 1953?", "Amer", {"Whom did Nasser name in 1956?", "Whom did Egypt name in 1953?"}),
        ("What was first taken in 1956?", "the Suez Canal", {"What was first taken in 1953?", "What was last taken in 1956?"}),
        ("What was taken?", "the Suez Canal", {"What was not taken?"}),
        ("Was geschah?", "Amer", {None}),
        ("Wer war zuerst first?", "Amer", {None}),
    ],
)
def test_a_fact_of_the_question_is_turned_into_another_of_the_context(question, answer, turned):
    asked = Example("1", question, NASSER, (Span(answer, NASSER.index(answer)),))
    made = [altered(asked, random.Random(seed)) for seed in range(40)]
    questions = {one and one.question for one in made}
    assert questions & turned
    assert all(one is None or (one.answers == () and one.context == NASSER) for one in made)
    assert not questions - {None} if turned == {None} else None not in questions


def test_a_question_is_never_turned_into_one_that_names_its_own_answer():
    asked = Example("1", "Whom did Nasser name in 1953?", NASSER, (Span("Amer", 13),))
    assert all("Amer" not in altered(asked, random.Random(seed)).question for seed in range(40))
    assert altered(Example("2", "Who was not there?", NASSER, ()), random.Random(1)) is None


@pytest.mark.parametrize(
    ("context", "answers", "left"),
    [
        ("It rained. Ada wrote it. Then she slept.", ["Ada"], "It rained. Then she slept."),
        ("It rained. Ada wrote it. Later ADA slept well.", ["Ada"], None),  # less than half would be left
        ("It rained for days. Ada wrote it. Bob read it all night. The end.", ["Ada", "Bob"], None),
        ("It rained for two days in spring. Ada wrote it. Bob wrote.", ["Ada", "Bob"], "It rained for two days in spring."),
        ("It rained! Ada\nwrote it, and there was more of it.", ["Ada\nwrote"], None),
        ("Ada wrote it.", ["Ada"], None),
        ("Nobody knows. Nothing is known.", [], None),
    ],
)
def test_the_sentences_that_hold_an_answer_are_taken_out(context, answers, left):
    asked = Example("1", "Who?", context, tuple(Span(text, context.index(text)) for text in answers))
    made = removed(asked, random.Random(1))
    assert (made and made.context) == left
    assert made is None or made.answers == ()


@pytest.mark.parametrize("make", [distractor, unanswerable])
def test_a_passage_with_an_answer_or_of_the_same_document_is_never_taken(make):
    asked, pool = pool_of(("Who wrote it? ADA wrote it.", "a"), ("Nobody wrote it.", "own"), ("A.\u00a0Ｄ.Ａ or Ａda", "b"))
    assert make(asked, random.Random(1), pool) is None
    asked, pool = pool_of(("ADA wrote it.", "a"), ("Bob wrote it once.", "c"))
    assert "Bob wrote it once." in make(asked, random.Random(1), pool).context


def test_a_document_under_two_names_is_one_document():
    asked = Example("1", "Who wrote it?", "Ada wrote it.", (Span("Ada", 0),), "own")
    again = replace(asked, id="2", document="other name")
    third = Example("3", "When?", "Bob wrote it.", (), "other name")
    assert unanswerable(asked, random.Random(1), Pool([asked, third])).context == "Bob wrote it."
    assert unanswerable(asked, random.Random(1), Pool([asked, again, third])) is None


@pytest.mark.parametrize("make", [distractor, unanswerable])
def test_a_question_asked_of_several_contexts_is_general_and_left_alone(make):
    """Previously 'Do you collect my address?' was called unanswerable on another site's policy, which answers it too."""
    asked, pool = pool_of(("Bob wrote it.", "a"))
    assert make(asked, random.Random(1), pool) is not None
    general = replace(asked, id="g", question="who WROTE it", context="Eve wrote it.", answers=(Span("Eve", 0),), document="b")
    assert make(asked, random.Random(1), Pool([asked, general])) is None


def test_where_all_records_name_one_document_other_contexts_are_other_documents():
    records = [replace(one, question=f"Number {n}: why?", document="dev.json") for n, one in enumerate(made_examples(12))]
    assert augment(records, AugmentConfig(distractor=1.0)).made["distractor"] == 12
    named = [replace(one, document=f"d{n // 6}") for n, one in enumerate(records)]
    made = augment(named, AugmentConfig(unanswerable=1.0)).records[12:]
    assert {one.document for one in made} <= {"d0", "d1"}


def test_the_most_similar_passage_is_asked():
    asked, pool = pool_of(
        ("It rained on the tower.", "a"), ("The tower was painted by Bob in 1889.", "b"), question="Who painted the tower?"
    )
    made = unanswerable(asked, random.Random(1), pool)
    assert (made.context, made.answers, made.document) == ("The tower was painted by Bob in 1889.", (), "b")
    asked, pool = pool_of(("今天下雨。", "a"), ("铁塔由鲍勃设计。", "b"), question="谁设计了铁塔？", answer="爱达")
    assert unanswerable(asked, random.Random(1), pool).document == "b"
    asked, pool = pool_of(("Nothing shared.", "a"), question="Qui a peint?")
    assert unanswerable(asked, random.Random(1), pool) is None


def test_a_passage_comes_before_or_after_and_the_answer_moves_with_its_context():
    asked, pool = pool_of(("Bob wrote it.", "a"))
    made = [distractor(asked, random.Random(seed), pool) for seed in range(20)]
    assert {(one.context, one.answers[0].start) for one in made} == {
        ("Bob wrote it.\n\nAda wrote it.", 15),
        ("Ada wrote it.\n\nBob wrote it.", 0),
    }


def test_a_crop_keeps_every_reference_and_cuts_at_sentences_alone():
    text = "It rained. Dr. Ada wrote 3.5 books. Bob read J. Smith. Then spantune.org came… 他走了。她来了。End"
    bounds = sentence_bounds(text)
    assert [text[start:end].strip() for start, end in pairwise(bounds)] == [
        "It rained.", "Dr. Ada wrote 3.5 books.", "Bob read J. Smith.", "Then spantune.org came…",
        "他走了。", "她来了。", "End",
    ]  # fmt: skip
    asked = Example("1", "Who?", text, (Span("Ada", text.index("Ada")), Span("Bob", text.index("Bob"))))
    made = {crop(asked, random.Random(seed)).context for seed in range(300)}
    assert len(made) == 2 * 5 - 1
    assert all("Dr. Ada wrote 3.5 books. Bob read J. Smith." in one and one != text for one in made)


def test_a_reference_that_ends_in_a_blank_keeps_it():
    """Previously (cropping with strip) the 'worldwide. ' of COVID-QA lost its last character, and its span was wrong."""
    asked = Example("1", "Where?", "It rained. It was worldwide. It ended.", (Span("worldwide. ", 18),))
    for seed in range(20):
        assert sliced(crop(asked, random.Random(seed)))


@pytest.mark.parametrize("piece", [".", ". ", "\n", " ", "。", '."'])
def test_the_work_for_hostile_contexts_grows_with_their_length(piece):
    """Previously (a pattern that backtracks) a table of contents of 100,000 dots took minutes."""

    def look(times):
        sentence_bounds(piece * times)
        evened(piece * times)

    assert growth(look, 20_000) < LINEAR


@pytest.mark.nightly
def test_the_work_for_twenty_thousand_questions_is_a_few_times_that_for_five_thousand():
    assert growth(augment_many, 1000) < LINEAR


def augment_many(contexts):
    draw = random.Random(0)
    words = [f"word{number}" for number in range(5000)]
    records = []
    for number in range(contexts):
        context = ". ".join(" ".join(draw.choices(words, k=12)).capitalize() for _ in range(8))
        at = context.index(" ") + 1
        for asked in range(5):
            question = " ".join(draw.choices(context.replace(".", "").split(), k=8)) + "?"
            records.append(
                Example(f"{number}-{asked}", question, context, (Span(context[at : at + 6], at),), f"d{number // 4}")
            )
    result = augment(records, AugmentConfig(unanswerable=0.2, distractor=0.2, crop=0.2, typos=0.2))
    assert result.made["unanswerable"] > 3 * contexts / 4
