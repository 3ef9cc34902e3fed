"""Alignment step by step: which reading of an answer and its start is believed, with what code, and which is left alone."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spantune.data.records import Span
from spantune.data.repair import CAUSES, Alignment, align, cuts_word
from spantune.data.repair.alignment import ACCIDENT, MOST_SIGNS, NEAR, STEPS, occurrences

ABSENT, AMBIGUOUS = (Alignment(None, code, "quarantined") for code in ("absent", "ambiguous"))


def kept(text, start, code):
    return Alignment(Span(text, start), code, "kept")


def repaired(text, start, code):
    return Alignment(Span(text, start), code, "repaired")


def places_of(context, text):
    """Every place that has the text, by other means than the module's."""
    return [match.start() for match in re.finditer(f"(?={re.escape(text)})", context)]


# --- as given, and without a start --------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0, 8])
def test_an_answer_at_its_start_is_kept_from_the_first_to_the_last_character(start):
    assert align("Ada met Ada", Span("Ada", start)) == kept("Ada", start, "exact")


@pytest.mark.parametrize("context", ["Ada came", "then Ada", "Ada", "(Ada)"])
def test_an_answer_without_a_start_is_kept_where_it_stands_once(context):
    assert align(context, Span("Ada")) == kept("Ada", context.index("Ada"), "located")


@pytest.mark.parametrize("text", ["", " ", "\n\t\u00a0"])
@pytest.mark.parametrize("start", [None, -1, 0, 1])
@pytest.mark.parametrize("context", ["", " ", "Ada came"])
def test_an_answer_without_letters_is_nowhere(context, text, start):
    assert align(context, Span(text, start)) == ABSENT


@pytest.mark.parametrize("start", [None, -1, 0, 10**30])
def test_nothing_is_found_in_an_empty_or_shorter_context(start):
    for context in ("", " ", "Ad"):
        assert align(context, Span("Ada", start)) == ABSENT


@pytest.mark.parametrize(("head", "code"), [("Nor", "located"), ("Norman", "located"), ("No", "ambiguous")])
def test_the_head_of_a_word_is_an_answer_if_it_has_letters_enough(head, code):
    assert align("the Normans came", Span(head)).code == code
    assert align("the Abnormans came", Span(head.lower())) == AMBIGUOUS


def test_of_texts_that_overlap_themselves_each_place_counts():
    assert [span.start for span in occurrences("aaaa", "aa")] == [0, 1, 2]
    assert align("x ana na", Span("ana na")).code == "located"
    assert align("anana", Span("ana")) == AMBIGUOUS


@given(st.text("ab ", max_size=12), st.text("ab ", min_size=1, max_size=3))
def test_occurrences_are_all_places_in_their_order(context, text):
    assert list(occurrences(context, text)) == [Span(text, place) for place in places_of(context, text)]


# --- the nearest to a wrong start ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "found"),
    [(2, 0), (3, 0), (4, None), (5, 8), (11, 8), (12, None), (-2, 0), (-3, 0), (-4, None), (-1, None), (10**30, None)],
)
def test_the_nearest_of_several_is_believed_within_three_characters(start, found):
    """At 4, both are as far away; at -1, the start says that nothing was found."""
    expected = AMBIGUOUS if found is None else repaired("Ada", found, "exact_elsewhere_nearest")
    assert align("Ada met Ada", Span("Ada", start)) == expected


@pytest.mark.parametrize("start", [-9, -1, 3, 300])
def test_the_only_place_is_believed_however_wrong_the_start(start):
    assert align("It was Ada.", Span("Ada", start)) == repaired("Ada", 7, "exact_elsewhere_unique")


def test_of_two_places_as_far_away_neither_is_guessed():
    assert align("a a", Span("a", 1)) == AMBIGUOUS
    assert align("a  a", Span("a", 1)) == repaired("a", 0, "exact_elsewhere_nearest")
    assert align("a  a", Span("a", 2)) == repaired("a", 3, "exact_elsewhere_nearest")


