"""Exports of annotation tools and of shared tasks: what each of their values becomes."""

import csv
import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data import Example, Span, check, read_examples, write_examples
from spantune.data.rows import Origin, Row
from spantune.data.shapes import SHAPES, recognise
from spantune.data.shapes.columns import planner
from spantune.errors import UnknownShapeError

CONTEXT = "It was Ada who wrote it, in 1843. Ada was 27."


@pytest.fixture
def read(tmp_path):
    def read(value, name="a.json", **options):
        file = tmp_path / name
        file.write_text("\n".join(map(json.dumps, value)) if name.endswith("l") else json.dumps(value))
        return read_examples(file, **options)

    return read


def codes(dataset):
    return [(problem.code, problem.outcome) for problem in dataset.problems]


# --- MRQA ---------------------------------------------------------------------------------------------------------

HEADER = {"header": {"dataset": "SQuAD", "split": "train"}}


def mrqa(*questions):
    return [HEADER, {"id": "c", "context": CONTEXT, "context_tokens": [["It", 0]], "qas": list(questions)}]


def test_mrqa_spans_have_inclusive_ends_and_every_place_is_a_reference(read):
    answer = {"text": "ada", "char_spans": [[7, 9], [34, 36]], "token_spans": [[2, 2], [11, 11]]}
    question = {"qid": "q", "question": "Who?", "question_tokens": [["Who", 0]], "detected_answers": [answer]}
    dataset = read(mrqa(question | {"answers": ["Ada", "Lady Lovelace"]}), "a.jsonl")
    assert (dataset.sources[0].shape, dataset.read) == ("mrqa", 1)
    assert (dataset[0].id, dataset[0].answers) == ("q", (Span("Ada", 7), Span("Ada", 34)))
    assert dataset[0].fields == (("paragraph.id", "c"), ("accepted_answers", '["Lady Lovelace"]'))
    assert check(dataset).ok


def test_mrqa_answers_elsewhere_than_their_text_keep_the_text(read):
    question = {"qid": "q", "question": "Who?", "detected_answers": [{"text": "Ada", "char_spans": [[0, 2]]}]}
    assert read(mrqa(question), "a.jsonl")[0].answers == (Span("Ada", 0),)
    assert check(read(mrqa(question), "a.jsonl")).quarantined + check(read(mrqa(question), "a.jsonl")).repaired == 1


def test_mrqa_answers_without_a_text_are_what_their_place_holds(read):
    """Previously the text was the word "None", and an answer that is no plain text was left out."""
    place, plain = {"char_spans": [[7, 9]]}, {"text": "Ada", "answer_start": 7}
    questions = [
        {"qid": "a", "question": "Who?", "detected_answers": [place]},
        {"qid": "b", "question": "Who?", "detected_answers": [], "answers": [plain]},
    ]
    assert [record.answers for record in read(mrqa(*questions), "a.jsonl")] == [(Span("Ada", 7),)] * 2


def test_mrqa_questions_without_answers(read):
    unlabelled = {"qid": "u", "question": "Who?"}
    impossible = {"qid": "i", "question": "Where?", "detected_answers": [], "is_impossible": True}
    assert [record.answers for record in read(mrqa(unlabelled, impossible), "a.jsonl")] == [None, ()]
    broken = {"qid": "b", "question": "Who?", "detected_answers": [{"text": None, "char_spans": "x"}, 7]}
    assert {problem.outcome for problem in read(mrqa(broken), "a.jsonl").problems} == {"quarantined"}


@pytest.mark.parametrize(
    "answers", ["Ada", {"text": "Ada", "answer_start": 7}, {"text": ["Ada"], "answer_start": [7]}, ["Ada"], [{"text": "Ada"}]]
)
def test_answers_of_mrqa_in_any_form_are_kept(read, answers):
    """Previously a text or an object was lost, and where nothing was detected, the question had no answer."""
    found = {"text": "It", "char_spans": [[0, 1]]}
    questions = [{"qid": str(n), "question": "Who?", "answers": answers, "detected_answers": n * [found]} for n in (0, 1)]
    missed, detected = read(mrqa(*questions), "a.jsonl")
    assert [span.text for span in missed.answers] == ["Ada"]
    assert "Ada" in dict(detected.fields)["accepted_answers"]


