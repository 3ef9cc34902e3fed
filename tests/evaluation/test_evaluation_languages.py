"""Other languages than English, and names that mean the same."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.data.records import Example, Span
from spantune.errors import EvaluationError
from spantune.evaluation import Aliases, Scoring, comparable_form, judge, normalise_answer, read_aliases, score_answers
from spantune.evaluation.cases import Given
from spantune.evaluation.normalise import LANGUAGES, scored_by


def scored(prediction, *references, language="en", aliases=None):
    row = Example("q", "?", "context", tuple(Span(reference) for reference in references))
    return score_answers([row], [Given("q", prediction)], language=language, aliases=aliases).per_question[0]


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_chinese_and_japanese_are_compared_by_character(language):
    found = scored("北京市", "北京", language=language)
    assert (found.exact_match, found.precision, found.recall) == (0.0, pytest.approx(2 / 3), 1.0)
    assert scored("《北京》。", "北京", language=language).exact_match == 1.0
    assert scored("２００８年", "2008年", language=language).exact_match == 1.0
    assert scored("2008年", "2009年", language=language).f1 == pytest.approx(0.5)
    assert scored("北京市", "北京").f1 == 0.0


def test_kana_are_characters_and_words_of_other_scripts_stay_whole():
    assert comparable_form("とうきょうタワー", "ja").split() == list("とうきょうタワー")
    assert comparable_form("在Google工作", "zh") == "在 google 工 作"


def test_german_keeps_its_articles_and_those_of_english():
    assert comparable_form("Die Brücke!", scored_by("de")) == "die brücke"
    assert scored("die", "Brücke, die", language="de").f1 == pytest.approx(2 / 3)
    assert scored("the Wall", "Wall", language="de").exact_match == 0.0
    assert scored("the Wall", "Wall").exact_match == 1.0
    assert scored("„Alte Brücke“", "alte Brücke", language="de").exact_match == 1.0


def test_composed_and_decomposed_letters_are_the_same():
    assert scored(unicodedata.normalize("NFD", "Brücke"), "brücke", language="de").exact_match == 1.0


def test_arabic_is_the_same_with_and_without_its_marks():
    assert scored("مُحَمَّد", "محمد", language="ar").exact_match == 1.0
    assert scored("محـــمد؟", "محمد", language="ar").exact_match == 1.0
    assert scored("أحمد", "محمد", language="ar").f1 == 0.0
    assert scored("مُحَمَّد", "محمد").exact_match == 0.0


@pytest.mark.parametrize(("one", "other"), [("E.ON", "E.ON Zürich"), ("l'hiver", "l'hiver, l'été"), ("1.000", "1.000 €")])
def test_punctuation_within_a_word_is_the_same_beside_a_letter_that_is_not_ascii(one, other):
    assert scored(one, other, language="de").f1 > 0
    assert comparable_form(one, "other") in comparable_form(other, "other")


TEXTS = st.text(st.sampled_from("aAnthe bBc.!-,'–«»؟《》。ـَ 北京ータé中ß\u00a0\u3000\t\n1"), max_size=12) | st.text(max_size=12)


@given(TEXTS)
def test_english_is_what_the_official_scripts_have(text):
    assert LANGUAGES["en"](text) == normalise_answer(text)
    assert comparable_form(text, "en") == comparable_form(text)
    assert scored_by("en") == "en"


def test_english_is_what_is_scored_by_where_nothing_else_is_said():
    assert scored("The U.S.", "US").exact_match == 1.0
    assert scored("The U.S.", "US", language="en") == scored("The U.S.", "US")


@pytest.mark.parametrize("language", LANGUAGES)
@given(text=TEXTS)
def test_an_answer_with_text_is_never_made_into_none(language, text):
    assert bool(comparable_form(text, language)) == bool(text.strip())


@pytest.mark.parametrize("language", LANGUAGES)
@given(text=TEXTS)
def test_every_answer_equals_itself_and_case_and_space_do_not_count(language, text):
    if text.strip():
        assert scored(text, text, language=language).exact_match == 1.0
        assert scored(f" {text}\n", text, language=language).f1 == 1.0


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_that_normalise_to_nothing_are_not_all_the_same(language):
    marks = ["!!!", "«»", "؟", "《》"] if language != "en" else ["!!!", "The", "..."]
    for one in marks:
        assert scored(one, one, language=language).exact_match == 1.0
        for other in marks:
            if one != other:
                assert scored(one, other, language=language).f1 == 0.0


def test_tatweel_alone_is_an_answer_of_its_own():
    assert scored("ـ", "ـ", language="ar").exact_match == 1.0
    assert scored("ـ", "!", language="ar").f1 == 0.0
    assert scored("ـ", "محمد", language="ar").f1 == 0.0


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_answer_is_scored_alike_in_every_language(language):
    assert scored("", language=language).exact_match == 1.0
    assert scored("word", language=language).f1 == 0.0
    assert scored("", "word", language=language).f1 == 0.0


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("en", "en"),
        ("zh", "zh"),
        ("ja", "ja"),
        ("ar", "ar"),
        ("de", "other"),
        ("ast", "other"),
        ("DE", "other"),
        ("zh-CN", "zh"),
        ("jp", "ja"),
    ],
)
def test_a_code_has_a_row_of_its_own_or_that_of_others(code, row):
    assert scored_by(code) == row


@pytest.mark.parametrize("code", ["", "german", "d", "d3", "de\n"])
def test_what_is_no_code_is_refused(code):
    with pytest.raises(EvaluationError) as raised:
        scored("word", "word", language=code)
    assert repr(code.lower()) in raised.value.found
    assert "zh" in raised.value.expected


def test_what_is_among_the_best_is_told_by_the_rules_of_the_language():
    def top_3(language, reference, *best):
        rows = [Example(str(n), "?", f"{reference} {n}", (Span(reference, 0),)) for n in range(4)]
        answers = [Given(row.id, best[0], alternatives=best) for row in rows]
        return judge(rows, answers, Scoring(language)).means["top_3"].value

    assert top_3("zh", "北京", "上海", "《北京》") == 1.0
    assert top_3("de", "Hut", "Die", "an Hut") == 0.0


def test_aliases_count_where_they_are_handed_in_and_nowhere_else():
    aliases = Aliases.of([["Paris", "City of Light", "Paname"], ["UN", "United Nations"]])
    assert scored("City of Light", "Paris").exact_match == 0.0
    assert scored("City of Light", "Paris", aliases=aliases).exact_match == 1.0
    assert scored("the paris!", "Paname", aliases=aliases).exact_match == 1.0
    assert scored("United Nations", "Paris", aliases=aliases).f1 == 0.0
    assert scored("Paname", "in Paris", aliases=aliases).f1 == 0.0
    assert scored("Paname", aliases=aliases).f1 == 0.0


def test_references_come_first_and_each_name_once():
    aliases = Aliases.of([["Paris", "City of Light"], ["Paris", "Paname", "paname"]])
    assert aliases.joined_by(("Rome",)) == ("Rome",)
    assert aliases.joined_by(()) == ()
    assert aliases.joined_by(("the Paris",)) == ("the Paris", "City of Light", "Paname", "paname")
    assert aliases.joined_by(("Paris", "city of light")) == ("Paris", "city of light", "Paname", "paname")


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=3), max_size=4), st.lists(TEXTS, max_size=3).map(tuple))
def test_aliases_only_ever_add(rows, references):
    joined = Aliases.of(rows).joined_by(references)
    assert joined[: len(references)] == references
    assert set(joined[len(references) :]) <= {name for row in rows for name in row}


@given(TEXTS, TEXTS.filter(str.strip), TEXTS)
def test_no_score_falls_by_aliases(prediction, reference, other):
    plain = scored(prediction, reference)
    joined = scored(prediction, reference, aliases=Aliases.of([[reference, other]]))
    assert joined.f1 >= plain.f1
    assert joined.exact_match >= plain.exact_match


def test_aliases_are_found_by_the_rules_of_the_language():
    aliases = Aliases.of([["北京", "燕京"]])
    assert scored("燕京", "《北京》", language="zh", aliases=aliases).exact_match == 1.0


@pytest.mark.parametrize(
    "content",
    [{"Paris": ["City of Light", "Paname"]}, [["Paris", "City of Light", "Paname"]], [["Paname", "City of Light", "Paris"]]],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_aliases_are_a_mapping_or_a_list_in_a_file(tmp_path, content, mark):
    path = tmp_path / "aliases.json"
    path.write_text(mark + json.dumps(content), encoding="utf-8")
    aliases = read_aliases(path)
    assert scored("city of light", "Paris", aliases=aliases).exact_match == 1.0
    assert scored("Paname", "Paris", aliases=aliases).exact_match == 1.0


def test_a_file_without_names_adds_none(tmp_path):
    path = tmp_path / "aliases.json"
    for content in ("{}", "[]", '{"Paris": []}'):
        path.write_text(content)
        assert read_aliases(path).joined_by(("Paris",)) == ("Paris",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b"<html>", "Expecting value"),
        (b"3", "1 of 1 rows"),
        (b'"Paris"', "'Paris'"),
        (b'{"Paris": "City of Light"}', "'City of Light'"),
        (b'{"Paris": [1]}', "['Paris', 1]"),
        (b'[["a", "b"], [], ["c", null]]', "2 of 3 rows"),
        (b'[{"Paris": ["x"]}]', "1 of 1 rows"),
        (b"[[[]]]", "[[]]"),
        (b"\xff\xfe", "utf-8"),
        pytest.param(
            b"[" * 100_000,
            "aliases",
        ),
    ],
)
def test_a_bad_file_of_aliases_is_refused_with_what_was_found(tmp_path, content, said):
    path = tmp_path / "aliases.json"
    path.write_bytes(content)
    with pytest.raises(EvaluationError) as raised:
        read_aliases(path)
    assert str(path) in raised.value.found
    assert said in raised.value.found
    assert "City of Light" in raised.value.expected


def test_a_missing_file_of_aliases_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match="No such file"):
        read_aliases(tmp_path / "missing.json")
