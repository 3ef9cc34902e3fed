"""Files of predictions, as whatever tool wrote them: every shape is read, everything else is told."""

import gzip
import json
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spantune.data.records import Example, Span
from spantune.errors import EvaluationError
from spantune.evaluation import score_answers
from spantune.evaluation.cases import Given, cases_of, means_of
from spantune.evaluation.predictions import answers_to, is_predictions_file, read_predictions
from spantune.inference.answers import Alternative, Answer

BOM = b"\xef\xbb\xbf"


def save(folder, content, name="predictions.json"):
    path = folder / name
    if not isinstance(content, bytes | str):
        content = json.dumps(content, ensure_ascii=False)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def texts(found):
    return {name: given.text for name, given in found.items()}


def lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def refusal(path):
    with pytest.raises(EvaluationError) as raised:
        read_predictions(path)
    assert str(path) in raised.value.found
    assert '{"id": "text"}' in raised.value.expected
    assert raised.value.next_move
    return raised.value.found


def test_the_official_shape_is_an_id_and_a_text(tmp_path):
    found = read_predictions(save(tmp_path, {"q1": "Ada", "q2": "", "q3": "北京"}))
    assert found == {"q1": Given("q1", "Ada"), "q2": Given("q2", ""), "q3": Given("q3", "北京")}


def test_of_n_best_lists_the_first_is_the_answer_and_all_are_alternatives(tmp_path):
    content = {
        "q1": [{"text": "Ada", "probability": 0.7}, {"text": "", "probability": 0.2}, {"text": "Bob", "probability": 0.1}],
        "q2": [{"text": "", "probability": 0.9, "start_logit": 3.5}, {"text": "Eve", "probability": 0.1}],
    }
    assert read_predictions(save(tmp_path, content)) == {
        "q1": Given("q1", "Ada", probability=0.7, no_answer_score=0.2, alternatives=("Ada", "Bob")),
        "q2": Given("q2", "", probability=0.9, no_answer_score=0.9, alternatives=("Eve",)),
    }


@pytest.mark.parametrize("key", ["id", "qid", "question_id", "example_id"])
@pytest.mark.parametrize("text", ["text", "answer", "prediction", "prediction_text", "predicted_answer"])
def test_lists_of_objects_are_read_by_the_names_that_tools_use(tmp_path, key, text):
    rows = [{key: "q1", text: "Ada", "question": "Who?"}, {key: 2, text: ""}]
    expected = {"q1": "Ada", "2": ""}
    assert texts(read_predictions(save(tmp_path, rows))) == expected
    assert texts(read_predictions(save(tmp_path, lines(*rows), "predictions.jsonl"))) == expected
    assert texts(read_predictions(save(tmp_path, {"predictions": rows}))) == expected


def test_answers_in_objects_and_wrapped_maps_are_read(tmp_path):
    assert texts(read_predictions(save(tmp_path, [{"id": "q", "answer": {"text": "Ada", "start": 3}}]))) == {"q": "Ada"}
    assert texts(read_predictions(save(tmp_path, {"predictions": {"q": "Ada"}, "version": 2}))) == {"q": "Ada"}
    assert texts(read_predictions(save(tmp_path, {"q": {"text": "Ada", "score": 0.5}}))) == {"q": "Ada"}


def test_what_spantune_predicts_comes_back_whole(tmp_path):
    alternatives = (Alternative("Ada", 3, 6, 0.6, 4.0), Alternative("Ada saw", 3, 10, 0.2, 3.0))
    said = Answer("q1", "Ada", 3, 6, 0.6, 4.0, 0.1, -2.5, alternatives, 0.8)
    none = Answer("q2", "", 0, 0, 0.9, 4.0, 0.9, 2.5)
    found = read_predictions(save(tmp_path, lines(said.as_dict(), none.as_dict()), "answers.jsonl"))
    assert found["q1"] == Given("q1", "Ada", 3, 0.6, -2.5, ("Ada", "Ada saw"), 0.8)
    assert found["q2"] == Given("q2", "", None, 0.9, 2.5)
    assert [Given.of(one) for one in (said, none)] == list(found.values())


def test_alternatives_may_be_texts_and_what_is_none_is_left_out(tmp_path):
    row = {"id": "q", "text": "Ada", "alternatives": ["Ada", {"text": "Bob"}, 3, {"text": ""}, {"score": 1}, None]}
    assert read_predictions(save(tmp_path, [row]))["q"].alternatives == ("Ada", "Bob")


@pytest.mark.parametrize("name", ["p.jsonl", "p.ndjson", "p.jsonl.gz", "p.ndjson.gz"])
def test_json_lines_are_told_by_the_name_and_blank_lines_passed_over(tmp_path, name):
    content = ("\n" + lines({"id": "1", "text": "a\u2028b"}) + "   \n\r\n" + lines({"id": "2", "text": "é"})).encode()
    found = read_predictions(save(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name))
    assert texts(found) == {"1": "a\u2028b", "2": "é"}