def test_capitals_do_not_matter_in_mrqa_nor_to_the_haystack_tool(read):
    """Previously these files were taken for SQuAD, and their paragraphs dropped."""
    answer = {"Text": "Ada", "Char_Spans": [[7, 9]]}
    line = {"Context": CONTEXT, "Qas": [{"qid": "q", "question": "Who?", "Detected_Answers": [answer]}]}
    dataset = read([{"Header": {"dataset": "SQuAD"}}, line], "a.jsonl")
    assert (dataset.sources[0].shape, dataset.read, dataset[0].answers) == ("mrqa", 1, (Span("Ada", 7),))
    (paragraph,) = haystack(haystack_answer("Ada", 7, "NOT_GIVEN"))["data"][0]["paragraphs"]
    dataset = read([{"Paragraphs": [{"Context": CONTEXT, "QAS": paragraph["qas"]}]}])
    assert (dataset.sources[0].shape, dataset[0].answers) == ("haystack", ())


# --- the Haystack annotation tool ---------------------------------------------------------------------------------


def haystack(*answers, **question):
    question = {"id": 4, "question": "Who?", "question_id": 4, "answers": list(answers), "is_impossible": False} | question
    return {"data": [{"paragraphs": [{"qas": [question], "context": CONTEXT, "document_id": 3}]}]}


def haystack_answer(text, start, category=None):
    return {
        "answer_id": 5,
        "document_id": 3,
        "question_id": 4,
        "text": text,
        "answer_start": start,
        "answer_category": category,
    }


@pytest.mark.parametrize("text", ["", "Ada", None])
def test_not_given_is_no_answer_whatever_stands_beside_it(read, text):
    """Previously (haystack#287) unanswerable questions came with `is_impossible: false` and an answer, and broke training."""
    dataset = read(haystack(haystack_answer(text, 0, "NOT_GIVEN")))
    assert (dataset.sources[0].shape, dataset[0].answers, dataset.problems) == ("haystack", (), ())
    assert (dataset[0].document, dataset[0].id) == ("3", "4")


def test_answers_of_the_haystack_tool(read):
    dataset = read(haystack(haystack_answer("Ada", 7), haystack_answer("Ada", 34, "SHORT")))
    assert dataset[0].answers == (Span("Ada", 7), Span("Ada", 34))
    disputed = read(haystack(haystack_answer("Ada", 7), haystack_answer("", 0, "NOT_GIVEN")))
    assert codes(disputed) == [("annotators_disagree", "quarantined")]


def test_tables_of_the_haystack_tool_need_no_renaming(tmp_path):
    """Previously (haystack#2651) four columns of its CSV had to be renamed by hand."""
    file = tmp_path / "a.csv"
    file.write_text(f'document_id,question,text,answer_start,context\n9,Who?,Ada,7,"{CONTEXT}"\n')
    (record,) = read_examples(file)
    assert (record.document, record.answers) == ("9", (Span("Ada", 7),))


# --- Label Studio -------------------------------------------------------------------------------------------------


def region(start, end, text=None, **value):
    value |= {"start": start, "end": end, "labels": ["Answer"]} | ({} if text is None else {"text": text})
    return {"id": "x", "from_name": "answer", "to_name": "text", "type": "labels", "value": value, "origin": "manual"}


def annotation(*results, **more):
    return {"id": 9, "completed_by": 1, "was_cancelled": False, "ground_truth": False, "result": list(results)} | more


def task(*annotations, **more):
    data = {"question": "Who?", "text": CONTEXT, "topic": "computing"}
    return {"id": 87, "data": data, "annotations": list(annotations), "predictions": [], "meta": {}, "project": 29} | more


def test_each_annotator_of_label_studio_gives_a_reference(read):
    dataset = read([task(annotation(region(7, 10, "Ada")), annotation(region(34, 37)))])
    assert dataset.sources[0].shape == "label-studio"
    record = dataset[0]
    assert (record.id, record.question, record.context) == ("87", "Who?", CONTEXT)
    assert (record.answers, record.fields) == ((Span("Ada", 7), Span("Ada", 34)), (("topic", "computing"),))


