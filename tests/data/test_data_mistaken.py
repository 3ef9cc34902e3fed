"""What was once taken for something else: each of these lost or changed somebody's data without a word."""

import json

import pytest

from spantune.data import Example, Span, check, find_leaks, read_examples, split
from spantune.errors import UnreadableDataError

CONTEXT = "It was Ada who wrote it. Ada was 27."


@pytest.fixture
def read(tmp_path):
    def read(value, name="a.jsonl", **options):
        file = tmp_path / name
        file.write_text(value if isinstance(value, str) else "\n".join(map(json.dumps, value)))
        return read_examples(file, **options)

    return read


@pytest.mark.parametrize("entities", [[[7, 10, "PERSON"]], [{"start_offset": 7, "end_offset": 10, "label": "PERSON"}]])
@pytest.mark.parametrize("answer", [{"answers": {"text": ["27"], "answer_start": [33]}}, {"answer": "27"}])
def test_entities_that_a_tagger_found_are_no_answers(read, entities, answer):
    """Previously records with answers of their own were read as doccano's, and the entities took the answers' place."""
    dataset = read([{"id": "1", "question": "How old?", "context": CONTEXT, "entities": entities, **answer}])
    (record,) = check(dataset).examples
    assert (dataset.sources[0].shape, record.answers) == ("records", (Span("27", 33),))
    assert dict(record.fields) == {"entities": json.dumps(entities)}


@pytest.mark.parametrize(
    ("context", "answer", "start"),
    [
        ("In all, the town had 5000 inhabitants.", "500", None),
        ("It cost 100000 dollars.", "100", 0),
        ("See item 184356 of the list.", "1843", 2),
    ],
)
def test_a_number_is_not_found_at_the_head_of_a_larger_one(context, answer, start):
    """Previously '500' was found in '5000', as 'Norman' is in 'Normans', and starts were corrected to such a place."""
    report = check([Example("q", "How many?", context, (Span(answer, start),))])
    assert (report.kept, report.repaired, report.quarantined) == (0, 0, 1)


def test_a_start_whose_answer_has_no_column_is_told(read):
    """Previously it vanished, and the data was said to have no answers."""
    row = {"question": "Who?", "context": CONTEXT, "answer_start": 7, "answer_end": 10}
    report = check(read([row]))
    assert [(one.code, one.outcome) for one in report.problems] == [("start_without_text", "quarantined")]


def test_a_start_of_something_else_stays_a_field(read):
    """Previously the second at which a film's scene starts was dropped, since answers have starts too."""
    (record,) = read([{"question": "Who?", "context": CONTEXT, "start": 12.5}])
    assert (record.answers, record.fields) == (None, (("start", 12.5),))


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("label-studio", {"id": 1, "data": {"question": "Who?", "text": CONTEXT, "answer": "Ada"}, "annotations": []}),
        ("doccano", {"id": 1, "question": "Who?", "text": CONTEXT, "answer": "Ada", "label": [[7, 10, "A"]]}),
    ],
)
def test_answers_that_a_row_had_before_it_was_annotated_stay_with_it(read, name, row):
    """Previously they were neither read nor kept."""
    dataset = read([row])
    assert (dataset.sources[0].shape, dataset[0].fields) == (name, (("answer", "Ada"),))


def test_a_typed_answer_that_was_read_is_not_kept_a_second_time(read):
    row = {"id": 1, "question": "Who?", "context": CONTEXT, "answer": "27", "annotation_id": 3, "lead_time": 2.5}
    (record,) = check(read([row], name="a.jsonl", shape="label-studio-min")).examples
    assert (record.answers, "answer" in dict(record.fields)) == ((Span("27", 33),), False)


def test_long_answers_that_pandas_wrote_are_read_as_short_ones_are(read):
    """Previously numpy's line break before 'dtype' made every answer of some 54 characters or more unreadable."""
    text = "the Virgin Mary reputedly appeared to Saint Bernadette"
    cell = f"{{'text': array(['{text}'],\n      dtype=object), 'answer_start': array([8])}}"
    table = f'id,question,context,answers\n1,Who?,"In 1858 {text} Soubirous.","{cell}"\n'
    assert read(table, "a.csv")[0].answers == (Span(text, 8),)


def test_a_document_is_one_whatever_blanks_stand_around_its_name(read):
    """Previously 'Manual 5' and 'Manual 5 ' were two documents, of which one was trained on and the other held out."""
    rows = [
        {"title": f"Manual {at % 5}" + " " * (at % 2), "question": f"Who is {at}?", "context": f"{at} is Ada.", "answer": "Ada"}
        for at in range(40)
    ]
    dataset = read(rows)
    assert {one.code for one in dataset.problems} == {"document_spaces"}
    parts = split(dataset, by="document", held_out=0.4)
    assert {one.document for one in parts.train}.isdisjoint(one.document for one in parts.held_out)
    assert not find_leaks(parts.train, parts.held_out).counts["same_document"]


def test_a_field_has_one_value_however_two_files_spell_it(tmp_path):
    """Previously the number 3 of a JSON file and the '3' of a table were two groups, one on either side of a split."""
    numbers = [
        Example(f"q{at}", f"Who is {at}?", f"{at} is Ada.", (Span("Ada", len(f"{at} is ")),), fields=(("batch", value),))
        for at, value in enumerate([1, "1", 2, "2", 3.0, "3", 4, " 4"] * 3)
    ]
    parts = split(numbers, by="field:batch", held_out=0.5)
    sides = [{str(dict(one.fields)["batch"]).strip()[:1] for one in side} for side in (parts.train, parts.held_out)]
    assert sides[0].isdisjoint(sides[1])
    assert sides[0] | sides[1] == {"1", "2", "3", "4"}


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("Wow, loved this place.\t1\nCrust is not good.\t0\nBad\t0\n", ".tsv"),
        ("question,context,answer\nWho?,It was Ada.,Ada\n", ".csv"),
    ],
)
def test_a_table_that_is_called_txt_is_no_list_of_labels(read, text, better):
    """Previously the first word of each line became its label: 'Wow,' and 'Crust'."""
    with pytest.raises(UnreadableDataError, match="has a table in it") as raised:
        read(text, "a.txt")
    assert better in str(raised.value)


@pytest.mark.parametrize("text", ["pos\tloved it\nneg\tbad\n", "pos loved\tit\nneg bad\n", "abbr:exp What is IBM , then ?\n"])
def test_labels_and_texts_with_tabs_and_commas_are_still_read(read, text):
    labels = {one.label for one in read(text, "a.txt")}
    assert labels <= {"pos", "neg", "abbr:exp"}


def test_times_that_python_has_no_object_for_cost_no_other_column(tmp_path):
    """Previously a sound Parquet file was said to be damaged, and none of it was read."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"question": ["Who?"], "context": [CONTEXT], "answer": ["Ada"]})
    late = pyarrow.array([400_000_000_000], pyarrow.timestamp("s"))
    long = pyarrow.array([2**62], pyarrow.duration("s"))
    parquet.write_table(table.append_column("seen", late).append_column("spent", long), tmp_path / "a.parquet")
    (record,) = read_examples(tmp_path / "a.parquet")
    assert record.answers == (Span("Ada", None),)
    assert dict(record.fields)["seen"].startswith("14645")
