"""Shapes: which layout a file has, and what each of its values becomes."""

import json

import pytest

from spantune.data import Span, check, read_examples
from spantune.errors import ConfigError, UnknownShapeError

CONTEXT = "It was Ada who wrote it, in 1843."


def squad(*questions, context=CONTEXT, **article):
    return {"data": [article | {"paragraphs": [{"context": context, "qas": list(questions)}]}]}


def question(**fields):
    return {"id": "q", "question": "Who?"} | fields


@pytest.fixture
def read(tmp_path):
    def read(value, name="a.json", **options):
        file = tmp_path / name
        file.write_text(value if isinstance(value, str) else json.dumps(value))
        return read_examples(file, **options)

    return read


@pytest.fixture
def spans(read):
    """The spans of one record of the 'records' shape with these answer fields."""

    def spans(**fields):
        dataset = read([{"question": "Who?", "context": CONTEXT} | fields])
        assert len(dataset) == 1, dataset.problems
        return dataset[0].answers

    return spans


@pytest.fixture
def flaws(read):
    """The codes and outcomes of the problems of one question in SQuAD JSON."""

    def flaws(**fields):
        return [(problem.code, problem.outcome) for problem in read(squad(question(**fields))).problems]

    return flaws


# --- recognition --------------------------------------------------------------------------------------------------


def test_nested_squad_is_read_as_it_is(read):
    """Previously (transformers#11869, run_qa.py) columns `title, paragraphs` ended in an IndexError."""
    dataset = read(squad(question(answers=[{"text": "Ada", "answer_start": 7}]), title="Lovelace"))
    assert dataset.sources[0].shape == "squad"
    assert (dataset[0].document, dataset[0].answers) == ("Lovelace", (Span("Ada", 7),))
    assert dataset[0].place.where == "data[0].paragraphs[0].qas[0]"


def test_bare_lists_of_articles_or_paragraphs_and_a_single_one(read):
    article = squad(question(answers=[]))["data"][0]
    for value in ([article], article, article["paragraphs"], article["paragraphs"][0], {"data": article}):
        assert (len(read(value)), read(value).sources[0].shape) == (1, "squad")


def test_articles_as_json_lines(read):
    article = json.dumps(squad(question(answers=[]))["data"][0])
    dataset = read(f"{article}\n{article}\n", "a.jsonl")
    assert [record.place.where for record in dataset][1] == "line 2.paragraphs[0].qas[0]"


def test_capitals_of_nested_names_do_not_matter(read):
    """Previously such a file was recognised, and each of its articles dropped."""
    answers = [{"Text": "Ada", "Answer_Start": 7}]
    paragraph = {"Context": CONTEXT, "QAs": [{"Id": "q", "Question": "Who?", "Answers": answers}], "Page": 3}
    for value in ({"Data": [{"Title": "Lovelace", "Paragraphs": [paragraph]}]}, [paragraph], paragraph):
        (record,) = read(value)
        assert (record.id, record.answers, record.fields) == ("q", (Span("Ada", 7),), (("Page", 3),))


def test_questions_beside_paragraphs_are_read_too(read):
    """Previously an article's own questions were not, nor were paragraphs in a paragraph, without a word."""
    value = squad(question(answers=[]), title="Lovelace", qas=[question(id="own")])
    value["data"][0]["context"] = "Ada."
    value["data"][0]["paragraphs"][0]["paragraphs"] = ["x"]
    dataset = read(value)
    assert [(record.id, record.context, record.document) for record in dataset] == [
        ("own", "Ada.", "Lovelace"),
        ("q", CONTEXT, "Lovelace"),
    ]
    assert dataset[1].fields == (("paragraph.paragraphs", '["x"]'),)
    for one, other in (("paragraphs", "qas"), ("qas", "paragraphs")):  # as tables have it whose rows are of both kinds
        row = {"context": CONTEXT, one: None, other: value["data"][0][other]}
        assert (len(read([row])), read([row]).problems) == (1, ())


def test_document_id_stands_in_for_a_title(read):
    """Previously (haystack#565) a file with `document_id` and no `title` failed."""
    value = squad(question(answers=[]))
    value["data"][0]["paragraphs"][0]["document_id"] = 630
    assert read(value)[0].document == "630"