def test_an_empty_result_is_an_unanswerable_question_and_no_annotation_an_unlabelled_one(read):
    """Previously (label-studio-converter#111) there was no way to say "no answer"."""
    dataset = read([task(annotation()), task()])
    assert [record.answers for record in dataset] == [(), None]
    assert dataset.problems == ()


def test_cancelled_annotations_are_told(read):
    cancelled = annotation(region(0, 2, "It"), was_cancelled=True)
    dataset = read([task(cancelled, annotation(region(7, 10, "Ada"))), task(cancelled)])
    assert dataset[0].answers == (Span("Ada", 7),)
    assert codes(dataset) == [("annotation_skipped", "repaired"), ("annotation_skipped", "quarantined")]


def test_predictions_are_no_answers(read):
    predictions = [{"model_version": "m", "result": [region(0, 2, "It")]}]
    dataset = read([task(predictions=predictions), task(annotation(), predictions=predictions)])
    assert [record.answers for record in dataset] == [None, ()]
    assert codes(dataset) == [("predictions_ignored", "repaired")]
    assert json.loads(dict(dataset[1].fields)["predictions"]) == predictions


def test_annotators_who_disagree_whether_there_is_an_answer_are_for_a_person(read):
    dataset = read([task(annotation(), annotation(region(7, 10)))])
    assert codes(dataset) == [("annotators_disagree", "quarantined")]


def test_an_answer_of_several_spans_is_set_aside_and_places_of_one_text_are_not(read):
    """Previously (MultiSpanQA#3) each part of an answer became an answer of its own, and scored as wrong."""
    dataset = read([task(annotation(region(7, 10), region(28, 32))), task(annotation(region(7, 10), region(34, 37)))])
    assert codes(dataset) == [("answer_in_several_spans", "quarantined")]
    assert dataset[0].answers == (Span("Ada", 7), Span("Ada", 34))


def test_offsets_in_utf_16_units_are_repaired(read):
    """Previously (label-studio#1347) every region after an emoji was off by one."""
    value = [task(annotation(region(9, 12, "Ada")))]
    value[0]["data"]["text"] = "\U0001f4a9\U0001f4a9" + CONTEXT + " Adam."
    report = check(read(value))
    assert report.examples[0].answers == (Span("Ada", 9),)
    value[0]["annotations"][0]["result"][0]["value"] |= {"start": 11, "end": 14}
    assert check(read(value)).examples[0].answers == (Span("Ada", 9),)


def test_regions_of_html_go_by_their_text(read):
    html = region("/div[1]/text()[1]", "/div[1]/text()[1]", "Ada", startOffset=7, endOffset=10)
    placed = region("/p", "/p", "Ada", startOffset=7, endOffset=10, globalOffsets={"start": 34, "end": 37})
    without = region("/p", "/p", None, startOffset=7, endOffset=10)
    dataset = read([task(annotation(html)), task(annotation(placed)), task(annotation(without))])
    assert [record.answers for record in dataset] == [(Span("Ada"),), (Span("Ada", 34),)]
    assert codes(dataset) == [("region_without_text", "quarantined")]


def test_what_else_was_filled_in_is_a_field(read):
    choice = {"from_name": "difficulty", "to_name": "text", "type": "choices", "value": {"choices": ["hard"]}}
    assert dict(read([task(annotation(region(7, 10), choice))])[0].fields)["difficulty"] == "hard"


def test_tasks_without_a_question_tell_where_it_could_be(read):
    value = [task(annotation(region(7, 10, "Ada")))]
    value[0]["data"] = {"passage": CONTEXT, "ask": "Who?"}
    with pytest.raises(UnknownShapeError, match="label-studio lacks question") as caught:
        read(value)
    assert caught.value.next_move.endswith("--columns question=ask,context=passage")
    assert read(value, columns={"question": "ask"})[0].question == "Who?"


