"""Files that were damaged, or made to do harm: each is told, in bounded memory and time."""

import gzip
import io
import json
import os
import random
import subprocess
import sys
import threading
import zipfile

import pytest

from spantune.data import read_examples
from spantune.data.files import open_rows
from spantune.data.files.streams import LINE_LIMIT
from spantune.data.problems import Problem, text_doubt
from spantune.errors import EmptyDataError, MissingDataError, SpantuneError, UnreadableDataError

RECORD = {"id": "1", "question": "Who?", "context": "It was Ada.", "answer": "Ada", "answer_start": 7}
LINE = json.dumps(RECORD).encode() + b"\n"
HEADER, ROW = b"id,question,context,answer\n", b"1,Who?,It was Ada.,Ada\n"
DEEP = "[" * 1_000_000


def save(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def codes(dataset):
    return [(problem.where, problem.code) for problem in dataset.problems]


# --- too deep, too long, too much -----------------------------------------------------------------------------------


def test_a_million_brackets_in_one_line_cost_that_line(tmp_path):
    dataset = read_examples(save(tmp_path / "a.jsonl", LINE + DEEP.encode() + b"\n" + LINE.replace(b'"1"', b'"2"')))
    assert (len(dataset), codes(dataset)) == (2, [("line 2", "line_not_json")])


@pytest.mark.parametrize("bracket", ["[", '{"a":', "(", "[{'text': "])
def test_a_million_brackets_in_a_cell_are_a_text_or_a_flaw(tmp_path, bracket):
    rows = f'question,context,answer\nWho?,It was Ada.,"{(bracket * 200_000).replace(chr(34), chr(34) * 2)}"\nWho?,Ada.,Ada\n'
    dataset = read_examples(save(tmp_path / "a.csv", rows))
    assert dataset.read == 2


@pytest.mark.parametrize(
    ("name", "before", "after", "place"),
    [
        ("a.jsonl.gz", LINE, LINE.replace(b'"1"', b'"2"'), "line 2"),
        ("a.csv.gz", HEADER + ROW, ROW.replace(b"1", b"2"), "line 3"),
        ("a.tsv.gz", b"label\ttext\n0\tone\n", b"1\ttwo\n", "line 3"),
        ("a.txt.gz", b"0 one\n", b"1 two\n", "line 2"),
    ],
)
def test_a_line_that_is_too_long_is_told_and_passed_over(tmp_path, name, before, after, place):
    """Previously the whole file was in memory, and such a line several times over."""
    content = before + b"x" * (2 * LINE_LIMIT) + b"\n" + after
    dataset = read_examples(save(tmp_path / name, gzip.compress(content, 1)))
    assert (len(dataset), codes(dataset)) == (2, [(place, "line_too_long")])


def test_a_line_of_just_the_limit_is_read(tmp_path):
    line = b"0 " + b"x" * (LINE_LIMIT - 2)
    dataset = read_examples(save(tmp_path / "a.txt", line + b"\n1 two\n" + line))
    assert (len(dataset), codes(dataset)) == (3, [])


def test_a_quote_that_swallows_too_much_is_told_with_the_line_where_it_opens(tmp_path):
    content = b'question,context\nWho?,"Ada.\n' + b"Who?,Ada.\n" * (LINE_LIMIT // 9)
    with pytest.raises(UnreadableDataError, match=r"characters before its quotes pair up.*starts at line 2"):
        read_examples(save(tmp_path / "a.csv", content))


def test_a_json_document_that_is_too_large_is_told_to_become_lines(tmp_path, monkeypatch):
    monkeypatch.setattr("spantune.data.files.json_files.DOCUMENT_LIMIT", 1000)
    with pytest.raises(UnreadableDataError, match=r"more than 1,000 characters(?s:.*)JSON Lines"):
        read_examples(save(tmp_path / "a.json", json.dumps([RECORD] * 100, indent=1)))


def test_a_workbook_that_unpacks_to_too_much_is_told(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book, book.open("xl/a.xml", "w") as part:
        for _ in range(257):
            part.write(bytes(2**20))
    with pytest.raises(UnreadableDataError, match="unpacks to more than"):
        read_examples(save(tmp_path / "a.xlsx", packed.getvalue()))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_file_of_which_nothing_fits_is_given_up_early(tmp_path, name):
    content = "question,context\n" + "only one cell\n" * 5000
    rows = open_rows(save(tmp_path / name, content)).rows
    told = []
    with pytest.raises(UnreadableDataError):
        told.extend(iter(lambda: next(rows), None))
    assert all(isinstance(row, Problem) for row in told)


MEMORY = """
import sys
from spantune.data.files import open_rows
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
before = peak()
for row in open_rows(sys.argv[1]).rows:
    pass
print(peak() - before)
"""


def megabytes_above_bare(path):
    run = subprocess.run([sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True)
    return float(run.stdout)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="peak memory is read from /proc")  # noqa: PTH110
@pytest.mark.parametrize(
    ("records", "megabytes"),
    [pytest.param(30_000, 100), pytest.param(1_000_000, 1000, marks=pytest.mark.nightly)],
    ids=["", "long"],
)
def test_memory_does_not_grow_with_the_file(tmp_path, records, megabytes):
    line = json.dumps(RECORD | {"context": "It was Ada. " * 60}).encode() + b"\n"
    with gzip.open(tmp_path / "a.jsonl.gz", "wb", compresslevel=1) as file:
        file.writelines(line for _ in range(records))
        for _ in range(megabytes):
            file.write(b"x" * 10**6)
        file.write(b"\n")
    assert megabytes_above_bare(tmp_path / "a.jsonl.gz") < 60


# --- what JSON allows and no record should hold ---------------------------------------------------------------------


def test_a_field_that_stands_twice_is_told(tmp_path):
    """Previously the last of two answers was used, and the other one lost without a word."""
    twice = '{"id": "2", "question": "Who?", "context": "Ada.", "answer": "Ada", "answer": "Bob"}'
    same = '{"id": "3", "question": "Who?", "context": "Ada.", "answer": "Ada", "answer": "Ada"}'
    dataset = read_examples(save(tmp_path / "a.jsonl", LINE + f"{twice}\n{same}\n".encode()))
    assert ([record.id for record in dataset], codes(dataset)) == (["1", "3"], [("line 2", "field_repeated")])
    assert "'answer' stands more than once: 'Ada' and 'Bob'" in dataset.problems[0].found
    dataset = read_examples(save(tmp_path / "a.json", f"[{json.dumps(RECORD)},\n{twice}]"))
    assert (dataset.read, codes(dataset)) == (2, [("[1]", "field_repeated")])
    with pytest.raises(UnreadableDataError, match="'data' stands more than once"):
        read_examples(save(tmp_path / "b.json", '{"data": [],\n"data": [1]}'))


@pytest.mark.parametrize(
    "value", ["9" * 10_000, "-" + "9" * 5_000, "1e99999", "NaN", "Infinity", '"\\ud800"', '"\\u0000"', "1e-99999"]
)
@pytest.mark.parametrize("field", ["id", "question", "context", "answer", "answer_start", "other"])
def test_any_value_in_any_field_is_read_or_told(tmp_path, field, value):
    line = json.dumps(RECORD | {field: "@"}).replace('"@"', value)
    dataset = read_examples(save(tmp_path / "a.jsonl", LINE + line.encode() + b"\n"))
    assert dataset.read == 2
    assert all(str(problem).encode() for problem in dataset.problems)


def test_byte_order_marks_of_joined_files_are_passed_over(tmp_path):
    joined = b"\xef\xbb\xbf" + LINE + b"\xef\xbb\xbf" + LINE.replace(b'"1"', b'"2"')
    assert [record.id for record in read_examples(save(tmp_path / "a.jsonl", joined))] == ["1", "2"]


# --- files that are something else ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".tsv", ".txt"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04rest", "ZIP archive or an Excel"),
        (b"PAR1rest", "is Parquet"),
        (gzip.compress(b"PK\x03\x04"), "ZIP"),
        (b"%PDF-1.7\n", "PDF"),
        (gzip.compress(gzip.compress(LINE)), "gzip, inside gzip"),
        (b"SQLite format 3\0", "SQLite"),
    ],
    ids=["zip", "parquet", "zip in gzip", "pdf", "gzip twice", "sqlite"],
)
def test_another_format_under_the_name_of_text_is_named(tmp_path, suffix, content, told):
    with pytest.raises(UnreadableDataError, match=told):
        read_examples(save(tmp_path / ("a" + suffix), content))


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".tsv", ".txt", ".parquet", ".xlsx"])
@pytest.mark.parametrize(
    "content", [b"\0" * 5000, b"\n" * 5000, b" ", bytes(range(256)), b"\r", b'"', b"[", b"{", b"\xff" * 100]
)
def test_a_file_of_nothing_meant_is_told(tmp_path, suffix, content):
    try:
        dataset = read_examples(save(tmp_path / ("a" + suffix), content))
    except SpantuneError as error:
        assert error.found and error.expected and error.next_move
    else:  # a line of TXT is a label at least
        assert (suffix, len(dataset), dataset.read) == (".txt", 0, len(dataset.problems))


