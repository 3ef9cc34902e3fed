"""Parquet of any size, a part at a time: the same records as in one piece, and files that are whole or not there."""

import json
import os
import resource
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.data import ReadAs, read_files
from spantune.data.parts import (
    Part,
    columns_of,
    divide,
    fingerprint_of,
    is_empty,
    read_note,
    read_part,
    rows_in,
    shape_of,
    write_note,
    write_table,
)
from spantune.errors import MissingDataError, OutputError, SpantuneError, UnreadableDataError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

SCHEMA = pyarrow.schema([("id", "string"), ("question", "string"), ("context", "string")])


def row(number, record_id=None):
    return {"id": record_id, "question": f"What is {number}?", "context": f"It is {number}."}


def saved(file, *groups):
    """A Parquet file with these row groups, each a list of rows; its path as the room takes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with parquet.ParquetWriter(file, SCHEMA) as writer:
        for group in groups:
            writer.write_table(pyarrow.Table.from_pylist(group, SCHEMA))
    return str(file)


def made_of(parts, read_as=None):
    """What all parts hold, one after the other."""
    return [one for part in parts for one in read_part(part, read_as or ReadAs()).made]


def questions(made):
    return [one.record.question for one in made]


def table(count):
    return pyarrow.table({"text": [str(number) for number in range(count)], "empty": [None] * count})


def names_in(folder):
    return sorted(one.name for one in folder.iterdir())


@contextmanager
def folder_of_its_own():
    """A folder for one example of Hypothesis."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# -- dividing and reading

# A row is complete, or lacks an id, or a question.
ROWS = st.builds(
    lambda number, kind: (
        row(number, f"r{number}" if kind == "named" else None) | ({"question": None} if kind == "broken" else {})
    ),
    st.integers(0, 999),
    st.sampled_from(["named", "unnamed", "broken"]),
)
FILES = st.lists(st.lists(st.lists(ROWS, max_size=5), max_size=4), min_size=1, max_size=3)


@given(FILES, st.integers(1, 7))
def test_the_parts_of_any_files_hold_every_row_once_and_are_no_longer_than_asked(files, most):
    with folder_of_its_own() as folder:
        for number, groups in enumerate(files):
            saved(folder / f"{number}.parquet", *groups)
        parts = divide(str(folder), most)
        assert [part.number for part in parts] == list(range(len(parts)))
        assert all(1 <= part.rows <= most for part in parts)
        assert sum(part.rows for part in parts) == sum(rows for *_, rows in fingerprint_of(parts))
        expected = [one["question"] for groups in files for group in groups for one in group]
        assert [one.record.question if one.record else None for one in made_of(parts)] == expected


@given(FILES, st.integers(1, 7))
def test_parts_hold_the_records_ids_places_and_problems_of_the_files_read_whole(files, most):
    with folder_of_its_own() as folder:
        named = [
            saved(folder / f"{number}.parquet", *groups)
            for number, groups in enumerate(files)
            if any(len(one) for one in groups)
        ]
        if named:
            assert made_of(divide(str(folder), most)) == list(read_files(named).made)


def test_a_file_alone_has_the_ids_that_it_has_as_the_only_one(tmp_path):
    rows = [row(number) for number in range(5)]
    file = saved(tmp_path / "a.parquet", rows[:3], rows[3:])
    assert [one.record.id for one in made_of(divide(file, 2))] == ["row-1", "row-2", "row-3", "row-4", "row-5"]
    assert [one.id for one in read_files([file])] == ["row-1", "row-2", "row-3", "row-4", "row-5"]


def test_rows_of_several_files_have_ids_with_the_name_of_their_file(tmp_path):
    named = [saved(tmp_path / name, [row(1), row(2, "own")]) for name in ("a.parquet", "b.parquet")]
    made = made_of(divide(str(tmp_path), 1))
    assert [one.record.id for one in made] == [f"{named[0]}:row-1", "own", f"{named[1]}:row-1", "own"]


def test_a_folder_is_read_in_the_order_of_names_without_what_is_hidden_or_no_parquet(tmp_path):
    names = ["b.parquet", "a.parquet", "c.pq", "deep/er/a.parquet", "10.parquet", "9.parquet"]
    for name in [*names, "_left.parquet", ".left.parquet", "deep/_left.parquet"]:
        saved(tmp_path / name, [row(1)])
    for name in ("_SUCCESS", "notes.txt", "a.parquet.crc"):
        (tmp_path / name).write_text("no table")
    (tmp_path / "folder.parquet").mkdir()
    parts = divide(str(tmp_path), 10)
    assert [Path(part.file).relative_to(tmp_path).as_posix() for part in parts] == sorted(names)
    assert [file for file, *_ in fingerprint_of(parts)] == [part.file for part in parts]


