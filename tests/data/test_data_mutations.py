"""Whatever is done to a file, it is told: an error for users, or a report that accounts for every record.

Small valid files of every format and shape (`SEEDS`, a table to add rows to) are changed at random, in their bytes or in
their values, and checked. A failure names its number: `outcome_of(tmp_path, number)` repeats it.
"""

import csv
import gzip
import importlib.util
import io
import json
import random
from collections import Counter

import pytest

from spantune.data import Example, check, check_files, read_examples
from spantune.errors import SpantuneError

ADA = {
    "id": "1",
    "question": "Who wrote it?",
    "context": "It was Ada Lovelace, in 1843.",
    "answer": "Ada Lovelace",
    "answer_start": 7,
}
WHEN = ADA | {"id": "2", "question": "When?", "answer": "1843", "answer_start": 24}
WHERE = ADA | {"id": "3", "question": "Où — 何処?", "answer": "", "answer_start": None}
ROWS = [ADA, WHEN, WHERE]
TEXTS = [{"text": "a fine film 😀", "label": "good"}, {"text": "a dull film", "label": "bad"}]


def squad_question(row):
    answers = [{"text": row["answer"], "answer_start": row["answer_start"]}] if row["answer"] else []
    return {"id": row["id"], "question": row["question"], "is_impossible": not answers, "answers": answers}


PARAGRAPH = {"context": ADA["context"], "qas": [squad_question(row) for row in ROWS]}
SQUAD = {"version": "2.0", "data": [{"title": "Ada", "paragraphs": [PARAGRAPH, PARAGRAPH | {"qas": []}]}]}
FLAT = [
    {
        "id": r["id"],
        "question": r["question"],
        "context": r["context"],
        "answers": {"text": [r["answer"]], "answer_start": [r["answer_start"]]},
    }
    for r in ROWS[:2]
]
MRQA = [
    {"header": {"dataset": "x", "split": "train"}},
    {
        "context": ADA["context"],
        "qas": [
            {"qid": "1", "question": "Who?", "answers": ["Ada"], "detected_answers": [{"text": "Ada", "char_spans": [[7, 9]]}]}
        ],
    },
]
LABEL_STUDIO = [
    {
        "id": 1,
        "data": {"text": ADA["context"], "question": "Who?"},
        "annotations": [
            {
                "result": [
                    {
                        "type": "labels",
                        "from_name": "l",
                        "to_name": "t",
                        "value": {"start": 7, "end": 10, "text": "Ada", "labels": ["Answer"]},
                    }
                ]
            },
            {"result": []},
        ],
    }
]
HAYSTACK = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": ADA["context"],
                    "document_id": 7,
                    "qas": [
                        {
                            "id": 1,
                            "question": "Who?",
                            "is_impossible": False,
                            "answers": [{"answer_id": 1, "text": "Ada", "answer_start": 7, "answer_category": "SHORT"}],
                        }
                    ],
                }
            ]
        }
    ]
}
DOCCANO = [
    {"id": 1, "text": ADA["context"], "question": "Who?", "label": [[7, 10, "Answer"]]},
    {"id": 2, "text": "none", "question": "Who?", "label": []},
]
ARGILLA = [{"id": "1", "fields": {"question": "Who?", "context": ADA["context"]}, "responses": {"answer": [{"value": "Ada"}]}}]
MULTI_SPAN = {"data": [{"id": "1", "question": ["Who", "?"], "context": ["Ada", "and", "Bob"], "label": ["B", "O", "B"]}]}