def test_a_whole_word_is_preferred_to_a_nearer_part_of_one_while_it_is_near_itself():
    assert align("his  is", Span("is", 2)) == repaired("is", 5, "exact_elsewhere_nearest")
    assert align("his   is", Span("is", 2)) == repaired("is", 1, "exact_elsewhere_nearest")
    assert align("his is is", Span("is", 5)) == repaired("is", 4, "exact_elsewhere_nearest")


@settings(max_examples=150)
@given(st.lists(st.sampled_from(["Ada", "Adam", "x", "was", "in"]), max_size=12).map(" ".join), st.integers(-5, 50))
@example("Ada met Ada", 4)
def test_a_wrong_start_leads_to_the_nearest_whole_word_within_reach_or_to_none(context, start):
    """Against a search of all places; two at the same distance are no decision."""
    places = places_of(context, "Ada")
    near = [] if start == -1 else [place for place in places if abs(place - start) <= NEAR]
    near = [place for place in near if not cuts_word(context, Span("Ada", place))] or near
    near = [place for place in near if abs(place - start) == min(abs(each - start) for each in near)]
    found = align(context, Span("Ada", start))
    if start in places:
        assert found == kept("Ada", start, "exact")
    elif len(places) < 2:
        assert found == (repaired("Ada", places[0], "exact_elsewhere_unique") if places else ABSENT)
    elif len(near) == 1:
        assert found == repaired("Ada", near[0], "exact_elsewhere_nearest")
    else:
        assert found == AMBIGUOUS or (not near and found.code in CAUSES and found.span.start in places)


@given(st.lists(st.sampled_from(["Ada", "met", "Bob", "Ada's"]), max_size=8).map(" ".join), st.sampled_from(["Ada", "Bob"]))
def test_without_a_start_an_answer_that_stands_more_than_once_is_never_guessed(context, text):
    places = places_of(context, text)
    expected = kept(text, places[0], "located") if len(places) == 1 else AMBIGUOUS if places else ABSENT
    for start in (None, -1):
        found = align(context, Span(text, start))
        assert found.span == expected.span
        assert found.code == ("exact_elsewhere_unique" if start and len(places) == 1 else expected.code)


def test_several_exact_places_are_not_decided_by_a_less_sure_step():
    """A form would rule out the first, whose last letter carries a mark: but two places have the letters as they are."""
    assert align("cafe\u0301 or cafe", Span("cafe")) == AMBIGUOUS
    assert align("cafe\u0301 or tea", Span("café")) == repaired("cafe\u0301", 0, "unicode_form")
    assert align("(Ada) went. So Ada met Ada or not", Span(" Ada ", 0)) == AMBIGUOUS


# --- text against start -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "given_span", "expected"),
    [
        ("a cab cab cab", Span("ab", 0), AMBIGUOUS),  # a word of one letter begins there
        ("- cab cab cab", Span("ab", 0), repaired("ab", 3, "exact_elsewhere_nearest")),  # no word does
        ("cab cab cab", Span("ab", 2), repaired("ab", 1, "exact_elsewhere_nearest")),  # inside a word either way
        ("an ab, a cab", Span("ab", 2), repaired("ab", 3, "exact_elsewhere_nearest")),  # a word of its own
        ("in October 1973 and October 1973 x", Span("ctober 1973 ", 3), repaired("October 1973", 3, "cut_word")),
    ],
)
def test_a_start_where_a_word_begins_is_not_moved_into_a_word(context, given_span, expected):
    assert align(context, given_span) == expected


# --- causes -------------------------------------------------------------------------------------------------------


def test_a_cause_is_asked_after_the_start_as_given_and_before_any_other_place():
    cause = CAUSES["counted_from_one"]
    assert align("ab ab", Span("ab", 1), cause) == repaired("ab", 0, "counted_from_one")
    assert align("ab ab", Span("ab", 4), cause) == repaired("ab", 3, "counted_from_one")
    assert align("ab ab", Span("ab", 3), cause) == kept("ab", 3, "exact")
    assert align("ab ab", Span("ab"), cause) == AMBIGUOUS