@pytest.mark.parametrize("name", ["_delta_log/00.checkpoint.parquet", "_temporary/0/a.parquet", ".trash/a.parquet"])
def test_what_lies_in_a_hidden_folder_is_left_out(tmp_path, name):
    saved(tmp_path / "a.parquet", [row(1)])
    saved(tmp_path / name, [row(2)])
    assert questions(made_of(divide(str(tmp_path), 10))) == ["What is 1?"]


def test_a_folder_named_with_a_slash_at_its_end_is_the_same(tmp_path):
    saved(tmp_path / "data" / "a.parquet", [row(1), row(2)])
    assert divide(f"{tmp_path}/data/", 1) == divide(f"{tmp_path}/data", 1)


def test_a_uri_is_read_as_its_path_is(tmp_path):
    saved(tmp_path / "a.parquet", [row(1), row(2)], [row(3)])
    saved(tmp_path / "b.parquet", [row(4)])
    for source in (tmp_path / "a.parquet", tmp_path):
        by_path, by_uri = divide(str(source), 2), divide(f"file://{source}", 2)
        assert [part.file for part in by_uri] == [f"file://{part.file}" for part in by_path]
        assert questions(made_of(by_uri)) == questions(made_of(by_path))
    assert divide(f"file://{tmp_path}/", 2) == divide(f"file://{tmp_path}", 2)


@pytest.mark.parametrize(
    "name", ["a b.parquet", "country=United%20States/a.parquet", "é.parquet", "a#b.parquet", "a?b.parquet"]
)
def test_a_folder_by_its_uri_may_hold_files_of_any_name(tmp_path, name):
    saved(tmp_path / name, [row(1)])
    assert questions(made_of(divide(str(tmp_path), 2))) == ["What is 1?"]
    assert questions(made_of(divide(f"file://{tmp_path}", 2))) == ["What is 1?"]


def test_the_wishes_of_the_caller_hold_for_a_part(tmp_path):
    file = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"Q": ["Who?"], "Body": ["Ada."]}), file)
    (part,) = divide(str(file), 9)
    (made,) = read_part(part, ReadAs("records", {"question": "Q", "context": "Body"})).made
    assert (made.record.question, made.record.context) == ("Who?", "Ada.")


def test_the_head_of_a_part_tells_shape_and_task_of_the_whole(tmp_path):
    file = saved(tmp_path / "a.parquet", [row(number) for number in range(120)])
    head, whole = shape_of(divide(file, 100)[1], ReadAs()), read_part(divide(file, 100)[0], ReadAs())
    assert (head.shape, head.task) == (whole.shape, whole.task) == ("records", "answer")
    assert len(list(head.made)) < len(list(whole.made)) == 100


def test_the_fingerprint_is_another_one_for_another_file_size_or_number_of_rows(tmp_path):
    file = saved(tmp_path / "a.parquet", [row(1), row(2)])

    def told(source):
        return fingerprint_of(divide(str(source), 1))

    before = told(file)
    assert told(file) == json.loads(json.dumps(before)) == before
    assert before == [[file, Path(file).stat().st_size, Path(file).stat().st_mtime_ns, 2]]
    for other in ([row(1)], [row(1), row(2), row(3)], [row(1), row(2, "a longer one")]):
        assert told(saved(tmp_path / "a.parquet", other)) != before
    shutil.copy(file, tmp_path / "b.parquet")
    assert told(tmp_path / "b.parquet") != told(file)
    assert told(tmp_path) == [*told(file), *told(tmp_path / "b.parquet")]


@given(FILES, st.integers(1, 7), st.integers(1, 7))
def test_the_fingerprint_does_not_depend_on_how_the_rows_are_divided(files, some, most):
    with folder_of_its_own() as folder:
        for number, groups in enumerate(files):
            saved(folder / f"{number}.parquet", *groups)
        assert fingerprint_of(divide(str(folder), some)) == fingerprint_of(divide(str(folder), most))