def lines(rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def table(rows, delimiter=","):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parquet(rows):
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return sink.getvalue().to_pybytes()


def excel(rows):
    import openpyxl

    book, sink = openpyxl.Workbook(), io.BytesIO()
    for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
        book.active.append(row)
    book.save(sink)
    return sink.getvalue()


FORMATS = {
    ".json": lambda rows: json.dumps(rows, ensure_ascii=False).encode(),
    ".jsonl": lines,
    ".csv": table,
    ".tsv": lambda rows: table(rows, "\t"),
    ".parquet": parquet if importlib.util.find_spec("pyarrow") else None,
    ".xlsx": excel if importlib.util.find_spec("openpyxl") else None,
}
FLAT_SUFFIXES = [suffix for suffix, write in FORMATS.items() if write]

SEEDS = [  # suffixes it is written under, its rows or its JSON value; TXT and the like as bytes
    (FLAT_SUFFIXES, ROWS),
    (FLAT_SUFFIXES, TEXTS),
    ([".json"], SQUAD),
    ([".json"], HAYSTACK),
    ([".json", ".jsonl"], FLAT),
    ([".jsonl", ".json"], MRQA),
    ([".json", ".jsonl"], LABEL_STUDIO),
    ([".jsonl"], DOCCANO),
    ([".jsonl", ".json"], ARGILLA),
    ([".json"], MULTI_SPAN),
    ([".txt"], "0 no movement\n1 a delight 😀\n".encode()),
]

# --- values ---------------------------------------------------------------------------------------------------------

ODD_VALUES = [
    None, True, False, 0, -1, 1, 29, 10**30, -0.5, 1e300, float("nan"), float("inf"), "", " ", "\n", "\0", "\ud800", "\u202e",
    "\ufeff", "[", "{", "[]", "{}", '["Ada"]', "[[[[[[", "nan", "null", "Ada", "1843", "é" * 50, "e\u0301", "😀", [], {}, [[]],
    [None], {"text": None}, {"text": []}, {"text": ["Ada"], "answer_start": [7, 8]}, [{"text": "Ada"}, None, 3], "x" * 5000,
]  # fmt: skip


def deep(draw):
    value = "x"
    for _ in range(draw.randrange(1, 400)):
        value = [value] if draw.random() < 0.5 else {"a": value}
    return value


def paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def changed(value, path, change):
    """A copy of `value` in which the container at the end of `path` was changed."""
    if len(path) == 1:
        copy = value.copy()
        change(copy, path[0])
        return copy
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], change)
    return copy


def replaced(draw, box, key):
    box[key] = deep(draw) if draw.random() < 0.05 else draw.choice(ODD_VALUES)


def removed(draw, box, key):
    del box[key]


def renamed(draw, box, key):
    if isinstance(box, dict):
        box[draw.choice(["text", "label", "answers", "context", "data", "qas", "", "\0", "annotations", "result", "id"])] = (
            box.pop(key)
        )


def doubled(draw, box, key):
    if isinstance(box, list):
        box.insert(key, box[draw.randrange(len(box))])


def wrapped(draw, box, key):
    box[key] = draw.choice([lambda v: [v], lambda v: {"text": v}, lambda v: [v, v], str, lambda v: json.dumps(v, default=str)])(
        box[key]
    )


def mutated_value(draw, value):
    for _ in range(draw.randrange(1, 4)):
        path = draw.choice([path for path in paths(value) if path] or [None])
        if path is None:
            return value
        change = draw.choice([replaced, replaced, replaced, removed, renamed, doubled, wrapped])
        value = changed(value, path, lambda box, key, change=change: change(draw, box, key))
    return value


# --- bytes ----------------------------------------------------------------------------------------------------------

ODD_BYTES = [
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\r\n", b"\n", b'"', b"'", b",", b"\t", b";", b"[", b"]", b"{", b"}",
    b"\\", b"\\ud800", b"\\u0000", b"NaN", b"-Infinity", b"9" * 5000, b"[" * 5000, b"\xe2\x80\xae", b"\xed\xa0\x80", b":",
    b"1e999", b'"id": 1, "id": 2,', b"PK\x03\x04", b"PAR1", b"\x1f\x8b",
]  # fmt: skip


def flip(draw, data, other):
    at = draw.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]


def delete(draw, data, other):
    at = draw.randrange(len(data))
    return data[:at] + data[at + draw.choice([1, 1, 2, 5, 40]) :]


def insert(draw, data, other):
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.choice(ODD_BYTES) + data[at:]


def truncate(draw, data, other):
    return data[: draw.randrange(len(data))]


