"""Columns: which one is what, by its name, by force, or as a proposal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.data import Span, read_examples, write_examples
from spantune.data.shapes import parse_columns, written_columns
from spantune.data.shapes.columns import FORCED_ROLES
from spantune.errors import ConfigError, UnknownShapeError

LONG = "It was Ada who wrote it, in 1843."


@pytest.fixture
def read(tmp_path):
    def read(value, **options):
        file = tmp_path / "a.json"
        file.write_text(json.dumps(value))
        return read_examples(file, **options)

    return read


@given(st.dictionaries(st.sampled_from(FORCED_ROLES), st.text(min_size=1), min_size=1))
def test_what_is_written_is_parsed(columns):
    assert parse_columns(written_columns(columns)) == columns


@pytest.mark.parametrize("text", ["question", "question=", "=Q", "question=Q,question=R", 'question="Q', "question=Q,,", "a b"])
def test_columns_that_cannot_be_read_are_told(text):
    with pytest.raises(ConfigError, match=r"--columns"):
        parse_columns(text)


def test_a_role_that_does_not_exist_is_told_with_the_nearest(read):
    with pytest.raises(ConfigError, match="did you mean 'question'"):
        parse_columns("qestion=Q")
    with pytest.raises(ConfigError, match="no role is called 'speaker'"):
        read([{"Q": "Who?"}], columns={"speaker": "Q"})


def test_a_column_that_the_file_lacks_is_told_with_the_nearest(read):
    with pytest.raises(ConfigError, match="no column 'Boddy'") as caught:
        read([{"Q": "Who?", "Body": LONG}], columns={"question": "Q", "context": "Boddy"})
    assert caught.value.next_move == "did you mean 'Body'?"
    assert "'Q', 'Body'" in caught.value.expected


def test_columns_by_force(read):
    row = {"Nr": 7, "Q": "Who?", "Body": LONG, "Reply": "Ada", "At": 7, "Doc": "d", "text": "note", "None?": False}
    columns = {
        "id": "Nr",
        "question": "Q",
        "context": "Body",
        "answers": "Reply",
        "starts": "At",
        "document": "Doc",
        "impossible": "None?",
    }
    (record,) = read([row], columns=columns)
    assert (record.id, record.question, record.context, record.document) == ("7", "Who?", LONG, "d")
    assert (record.answers, record.fields) == ((Span("Ada", 7),), (("text", "note"),))


def test_a_forced_column_plays_one_role_only(read):
    (record,) = read([{"question": "Who?", "text": LONG, "answer": "no", "said": "Ada"}], columns={"answers": "said"})
    assert (record.answers, record.fields) == ((Span("Ada"),), (("answer", "no"),))


def test_forced_roles_decide_between_texts_and_questions(read):
    rows = [{"question": "Who?", "context": LONG, "kind": "person"}]
    assert read(rows).task == "answer"
    (record,) = read(rows, columns={"text": "question", "label": "kind"})
    assert (record.text, record.label) == ("Who?", "person")


def test_columns_inside_nested_files(read):
    value = {"data": [{"paragraphs": [{"body": LONG, "qas": [{"ask": "Who?", "says": "Ada"}]}]}]}
    (record,) = read(value, columns={"question": "ask", "context": "body", "answers": "says"})
    assert (record.question, record.context, record.answers) == ("Who?", LONG, (Span("Ada"),))


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([{"Q": "Who?", "Body": LONG, "Reply": "Ada"}], "question=Q,context=Body,answers=Reply"),
        ([{"a": LONG, "b": "1843", "c": "When?", "d": "x"}], "question=c,context=a,answers=b"),
        ([{"Frage": "Wer?", "Text, lang": LONG}], "'question=Frage,context=\"Text, lang\"'"),
        ([{"body": f"{LONG} {n}", "kind": "ab"[n % 2], "nr": n} for n in range(6)], "text=body,label=kind"),
    ],
)
def test_a_mapping_is_proposed_from_values_and_works(read, rows, columns):
    with pytest.raises(UnknownShapeError) as caught:
        read(rows)
    assert caught.value.next_move == f"if that is what they hold: --columns {columns}"
    forced = parse_columns(columns.strip("'"))
    assert len(read(rows, columns=forced)) == len(rows)


def test_where_values_tell_nothing_the_form_of_the_option_is_told(read):
    with pytest.raises(UnknownShapeError) as caught:
        read([{"a": 1, "b": 2}])
    assert "such as --columns question=Q" in caught.value.next_move


# --- fields -------------------------------------------------------------------------------------------------------


def test_columns_without_a_role_are_kept(read):
    row = {
        "question": "Who?",
        "context": LONG,
        "topic": "x",
        "year": 1843,
        "share": 0.5,
        "old": True,
        "tags": ["a"],
        "no": None,
    }
    assert read([row])[0].fields == (("topic", "x"), ("year", 1843), ("share", 0.5), ("old", True), ("tags", '["a"]'))
    assert read([{"text": "Hi", "label": "a", "topic": "x"}])[0].fields == (("topic", "x"),)


def test_articles_and_paragraphs_tell_of_their_questions(read):
    question = {"id": "q", "question": "Who?", "type": "person"}
    paragraph = {"context": LONG, "id": "p", "document_id": 3, "summary": "s", "qas": [question]}
    (record,) = read({"data": [{"title": "t", "split": "train", "paragraphs": [paragraph]}]})
    assert record.fields == (
        ("split", "train"),
        ("paragraph.id", "p"),
        ("paragraph.document_id", 3),
        ("summary", "s"),
        ("type", "person"),
    )
    assert record.document == "t"


def test_values_that_no_field_can_hold_become_texts(tmp_path):
    file = tmp_path / "a.json"
    deep = "[" * 200 + "]" * 200
    file.write_text(f'[{{"question": "Who?", "context": "It.", "big": 1e999, "deep": {deep}}}]')
    assert read_examples(file)[0].fields == (("big", "Infinity"), ("deep", deep))


def test_a_table_that_says_nothing_in_either_column_is_unlabelled(read):
    rows = [{"question": "Who?", "context": LONG, "answers": "", "is_impossible": flag} for flag in ("", None, True)]
    assert [record.answers for record in read(rows)] == [None, None, ()]


def test_a_table_that_says_nothing_by_numbers_that_are_none_is_unlabelled(read):
    """Previously NaN, which pandas writes for an empty cell, made a question of it that has no answer."""
    empty = float("nan")
    row = {"question": "Who?", "context": LONG, "answers": empty, "is_impossible": empty}
    assert [record.answers for record in read([row])] == [None]


def test_the_column_of_starts_is_proposed_too(read):
    """Previously it was left out, and the places of the answers were lost to whoever copied the proposal."""
    row = {"Q": "Who?", "Body": LONG, "Reply": "Ada", "Year": 1843}
    for starts in ([7, 8], ["7", "7"], [7.0, None]):
        with pytest.raises(UnknownShapeError) as caught:
            read([row | {"Pos": start} for start in starts])
        assert caught.value.next_move.endswith("question=Q,context=Body,answers=Reply,starts=Pos")
    with pytest.raises(UnknownShapeError) as caught:
        read([row | {"Pos": 20}])
    assert caught.value.next_move.endswith("answers=Reply")


@pytest.mark.parametrize("long", ["", " It was a long winter, and nobody else could have done it by then."])
def test_a_table_without_a_header_is_told_as_such(tmp_path, long):
    """Previously its first record was taken for names, and a mapping of those was proposed."""
    table = tmp_path / "a.csv"
    table.write_text(f'Who?,"{LONG}{long}",Ada\nWhen?,"{LONG}",1843\n')
    with pytest.raises(UnknownShapeError, match="it seems to have no header") as caught:
        read_examples(table)
    assert "question,context,answer" in caught.value.next_move
    table.write_text(f'Answerable?,Body\nyes,"{LONG}"\n')
    with pytest.raises(UnknownShapeError) as caught:
        read_examples(table)
    assert "no header" not in caught.value.found


@pytest.mark.parametrize(("written", "kept"), [("NaN", "NaN"), ("1e999", "Infinity"), ("-Infinity", "-Infinity")])
def test_numbers_that_json_knows_not_are_fields_as_texts(tmp_path, written, kept):
    """Previously NaN vanished from the fields, and 1e999 became 'inf'."""
    file = tmp_path / "a.json"
    file.write_text(f'[{{"question": "Who?", "context": "It.", "x": {written}, "in": [{written}]}}]')
    assert read_examples(file)[0].fields == (("x", kept), ("in", f"[{kept}]"))


def test_half_a_character_in_a_field_is_kept_as_its_escape(read, tmp_path):
    """Previously it could be read, and ended the writing."""
    row = {"question": "Who?", "context": LONG, "\ud800": "\ud801", "fields": {"\ud802": 1}, "in": ["\ud803"]}
    dataset = read([row])
    assert dataset[0].fields == (("\\ud800", "\\ud801"), ("\\ud802", 1), ("in", '["\\ud803"]'))
    for name in ("a.jsonl", "a.csv", "out.json"):
        write_examples(dataset.records, tmp_path / name)
        assert read_examples(tmp_path / name)[0].fields
