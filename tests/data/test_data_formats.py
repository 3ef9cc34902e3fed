"""Files in: formats, encodings, and what each kind of damage is told as."""

import csv
import datetime
import gzip
import io
import json
import re
import sys
import zipfile

import pytest

from spantune.data import Span, read_examples
from spantune.data.files import FORMATS, open_rows
from spantune.errors import ConfigError, EmptyDataError, MissingDataError, MissingExtraError, UnreadableDataError

RECORD = {"id": "1", "question": "Who?", "context": "It was Ada.", "answer": "Ada", "answer_start": 7}
CSV = "id,question,context,answer,answer_start\n1,Who?,It was Ada.,Ada,7\n"


def parquet_bytes(records):
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), sink)
    return sink.getvalue().to_pybytes()


def excel_bytes(*sheets):
    """A workbook of (name, rows) pairs."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


TABLE = [list(RECORD), list(RECORD.values())]

CONTENTS = {
    ".json": json.dumps([RECORD]).encode(),
    ".jsonl": json.dumps(RECORD).encode(),
    ".ndjson": json.dumps(RECORD).encode(),
    ".csv": CSV.encode(),
    ".tsv": CSV.replace(",", "\t").encode(),
    ".tab": CSV.replace(",", "\t").encode(),
    ".parquet": parquet_bytes([RECORD]),
    ".xlsx": excel_bytes(("Sheet1", TABLE)),
    ".xlsm": excel_bytes(("Sheet1", TABLE)),
}


def save(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("suffix", CONTENTS)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_format_gives_the_same_record(tmp_path, suffix, zipped):
    content = gzip.compress(CONTENTS[suffix]) if zipped else CONTENTS[suffix]
    dataset = read_examples(save(tmp_path / ("data" + suffix + ".gz" * zipped), content))
    (record,) = dataset
    assert (record.id, record.question, record.context) == ("1", "Who?", "It was Ada.")
    assert [(span.text, span.start) for span in record.answers] == [("Ada", 7)]
    assert dataset.sources[0].format == FORMATS[suffix].name
    assert dataset.task == "answer"


def test_the_table_of_formats_is_covered():
    assert set(CONTENTS) | {".txt"} == set(FORMATS)


def test_label_text_lines(tmp_path):
    dataset = read_examples(save(tmp_path / "a.txt", "0 no movement , no yuks\n\n1 a delight\nloner\n"))
    assert [(record.label, record.text) for record in dataset] == [("0", "no movement , no yuks"), ("1", "a delight")]
    assert [(problem.where, problem.code) for problem in dataset.problems] == [("line 4", "text_missing")]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".tsv"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path, suffix):
    dataset = read_examples(save(tmp_path / ("a" + suffix), b"\xef\xbb\xbf" + CONTENTS[suffix]))
    assert dataset[0].id == "1"


def test_gzip_is_known_by_its_bytes(tmp_path):
    assert len(read_examples(save(tmp_path / "a.json", gzip.compress(CONTENTS[".json"])))) == 1


@pytest.mark.parametrize("content", [gzip.compress(CONTENTS[".json"], mtime=0)[:-12], b"\x1f\x8bnonsense", b"[]"])
def test_broken_gzip_is_told(tmp_path, content):
    with pytest.raises(UnreadableDataError, match="gz"):
        read_examples(save(tmp_path / "a.json.gz", content))


def test_a_byte_that_is_not_utf8_is_told_with_its_place(tmp_path):
    file = save(tmp_path / "a.txt", b"0 fine\n1 a sister\xf0city\n")
    with pytest.raises(UnreadableDataError, match=r"byte 0xf0 at offset 17, line 2") as caught:
        read_examples(file)
    assert "--encoding cp1252 reads '1 a sisterðcity'" in caught.value.next_move
    assert [record.text for record in read_examples(file, encoding="latin1")] == ["fine", "a sisterðcity"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig"])
@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".tsv"])
def test_unicode_is_recognised_by_its_mark_or_its_first_characters(tmp_path, suffix, encoding):
    """Previously a CSV that a spreadsheet saved as "Unicode text" was told, and not read."""
    text = CONTENTS[suffix].decode().replace("Who?", "Who? 谁😀")
    for content in (text.encode(encoding), ("\ufeff" + text).encode(encoding)):
        (record,) = read_examples(save(tmp_path / ("a" + suffix), content))
        assert (record.id, record.question) == ("1", "Who? 谁😀")


def test_utf16_that_breaks_off_is_told_with_its_place(tmp_path):
    content = CSV.encode("utf-16-le")[:-1]
    with pytest.raises(UnreadableDataError, match=rf"is not utf-16-le: byte 0x0a at offset {len(content) - 1}, line 2"):
        read_examples(save(tmp_path / "a.csv", content))


SENTENCES = {
    "cp1252": "Où était la clé? “Grüße” aus München",
    "cp1250": "Gdzie jest książka? Źródło, Příliš žluťoučký kůň",
    "cp1251": "Где находится библиотека? Она в центре города.",
    "koi8_r": "Где находится библиотека? Она в центре города.",
    "cp1253": "Πού είναι η βιβλιοθήκη; Στο κέντρο της πόλης",
    "cp1255": "איפה הספרייה? במרכז העיר",
    "cp1256": "أين تقع المكتبة؟ في وسط المدينة",
    "gb18030": "图书馆在哪里？它在市中心，旁边有一个大公园。",
    "big5": "圖書館在哪裡？它在市中心，旁邊有一個大公園。",
    "shift_jis": "図書館はどこですか？市の中心にあります。",
    "euc_jp": "図書館はどこですか？市の中心にあります。",
    "cp949": "도서관은 어디에 있습니까? 시내 중심에 있습니다.",
}


@pytest.mark.parametrize("encoding", SENTENCES)
@pytest.mark.parametrize("before", ["", "x" * 65_535], ids=["", "at the edge of what is read at once"])
def test_the_right_encoding_is_among_those_proposed_and_reads(tmp_path, encoding, before):
    rows = [RECORD | {"id": "0", "context": f"It was Ada. {before}"}, RECORD | {"question": SENTENCES[encoding]}]
    file = save(tmp_path / "a.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(encoding))
    with pytest.raises(UnicodeDecodeError) as first:
        file.read_bytes().decode()
    with pytest.raises(UnreadableDataError, match=rf"offset {first.value.start}, line 2") as caught:
        read_examples(file)
    assert f"--encoding {encoding} reads" in caught.value.next_move
    assert read_examples(file, encoding=encoding)[1].question == SENTENCES[encoding]


def test_one_damaged_line_of_a_utf8_file_is_told_as_such(tmp_path):
    content = "0 été\n1 caf\xe9\n0 été à la plage, là-bas\n".encode().replace("caf\xe9".encode(), b"caf\xe9")
    with pytest.raises(UnreadableDataError, match=r"(?s)line 2.*correct line 2, which is damaged"):
        read_examples(save(tmp_path / "a.txt", content))


@pytest.mark.parametrize(("name", "close"), [("latn1", "latin1"), ("utf9", "utf"), ("base64", "correct"), ("a\0b", "correct")])
def test_an_unknown_encoding_gets_the_nearest_names(tmp_path, name, close):
    with pytest.raises(ConfigError, match="no encoding is called") as caught:
        read_examples(save(tmp_path / "a.csv", CSV), encoding=name)
    assert close in caught.value.next_move


def test_a_byte_that_does_not_decode_under_a_forced_encoding_is_told(tmp_path):
    with pytest.raises(UnreadableDataError, match=r"is not ascii: byte 0xc3 at offset 3, line 1"):
        read_examples(save(tmp_path / "a.txt", "0 aé\n"), encoding="ascii")


def test_broken_json_is_told_with_line_column_and_excerpt(tmp_path):
    with pytest.raises(UnreadableDataError, match=r"(?s)line 3, column 7.*id.*next: *correct line 3") as caught:
        read_examples(save(tmp_path / "a.json", '[\n{"id": 1},\n{"id" 2}]'))
    assert "\n" not in caught.value.found


def test_a_broken_line_costs_one_record(tmp_path):
    good = json.dumps(RECORD)
    dataset = read_examples(save(tmp_path / "a.jsonl", f'{good}\n{{"id": 2,\n\n{good.replace("1", "3")}\n'))
    assert (dataset.read, len(dataset)) == (3, 2)
    (problem,) = dataset.problems
    assert (problem.where, problem.code, problem.outcome) == ("line 2", "line_not_json", "dropped")


def test_no_line_of_a_jsonl_file_parses(tmp_path):
    with pytest.raises(UnreadableDataError, match=r"no line of .* is JSON; line 1: Expecting value at column 1"):
        read_examples(save(tmp_path / "a.jsonl", "one\ntwo\n"))


def test_json_lines_under_the_name_of_json_and_the_other_way_round(tmp_path):
    lines = read_examples(save(tmp_path / "a.json", "\n".join([json.dumps(RECORD)] * 2)))
    assert (len(lines), lines.sources[0].format) == (2, "jsonl")
    whole = read_examples(save(tmp_path / "b.jsonl", json.dumps([RECORD, RECORD], indent=1)))
    assert (len(whole), whole.sources[0].format) == (2, "json")
    lists = read_examples(save(tmp_path / "c.jsonl", "\n".join([json.dumps([RECORD])] * 2)))
    assert (len(lists), lists[1].place.where) == (2, "line 2[0]")


def test_text_after_the_json_value_is_told_as_such(tmp_path):
    with pytest.raises(UnreadableDataError, match="Extra data at line 1"):
        read_examples(save(tmp_path / "a.json", json.dumps(RECORD) + " and so on"))


def test_a_line_separator_inside_a_text_does_not_end_a_json_line(tmp_path):
    line = json.dumps(RECORD | {"context": "It was\u2028Ada.\x85"}, ensure_ascii=False)
    assert read_examples(save(tmp_path / "a.jsonl", line))[0].context == "It was\u2028Ada.\x85"


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_million_brackets_are_told(tmp_path, suffix):
    """Previously (in every reader built on `json.loads`) a RecursionError went up to the user."""
    with pytest.raises(UnreadableDataError, match="too deep"):
        read_examples(save(tmp_path / ("a" + suffix), "[" * 1_000_000))


def test_a_number_of_5000_digits_is_told(tmp_path):
    with pytest.raises(UnreadableDataError):
        read_examples(save(tmp_path / "a.json", '[{"id": ' + "9" * 5000 + "}]"))


def test_nan_is_null(tmp_path):
    text = json.dumps(RECORD | {"answer": float("nan"), "answer_start": float("nan"), "id": float("nan")})
    (record,) = read_examples(save(tmp_path / "a.json", f"[{text}]"))
    assert (record.answers, record.id) == ((), "[0]")
    (record,) = read_examples(save(tmp_path / "a.parquet", parquet_bytes([RECORD | {"answer_start": float("nan")}])))
    assert record.answers[0].start is None


@pytest.mark.parametrize("line", ["sep=;", "SEP=;\r", '"sep=;"'])
def test_the_delimiter_may_stand_in_a_line_before_the_header(tmp_path, line):
    """Previously the line, which Excel understands and many tools write, was the header, and no row fitted it."""
    (record,) = read_examples(save(tmp_path / "a.csv", f"{line}\n{CSV.replace(',', ';')}"))
    assert (record.place.where, record.answers) == ("line 3", (Span("Ada", 7),))


JOINED = [  # a table, and how many of its rows one cell swallows
    ('id,question,context\n1,Who?,"It was Ada.\n2,When?,In 1843.\n3,How large?,It is 7"\n4,Who?,It was Bo.\n', 3),
    ('text,label\n"It was Ada.,a\nIt was Bo.,b\nIn May.,a\nIt is 7",b\nIt is 8.,b\n', 4),
]


@pytest.mark.parametrize(("table", "joined"), JOINED)
def test_rows_that_a_quote_joined_are_counted_and_told(tmp_path, table, joined):
    """Previously a quote that was never closed ran on to one that happened to end a cell, and all between was one record."""
    dataset = read_examples(save(tmp_path / "a.csv", table))
    told = [(problem.code, problem.where) for problem in dataset.problems]
    assert told == [("quote_not_closed", f"line {line}") for line in range(2, 2 + joined)]
    assert len(dataset) == 1
    assert len(read_examples(save(tmp_path / "a.tsv", table.replace(",", "\t")))) == joined + 1  # there, quotes are letters
    with pytest.raises(UnreadableDataError, match="a quote opens in the first"):
        read_examples(save(tmp_path / "b.csv", "".join(table.splitlines(keepends=True)[:-1])))


@pytest.mark.parametrize("text", ["It was Ada.\nIn 1843, she was 27, or so.", "Dear Bo,\n\nthanks, Ada", "1\n2\n3\n4"])
def test_lines_of_one_cell_are_no_rows(tmp_path, text):
    dataset = read_examples(save(tmp_path / "a.csv", f'id,question,context\n1,Who?,"{text}"\n'))
    assert [record.context for record in dataset] == [text]


def test_where_texts_have_line_breaks_one_whose_lines_look_like_rows_stays(tmp_path):
    table = 'question,context\nWho?,"Ada\nand Bo"\nWhat?,"Ada wrote\nit, then\nread it, and\nslept, well"\n'
    dataset = read_examples(save(tmp_path / "a.csv", table))
    assert ([record.question for record in dataset], dataset.problems) == (["Who?", "What?"], ())


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_of_csv_are_recognised(tmp_path, delimiter):
    """Previously (transformers#22191) a CSV that a German spreadsheet wrote was one column."""
    dataset = read_examples(save(tmp_path / "a.csv", CSV.replace(",", delimiter)))
    assert dataset[0].answers[0].text == "Ada"


def test_a_cell_longer_than_the_default_limit_of_csv(tmp_path):
    """Previously `_csv.Error: field larger than field limit (131072)` ended the reading."""
    before = csv.field_size_limit()
    context = "It was Ada. " * 20_000
    dataset = read_examples(save(tmp_path / "a.csv", f"question,context\nWho?,{context}\n"))
    assert dataset[0].context == context
    assert csv.field_size_limit() == before


def test_line_ends_inside_cells_stay_and_lines_are_counted(tmp_path):
    text = 'question,context,answer\r\nWho?,"It was\r\nAda.",Ada\r\n,,\r\nHow?,Well.,Well\r\n'
    dataset = read_examples(save(tmp_path / "a.csv", text))
    assert dataset[0].context == "It was\r\nAda."
    assert [record.place.where for record in dataset] == ["line 2", "line 5"]


def test_rows_with_too_few_or_too_many_cells_are_dropped(tmp_path):
    text = "question,context,answer\nWho?,It was Ada, Ada, so,Ada\nWho?\nWho?,Ada.,Ada,,\n"
    dataset = read_examples(save(tmp_path / "a.csv", text))
    assert [(p.code, p.where, p.found[:7]) for p in dataset.problems] == [
        ("wrong_number_of_cells", "line 2", "5 cells"),
        ("wrong_number_of_cells", "line 3", "1 cells"),
    ]
    assert (dataset.read, len(dataset)) == (3, 1)


def test_a_quote_that_never_ends_is_told_with_its_line(tmp_path):
    """Previously `csv` swallowed the rest of the file into one cell, without a word."""
    text = 'question,context\nWho?,Ada.\nWho?,"Ada.\nWho?,Ada.\n'
    with pytest.raises(UnreadableDataError, match="row that starts at line 3"):
        read_examples(save(tmp_path / "a.csv", text))


def test_quotes_of_a_tsv_that_do_not_pair_up_are_letters(tmp_path):
    dataset = read_examples(save(tmp_path / "a.tsv", 'text\tlabel\n"Hello" he said\t1\n5" nails\t0\n'))
    assert [record.text for record in dataset] == ['"Hello" he said', '5" nails']


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b""),
        ("a.json.gz", gzip.compress(b"", mtime=0)),
        ("a.jsonl", b"\n \n"),
        ("a.csv", b"question,context\n"),
        ("a.json", b"[]"),
        ("a.json", b'{"data": []}'),
        ("a.csv", b",,\n,,\n"),
        ("a.csv", b"\xef\xbb\xbf"),
    ],
)
def test_empty_files_are_told(tmp_path, name, content):
    with pytest.raises(EmptyDataError):
        read_examples(save(tmp_path / name, content))