def test_a_pipe_and_a_device_are_told_and_not_waited_for(tmp_path):
    """Previously reading a pipe that nobody writes to never came back."""
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").symlink_to("/dev/zero")
    for name, told in (("a.jsonl", "is a pipe"), ("b.jsonl", "is a device")):
        with pytest.raises(MissingDataError, match=told):
            read_examples(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path):
    save(tmp_path / "a.jsonl", LINE).chmod(0)
    with pytest.raises(MissingDataError, match="Permission"):
        read_examples(tmp_path / "a.jsonl")


def test_a_link_to_itself_and_a_name_that_is_too_long_are_told(tmp_path):
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "a.jsonl")
    for path in (tmp_path / "a.jsonl", tmp_path / ("a" * 300 + ".jsonl")):
        with pytest.raises(MissingDataError):
            read_examples(path)


def test_a_file_that_vanishes_before_its_rows_are_read_is_told(tmp_path):
    rows = open_rows(save(tmp_path / "a.jsonl", LINE * 2)).rows
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(MissingDataError, match="no file"):
        next(rows)


def test_a_gzip_that_breaks_off_later_gives_its_rows_first(tmp_path):
    draw = random.Random(0)
    lines = [json.dumps(RECORD | {"id": str(draw.random())}).encode() for _ in range(2000)]
    rows = open_rows(save(tmp_path / "a.jsonl.gz", gzip.compress(b"\n".join(lines))[:-100])).rows
    assert next(rows).where == "line 1"
    with pytest.raises(UnreadableDataError, match="breaks off"):
        list(rows)


