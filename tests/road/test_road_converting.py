"""Converting: every record read is written or told, and nothing else about it changes."""

import gzip
import json

import pytest
from typer.testing import CliRunner

from spantune.cli import convert
from spantune.data import Example, Span, TextExample, read_examples, write_examples
from spantune.data.reading import ReadAs
from spantune.errors import ConfigError, EmptyDataError, OutputError, UnknownShapeError
from spantune.road.converting import convert_files

CONTEXT = "It was Ada who wrote it, in 1843."
RECORDS = [
    Example("1", " Who?", CONTEXT, (Span("Ada", 6), Span("Ada", 7)), "doc", fields=(("topic", "x"),)),
    Example("2", "Why?", CONTEXT, ()),
    Example("3", "How?", CONTEXT, None),
]


def plain(path):
    return [(one.id, one.question, one.context, one.answers, one.document, one.fields) for one in read_examples(path)]


@pytest.fixture
def source(tmp_path):
    write_examples(RECORDS, tmp_path / "in.json")
    return tmp_path / "in.json"


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv", "out.parquet", "out.json", "out.json.gz"])
def test_records_stay_as_they_are_aligned_or_not(tmp_path, source, name):
    made = convert_files([source], tmp_path / name)
    assert (made.read, made.written, made.left_out, made.reasons, made.changed) == (3, 3, 0, {}, {})
    assert plain(tmp_path / name) == plain(source)
    if name.endswith(".gz"):
        gzip.decompress((tmp_path / name).read_bytes())


def test_the_way_to_label_studio_and_back(tmp_path, source):
    made = convert_files([source], tmp_path / "tasks.json", "label-studio")
    assert (made.written, made.beside) == (3, str(tmp_path / "tasks.config.xml"))
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    for number, task in enumerate(tasks, start=500):  # what Label Studio does to a task
        task |= {"id": number, "meta": {}, "predictions": [], "annotations": task.get("annotations", [])}
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    convert_files([tmp_path / "export.json"], tmp_path / "corrected.jsonl")
    assert plain(tmp_path / "corrected.jsonl") == plain(source)


def test_what_cannot_be_written_is_counted_with_its_reason(tmp_path):
    rows = [
        {"id": "a", "question": "Who?", "context": CONTEXT, "answers": ["Ada"], "is_impossible": True},
        {"id": "b", "question": "", "context": CONTEXT},
        {"id": "c", "question": "Who?", "context": CONTEXT, "answers": [{"text": "Ada", "answer_start": 7}, None]},
        {"id": "d", "question": "Who?", "context": CONTEXT, "answers": ["Ada"]},
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n{broken\n")
    made = convert_files([tmp_path / "in.jsonl"], tmp_path / "out.json", "label-studio")
    assert (made.read, made.written, made.left_out) == (5, 1, 4)
    assert made.reasons == {"contradiction": 1, "question_empty": 1, "answer_without_place": 1, "line_not_json": 1}
    assert made.changed == {"answer_null": 1}
    assert len(made.problems) == 5
    assert made.as_dict()["written"] + made.as_dict()["left_out"] == made.as_dict()["read"]


def test_several_files_become_one(tmp_path, source):
    write_examples([Example("9", "Who?", CONTEXT)], tmp_path / "more.csv")
    made = convert_files([source, tmp_path / "more.csv"], tmp_path / "out.jsonl")
    assert ([one.read for one in made.sources], made.written) == ([3, 1], 4)
    write_examples([TextExample("1", "Hi", "a")], tmp_path / "texts.jsonl")
    with pytest.raises(UnknownShapeError, match="two kinds of data"):
        convert_files([source, tmp_path / "texts.jsonl"], tmp_path / "both.jsonl")
    assert not (tmp_path / "both.jsonl").exists()


def test_what_is_impossible_leaves_nothing_behind(tmp_path, source):
    (tmp_path / "bad.jsonl").write_text('{"question": "", "context": ""}\n')
    before = sorted(tmp_path.iterdir())
    with pytest.raises(EmptyDataError, match="none of 1 records"):
        convert_files([tmp_path / "bad.jsonl"], tmp_path / "out.csv")
    with pytest.raises(ConfigError, match="one of the input files"):
        convert_files([source], source)
    with pytest.raises(ConfigError, match="no format"):
        convert_files([source], tmp_path / "out.csv", "exel")
    with pytest.raises(OutputError, match="is not there"):
        convert_files([source], tmp_path / "no" / "out.csv")
    assert sorted(tmp_path.iterdir()) == before


def test_columns_and_encodings_are_taken(tmp_path):
    (tmp_path / "in.csv").write_bytes("Q,Body,Reply\nWer?,Es war Jürgen.,Jürgen\n".encode("latin-1"))
    columns = {"question": "Q", "context": "Body", "answers": "Reply"}
    convert_files([tmp_path / "in.csv"], tmp_path / "out.jsonl", read_as=ReadAs(columns=columns, encoding="latin-1"))
    assert read_examples(tmp_path / "out.jsonl")[0].answers == (Span("Jürgen"),)


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def run():
    import typer

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command(convert.NAME)(convert.command)

    def run(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)))

    return run


def test_the_command_tells_what_it_did(tmp_path, source, run):
    told = run(source, tmp_path / "out.csv")
    assert told.exit_code == 0
    assert f"3 of 3 records to {tmp_path / 'out.csv'} (csv)" in told.output
    told = run(source, tmp_path / "tasks.json", "--to", "label-studio")
    assert "tasks.config.xml" in told.output


def test_the_command_ends_in_1_where_records_are_left_out(tmp_path, run):
    (tmp_path / "in.csv").write_text(f'Q,Body\nWho?,"{CONTEXT}"\n,"{CONTEXT}"\n')
    told = run(tmp_path / "in.csv", tmp_path / "out.jsonl", "--columns", "question=Q,context=Body", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["reasons"] == {"question_empty": 1}
    told = run(tmp_path / "in.csv", tmp_path / "out.jsonl", "--columns", "question=Q,context=Body")
    assert "1 left out: question_empty" in told.output
    assert "spantune check --fix" in told.output