def test_a_missing_file_gets_the_nearest_name(tmp_path):
    save(tmp_path / "train.json", "[]")
    with pytest.raises(MissingDataError, match=r"did you mean .*train\.json\?"):
        read_examples(tmp_path / "trian.json")
    with pytest.raises(MissingDataError, match="exists as far as"):
        read_examples(tmp_path / "no" / "such" / "train.json")


def test_a_folder_and_an_impossible_path_are_told(tmp_path):
    save(tmp_path / "train.json", "[]")
    with pytest.raises(MissingDataError, match=r"is a folder with train\.json"):
        read_examples(tmp_path)
    with pytest.raises(MissingDataError, match="cannot be opened"):
        read_examples("a\0.json")


@pytest.mark.parametrize("name", ["a.docx", "a", "a.gz"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, name):
    content = gzip.compress(b"x") if name == "a.gz" else b"x"
    with pytest.raises(UnreadableDataError, match=r"\.jsonl"):
        read_examples(save(tmp_path / name, content))


def test_broken_parquet_is_told(tmp_path):
    with pytest.raises(UnreadableDataError, match="not Parquet"):
        read_examples(save(tmp_path / "a.parquet", b"PAR1 nonsense"))


@pytest.mark.parametrize(
    "damage", [lambda book: book[:-30], lambda book: book.replace(b"xl/work", b"xl/wonk"), lambda _: b"PK"]
)
def test_a_broken_workbook_is_told(tmp_path, damage):
    with pytest.raises(UnreadableDataError, match="no Excel workbook"):
        read_examples(save(tmp_path / "a.xlsx", damage(CONTENTS[".xlsx"])))


def test_cells_are_texts_and_places_name_sheet_and_row(tmp_path):
    rows = [[], ["id", "question", "context", "answer", "is_impossible", "when"]]
    rows += [[7, "How many?", "There are 308 of them.", 308, False, datetime.date(2024, 1, 31)], []]
    rows += [[8.0, "Why?", "There are 308 of them.", None, True, "one_x000D_\ntwo"], [9, "Who?", "Ada.", "#N/A"]]
    file = save(tmp_path / "a.xlsx", excel_bytes(("Data", rows)))
    assert [(row.where, list(row.value.values())) for row in open_rows(file).rows] == [
        ("Data, row 3", ["7", "How many?", "There are 308 of them.", "308", "false", "2024-01-31"]),
        ("Data, row 5", ["8", "Why?", "There are 308 of them.", None, "true", "one\r\ntwo"]),
        ("Data, row 6", ["9", "Who?", "Ada.", "#N/A", None, None]),
    ]
    assert [record.answers[0].text if record.answers else None for record in read_examples(file)][:2] == ["308", None]


def test_the_sheet_is_the_one_with_rows_or_the_one_named(tmp_path):
    notes = ("Notes", [["made by hand"]])
    one = save(tmp_path / "one.xlsx", excel_bytes(notes, ("Train", TABLE)))
    assert read_examples(one)[0].place.where == "Train, row 2"
    two = save(tmp_path / "two.xlsx", excel_bytes(notes, ("Train", TABLE), ("Test", TABLE)))
    with pytest.raises(UnreadableDataError, match=r"rows in 2 sheets: 'Train', 'Test'(?s:.*)two\.xlsx#Train'"):
        read_examples(two)
    assert read_examples(f"{two}#Test")[0].place.where == "Test, row 2"
    with pytest.raises(UnreadableDataError, match=r"no sheet is called 'Tset'(?s:.*)'Train', 'Test'"):
        read_examples(f"{two}#Tset")
    with pytest.raises(EmptyDataError, match="no sheet with a row below its header"):
        read_examples(save(tmp_path / "none.xlsx", excel_bytes(notes)))


def test_a_cell_at_the_far_corner_of_a_sheet_costs_nothing(tmp_path):
    """Previously (in readers that build the whole rectangle) one stray cell took gigabytes, or ended the process."""
    import openpyxl

    book = openpyxl.Workbook()
    for row in TABLE:
        book.active.append(row)
    book.active["XFD1048576"] = "stray"
    book.save(tmp_path / "a.xlsx")
    first, last = open_rows(tmp_path / "a.xlsx").rows
    assert first.value["question"] == "Who?"
    assert (last.where, last.value["column 16384"]) == ("Sheet, row 1048576", "stray")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_column_that_stands_twice_is_told_and_one_without_a_name_is_kept(tmp_path, suffix):
    """Previously the second of two columns of one name hid the first, without a word."""

    def table(header, cells):
        return excel_bytes(("S", [header, cells])) if suffix == ".xlsx" else ",".join(header) + "\n" + ",".join(cells)

    with pytest.raises(UnreadableDataError, match="'answer' more than once in its header"):
        read_examples(save(tmp_path / ("a" + suffix), table(["question", "answer", "answer"], ["Who?", "Ada", "Bob"])))
    (row,) = open_rows(save(tmp_path / ("b" + suffix), table(["", "text"], ["0", "Ada"]))).rows
    assert row.value == {"column 1": "0", "text": "Ada"}


@pytest.mark.parametrize(
    ("module", "source"), [("pyarrow", "a.parquet"), ("openpyxl", "a.xlsx"), ("datasets", "hub:owner/name")]
)
def test_a_missing_extra_gives_the_install_line(tmp_path, monkeypatch, module, source):
    save(tmp_path / "a.parquet", CONTENTS[".parquet"])
    save(tmp_path / "a.xlsx", CONTENTS[".xlsx"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'spantune\["):
        read_examples(source)


def test_a_formula_without_a_stored_value_is_told(tmp_path):
    """Previously the cell was empty, and its question unanswerable, without a word."""
    rows = [TABLE[0], TABLE[1], ["2", "Who?", "It was Ada.", '="A"&"da"', 7]]
    told = r"cell 'D3' of the sheet 'S' is a formula(?s:.*)LibreOffice"
    with pytest.raises(UnreadableDataError, match=told):
        read_examples(save(tmp_path / "a.xlsx", excel_bytes(("S", rows))))
    with pytest.raises(UnreadableDataError, match="cell 'A2'"):
        read_examples(save(tmp_path / "b.xlsx", excel_bytes(("S", [["question", "context"], ["=A1", "=B1"]]))))


@pytest.mark.parametrize(("stored", "answer"), [("<v>Ada</v>", "Ada"), ("<v></v>", None)])
def test_a_formula_with_its_value_is_read_even_if_it_makes_nothing(tmp_path, stored, answer):
    rows = [["question", "context", "answer"], ["Who?", "It was Ada.", '="A"&"da"']]
    packed = io.BytesIO(excel_bytes(("S", rows)))
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.startswith("xl/worksheets/"):
                assert b'<c r="C2"><f>' in content
                content = content.replace(b'<c r="C2"><f>', b'<c r="C2" t="str"><f>')
                content = re.sub(rb"</f><v ?/>|</f><v></v>|</f>", b"</f>" + stored.encode(), content)
            new.writestr(name, content)
    (record,) = read_examples(tmp_path / "a.xlsx")
    assert record.answers == (() if answer is None else (Span(answer),))


def test_a_line_that_holds_an_empty_list_is_counted(tmp_path):
    """Previously it was in no count at all."""
    lines = [json.dumps(RECORD), "[]", json.dumps({"data": []})]
    dataset = read_examples(save(tmp_path / "a.jsonl", "\n".join(lines)))
    assert dataset.read == 3
    assert [(p.where, p.code, p.outcome) for p in dataset.problems] == [
        ("line 2", "not_a_record", "dropped"),
        ("line 3", "not_a_record", "dropped"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"question": "Wh\to?"}', "Invalid control character at (line 1, )?column 17, in"),
        ('{"question": "Who?', "Unterminated string starting at (line 1, )?column 14, in"),
        ("[" * 100_000, "(line 1: the line|a.json) nests its brackets too deep"),
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_what_is_wrong_with_json_reads_as_a_sentence(tmp_path, suffix, content, told):
    """Previously it read "Invalid control character at, in" and "line 1, it nests its brackets too deep"."""
    with pytest.raises(UnreadableDataError, match=told):
        read_examples(save(tmp_path / f"a{suffix}", content))


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
@pytest.mark.parametrize("form", ["{}", "[{}]", "[{},\n{}]"])
def test_a_file_of_nothing_but_a_repeated_field_names_the_field(tmp_path, suffix, form):
    """Previously the file was said to have no columns."""
    twice = '{"question": "Who?", "context": "Ada.", "answer": "Ada", "answer": "Bob"}'
    with pytest.raises(UnreadableDataError, match="'answer' stands more than once: 'Ada' and 'Bob'"):
        read_examples(save(tmp_path / f"a{suffix}", form.replace("{}", twice)))


def test_ids_made_from_places_hold_no_commas(tmp_path):
    """Previously a row of a workbook went by names such as 'Sheet,-row-2'."""
    rows = [["question", "context", "answer"], ["Who?", "It was Ada.", "Ada"]]
    assert read_examples(save(tmp_path / "a.xlsx", excel_bytes(("My sheet", rows))))[0].id == "My-sheet-row-2"


@pytest.mark.parametrize(
    "value",
    [
        {"data": [RECORD], "examples": [RECORD]},
        {"train": [RECORD], "test": [RECORD]},
        {"data": [{"Q": "Who?", "Body": "It was Ada."}], "comments": [{"text": "odd"}]},
        {"version": 1, "train": {"data": [RECORD]}, "Test": {"Data": [RECORD]}},
        {"data": {"train": [RECORD], "test": [RECORD]}},
    ],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_two_lists_of_records_are_told_and_neither_is_left_out(tmp_path, value, suffix):
    """Previously the first list of a name that is known was read, and the other was not, without a word."""
    with pytest.raises(UnreadableDataError, match=r"2 lists of records: '\w+' \(1\), '\w+' \(1\)") as caught:
        read_examples(save(tmp_path / ("a" + suffix), json.dumps(value)))
    assert "a file of its own" in caught.value.next_move


def test_a_line_of_two_lists_costs_that_line(tmp_path):
    lines = [{"data": [RECORD], "items": [RECORD]}, RECORD]
    dataset = read_examples(save(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines))))
    assert (len(dataset), [problem.code for problem in dataset.problems]) == (1, ["several_lists"])


def test_a_list_of_something_else_beside_the_records_is_no_matter(tmp_path):
    value = {"Data": [RECORD], "labels": ["a"], "authors": [{"name": "Ada"}]}
    assert len(read_examples(save(tmp_path / "a.json", json.dumps(value)))) == 1