def test_rows_given_up_close_their_file(tmp_path):
    """A file left open is a ResourceWarning, and so an error of this test."""
    for name, content in (("a.jsonl", LINE * 100), ("a.csv", HEADER + ROW * 100), ("a.txt", b"0 one\n" * 100)):
        rows = open_rows(save(tmp_path / name, content)).rows
        next(rows)
        rows.close()
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: PTH208, PTH112
        next(open_rows(tmp_path / name).rows)
        after = len(os.listdir("/proc/self/fd")) if before else 0  # noqa: PTH208
        assert after <= before


def test_the_limit_of_csv_is_the_same_for_all_who_read_at_once(tmp_path):
    import csv

    before = csv.field_size_limit()
    file = save(tmp_path / "a.csv", "question,context\nWho?,Ada.\n" * 3)
    several = [open_rows(file).rows for _ in range(3)]
    for rows in several:
        next(rows)
        assert csv.field_size_limit() == before
    threads = [threading.Thread(target=list, args=(rows,)) for rows in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_header_only(tmp_path):
    for name, content in (("a.csv", HEADER), ("a.tsv", b"label\ttext\n")):
        with pytest.raises(EmptyDataError, match="no row below its header"):
            read_examples(save(tmp_path / name, content))


# --- texts that show something else than they hold ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("plain", None),
        ("\u200eleft\u200f to right", None),
        ("می\u200cخواهم", None),
        ("a \u2067حرف\u2069 b", None),
        ("\u202bحرف\u202c", None),
        ("\u2068one \u202atwo\u202c\u2069", None),
        ("\u2067one \u202atwo\u2069", None),  # the isolate closes what is inside it
        ("cut off\u2069 and\u202c on", None),  # closing what is not open does nothing
        ("a\0b", "text_has_nul"),
        ("\u202eevil\u202c", "text_bidi_override"),
        ("\u202dx", "text_bidi_override"),
        ("\u2067never closed", "text_bidi_override"),
        ("\u202bnot in its\nparagraph\u202c", "text_bidi_override"),
        ("\u202a\u2067x\u202c", "text_bidi_override"),
    ],
)
def test_doubt_about_a_text(text, code):
    flaw = text_doubt(text, "text")
    assert (flaw and flaw.code) == code
    assert flaw is None or (flaw.outcome == "quarantined" and flaw.found.isprintable())