def test_choices_are_labels(read):
    def choice(*labels):
        return {"from_name": "s", "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}

    def text(*annotations):
        return {"id": 1, "data": {"text": "Hello"}, "annotations": list(annotations)}

    rows = [text(annotation(choice("a"))), text(), text(annotation(choice("a")), annotation(choice("b")))]
    dataset = read([*rows, text(annotation(choice("a", "b")))])
    assert (dataset.task, dataset.sources[0].shape) == ("classify", "label-studio-labels")
    assert [record.label for record in dataset] == ["a", None]
    assert codes(dataset) == [("annotators_disagree", "quarantined"), ("label_not_one", "dropped")]


def test_what_gives_a_text_of_label_studio_no_label_is_told_and_kept(read):
    """Previously cancelled annotations and predictions were passed over, and the text was unlabelled; `meta` was lost."""
    chosen = [{"from_name": "s", "to_name": "text", "type": "choices", "value": {"choices": ["a"]}}]
    cancelled, guess = annotation(*chosen, was_cancelled=True), {"result": chosen}
    rows = [
        {"id": 1, "data": {"text": "Hello"}, "annotations": [cancelled, annotation(*chosen)], "meta": {"year": 1843}},
        {"id": 2, "data": {"text": "Hello"}, "annotations": [], "predictions": [guess]},
        {"id": 3, "data": {"text": "Hello"}, "annotations": [cancelled], "predictions": [guess]},
    ]
    dataset = read(rows)
    assert [(record.id, record.label) for record in dataset] == [("1", "a"), ("2", None)]
    assert (dataset[0].fields, list(dict(dataset[1].fields))) == ((("meta.year", 1843),), ["predictions"])
    assert codes(dataset) == [
        ("annotation_skipped", "repaired"),
        ("predictions_ignored", "repaired"),
        ("annotation_skipped", "quarantined"),
    ]


def test_json_min_of_label_studio(read):
    row = {"text": CONTEXT, "question": "Who?", "id": 3, "annotator": 1, "annotation_id": 8, "lead_time": 2.5}
    marked = row | {"answer": [{"start": 7, "end": 10, "text": "Ada", "labels": ["Answer"]}], "topic": "x"}
    dataset = read([marked, row | {"id": 4}])
    assert dataset.sources[0].shape == "label-studio-min"
    assert [record.answers for record in dataset] == [(Span("Ada", 7),), ()]
    assert dataset[0].fields == (("topic", "x"),)


# --- doccano ------------------------------------------------------------------------------------------------------


def test_doccano_spans_answer_the_question_beside_them(read):
    rows = [
        {"id": 1, "text": CONTEXT, "question": "Who?", "label": [[7, 10, "answer"]], "Comments": []},
        {"id": 2, "data": CONTEXT, "question": "Who?", "label": []},
        {
            "id": 3,
            "text": CONTEXT,
            "question": "Who?",
            "entities": [{"id": 5, "label": "a", "start_offset": 34, "end_offset": 37}],
        },
        {"id": 4, "text": CONTEXT, "question": "Who?", "label": [[70, 90, "answer"]]},
    ]
    dataset = read(rows, "a.jsonl")
    assert dataset.sources[0].shape == "doccano"
    assert [record.answers for record in dataset] == [(Span("Ada", 7),), (), (Span("Ada", 34),)]
    assert (dataset[0].fields, codes(dataset)) == ((), [("region_without_text", "quarantined")])


def test_doccano_labels_that_are_questions_are_the_questions(read):
    rows = [{"id": 1, "text": CONTEXT, "label": [[7, 10, "Who?"], [28, 32, "When?"]]}, {"id": 2, "text": CONTEXT, "label": []}]
    dataset = read(rows, "a.jsonl")
    assert [(r.id, r.question, r.answers[0].text) for r in dataset] == [("1-1", "Who?", "Ada"), ("1-2", "When?", "1843")]
    assert codes(dataset) == [("not_a_record", "dropped")]
    with pytest.raises(UnknownShapeError, match="doccano lacks question"):
        read([{"id": 1, "text": CONTEXT, "label": [[7, 10, "PERSON"]]}], "a.jsonl")


@pytest.mark.parametrize(
    ("label", "asks"),
    [("Who?", True), ("Πού ήταν\u037e", True), ("Πού ήταν;", True), ("谁？ ", True), ("see; also;", False), ("PERSON", False)],
)
def test_the_greek_question_mark_asks_and_a_semicolon_does_not(read, label, asks):
    """Previously (the mark is written like a semicolon) a semicolon made a question of a label, and U+037E none."""
    rows = [{"id": 1, "text": CONTEXT, "label": [[7, 10, label]]}]
    if asks:
        assert [record.question for record in read(rows)] == [label]
    else:
        with pytest.raises(UnknownShapeError, match="doccano lacks question"):
            read(rows)


def test_doccano_classes_are_labels(read):
    dataset = read([{"id": 1, "text": "Hello", "label": ["greeting"]}, {"id": 2, "text": "Hm", "label": []}], "a.jsonl")
    assert (dataset.sources[0].shape, [record.label for record in dataset]) == ("labels", ["greeting", None])


# --- Argilla ------------------------------------------------------------------------------------------------------

FIELDS = {"question": "Who?", "context": CONTEXT}
ADA = {"start": 7, "end": 10, "label": "answer"}


def argilla(responses, **more):
    return {"id": "r", "fields": FIELDS, "metadata": {"topic": "x"}, "suggestions": {}, "responses": responses} | more


def test_nested_records_of_argilla(read):
    rows = [
        argilla({"answer": [{"value": [ADA], "user_id": "u"}, {"value": [ADA | {"start": 34, "end": 37}], "user_id": "v"}]}),
        argilla([{"values": {"answer": {"value": "Ada"}, "hard": {"value": 3}}, "status": "submitted"}], external_id="e"),
        argilla({"answer": [{"value": [], "user_id": "u"}]}),
        argilla({}),
        argilla([{"values": {"answer": {"value": [ADA]}}, "status": "discarded"}]),
        argilla({}, suggestions={"answer": {"value": [ADA]}}),
    ]
    dataset = read(rows)
    assert dataset.sources[0].shape == "argilla"
    answers = [(Span("Ada", 7), Span("Ada", 34)), (Span("Ada"),), (), None, None]
    assert [record.answers for record in dataset] == answers
    assert (dataset[0].id, dataset[1].fields) == ("r", (("topic", "x"), ("hard", 3)))
    assert codes(dataset) == [("annotation_skipped", "quarantined"), ("predictions_ignored", "repaired")]


@pytest.mark.parametrize(
    ("value", "answers", "told"),
    [
        ([{"start": 500, "end": 510}], None, 1),
        ([ADA, {"start": "33", "end": "35"}], None, 1),
        ([{"start": 7.0, "end": 10.0}], (Span("Ada", 7),), 0),
        (["Ada"], (Span("Ada"),), 0),
        ([7], None, 1),
    ],
)
def test_what_cannot_be_read_of_an_argilla_answer_is_told(read, value, answers, told):
    """Previously a marked answer without a usable place was left out, so that its question had no answer."""
    other = argilla({"answer": [{"value": [ADA]}]}, id="s")
    dataset = read([argilla({"answer": [{"value": value, "status": "submitted"}]}), other])
    assert {one.id: one.answers for one in dataset}.get("r") == answers
    assert codes(dataset) == [("region_without_text", "quarantined")] * told


def test_flat_records_of_argilla(read):
    second = FIELDS | {
        "id": "2",
        "answer.responses": [[ADA]],
        "answer.responses.users": ["u"],
        "answer.responses.status": ["submitted"],
    }
    first = FIELDS | {
        "external_id": "1",
        "answer": [{"user_id": "u", "value": [ADA], "status": "submitted"}],
        "answer-suggestion": None,
    }
    inside_out = first | {"answer": [{"value": {"start": [7], "end": [10], "label": ["a"]}, "status": "submitted"}]}
    for name, rows in (("a.json", [second | {"answer.suggestion": None}]), ("b.json", [first, inside_out])):
        dataset = read(rows, name)
        assert dataset.sources[0].shape == "argilla"
        assert {record.answers for record in dataset} == {(Span("Ada", 7),)}
        assert {record.fields for record in dataset} == {()}
    assert dataset[0].id == "1"


def test_labels_of_argilla(read):
    rows = [
        {"id": str(n), "fields": {"text": "Hi"}, "responses": {"label": [{"value": "a"}, {"value": v}]}}
        for n, v in enumerate("ab")
    ]
    dataset = read(rows)
    assert (dataset.sources[0].shape, [record.label for record in dataset]) == ("argilla-labels", ["a"])
    assert codes(dataset) == [("annotators_disagree", "quarantined")]


def test_what_gives_a_text_of_argilla_no_label_is_told_and_kept(read):
    """Previously discarded responses and suggestions were passed over, and the text was unlabelled; remarks were lost."""
    said, discarded = {"value": "a", "status": "submitted"}, {"value": "b", "status": "discarded"}
    cases = [
        ({"label": [said, discarded], "remark": [{"value": "odd"}]}, {}),
        ({}, {"label": {"value": "b"}}),
        ({"label": [discarded]}, {}),
    ]
    rows = [
        {"id": str(n), "fields": {"text": "Hi"}, "responses": responses, "suggestions": suggestions}
        for n, (responses, suggestions) in enumerate(cases)
    ]
    dataset = read(rows)
    assert [(record.id, record.label, record.fields) for record in dataset] == [
        ("0", "a", (("remark", "odd"),)),
        ("1", None, ()),
    ]
    assert codes(dataset) == [
        ("annotation_skipped", "repaired"),
        ("predictions_ignored", "repaired"),
        ("annotation_skipped", "quarantined"),
    ]


# --- answers of many spans ----------------------------------------------------------------------------------------


def test_a_table_written_column_by_column_is_not_one_question(read):
    """Previously it was taken for the tokens of one, so that a whole file became one record, and was kept."""
    columns = {"id": ["a", "b"], "question": ["Who?", "When?"], "context": ["Ada.", "In 1843."], "answer": ["Ada", "1843"]}
    dataset = read(columns)
    assert (dataset.sources[0].shape, list(dataset)) == ("records", [])
    assert [problem.code for problem in dataset.problems] == ["question_not_text"]
    assert "one object for each record" in dataset.problems[0].next_move


@pytest.mark.parametrize("more", [{}, {"label": ["Ada", "1843"]}, {"Reply": ["Ada", "1843"]}, {"id": ["a", "b"]}])
@pytest.mark.parametrize("contexts", [["It was Ada.", "In 1843."], ["是艾达。", "在一八四三年。"]])
def test_a_table_written_column_by_column_without_answers_is_not_one_question(read, more, contexts):
    """Previously it was, unless its answers were called so; or the advice was to write a tag B, I or O for each token."""
    dataset = read({"question": ["Who?", "When?"], "context": contexts} | more)
    assert (dataset.sources[0].shape, list(dataset)) == ("records", [])
    assert [problem.code for problem in dataset.problems] == ["question_not_text"]
    assert "one object for each record" in dataset.problems[0].next_move


def test_tokens_without_tags_are_unlabelled(read):
    tokens = {"id": "m", "question": ["Who", "?"], "context": ["It", "was", "Ada", "."]}
    dataset = read([tokens])
    assert (dataset.sources[0].shape, dataset[0].context, dataset[0].answers) == ("multi-span", "It was Ada .", None)


def test_multi_span_qa(read):
    def row(label):
        return {
            "id": "m",
            "question": ["Who", "?"],
            "context": ["Ada", "and", "Bo", "Li", "."],
            "label": list(label),
            "num_span": 1,
        }

    dataset = read({"data": [row("OOBIO"), row("BOBIO"), row("OOOOO"), row("OB")]})
    assert dataset.sources[0].shape == "multi-span"
    assert (dataset[0].context, dataset[0].question) == ("Ada and Bo Li .", "Who ?")
    assert [record.answers for record in dataset] == [(Span("Bo Li", 8),), ()]
    assert codes(dataset) == [("answer_in_several_spans", "quarantined"), ("not_a_record", "dropped")]


def test_the_spans_of_drop(read):
    rows = [{"question": "Who?", "context": CONTEXT, "answer": {"spans": spans}} for spans in (["Ada"], ["Ada", "27"], [])]
    dataset = read(rows)
    assert [record.answers for record in dataset] == [(Span("Ada"),), ()]
    assert codes(dataset) == [("answer_in_several_spans", "quarantined")]


# --- whatever comes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", ["mrqa", "haystack", "multi-span", "label-studio", "label-studio-labels", "argilla", "doccano"]
)
def test_rows_of_another_kind_end_as_problems_not_as_errors(read, shape):
    first = {
        "mrqa": mrqa({"qid": "q", "question": "Who?"})[1],
        "haystack": haystack(haystack_answer("Ada", 7))["data"][0],
        "multi-span": {"question": ["Who"], "context": ["Ada"]},
        "label-studio": task(),
        "label-studio-labels": {"data": {"text": "Hi"}},
        "argilla": argilla({}),
        "doccano": {"text": CONTEXT, "question": "Who?", "label": [[7, 10, "a"]]},
    }[shape]
    strange = [7, None, [], {}, {"data": {}}, {"data": 7, "fields": []}, {"qas": [7, {}]}, {"fields": {}, "responses": [{}, 7]}]
    marked = [task({"result": [{"value": {"start": None}}, 7]}, 7), {"label": [[1]], "text": CONTEXT, "question": "Who?"}]
    dataset = read([first, *strange, *marked], shape=shape)
    assert dataset.read >= 8
    assert len(dataset) + len(dataset.problems) >= 8


