"""Writing: what was read comes back, and a file is whole or not there."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

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
from spantune.data.atomic import write_lines
from spantune.errors import ConfigError, DataError, OutputError

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(lambda text: text.strip())
SPANS = st.builds(Span, WORDS, st.none() | st.integers(-3, 99))
EXAMPLES = st.builds(
    Example,
    id=WORDS,
    question=WORDS.map(str.strip),
    context=WORDS,
    answers=st.none() | st.lists(SPANS, max_size=3).map(tuple),
    document=st.none() | WORDS,
)
TEXTS = st.builds(TextExample, WORDS, WORDS, st.none() | WORDS.map(str.strip), st.none() | WORDS)
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)


def without_place(records):
    return [replace(record, place=None) for record in records]


@SAME_FOLDER
@given(records=st.lists(EXAMPLES, min_size=1, max_size=6) | st.lists(TEXTS, min_size=1, max_size=4))
@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_written_and_read_again_nothing_changed(tmp_path, name, records):
    write_examples(records, tmp_path / name)
    shape = "labels" if isinstance(records[0], TextExample) else "squad"
    dataset = read_examples(tmp_path / name)
    assert without_place(dataset) == records
    assert (dataset.problems, dataset.sources[0].shape) == ((), shape)


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
        write_examples([], tmp_path / "a.csv")
    with pytest.raises(DataError, match="1 questions and 1 texts"):
        write_examples([Example("1", "Who?", "Ada."), TextExample("1", "Hi")], tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


# --- all or nothing -----------------------------------------------------------------------------------------------


def test_a_file_is_replaced_as_a_whole(tmp_path):
    file = tmp_path / "a.txt"
    write_text(file, "old")
    write_text(file, "ñew")
    assert file.read_text(encoding="utf-8") == "ñew"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_lines_are_written_while_they_are_made_all_or_none(tmp_path):
    file = tmp_path / "a.jsonl"
    assert write_lines(file, (str(number) for number in range(3))) == 3
    assert file.read_text() == "0\n1\n2\n"
    assert write_lines(tmp_path / "empty.jsonl", []) == 0

    def failing():
        yield "new"
        raise ValueError("the model broke")

    with pytest.raises(ValueError, match="the model broke"):
        write_lines(file, failing())
    assert file.read_text() == "0\n1\n2\n"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.jsonl", "empty.jsonl"]


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