def swap(draw, data, other):
    a, b, c = sorted(draw.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def splice(draw, data, other):
    at, start = draw.randrange(len(data) + 1), draw.randrange(len(other))
    return data[:at] + other[start : start + draw.randrange(200)] + data[draw.choice([at, len(data)]) :]


def repeat(draw, data, other):
    """A line, or a key with its value, twice."""
    end = draw.choice([b"\n", b",", b"}", b"]"])
    parts = data.split(end)
    at = draw.randrange(len(parts))
    return end.join([*parts[: at + 1], *parts[at:]])


def encode(draw, data, other):
    text = data.decode("utf-8", "replace")
    return text.encode(draw.choice(["utf-16", "utf-16-le", "utf-32", "cp1252", "gb18030", "shift_jis", "utf-8-sig"]), "replace")


BYTE_CHANGES = [flip, flip, delete, insert, insert, truncate, swap, splice, repeat, encode]

# --- one case -------------------------------------------------------------------------------------------------------


def written(draw, suffix, value):
    """The value under its format; a changed table that its format cannot hold stays as it was."""
    if isinstance(value, bytes):
        return value
    rows = mutated_value(draw, value) if draw.random() < 0.5 else value
    writer = FORMATS[suffix] if isinstance(value, list) else FORMATS[".json"]
    try:
        return writer(rows)
    except Exception:  # of whoever wrote the format, not of ours
        try:
            return writer(value)
        except UnicodeEncodeError:
            return b"{}"


def case(number):
    """A file's name and bytes, the same for a number at every time."""
    draw = random.Random(number)
    (suffixes, value), (others, other_value) = draw.choice(SEEDS), draw.choice(SEEDS)
    suffix = draw.choice(suffixes)
    data, other = written(draw, suffix, value), written(draw, draw.choice(others), other_value)
    for _ in range(draw.choice([0, 1, 1, 1, 2, 3])):
        data = draw.choice(BYTE_CHANGES)(draw, data, other or b"x") if data else data
    if draw.random() < 0.05:
        data = gzip.compress(data)
        data = flip(draw, data, other) if draw.random() < 0.5 else data
    if draw.random() < 0.02:
        suffix = draw.choice([*FLAT_SUFFIXES, ".txt"])
    return f"a{suffix}", data


def outcome_of(folder, number):
    """The code of what a mutated file was told as, or 'report'. Any other error goes up, and fails the test."""
    name, data = case(number)
    file, fixed = folder / name, folder / "fixed"
    file.write_bytes(data)
    report, passed = told(lambda: check(read_examples(file))), told(lambda: check_files([file], fix=fixed))
    if isinstance(report, str):
        assert passed == report
        return report
    accounted(report)
    assert (passed.read, passed.kept, passed.repaired) == (report.read, report.kept, report.repaired)
    on_disk(passed, fixed)
    return "report"


def told(work):
    """What the work gives, or the name of the error that it tells a user."""
    try:
        return work()
    except SpantuneError as error:
        assert error.found and error.expected and error.next_move
        str(error).encode()
        return type(error).__name__


def on_disk(report, folder):
    """The files of `fix` hold every record of the report, and an answer in them is its slice."""
    clean, quarantine, dropped = (
        [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().split("\n") if line]
        for name in ("clean", "quarantine", "dropped")
    )
    assert (len(clean), len(dropped)) == (report.kept + report.repaired, report.dropped)
    assert len(quarantine) >= report.quarantined
    for row in clean:
        answers = row.get("answers", {"text": [], "answer_start": []})
        for text, start in zip(answers["text"], answers["answer_start"], strict=True):
            assert row["context"][start : start + len(text)] == text


def accounted(report):
    assert report.kept + report.repaired + report.quarantined + report.dropped == report.read
    assert len(report.examples) == report.kept + report.repaired
    for record in report.examples:
        for span in record.answers or () if isinstance(record, Example) else ():
            assert record.context[span.start : span.end] == span.text
    json.dumps(report.as_dict()).encode()
    for problem in report.problems:
        assert problem.found and problem.expected and problem.next_move
        str(problem).encode()


def outcomes(folder, numbers):
    found = Counter()
    for number in numbers:
        try:
            found[outcome_of(folder, number)] += 1
        except BaseException as error:
            raise AssertionError(f"mutation {number} of {case(number)[0]}: {type(error).__name__}: {error}") from error
    return found


@pytest.mark.parametrize("part", range(4))
def test_a_thousand_mutated_files_are_told_or_accounted_for(tmp_path, part):
    found = outcomes(tmp_path, range(part * 250, part * 250 + 250))
    assert found["report"] > 25 and found.total() == 250


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(8))
def test_twenty_thousand_mutated_files_are_told_or_accounted_for(tmp_path, part):
    numbers = range(1000 + part * 2500, 1000 + part * 2500 + 2500)
    assert outcomes(tmp_path, numbers).total() == len(numbers)


def test_the_files_are_valid_before_they_are_mutated(tmp_path):
    for suffixes, value in SEEDS:
        for suffix in suffixes:
            data = (
                value if isinstance(value, bytes) else (FORMATS[suffix] if isinstance(value, list) else FORMATS[".json"])(value)
            )
            (tmp_path / f"a{suffix}").write_bytes(data)
            assert read_examples(tmp_path / f"a{suffix}").read >= 1