KEYS = (
    "data", "annotations", "result", "value", "start", "end", "text", "labels", "choices", "completions", "predictions",
    "meta", "was_cancelled", "type", "from_name", "startOffset", "globalOffsets", "question", "context", "passage",
    "answers", "answer", "answer_start", "is_impossible", "id", "title", "label", "entities", "start_offset",
    "end_offset", "fields", "responses", "suggestions", "values", "status", "external_id", "metadata", "a.responses",
    "a.responses.status", "a", "a-suggestion", "qas", "paragraphs", "detected_answers", "char_spans", "header", "spans",
    "answer_category", "annotation_id", "lead_time",
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers(-3, 50) | st.just(CONTEXT) | st.sampled_from(["", "Ada", "NOT_GIVEN", "B", "O"])
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6), max_leaves=30
)
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), TREES, min_size=1, max_size=8), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
@given(rows=ROWS)
def test_no_row_of_any_form_ends_in_a_traceback(shape, rows):
    """Whatever the fields hold, a row becomes a record or a problem; and whether a file fits can be asked of any file."""
    names = dict.fromkeys(name for row in rows for name in row)
    with suppress(UnknownShapeError):
        recognise("a.json", names, None, rows)
    convert = shape.reader(planner(shape.uses))
    for number, row in enumerate([*rows, [rows], None]):
        for made in convert(Row(f"[{number}]", row), Origin("a.json")):
            assert made.record is not None or made.problems


