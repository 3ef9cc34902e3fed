import json
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass

import pytest

from spantune.data.records import Example, Place, Span
from spantune.errors import EvaluationError
from spantune.evaluation import Group, score_answers


@dataclass(frozen=True)
class Given:
    id: str
    text: str


def example(id: str, *references: str) -> Example:
    return Example(id, "Where?", "context", answers=tuple(Span(reference) for reference in references))


EXAMPLES = [example("q1", "Paris"), example("q2", "the Seine", "river Seine"), example("q3", "1889")]
ANSWERS = [Given("q1", "in Paris"), Given("q2", "Seine"), Given("q3", "Rouen")]


def test_scores_are_means_in_percent() -> None:
    scores = score_answers(EXAMPLES, ANSWERS)
    assert scores.count == 3
    assert scores.exact_match == pytest.approx(100 / 3)
    assert scores.f1 == pytest.approx(100 * (2 / 3 + 1) / 3)
    assert scores.precision == pytest.approx(100 * (1 / 2 + 1) / 3)
    assert scores.recall == pytest.approx(100 * 2 / 3)
    assert scores.has_answer == Group(3, scores.exact_match, scores.f1)
    assert scores.no_answer is None


def test_each_question_keeps_its_scores_from_zero_to_one() -> None:
    first = score_answers(EXAMPLES, ANSWERS).per_question[0]
    assert (first.id, first.prediction, first.references) == ("q1", "in Paris", ("Paris",))
    assert (first.exact_match, first.precision, first.recall) == (0.0, 0.5, 1.0)
    with pytest.raises(FrozenInstanceError):
        first.f1 = 1.0  # type: ignore[misc]


def test_errors_are_all_wrong_answers_worst_first() -> None:
    """Previously (in simpletransformers) the list of wrong predictions came back empty."""
    scores = score_answers(EXAMPLES, ANSWERS)
    assert [question.id for question in scores.errors()] == ["q3", "q1"]
    assert scores.as_rows()[0] == {
        "id": "q3",
        "prediction": "Rouen",
        "references": ["1889"],
        "exact_match": 0.0,
        "f1": 0.0,
        "precision": 0.0,
        "recall": 0.0,
    }


def test_impossible_questions_are_scored_and_told_apart() -> None:
    """Previously (in simpletransformers) an impossible question crashed the evaluation."""
    scores = score_answers(
        [*EXAMPLES[:1], example("q2"), example("q3")], [Given("q1", "Paris"), Given("q2", ""), Given("q3", "Rouen")]
    )
    assert scores.exact_match == pytest.approx(200 / 3)
    assert scores.has_answer == Group(1, 100.0, 100.0)
    assert scores.no_answer == Group(2, 50.0, 50.0)
    assert scores.as_dict() == {
        "count": 3,
        "exact_match": scores.exact_match,
        "f1": scores.f1,
        "precision": scores.precision,
        "recall": scores.recall,
        "HasAns_exact": 100.0,
        "HasAns_f1": 100.0,
        "HasAns_total": 1,
        "NoAns_exact": 50.0,
        "NoAns_f1": 50.0,
        "NoAns_total": 2,
    }


def test_only_impossible_questions_leave_no_group_with_answers() -> None:
    scores = score_answers([example("q1")], [Given("q1", "")])
    assert scores.has_answer is None
    assert set(scores.as_dict()) >= {"NoAns_exact", "NoAns_f1", "NoAns_total"}
    assert "HasAns_total" not in scores.as_dict()


def test_the_dict_is_json_with_the_five_names() -> None:
    numbers = score_answers(EXAMPLES, ANSWERS).as_dict()
    assert list(numbers) == ["count", "exact_match", "f1", "precision", "recall"]
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers


def test_questions_that_the_guard_decided_are_counted_and_told() -> None:
    """Previously (in others' scorers) gold "A" was normalised away and no number told of it."""
    scores = score_answers([example("q1", "A"), example("q2", "Paris")], [Given("q1", "The"), Given("q2", "the")])
    assert scores.exact_match == 0.0
    assert scores.guarded == 1
    assert scores.as_dict()["guarded"] == 1
    assert [question.guarded for question in scores.per_question] == [True, False]


def test_answers_may_be_a_generator_consumed_one_by_one() -> None:
    pulled: list[str] = []

    def answers() -> Iterator[Given]:
        for answer in ANSWERS:
            pulled.append(answer.id)
            yield answer

    assert score_answers(iter(EXAMPLES), answers()).count == 3
    assert pulled == ["q1", "q2", "q3"]


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (ANSWERS[:2], "2 answers for 3 records; 'q3' has none"),
        ([*ANSWERS, Given("q9", "")], "more answers than the 3 records; the first without a record is for 'q9'"),
        ([ANSWERS[0], ANSWERS[2], ANSWERS[1]], "answer 2 is for 'q3', record 2 is 'q2'"),
    ],
)
def test_answers_that_do_not_belong_to_the_examples_are_refused(answers: list[Given], found: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        score_answers(EXAMPLES, answers)
    assert raised.value.found == found
    assert "in the order of the records" in raised.value.expected
    assert "same records" in raised.value.next_move


def test_examples_without_label_are_refused_before_anything_is_predicted() -> None:
    def never() -> Iterator[Given]:
        raise AssertionError("an answer was asked for")
        yield

    unlabelled = Example("q4", "Where?", "context", place=Place("train.jsonl", "line 4"))
    with pytest.raises(EvaluationError) as raised:
        score_answers([*EXAMPLES, unlabelled], never())
    assert raised.value.found == "1 of 4 records have no answer label; the first is 'q4' (train.jsonl: line 4)"


def test_a_percentage_of_nothing_is_an_error_and_not_nan() -> None:
    with pytest.raises(EvaluationError, match="0 records to score"):
        score_answers([], [])


def test_rows_are_made_when_looked_at_and_behave_as_a_tuple_does() -> None:
    found = score_answers(EXAMPLES, ANSWERS).per_question
    made = tuple(found)
    assert (len(found), found[0], found[-1], found[1:]) == (len(made), made[0], made[-1], made[1:])
    assert (hash(found), repr(found)) == (hash(made), repr(made))
    assert found == score_answers(EXAMPLES, ANSWERS).per_question