def test_where_a_cause_does_not_match_the_search_begins_at_the_place_it_means():
    """It means 5, which is nearest to 8; or 4, which is as far from 0 as from 8, though the start as given was not."""
    context = "Ada met Ada"
    assert align(context, Span("Ada", 6), CAUSES["counted_from_one"]) == repaired("Ada", 8, "exact_elsewhere_nearest")
    assert align(context, Span("Ada", 5), CAUSES["counted_from_one"]) == AMBIGUOUS
    assert align(context, Span("Ada", 5)) == repaired("Ada", 8, "exact_elsewhere_nearest")


EMOJI = "🎉" * 20
FILL = " lore" * 200


def counted_twice(*starts):
    """A context of 20 emoji and some words, with the answer at these places and at one more that nothing points at."""
    letters = list(EMOJI + FILL)
    for start in (*starts, 800):
        letters[start - 1 : start + 4] = " Ada "
    return "".join(letters)


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ((100,), repaired("Ada", 100, "counted_in_utf16")),  # 120 UTF-16 units are 100 characters
        ((60,), repaired("Ada", 60, "counted_in_bytes")),  # 120 bytes are 60
        ((60, 100), AMBIGUOUS),
        ((70,), AMBIGUOUS),
        ((124,), AMBIGUOUS),
        ((123,), repaired("Ada", 123, "exact_elsewhere_nearest")),
    ],
)
def test_a_way_to_count_decides_where_all_that_hit_a_place_hit_the_same(starts, expected):
    assert align(counted_twice(*starts), Span("Ada", 120)) == expected


def test_ways_to_count_that_agree_are_told_by_the_simplest():
    """40 letters of two bytes, each of two code points in NFD: both ways to count mean the same place."""
    context = "é" * 40 + " Ada " + "x" * 400 + " Ada"
    assert align(context, Span("Ada", 81)) == repaired("Ada", 41, "counted_in_bytes")
    assert align(context, Span("Ada", 486)) == repaired("Ada", 446, "counted_in_bytes")
    assert align(context, Span("Ada", 82)) == AMBIGUOUS  # a character beside what was counted
    assert align(context, Span("Ada", -40)) == AMBIGUOUS


@pytest.mark.parametrize("often", [2, 3, 20, 24, 25, 26, 40])
def test_the_more_often_an_answer_stands_there_the_less_is_a_way_to_count_believed(often):
    """One way to count means one place far away, which some answer stands at by accident as often as their share says."""
    context = ("ä" * 40 + "." * 20 + " Ada" + "." * 96 + " Ada" * (often - 1)).ljust(480, ".")
    found = align(context, Span("Ada", 61 + 40))
    assert found == (AMBIGUOUS if often / len(context) > ACCIDENT else repaired("Ada", 61, "counted_in_bytes"))


# --- edges --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [None, 2, 3])
def test_white_space_at_the_edges_is_no_part_of_an_answer(start):
    assert align("by Ada.", Span(" Ada \n", start)) == repaired("Ada", 3, "edges_trimmed")


LETTER = "Ada saw a letter, and Ada read it: Ada."


@pytest.mark.parametrize(
    ("context", "text", "start", "expected"),
    [
        ("Ada\tAda", " Ada", 3, repaired("Ada", 4, "edges_trimmed")),  # the start is that of the space
        ("Ada\tAda", " Ada", 4, repaired("Ada", 4, "edges_trimmed")),  # the start is that of the letters
        (LETTER, "     Ada", 17, repaired("Ada", 22, "edges_trimmed")),
        (LETTER, "     Ada", 22, repaired("Ada", 22, "edges_trimmed")),
        (LETTER, "     Ada", 19, repaired("Ada", 22, "edges_trimmed")),  # 3 off
        (LETTER, "     Ada", 9, AMBIGUOUS),
        (LETTER, "     Ada", None, AMBIGUOUS),
        (LETTER, "     read", 9, repaired("read", 26, "edges_trimmed")),
        ("this is it", "\tis", 1, repaired("is", 2, "edges_trimmed")),  # the start points at the end of 'this'
    ],
)
def test_a_start_counts_with_the_white_space_or_without_it(context, text, start, expected):
    assert align(context, Span(text, start)) == expected