def test_what_a_question_says_of_its_document_and_context_is_kept(read):
    """Previously a question's own title, document_id and context were read as playing a role, and vanished."""
    own = question(answers=[], document_id=7, context="Another one.")
    (record,) = read(squad(own))
    assert (record.document, record.context) == ("7", CONTEXT)
    assert record.fields == (("question.context", "Another one."),)
    (record,) = read(squad(own, title="Lovelace"))
    assert record.document == "Lovelace"
    assert record.fields == (("question.context", "Another one."), ("question.document_id", 7))
    assert read(squad(question(answers=[], title="Lovelace", context=CONTEXT), title="Lovelace"))[0].fields == ()
    without = squad(own)
    del without["data"][0]["paragraphs"][0]["context"]
    assert read(without)[0].context == "Another one."


def test_a_paragraph_without_a_list_of_questions_is_told(read):
    """Previously a paragraph whose questions were called `questions` gave nothing, and nothing said so."""
    value = squad(question(answers=[]))
    value["data"][0]["paragraphs"].append({"context": CONTEXT, "questions": [question(answers=[])]})
    dataset = read(value)
    assert (len(dataset), dataset.read) == (1, 2)
    (problem,) = dataset.problems
    assert (problem.where, problem.outcome) == ("data[0].paragraphs[1].qas", "dropped")
    assert "only context, questions" in problem.found


@pytest.mark.parametrize("title", [{"en": "Lovelace"}, ["Lovelace"]])
def test_a_title_that_is_no_name_is_told(read, title):
    """Previously such a record was of no document, and nothing said so."""
    rows = [
        squad(question(answers=[]), title=title),
        [question(answers=[], context=CONTEXT, title=title)],
        [{"text": "Hello", "label": "a", "document": title}],
    ]
    for value in rows:
        dataset = read(value)
        assert dataset[0].document is None
        (repair,) = check(dataset).repairs
        assert (repair.code, repair.field, repair.old) == ("document_not_a_name", "document", json.dumps(title))


@pytest.mark.parametrize("envelope", ["data", "examples", "records", "rows"])
def test_flat_records_in_an_envelope(read, envelope):
    dataset = read({"version": 1, envelope: [{"query": " Who?\n", "Passage": CONTEXT, "qid": 9, "doc-id": "d"}]})
    assert dataset.sources[0].shape == "records"
    record = dataset[0]
    assert (record.id, record.question, record.document, record.answers) == ("9", " Who?\n", "d", None)


def test_the_context_is_never_altered(read):
    context = " \r\nIt was\u00a0Ada.\t "
    assert read([{"question": "Who?", "context": context}])[0].context == context


def test_rows_that_name_their_fields_differently(read):
    rows = [{"question": "Who?", "context": CONTEXT, "answer": "Ada"}]
    rows += [{"Question": "Who?", "passage": CONTEXT, "answers": ["Ada"]}]
    assert [record.answers for record in read(rows)] == [(Span("Ada"),), (Span("Ada"),)]


@pytest.mark.parametrize(("text", "label"), [("text", "label"), ("sentence", "Intent"), ("utterance", "class")])
def test_classification_columns(read, text, label):
    dataset = read([{text: "Where is my card?", label: 3}, {text: "Hello", label: " x "}])
    assert (dataset.task, dataset.sources[0].shape) == ("classify", "labels")
    assert [record.label for record in dataset] == ["3", "x"]
    assert [(problem.code, problem.outcome) for problem in dataset.problems] == [("label_spaces", "repaired")]


def test_texts_alone_are_unlabelled_and_texts_among_unknown_columns_are_not_guessed(read):
    assert read([{"id": 1, "text": "Hello"}])[0].label is None
    with pytest.raises(UnknownShapeError, match="labels lacks label"):
        read([{"text": "Hello", "Q": "Who?", "A": "Ada"}])


def test_questions_with_labels_are_texts(read):
    assert read([{"question": "How far is it?", "category": "NUM"}]).task == "classify"


def test_an_unknown_shape_tells_columns_tries_lacks_and_renames(read):
    """Previously (haystack#2651) a CSV had to be renamed four times, one KeyError at a time."""
    with pytest.raises(UnknownShapeError) as caught:
        read("Qestion,Body,Answer\nWho?,It was Ada.,Ada\n", "a.csv")
    found = caught.value.found
    assert "'Qestion', 'Body', 'Answer'" in found
    assert "squad lacks 'paragraphs'; records lacks question (question, query" in found
    assert "and context (context, passage" in found
    assert caught.value.next_move.endswith("--columns question=Qestion,context=Body,answers=Answer")
    assert "SQuAD JSON" in caught.value.expected