@pytest.mark.parametrize(("name", "content"), [("p.json", b'{"q": "Ada"}'), ("p.jsonl", b'{"id": "q", "text": "Ada"}')])
def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path, name, content):
    assert texts(read_predictions(save(tmp_path, BOM + content, name))) == {"q": "Ada"}


def test_packed_files_are_read(tmp_path):
    assert texts(read_predictions(save(tmp_path, gzip.compress(b'{"q": "Ada"}'), "p.json.gz"))) == {"q": "Ada"}


def test_a_byte_order_mark_in_a_packed_file_is_no_part_of_it_either(tmp_path):
    assert texts(read_predictions(save(tmp_path, gzip.compress(BOM + b'{"q": "Ada"}'), "p.json.gz"))) == {"q": "Ada"}


def test_a_question_answered_twice_alike_is_no_mistake_and_otherwise_one(tmp_path):
    row = {"id": "q", "text": "Ada"}
    assert texts(read_predictions(save(tmp_path, [row, {**row, "score": 0.3}]))) == {"q": "Ada"}
    found = refusal(save(tmp_path, lines(row, {"id": "q", "text": "Bob"}), "p.jsonl"))
    assert "'q' is answered twice, 'Ada' and 'Bob'" in found


def test_a_question_answered_twice_in_the_official_shape_is_a_mistake_too(tmp_path):
    refusal(save(tmp_path, '{"q": "Ada", "q": "Bob"}'))


def test_an_object_is_the_answer_to_the_question_it_stands_under(tmp_path):
    found = read_predictions(save(tmp_path, {"q1": {"id": None, "text": "Ada"}, "q2": {"text": "Bob"}}))
    assert texts(found) == {"q1": "Ada", "q2": "Bob"}


@pytest.mark.parametrize("value", [True, "0.5", None, [0.5], {"p": 1}])
def test_what_is_no_number_is_no_probability(tmp_path, value):
    found = read_predictions(save(tmp_path, [{"id": "q", "text": "Ada", "probability": value, "na_prob": value}]))["q"]
    assert (found.probability, found.no_answer_score) == (None, None)


def test_what_is_no_number_is_no_start_either(tmp_path):
    assert read_predictions(save(tmp_path, [{"id": "q", "text": "Ada", "start": True}]))["q"].start is None


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_probability_that_is_not_finite_is_none(tmp_path, value):
    found = read_predictions(save(tmp_path, f'[{{"id": "q", "text": "Ada", "probability": {value}}}]'))
    assert found["q"].probability is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "Expecting value"),
        ("<html><body>404</body></html>", "Expecting value"),
        ('{"q": "Ada"', "Expecting"),
        ("3", "holds a int"),
        ("null", "holds a NoneType"),
        ('"Ada"', "holds a str"),
        ("{}", "0 predictions"),
        ("[]", "0 predictions"),
        ('{"q": 3}', "the answer to 'q' is 3"),
        ('{"q": null}', "the answer to 'q' is None"),
        ('{"q": []}', "the answer to 'q' is []"),
        ('{"q": ["Ada"]}', "the answer to 'q' is ['Ada']"),
        ('{"q": [{"text": "Ada"}, {"score": 1}]}', "an entry of the n-best list of 'q' has no text"),
        ('{"q": {"score": 1}}', "has no text"),
        ('["Ada"]', "'Ada' has no id"),
        ('[{"text": "Ada"}]', "has no id"),
        ('[{"id": "q"}]', "has no text"),
        ('[{"id": "q", "text": ["Ada"]}]', "has no text"),
        ('[{"id": "q", "text": null, "label": "Ada"}]', "has no text"),
        ('{"q": "Ada"}'.encode("utf-16"), "utf-8"),
        (b'{"q": "\xe9t\xe9"}', "utf-8"),
        ("1" * 5000, "4300 digits"),
    ],
)
def test_files_of_another_kind_are_refused_with_what_was_found(tmp_path, content, said):
    assert said in refusal(save(tmp_path, content))


def test_a_broken_line_is_refused_however_many_good_ones_there_are(tmp_path):
    good = lines(*({"id": number, "text": "Ada"} for number in range(50)))
    assert "column 16" in refusal(save(tmp_path, good + '{"id": "x", "te\n', "p.jsonl"))
    assert "has no id" in refusal(save(tmp_path, good + "3\n", "p.jsonl"))


def test_a_broken_line_is_named_by_its_number_in_the_file(tmp_path):
    good = lines(*({"id": number, "text": "Ada"} for number in range(50)))
    found = refusal(save(tmp_path, good + '{"id": "x", "te\n', "p.jsonl"))
    assert "line 51" in found
    assert "line 1 " not in found


def test_what_is_no_file_is_refused(tmp_path):
    assert "No such file" in refusal(tmp_path / "missing.json")
    assert "directory" in refusal(tmp_path)
    assert "gzip" in refusal(save(tmp_path, b"plain", "p.json.gz"))