@pytest.mark.parametrize(
    ("context", "text", "left"),
    [
        ("she saw (Ada) there", "Ada),.", "Ada)"),
        ("she saw (Ada there", '"(Ada', "(Ada"),
        ("so Ada. Then", '"Ada.', "Ada."),  # what the context has at the other edge stays
        ("so (Ada, then", "(Ada.", "(Ada"),
        ("then Ada went", "(Ada.", "Ada"),
        ("then Ada... went", "Ada.....", "Ada..."),
    ],
)
def test_no_more_punctuation_is_taken_off_than_the_context_lacks(context, text, left):
    for start in (None, -1):
        assert align(context, Span(text, start)) == repaired(left, context.index(left), "edge_punctuation")


@pytest.mark.parametrize("signs", [1, MOST_SIGNS, MOST_SIGNS + 1, 50])
def test_a_long_row_of_signs_is_taken_off_as_a_whole(signs):
    for text in ("Ada" + "." * signs, "." * signs + "Ada", "." * signs + "Ada" + "?" * signs):
        assert align("then Ada went", Span(text)) == repaired("Ada", 5, "edge_punctuation")


@pytest.mark.parametrize(
    ("context", "text", "start", "expected"),
    [
        ("ask us now", "us.", 4, repaired("us", 4, "edge_punctuation")),
        ("ask us now", "us.", 5, repaired("us", 4, "edge_punctuation")),
        ("ask us now", "us.", 9, ABSENT),  # two letters, and not near
        ("ask us now", "us.", None, ABSENT),
        ("a big party", "art.", 6, repaired("art", 7, "edge_punctuation")),
        ("a big party", "art.", None, ABSENT),  # inside a word
        ("Ada met Bob", "Ada.", None, repaired("Ada", 0, "edge_punctuation")),
        ("Ada met Ada", "Ada.", None, AMBIGUOUS),
        ("Ada met ADA", "ada.", 7, repaired("ADA", 8, "edge_punctuation")),  # and in another form
        ("Ada met ADA", "ada.", 1, repaired("Ada", 0, "edge_punctuation")),
        ("Ada met ADA", "ada.", None, AMBIGUOUS),
        ("Ada met Bob", "...", 0, ABSENT),
    ],
)
def test_an_answer_without_its_punctuation_is_believed_near_its_start_or_where_it_is_no_accident(
    context, text, start, expected
):
    assert align(context, Span(text, start)) == expected


# --- forms --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "text", "start", "expected"),
    [
        ("Ada met ADA", "ada", 8, repaired("ADA", 8, "letter_case")),
        ("Ada met ADA", "ada", 7, repaired("ADA", 8, "letter_case")),
        ("Ada met ADA", "ada", 2, repaired("Ada", 0, "letter_case")),
        ("Ada met ADA", "ada", 4, AMBIGUOUS),
        ("Ada met ADA", "ada", None, AMBIGUOUS),
        ("the WHO said", "who", None, repaired("WHO", 4, "letter_case")),
        ("ask US now", "us", None, ABSENT),  # two letters: an accident
        ("ask US now", "us", 4, repaired("US", 4, "letter_case")),
        ("ask US now", "us", 5, repaired("US", 4, "letter_case")),
        ("ask US now", "us", 9, ABSENT),
        ("a big pARTy", "art", None, ABSENT),  # inside a word
        ("10 000 or 10\u00a0000", "10 000", 10, repaired("10\u00a0000", 10, "white_space")),
        ("Ada  Byron, Ada\tByron, ada byron", "Ada Byron", None, AMBIGUOUS),
    ],
)
def test_the_same_in_another_form_is_believed_near_its_start_or_where_it_is_no_accident(context, text, start, expected):
    assert align(context, Span(text, start)) == expected