@pytest.mark.parametrize("value", [["a", "b"], [[1], [2]], [None], 3, "text", {"data": [1]}])
def test_values_that_are_no_objects_have_no_shape(read, value):
    with pytest.raises(UnknownShapeError, match="no object with named fields"):
        read(json.dumps(value))


def test_a_forced_shape_is_taken_or_refused(read):
    rows = [{"question": "Who?", "context": CONTEXT, "label": "person"}]
    assert read(rows).task == "answer"
    assert [(record.text, record.label) for record in read(rows, shape="labels")] == [("Who?", "person")]
    with pytest.raises(UnknownShapeError, match="squad lacks 'paragraphs'") as caught:
        read(rows, shape="squad")
    assert "records" not in caught.value.found
    with pytest.raises(ConfigError, match="one of squad, records, labels"):
        read(rows, shape="mrga")


def test_two_tasks_do_not_mix(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"question": "Who?", "context": CONTEXT}]))
    (tmp_path / "b.txt").write_text("1 fine\n")
    with pytest.raises(UnknownShapeError, match="two kinds of data"):
        read_examples(tmp_path / "a.json", tmp_path / "b.txt")
    with pytest.raises(ConfigError, match="no data file"):
        read_examples()


# --- ids ----------------------------------------------------------------------------------------------------------


def test_missing_ids_are_made_from_places(read):
    """Previously (argilla#4158) a record without id ended in a KeyError."""
    assert [r.id for r in read("question,context\nWho?,Ada.\nWhen?,Ada.\n", "a.csv")] == ["line-2", "line-3"]
    value = squad({"question": "Who?"}, {"question": "When?", "id": None}, {"question": "How?", "id": " "})
    assert [record.id for record in read(value)] == [f"data[0].paragraphs[0].qas[{n}]" for n in range(3)]


def test_made_ids_of_two_files_differ(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("question,context\nWho?,Ada.\n")
    dataset = read_examples(tmp_path / "a.csv", tmp_path / "b.csv")
    assert len({record.id for record in dataset}) == 2
    assert check(dataset).ok
    assert [source.read for source in dataset.sources] == [1, 1]


# --- answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"answers": {"text": ["Ada"], "answer_start": [7]}},
        {"answers": {"text": "Ada", "answer_start": 7}},
        {"answers": [{"text": "Ada", "answer_start": 7}]},
        {"answers": [{"answer_start": 7, "answer_end": 10, "text": "Ada", "answer_category": None}]},
        {"answer": {"text": "Ada", "start": 7}},
        {"answer": {"text": "Ada", "answer_start": "7"}},
        {"answer": "Ada", "answer_start": 7},
        {"answer_text": "Ada", "start": "7.0"},
        {"answers": ["Ada"], "answer_start": [7]},
        {"answers": ["Ada"], "answer_start": 7},
        {"answer": "Ada", "answer_start": "[7]"},
        {"answers": '{"text": ["Ada"], "answer_start": [7]}'},
        {"answers": "{'text': ['Ada'], 'answer_start': [7]}"},
        {"answers": "[{'text': 'Ada', 'answer_start': 7}]"},
        {"answers": "{'text': array(['Ada'], dtype=object), 'answer_start': array([7], dtype=int32)}"},
    ],
)
def test_every_way_to_write_an_answer(spans, fields):
    assert spans(**fields) == (Span("Ada", 7),)


@pytest.mark.parametrize(
    "fields",
    [
        {"answers": {"text": "Ada", "answer_start": [7, 25]}},
        {"answers": {"text": "Ada", "answer_start": "[7, 25]"}},
        {"answers": [{"text": "Ada", "answer_start": [7, 25]}]},
        {"answers": [{"text": ["Ada", "Ada"], "answer_start": [7, 25]}]},
        {"answers": [{"text": "Ada"}, {"text": "Ada"}], "answer_start": [7, 25]},
        {"answers": {"text": ["Ada", "Ada"]}, "answer_start": "[7, 25]"},
        {"answers": {"text": "Ada"}, "answer_start": [7, 25]},
        {"answer": "Ada", "answer_start": [7, 25]},
    ],
)
def test_every_start_of_an_answer_is_a_place_of_it(spans, fields):
    """Previously the first one counted, or none did; and starts beside answers that are objects were passed over."""
    assert spans(**fields) == (Span("Ada", 7), Span("Ada", 25))