def test_a_fingerprint_opens_no_file_a_second_time(tmp_path, monkeypatch):
    """Previously every footer was read twice before the first row was answered: to divide the data, and to know it again."""
    for name in ("a.parquet", "b.parquet"):
        saved(tmp_path / name, [row(1)], [row(2)])
    opened = []
    opening = parquet.ParquetFile
    monkeypatch.setattr(parquet, "ParquetFile", lambda *given, **named: opened.append(1) or opening(*given, **named))
    assert [rows for *_, rows in fingerprint_of(divide(str(tmp_path), 1))] == [2, 2]
    assert len(opened) == 2


def test_a_file_without_rows_changes_neither_ids_nor_the_fingerprint(tmp_path):
    """Previously rows were given the name of their file as soon as an empty one lay beside it."""
    saved(tmp_path / "a.parquet", [row(1), row(2)])
    before = divide(str(tmp_path), 1)
    whole = parquet.read_table(tmp_path / "a.parquet")
    parquet.write_table(whole.slice(0, 0), tmp_path / "b.parquet")
    assert divide(str(tmp_path), 1) == before
    assert [one.record.id for one in made_of(before)] == ["row-1", "row-2"]


# -- what cannot be read


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("missing.parquet", "missing.parquet is not there"),
        ("missing/folder", "is not there"),
        ("empty", "a folder without Parquet files"),
        ("other", "a folder without Parquet files"),
        ("file:///missing/of/all", "is not there"),
        ("nonsense://bucket/a", "nonsense://bucket/a cannot be reached"),
        ("s3//bucket", "is not there"),
    ],
)
def test_data_that_is_not_there_is_told(tmp_path, source, found):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.csv").write_text("question,context\n")
    where = source if "://" in source else str(tmp_path / source)
    with pytest.raises(MissingDataError, match=found) as caught:
        divide(where, 10)
    assert caught.value.expected
    assert caught.value.next_move


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table", b"PAR1 nonsense PAR1", b'{"question": "Who?"}\n' * 99])
def test_a_file_that_is_no_parquet_is_told(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(UnreadableDataError, match=r"a\.parquet is not Parquet, or is damaged") as caught:
        divide(str(tmp_path / "a.parquet"), 10)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("left", [0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_told_in_a_folder_too(tmp_path, left):
    file = Path(saved(tmp_path / "b.parquet", [row(number) for number in range(50)]))
    saved(tmp_path / "a.parquet", [row(1)])
    file.write_bytes(file.read_bytes()[: int(left * file.stat().st_size)])
    for source in (file, tmp_path):
        with pytest.raises(UnreadableDataError, match=r"b\.parquet is not Parquet, or is damaged"):
            divide(str(source), 10)


def test_damage_behind_a_whole_footer_is_told_when_the_part_is_read(tmp_path):
    file = Path(saved(tmp_path / "a.parquet", [row(number) for number in range(50)]))
    content = bytearray(file.read_bytes())
    content[4:200] = b"\xff" * 196
    file.write_bytes(content)
    (part,) = divide(str(file), 50)
    with pytest.raises(UnreadableDataError, match=r"a\.parquet is not Parquet, or is damaged"):
        read_part(part, ReadAs())


def test_a_flipped_bit_anywhere_gives_records_or_an_error_of_ours(tmp_path):
    source = tmp_path / "source.parquet"
    parquet.write_table(pyarrow.table({"id": [1, 2], "question": ["Who?", None], "context": ["Ada.", "x"]}), source)
    whole, file, others = source.read_bytes(), tmp_path / "a.parquet", {}
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            made_of(divide(str(file), 1))
        except SpantuneError:
            pass
        except Exception as error:
            others[at] = repr(error)
    assert not others


def test_a_column_that_stands_twice_is_refused_as_it_is_in_a_file_read_whole(tmp_path):
    file = tmp_path / "a.parquet"
    columns = {"question": ["Who?"], "context": ["Ada."], "also": ["Someone else."]}
    parquet.write_table(pyarrow.table(columns).rename_columns(["question", "context", "context"]), file)
    with pytest.raises(UnreadableDataError, match="'context' more than once"):
        read_files([file])
    with pytest.raises(UnreadableDataError, match="'context' more than once"):
        made_of(divide(str(file), 10))


# -- what is written


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_what_was_written_is_read_again(tmp_path, scheme):
    where = f"{scheme}{tmp_path}/new/folder/a.parquet"
    assert rows_in(where) is None
    assert is_empty(f"{scheme}{tmp_path}/new", "_")
    write_table(table(300), where)
    assert rows_in(where) == 300
    assert columns_of(where, ["empty", "text"]) == {"empty": [None] * 300, "text": [str(number) for number in range(300)]}
    write_note({"é": [1, None]}, f"{scheme}{tmp_path}/new/note.json")
    assert read_note(f"{scheme}{tmp_path}/new/note.json") == {"é": [1, None]}
    assert not is_empty(f"{scheme}{tmp_path}/new", "_")
    assert names_in(tmp_path / "new") == ["folder", "note.json"]
    assert names_in(tmp_path / "new" / "folder") == ["a.parquet"]


def test_what_was_there_before_is_replaced(tmp_path):
    where = str(tmp_path / "a.parquet")
    write_table(table(3), where)
    write_table(table(2), where)
    assert rows_in(where) == 2
    assert names_in(tmp_path) == ["a.parquet"]


def test_a_note_that_is_missing_or_no_json_is_none(tmp_path):
    (tmp_path / "cut.json").write_text('{"run": ')
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for name in ("missing.json", "cut.json", "bytes.json", "cut.json/below.json"):
        assert read_note(str(tmp_path / name)) is None


def test_only_a_folder_with_nothing_at_all_is_empty(tmp_path):
    assert is_empty(str(tmp_path), ".note.")
    assert is_empty(str(tmp_path / "missing" / "deep"), ".note.")
    (tmp_path / ".note.12ab").touch()
    assert is_empty(str(tmp_path), ".note.")
    (tmp_path / ".hidden").touch()
    assert not is_empty(str(tmp_path), ".note.")


def test_a_file_of_results_that_is_cut_off_is_told(tmp_path):
    where = tmp_path / "a.parquet"
    write_table(table(300), str(where))
    where.write_bytes(where.read_bytes()[:-9])
    assert rows_in(str(where)) is None, "it is to be made again"
    with pytest.raises(UnreadableDataError, match=r"a\.parquet is not Parquet, or is damaged"):
        columns_of(str(where), ["text"])


@pytest.fixture
def little_space():
    """No file may grow beyond half a megabyte: what is written past that fails, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_leaves_the_old_file_and_nothing_else(tmp_path, little_space):
    where = str(tmp_path / "a.parquet")
    write_table(table(3), where)
    noise = pyarrow.table({"text": [os.urandom(1000).hex() for _ in range(1000)]})
    for write in (lambda: write_table(noise, where), lambda: write_note(noise.to_pydict(), where)):
        with pytest.raises(OutputError, match=r"a\.parquet could not be written: ") as caught:
            write()
        assert "give the same command" in caught.value.next_move
        assert names_in(tmp_path) == ["a.parquet"]
    assert rows_in(where) == 3


@pytest.mark.parametrize("where", ["{folder}/file/a.parquet", "file://{folder}/file/deep/a.parquet", "/proc/none/a.parquet"])
def test_a_place_that_cannot_be_written_to_is_told(tmp_path, where):
    (tmp_path / "file").write_text("no folder")
    place = where.format(folder=tmp_path)
    for write in (lambda: write_table(table(1), place), lambda: write_note({}, place)):
        with pytest.raises(OutputError, match="could not be written"):
            write()
    assert (tmp_path / "file").read_text() == "no folder"


def test_a_folder_in_the_place_of_a_file_is_told_and_kept(tmp_path):
    (tmp_path / "a.parquet").mkdir()
    with pytest.raises(OutputError, match="could not be written"):
        write_table(table(1), str(tmp_path / "a.parquet"))
    assert names_in(tmp_path) == ["a.parquet"]
    assert not names_in(tmp_path / "a.parquet")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError(), ValueError("x")])
def test_an_error_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, error):
    where = str(tmp_path / "a.parquet")
    write_table(table(3), where)

    def dying(made, stream):
        stream.write(b"PAR1 and some more")
        raise error

    monkeypatch.setattr(parquet, "write_table", dying)
    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        write_table(table(9), where)
    assert rows_in(where) == 3
    assert names_in(tmp_path) == ["a.parquet"]


def test_a_note_that_json_cannot_hold_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        write_note({"a": object()}, str(tmp_path / "note.json"))
    assert not names_in(tmp_path)


def test_what_a_killed_writer_left_is_no_data(tmp_path):
    file = saved(tmp_path / "a.parquet", [row(1)])
    (tmp_path / ".b.parquet.0123abcd").write_bytes(b"PAR1 half")
    told = Path(file).stat()
    assert divide(str(tmp_path), 9) == (Part(0, file, 0, 0, 1, 0, False, told.st_size, told.st_mtime_ns),)