@pytest.mark.parametrize(
    ("context", "text", "start", "expected"),
    [
        ("20 men, 20 women", "20.0", 8, repaired("20", 8, "spreadsheet_number")),
        ("20 men, 20 women", "20.0", 9, repaired("20", 8, "spreadsheet_number")),
        ("20 men, 20 women", "20.0", 3, repaired("20", 0, "spreadsheet_number")),
        ("20 men, 20 women", "20.0", 4, AMBIGUOUS),
        ("20 men, 20 women", "20.0", None, AMBIGUOUS),
        ("7 men", "7.0", 1, repaired("7", 0, "spreadsheet_number")),
        ("7 men", "7.0", None, ABSENT),  # one figure: an accident
        ("308 men", "308.0", None, repaired("308", 0, "spreadsheet_number")),
        ("it was 308.", " 308.0 ", None, repaired("308", 7, "spreadsheet_number")),
        ("308 men, 308 women", "308.0", None, AMBIGUOUS),
        ("1,308 men", "308.0", None, ABSENT),  # a part of a number is none
        ("308.5 men", "308.0", None, ABSENT),
        ("13085 men", "308.0", None, ABSENT),
        ("308 men", "308.5", None, ABSENT),
    ],
)
def test_a_whole_number_that_a_spreadsheet_rewrote_is_found_as_a_number(context, text, start, expected):
    assert align(context, Span(text, start)) == expected


def test_another_form_at_the_start_is_surer_than_the_same_letters_elsewhere_if_a_word_ends_there():
    assert align("the ADA went, Ada", Span("Ada", 4)) == repaired("ADA", 4, "letter_case")
    assert align("the ADAx went, Ada", Span("Ada", 4)) == repaired("Ada", 15, "exact_elsewhere_unique")
    assert align("the ADAx went, and so on", Span("Ada", 4)) == repaired("ADA", 4, "letter_case")


@pytest.mark.parametrize(
    ("context", "text", "start"),
    [("It was the red house", "there", 8), ("who lets it", "whole", 0), ("a for matter", "format", 2)],
)
def test_previously_letters_of_two_words_were_an_answer_written_without_the_space(context, text, start):
    assert align(context, Span(text, start)) == ABSENT
    assert align("It was the re. So", Span("there", 8)) == repaired("the re", 7, "no_spaces")


# --- what every step keeps to -------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["Ada", "ADA", "é", "(Ada)", "1843", "🎉", "of", "Ada’s", "a&amp;b"]), max_size=10).map(" ".join),
    st.sampled_from(["Ada", " Ada", "ada.", "Ada's", "e\u0301", "1843.0", "of", "A", "a&b", '"Ada"']),
    st.none() | st.integers(-3, 40),
    st.none() | st.sampled_from(list(CAUSES.values())),
)
def test_an_alignment_says_what_happened_to_the_record(context, text, start, cause):
    """'exact' and 'located' alone are kept; every other span was repaired, quotes its context, and is exact from now on."""
    found = align(context, Span(text, start), cause)
    codes = {step.code: step.outcome for step in STEPS} | dict.fromkeys([*CAUSES, "cut_word"], "repaired") | {"exact": "kept"}
    if found.span is None:
        assert found.outcome == "quarantined"
        assert found.code in ("absent", "ambiguous")
        assert text.strip() not in context or found.code == "ambiguous"
        return
    assert found.outcome == codes[found.code]
    assert context[found.span.start :].startswith(found.span.text)
    assert align(context, found.span) == kept(found.span.text, found.span.start, "exact")
    if found.outcome == "kept":
        assert found.span.text == text
        assert start in (None, found.span.start)
    assert found.code != "located" or not cuts_word(context, found.span) or len(text) > 2