@pytest.mark.parametrize("text", ["", None])
@pytest.mark.parametrize("start", [7, "7", [7]])
def test_a_start_without_a_text_does_not_mean_that_there_is_no_answer(read, text, start):
    """Previously the question was unanswerable, without a word."""
    for answers in ({"answers": {"text": text, "answer_start": start}}, {"answer": text, "answer_start": start}):
        dataset = read([question(context=CONTEXT, **answers)])
        assert [(problem.code, problem.outcome) for problem in dataset.problems] == [("start_without_text", "quarantined")]
        assert "starts at 7" in dataset.problems[0].found
        assert read([question(context=CONTEXT, is_impossible=True, **answers)])[0].answers == ()


@pytest.mark.parametrize("fields", [{"answer": "Ada"}, {"answers": ["Ada"]}, {"answers": {"text": ["Ada"]}}])
def test_an_answer_without_start_is_located_later(spans, fields):
    """Previously (happy-transformer#307) starts, and ends too, had to be given."""
    assert spans(**fields) == (Span("Ada", None),)


@pytest.mark.parametrize("text", ["empty", "None", "nan", "N/A", "[1]", "{x}", "[broken"])
def test_texts_that_look_like_something_else_are_answers(spans, text):
    """Previously (utils_qa.py) the literal answer "empty" stood for no answer."""
    assert spans(answer=text) == (Span(text),)


def test_a_cell_that_stands_in_the_context_is_no_list(read):
    rows = [{"question": "Which?", "context": 'Pass ["a", "b"] as it is.', "answer": '["a", "b"]'}]
    assert read(rows)[0].answers == (Span('["a", "b"]'),)


@pytest.mark.parametrize(
    "fields",
    [
        {"answers": []},
        {"answers": None},
        {"answers": ""},
        {"answers": "[]"},
        {"answers": "{}"},
        {"answers": {"text": [], "answer_start": []}},
        {"answers": "{'text': array([], dtype=object), 'answer_start': array([], dtype=int32)}"},
        {"answer": {"text": None, "start": None}},
        {"answer": {"text": "", "start": -1}},
        {"answer": {"text": "", "start": 0}},
        {"answer": "  "},
        {"is_impossible": True},
        {"answers": [], "is_impossible": "True"},
        {"answers": [], "is_impossible": 1, "plausible_answers": [{"text": "Ada", "answer_start": 7}]},
    ],
)
def test_every_way_to_say_no_answer(spans, fields):
    assert spans(**fields) == ()


def test_a_question_without_answers_field_is_unlabelled(spans, read):
    """Previously (transformers#3542) a test file without answers ended in `KeyError: 'answers'`."""
    assert spans() is None
    assert spans(is_impossible=False) is None
    report = check(read(squad(question())))
    assert (report.kept, report.unlabelled) == (1, 1)
    assert "usable for prediction, not for training" in report.notes[0]


def test_null_entries_are_removed_and_told(read):
    """Previously (haystack#488) null entries ended in `'NoneType' object is not iterable`."""
    dataset = read(squad(question(answers=[None, {"text": "Ada", "answer_start": 7}, {"text": None}])))
    assert dataset[0].answers == (Span("Ada", 7),)
    assert [(p.code, p.outcome) for p in dataset.problems] == [("answer_null", "repaired")] * 2
    report = check(dataset)
    assert (report.repaired, report.kept) == (1, 0)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([None], "answer_null"),
        ([{"text": "", "answer_start": 0}], "answer_empty"),
        ({"text": [" "], "answer_start": [0]}, "answer_empty"),
        ([7], "answer_not_text"),
        ([["Ada"]], "answer_not_text"),
        (7, "answer_not_text"),
        (True, "answer_not_text"),
        ({"text": ["Ada"], "answer_start": [7, 9]}, "answer_lengths_differ"),
        ([{"answer_start": 7}], "answer_without_text"),
        ({"value": "Ada"}, "answer_without_text"),
        (["\ud800"], "answer_broken_unicode"),
    ],
)
def test_answers_that_cannot_be_read_are_quarantined(flaws, answers, code):
    assert flaws(answers=answers) == [(code, "quarantined")]