PACKED = gzip.compress(lines(*({"id": number, "text": f"answer {number * number}"} for number in range(200))).encode())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.jsonl.gz", PACKED[: len(PACKED) // 2]),
        ("damaged.jsonl.gz", PACKED[:100] + b"\xff" * 60 + PACKED[160:]),
        ("deep.json", "[" * 100_000),
        ("deep.jsonl", "[" * 100_000),
    ],
)
def test_damaged_and_hostile_files_are_refused_like_others(tmp_path, name, content):
    refusal(save(tmp_path, content, name))


NAMES = st.sampled_from(
    ["id", "qid", "text", "answer", "prediction", "predictions", "probability", "start", "alternatives", "q"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=2), inner, max_size=4),
    max_leaves=12,
)


def test_a_number_that_is_too_large_is_no_probability(tmp_path):
    found = read_predictions(save(tmp_path, '[{"id": "q", "text": "Ada", "score": 1' + "0" * 400 + "}]"))
    assert found["q"].probability is None


@given(value=JSON)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_predictions_or_refused(tmp_path, value):
    for path in (save(tmp_path, json.dumps(value)), save(tmp_path, json.dumps(value), "p.jsonl")):
        try:
            found = read_predictions(path)
        except EvaluationError as error:
            assert str(path) in error.found
        else:
            assert found
            assert all(name == given.id and isinstance(given.text, str) for name, given in found.items())


@given(content=st.binary(max_size=40), name=st.sampled_from(["p.json", "p.jsonl", "p.json.gz"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_predictions_or_refused(tmp_path, content, name):
    try:
        assert read_predictions(save(tmp_path, content, name))
    except EvaluationError as error:
        assert error.expected


def records(*ids):
    return [Example(id, "Who?", f"Ada, {id}.", (Span("Ada", 0),)) for id in ids]


def test_predictions_come_in_the_order_of_the_questions_and_others_are_left_out():
    predictions = {id: Given(id, text) for id, text in (("q2", "Bob"), ("q1", "Ada"), ("q9", "Eve"))}
    assert [given.text for given in answers_to(records("q1", "q2"), predictions, "p.json")] == ["Ada", "Bob"]


def test_missing_predictions_are_counted_and_named_and_none_is_made_up():
    rows = records("q1", "q2", "q3", "q4", "q5")
    with pytest.raises(EvaluationError) as raised:
        answers_to(rows, {"q3": Given("q3", "Ada")}, "p.json")
    assert raised.value.found == "p.json has no prediction for 4 of 5 questions, such as 'q1', 'q2', 'q4'"
    assert "each question" in raised.value.expected
    with pytest.raises(EvaluationError, match="1 of 1 question, such as 'q1'"):
        answers_to(rows[:1], {}, "p.json")


def test_a_file_of_predictions_is_told_from_a_run(tmp_path):
    for name in ("p.json", "p.jsonl", "p.ndjson", "p.json.gz", "p.jsonl.gz"):
        assert is_predictions_file(save(tmp_path, "{}", name))
    assert not is_predictions_file(save(tmp_path, "{}", "p.txt"))
    (tmp_path / "run.json").mkdir()
    assert not is_predictions_file(tmp_path / "run.json")
    assert not is_predictions_file(str(tmp_path / "missing.json"))


def test_any_answer_with_an_id_and_a_text_is_a_given_one():
    assert Given.of(SimpleNamespace(id="q", text="")) == Given("q", "")
    assert Given.of(SimpleNamespace(id="q", text="", start=0)).start is None
    given_one = Given("q", "Ada", 3, 0.5)
    assert Given.of(given_one) is given_one


def test_n_best_files_tell_how_often_the_answer_is_among_the_best(tmp_path):
    rows = records("q1", "q2", "q3", "q4")
    best = {
        "q1": ["Ada", "Bob"],
        "q2": ["Bob", "Eve", "Ada", "Cy"],
        "q3": ["Bob", "Eve", "Cy", "Ada"],
        "q4": ["Bob", "Eve"],
    }
    path = save(tmp_path, {id: [{"text": text, "probability": 0.1} for text in found] for id, found in best.items()})
    answers = answers_to(rows, read_predictions(path), "p.json")
    means = means_of(cases_of(rows, answers, score_answers(rows, answers)))
    assert {name: means[name].value for name in ("exact_match", "top_3", "top_5")} == {
        "exact_match": 0.25,
        "top_3": 0.5,
        "top_5": 0.75,
    }


def test_means_are_those_of_the_scores_under_their_official_names():
    rows = [*records("q1", "q2"), Example("q3", "Who?", "Nobody.", ())]
    answers = [Given("q1", "Ada"), Given("q2", "Bob"), Given("q3", "")]
    scores = score_answers(rows, answers)
    means = means_of(cases_of(rows, answers, scores))
    told = scores.as_dict()
    assert {name: 100 * mean.value for name, mean in means.items()} == pytest.approx({name: told[name] for name in means})
    assert {"HasAns_exact", "HasAns_f1", "NoAns_exact", "NoAns_f1"} <= set(means)
    assert (means["HasAns_f1"].count, means["NoAns_f1"].count, means["f1"].count) == (2, 1, 3)