def test_a_table_with_answers_is_not_taken_for_a_tools_export_by_the_names_beside_them(tmp_path):
    """Previously fields such as 'annotation_id' or 'x.responses' made each question unanswerable, without a word."""
    for fields in ((("annotation_id", 3), ("lead_time", 2.5)), (("x.responses", "y"),), (("a", 1), ("a-suggestion", 2))):
        known = Example("1", "Who?", "It was Ada.", (Span("Ada", 7),), fields=fields)
        write_examples([known], tmp_path / "rows.jsonl")
        (again,) = read_examples(tmp_path / "rows.jsonl")
        assert replace(again, place=None) == known


def test_the_table_that_label_studio_exports_holds_its_regions_in_cells(tmp_path):
    """Previously the CSV export was read as JSON-MIN whose cells hold nothing, and each question became unanswerable."""
    regions = json.dumps([{"start": 7, "end": 10, "text": "Ada", "labels": ["Answer"]}])
    with (tmp_path / "export.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["annotation_id", "lead_time", "question", "text", "answer"])
        table.writerow([1, 2.5, "Who?", "It was Ada.", regions])
    (record,) = read_examples(tmp_path / "export.csv")
    assert record.answers == (Span("Ada", 7),)


@pytest.mark.parametrize("kind", ["textarea", "choices", "relation"])
def test_an_annotation_that_holds_something_else_than_a_span_does_not_mean_that_there_is_no_answer(tmp_path, kind):
    """Previously only its spans were looked at, and the question became unanswerable."""
    result = {"type": kind, "from_name": "remark", "to_name": "text", "value": {"text": ["1843"]}}
    task = {"id": 1, "data": {"question": "When?", "text": "In 1843."}, "annotations": [{"result": [result]}]}
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    report = check(read_examples(tmp_path / "tasks.json"))
    assert (report.quarantined, report.problems[0].code) == (1, "annotation_without_span")


def test_an_answer_that_mrqa_did_not_detect_is_looked_for_and_not_lost(tmp_path):
    """Previously an empty list of detected answers made the question unanswerable, whatever its answers were."""
    asked = [
        {"qid": str(n), "question": "When?", "answers": [text], "detected_answers": []}
        for n, text in enumerate(["1843", "1845"])
    ]
    (tmp_path / "mrqa.jsonl").write_text(json.dumps({"context": "It was 1843.", "qas": asked}))
    report = check(read_examples(tmp_path / "mrqa.jsonl"))
    assert (report.kept, report.quarantined, report.examples[0].answers) == (1, 1, (Span("1843", 7),))


def test_an_answer_that_was_typed_is_an_answer_without_a_place(read):
    """Previously only marked spans counted, and the question became unanswerable."""
    typed = {"type": "textarea", "from_name": "answer", "to_name": "text", "value": {"text": ["1843"]}}
    dataset = read([task(annotation(typed)), task(annotation(region(7, 10, "Ada"), typed))])
    assert [record.answers for record in dataset] == [(Span("1843"),), (Span("Ada", 7),)]
    assert ("answer" in dict(dataset[0].fields), dict(dataset[1].fields)["answer"]) == (False, "1843")
    assert check(dataset).examples[0].answers == (Span("1843", 28),)
    parts = typed | {"value": {"text": ["Ada", "1843"]}}
    assert codes(read([task(annotation(parts))])) == [("answer_in_several_spans", "quarantined")]


def test_an_answer_that_was_typed_stands_in_a_column_of_json_min(read):
    """Previously the column was left out without a word, and the question became unanswerable."""
    row = {"text": CONTEXT, "question": "When?", "annotator": 1, "annotation_id": 8, "lead_time": 2.5, "answer": "1843"}
    dataset = read([row, row | {"answer": ""}, row | {"answer": 1843}])
    assert dataset.sources[0].shape == "label-studio-min"
    assert [record.answers for record in dataset] == [(Span("1843"),), ()]
    assert codes(dataset) == [("annotation_without_span", "quarantined")]


@pytest.mark.parametrize("bad", [["a", "b", "c"], [7, 10], 7, None])
def test_a_malformed_span_of_doccano_costs_its_row_and_not_the_file(read, bad):
    """Previously one such label among the first rows made the whole file unreadable, with advice that led back there."""
    rows = [{"id": 1, "text": CONTEXT, "label": [bad]}, {"id": 2, "text": CONTEXT, "label": [[7, 10, "Who?"]]}]
    dataset = read(rows, "a.jsonl")
    assert (dataset.sources[0].shape, [record.id for record in dataset]) == ("doccano", ["2-1"])
    assert codes(dataset) == [("not_a_record", "dropped")]


def test_a_misplaced_span_of_doccano_keeps_its_question(read):
    rows = [{"id": 1, "text": CONTEXT, "label": [["a", "b", "When?"], [7, 10, "Who?"]]}]
    dataset = read(rows, "a.jsonl")
    assert [record.question for record in (*dataset, *dataset.set_aside)] == ["Who?", "When?"]
    assert codes(dataset) == [("region_without_text", "quarantined")]