@pytest.mark.parametrize("start", ["p. 3", 7.5, True, [7.5], {"x": 1}, "1e400", float("inf"), float("nan")])
def test_a_start_that_is_no_number_is_told(read, start):
    """Previously NaN and the infinities, which JSON knows not and many tools write, were read as "no start"."""
    dataset = read(squad(question(answers=[{"text": "Ada", "answer_start": start}])))
    assert [p.code for p in dataset.problems] == ["start_not_a_number"]
    assert check(dataset).repaired == 1


@pytest.mark.parametrize("value", [{"a": 1}, ["a"], {}])
def test_an_id_that_names_nothing_is_told(read, value):
    """Previously the record went by its position, without a word."""
    for row in (question(id=value, context=CONTEXT), {"id": value, "text": "Hi", "label": "a"}):
        dataset = read([row])
        assert [(p.code, p.outcome) for p in dataset.problems] == [("id_not_a_name", "repaired")]
        assert dataset[0].id == "[0]"
    assert read([question(id=None, context=CONTEXT)]).problems == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"answers": [{"text": "Ada", "answer_start": 7}], "is_impossible": True},
        {"answers": [], "is_impossible": False},
        {"answers": None, "is_impossible": "false"},
    ],
)
def test_a_contradiction_is_quarantined(flaws, fields):
    assert flaws(**fields) == [("contradiction", "quarantined")]


def test_a_flag_that_is_no_boolean_is_quarantined(flaws):
    assert flaws(answers=[], is_impossible="perhaps") == [("flag_not_a_boolean", "quarantined")]
    assert flaws(answers=[], is_impossible=[1]) == [("flag_not_a_boolean", "quarantined")]


# --- what cannot be used ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "code"), [(None, "missing"), ("", "empty"), (" \n", "empty"), (7, "not_text"), (["Who?"], "not_text")]
)
@pytest.mark.parametrize("field", ["question", "context"])
def test_a_question_or_context_that_cannot_be_used_is_dropped(read, field, value, code):
    rows = [{"question": "Who?", "context": CONTEXT, "id": "x"}, {"question": "Who?", "context": CONTEXT} | {field: value}]
    dataset = read(rows)
    (problem,) = dataset.problems
    assert (problem.code, problem.outcome, problem.where) == (f"{field}_{code}", "dropped", "[1]")
    assert (dataset.read, len(dataset), check(dataset).dropped) == (2, 1, 1)


def test_half_of_a_surrogate_pair_is_dropped(read):
    """Previously a lone surrogate came as far as the tokenizer, which raises `TypeError` there."""
    dataset = read([{"question": "Who?", "context": "broken \ud83d smile", "id": "\ud83d"}])
    assert [problem.code for problem in dataset.problems] == ["context_broken_unicode"]
    str(dataset.problems[0]).encode()


def test_parts_that_are_not_what_they_should_be_are_dropped(read):
    value = squad(question(answers=[]), "no question")
    value["data"] += ["no article", {"paragraphs": None}, {"paragraphs": ["no paragraph", {"qas": None}, {}]}]
    dataset = read(value)
    assert (len(dataset), dataset.read) == (1, 6)
    assert {problem.code for problem in dataset.problems} == {"not_a_record"}
    assert dataset.problems[-1].where == "data[3].paragraphs[1].qas"


def test_rows_that_are_no_objects_are_dropped(read):
    dataset = read([{"question": "Who?", "context": CONTEXT}, 7])
    assert (len(dataset), dataset.problems[0].code) == (1, "not_a_record")
    dataset = read([{"text": "Hello", "label": "a"}, [7], {"text": "Hi", "label": ["a", "b"]}, {"label": "a"}])
    assert [p.code for p in dataset.problems] == ["not_a_record", "label_not_one", "text_missing"]


def test_a_dataset_is_a_sequence(read):
    dataset = read([{"question": "Who?", "context": CONTEXT}, {"question": "When?", "context": CONTEXT}])
    assert [record.question for record in dataset[:1]] == ["Who?"]
    assert dataset[-1].question == "When?"
    assert "2 records, 0 problems" in repr(dataset)
