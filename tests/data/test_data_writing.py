"""Writing: what was read comes back, and a file is whole or not there."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spantune.data import (
    Example,
    Span,
    TextExample,
    demo_data,
    fingerprint,
    read_examples,
    record_hash,
    write_bytes,
    write_examples,
    write_text,
)
from spantune.data.writing import WRITERS
from spantune.errors import ConfigError, DataError, OutputError

CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from("\r\n\t \u2028\u0085\ufeff\x00,;\"'[]{}|\\")
WORDS = st.text(CHARACTERS, min_size=1, max_size=12).filter(lambda text: text.strip())
CONTEXTS = WORDS | st.sampled_from([" It was Ada.\r\n", "[] {} null", '{"text": [], "answer_start": []} ', "\n\r Ada \t"])
SPANS = st.builds(Span, WORDS, st.none() | st.integers(-3, 99))
NAMES = WORDS | st.sampled_from(["topic", "title", "Answers", "fields", "label", "data", "context.x", "id", "annotations"])
VALUES = (
    WORDS
    | st.sampled_from(["", " ", '{"a": 1}', "null"])
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=3).map(lambda fields: tuple(fields.items()))
EXAMPLES = st.builds(
    Example,
    id=WORDS,
    question=WORDS,
    context=CONTEXTS,
    answers=st.none() | st.lists(SPANS, max_size=3).map(tuple),
    document=st.none() | WORDS.map(str.strip),
    fields=FIELDS,
)
NAMED = st.none() | WORDS.map(str.strip)
TEXTS = st.builds(TextExample, WORDS, CONTEXTS, NAMED, NAMED, fields=FIELDS)
SETS = st.lists(EXAMPLES, min_size=1, max_size=6) | st.lists(TEXTS, min_size=1, max_size=4)
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)


@st.composite
def placed(draw):
    """Questions whose answers stand somewhere in the context, as annotation tools need them; not always where they say."""
    record = draw(EXAMPLES)
    length = len(record.context)
    sizes = draw(st.none() | st.lists(st.integers(1, length), max_size=3))
    spans = []
    for size in sizes or ():
        text = draw(st.text(CHARACTERS, min_size=size, max_size=size).filter(lambda text: text.strip()))
        spans.append(Span(text, draw(st.integers(0, length - size))))
    return replace(record, answers=None if sizes is None else tuple(spans))


def in_xml(record):
    return record.label is None or record.label.isprintable()


def without_place(records):
    return [replace(record, place=None) for record in records]


@SAME_FOLDER
@given(records=SETS)
@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.jsonl", "a.jsonl.gz", "a.csv", "a.csv.gz", "a.parquet"])
def test_written_and_read_again_nothing_changed(tmp_path, name, records):
    write_examples(iter(records), tmp_path / name)
    shape = (
        "labels" if isinstance(records[0], TextExample) else "squad" if ".json" in name and "jsonl" not in name else "records"
    )
    dataset = read_examples(tmp_path / name)
    assert without_place(dataset) == records
    assert (dataset.problems, dataset.sources[0].shape) == ((), shape)


@SAME_FOLDER
@given(records=st.lists(placed(), min_size=1, max_size=4) | st.lists(TEXTS.filter(in_xml), min_size=1, max_size=4))
@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_tasks_for_label_studio_written_and_read_again_nothing_changed(tmp_path, name, records):
    (tmp_path / "a.config.xml").unlink(missing_ok=True)  # hypothesis shares the folder
    write_examples(iter(records), tmp_path / name, "label-studio")
    dataset = read_examples(tmp_path / name)
    assert without_place(dataset) == records
    assert dataset.problems == ()
    assert dataset.sources[0].shape.startswith("label-studio")
    ElementTree.parse(tmp_path / "a.config.xml")


def test_the_squad_file_is_plain(tmp_path):
    rows = [
        Example("1", "Who?", "Ada.", (Span("Ada", 0),), "doc"),
        Example("2", "When?", "Ada.", (), "doc"),
        Example("3", "How?", "Bo.", None, "doc"),
    ]
    write_examples(rows, tmp_path / "a.json")
    tree = json.loads((tmp_path / "a.json").read_text())
    (article,) = tree["data"]
    assert (tree["version"], article["title"], len(article["paragraphs"])) == ("v2.0", "doc", 2)
    assert article["paragraphs"][0]["qas"] == [
        {"id": "1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]},
        {"id": "2", "question": "When?", "answers": [], "is_impossible": True},
    ]
    assert article["paragraphs"][1]["qas"] == [{"id": "3", "question": "How?"}]


def test_compressed_files_have_the_same_bytes_each_time(tmp_path):
    for name in ("a.json.gz", "b.json.gz"):
        write_examples(read_examples(demo_data()), tmp_path / name)
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_half_of_a_surrogate_pair_is_written_escaped(tmp_path):
    write_examples([Example("1", "Who?", "\ud83d")], tmp_path / "a.json")
    assert "\\ud83d" in (tmp_path / "a.json").read_text()


def test_other_suffixes_and_mixed_tasks_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"write to 'a\.json'"):
        write_examples([], tmp_path / "a.docx")
    with pytest.raises(DataError, match="1 questions and 1 texts"):
        write_examples([Example("1", "Who?", "Ada."), TextExample("1", "Hi")], tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_streams_are_written_without_being_held(tmp_path):
    class Counted(str):
        alive = most = 0

        def __new__(cls, text):
            Counted.alive += 1
            Counted.most = max(Counted.most, Counted.alive)
            return super().__new__(cls, text)

        def __del__(self):
            Counted.alive -= 1

    for name, held in (("a.jsonl", 5), ("a.csv", 5), ("a.parquet", 2_005)):
        Counted.alive = Counted.most = 0
        write_examples((TextExample(str(n), Counted(f"text {n}"), "a") for n in range(5_000)), tmp_path / name)
        assert Counted.most <= held
        assert len(read_examples(tmp_path / name)) == 5_000


def test_the_parquet_file_has_the_columns_of_the_hub(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_examples([Example("1", "Who?", "Ada.", (Span("Ada", 0),), "doc", fields=(("year", 1843),))], tmp_path / "a.parquet")
    row = parquet.read_table(tmp_path / "a.parquet").to_pylist()[0]
    assert row == {
        "id": "1",
        "title": "doc",
        "context": "Ada.",
        "question": "Who?",
        "answers": {"text": ["Ada"], "answer_start": [0]},
        "is_impossible": False,
        "fields": '{"year": 1843}',
    }


def test_a_task_for_label_studio_is_plain(tmp_path):
    rows = [Example("1", "Who?", "Ada, Ada.", (Span("Ada", 0), Span("Ada", 5)), "doc"), Example("2", "Why?", "Ada.", ())]
    write_examples(rows, tmp_path / "tasks.json", "label-studio")
    first, second = json.loads((tmp_path / "tasks.json").read_text())
    assert first["data"] == {"id": "1", "question": "Who?", "text": "Ada, Ada.", "document": "doc"}
    assert [one["result"][0]["value"]["start"] for one in first["annotations"]] == [0, 5]
    assert second["annotations"] == [{"result": []}]
    config = ElementTree.parse(tmp_path / "tasks.config.xml")
    assert {tag.get("name") for tag in config.iter() if tag.get("name")} == {"question", "answer", "text"}
    write_examples([TextExample("1", "Hi", 'a "b" & <c>')], tmp_path / "texts.json", "label-studio")
    choices = ElementTree.parse(tmp_path / "texts.config.xml").iter("Choice")
    assert [choice.get("value") for choice in choices] == ['a "b" & <c>']


@pytest.mark.parametrize(
    ("record", "format", "found"),
    [
        (TextExample("1", "Hi", fields=(("a", 1), ("a", 2))), "jsonl", "two fields are called 'a'"),
        (TextExample("1", "Hi", fields=(("a", float("nan")),)), "squad", "the field 'a' is"),
        (Example("1", "Who?", "\ud83d"), "csv", "half of a surrogate pair"),
        (Example("1", "Who?", "Ada.", (Span("Ada", 2**70),)), "parquet", "starts at"),
        (Example("1", "Who?", "Ada.", (Span("Ada"),)), "label-studio", "has no start"),
        (Example("1", "Who?", "Ada.", (Span("Ada", 3),)), "label-studio", "the start 3"),
        (TextExample("1", "Hi", "a\x01"), "label-studio", "a control character"),
        *(
            (record, format, found)
            for record, found in (
                (Example("", "Who?", "Ada."), "the id is ''"),
                (Example("1", "Who?", "Ada.", None, " "), "the document is ' '"),
                (Example("1", "Who?", "Ada.", None, "Manual "), "the document is 'Manual '"),
                (Example("1", "Who?", "Ada.", (Span("", 0),)), "an answer has no letter"),
                (TextExample("1", "Hi", ""), "the label is ''"),
                (TextExample("1", "Hi", " spam "), "the label is ' spam '"),
            )
            for format in WRITERS
        ),
    ],
)
def test_what_a_format_cannot_carry_is_told_and_nothing_is_written(tmp_path, record, format, found):
    """Previously a label '' came back as none, ' spam ' as 'spam', an id '' as a position, and nothing was told."""
    with pytest.raises(DataError, match=found) as caught:
        write_examples([record], tmp_path / f"a{WRITERS[format].suffixes[0]}", format)
    assert caught.value.next_move
    assert list(tmp_path.iterdir()) == []


def test_formats_and_suffixes_that_do_not_fit_are_told(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'parquet'"):
        write_examples([], tmp_path / "a.parquet", "parket")
    with pytest.raises(ConfigError, match=r"write to 'a\.jsonl'"):
        write_examples([], tmp_path / "a.csv", "jsonl")
    with pytest.raises(ConfigError, match="cannot write examples"):
        write_examples([], tmp_path / "a.parquet.gz")


@pytest.mark.parametrize("there", ["<View/>", None])
def test_a_labeling_configuration_of_others_is_not_written_over(tmp_path, there):
    """Previously a configuration beside the tasks, which nobody had named, was replaced without a word."""
    config = tmp_path / "a.config.xml"
    rows = [TextExample("1", "Hi", "a")]
    if there is None:
        config.write_bytes(b"\xff\xfe")
    else:
        config.write_text(there)
    before = config.read_bytes()
    with pytest.raises(OutputError, match=r"a\.config\.xml, where the labeling configuration belongs"):
        write_examples(rows, tmp_path / "a.json", "label-studio")
    assert list(tmp_path.iterdir()) == [config]
    assert config.read_bytes() == before
    config.unlink()
    for _ in range(2):  # the same again is no reason to stop
        write_examples(rows, tmp_path / "a.json", "label-studio")
    with pytest.raises(OutputError):
        write_examples([TextExample("1", "Hi", "b")], tmp_path / "a.json", "label-studio")
    assert read_examples(tmp_path / "a.json")[0].label == "a"


# --- all or nothing -----------------------------------------------------------------------------------------------


def test_a_file_is_replaced_as_a_whole(tmp_path):
    file = tmp_path / "a.txt"
    write_text(file, "old")
    write_text(file, "ñew")
    assert file.read_text(encoding="utf-8") == "ñew"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step, number):
    """Previously a full disk left half a file behind, which the next run read."""
    file = tmp_path / "a.txt"
    write_text(file, "old")

    def fail(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OutputError, match=os.strerror(number)) as caught:
        write_bytes(file, b"new")
    assert caught.value.next_move
    assert file.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.txt", "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "move"),
    [
        ("no/such/a.txt", "create the folder"),
        ("", "file name inside"),
        ("file/a.txt", "correct the path"),
        ("x" * 300, "shorter"),
        ("a\0b", "another path"),
    ],
)
def test_paths_that_cannot_be_written_are_told(tmp_path, name, move):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=move):
        write_text(f"{tmp_path}/{name}", "new")
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_a_link_stays_a_link_and_a_device_stays_a_device(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="not a regular file"):
        write_text(tmp_path / "pipe", "new")


def test_what_a_stream_leads_to_is_not_replaced(tmp_path):
    """Previously a file that standard output had been sent to was replaced, with all that stood in it."""
    (tmp_path / "log").write_text("old")
    with (tmp_path / "log").open("a") as log, pytest.raises(OutputError, match="a stream, not a regular file"):
        write_text(f"/dev/fd/{log.fileno()}", "new")
    assert (tmp_path / "log").read_text() == "old"


# --- fingerprints -------------------------------------------------------------------------------------------------

ADA = Example("1", "Who wrote it?", "It was Ada.", (Span("Ada", 7),), "doc")


def test_a_record_hash_is_stable_and_ignores_id_answers_case_and_white_space():
    assert record_hash(ADA) == "41620b8f3c7ae282"
    same = replace(ADA, id="2", answers=None, document=None, context="It  was ADA. ", question="who wrote\u00a0it?")
    assert record_hash(same) == record_hash(ADA)
    assert record_hash(replace(ADA, context="It was Bo.")) != record_hash(ADA)
    assert record_hash(TextExample("1", "e\u0301")) == record_hash(TextExample("2", "\u00e9", "label"))


def test_a_fingerprint_ignores_order_and_sees_every_change_of_content():
    other = replace(ADA, question="When?")
    assert fingerprint([ADA, other]) == fingerprint([replace(other, id="9"), ADA])
    changes = [{"answers": ()}, {"answers": None}, {"context": "It was Ada!"}, {"document": None}]
    variants = [[ADA], [ADA, ADA], *([replace(ADA, **change)] for change in changes), [TextExample("1", "x")], []]
    assert len({fingerprint(variant) for variant in variants}) == len(variants)
    assert fingerprint([Example("1", "Who?", "\ud800")])
