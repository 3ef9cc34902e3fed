"""Checking: spans are aligned in order of certainty, and every record read ends in exactly one place."""

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data import Example, Place, Problem, Span, TextExample, align, check, demo_data, read_examples
from spantune.errors import DataError

CONTEXT = "Ada met Bo. Later Ada wrote to Bo about an engine, in 1843."


def example(*spans, context=CONTEXT, **fields):
    return Example(**({"id": "1", "question": "Who?", "context": context, "answers": spans} | fields))


def slices_hold(report):
    return all(
        span.start is not None and record.context[span.start : span.end] == span.text
        for record in report.examples
        for span in record.answers or ()
    )


def adds_up(report):
    total = report.kept + report.repaired + report.quarantined + report.dropped
    return total == report.read and len(report.examples) == report.kept + report.repaired


# --- alignment ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_span", "code", "start"),
    [
        (Span("Ada", 0), "exact", 0),
        (Span("Ada", 18), "exact", 18),
        (Span("engine", None), "located", 43),
        (Span("engine", 44), "exact_elsewhere_unique", 43),
        (Span("engine", -1), "exact_elsewhere_unique", 43),
        (Span("engine", 10**30), "exact_elsewhere_unique", 43),
        (Span("Ada", 1), "exact_elsewhere_nearest", 0),
        (Span("Ada", 15), "exact_elsewhere_nearest", 18),
        (Span("Ada", -3), "exact_elsewhere_nearest", 0),
        (Span(" engine ", 43), "edges_trimmed", 43),
        (Span("Bo\n", 8), "edges_trimmed", 8),
        (Span(" Ada\t", 16), "edges_trimmed", 18),
        (Span("Ada", 5), "ambiguous", None),
        (Span("Ada", None), "ambiguous", None),
        (Span("Ada", 10**30), "ambiguous", None),
        (Span("Eva", 0), "absent", None),
        (Span("engines", None), "absent", None),
        (Span("", 0), "absent", None),
        (Span(" ", None), "absent", None),
    ],
)
def test_each_step_of_the_alignment(given_span, code, start):
    alignment = align(CONTEXT, given_span)
    assert (alignment.code, alignment.span.start if alignment.span else None) == (code, start)


def test_two_occurrences_at_the_same_distance_are_ambiguous():
    assert align("ab--ab", Span("ab", 2)).code == "ambiguous"
    assert align("aaaa", Span("aa", None)).code == "ambiguous"


def test_offsets_are_code_points():
    """Previously (label-studio#2007) spans behind an emoji were shifted by UTF-16 units."""
    context = "👩‍🔬 e\u0301tude — 黑豹队的防守只丢了 308分"
    start = context.index("308")
    assert align(context, Span("308", start)).code == "exact"
    assert align(context, Span("308", len(context[:start].encode("utf-16-le")) // 2)).span == Span("308", start)


@settings(deadline=None)
@given(st.text("ab c", max_size=30), st.text("ab c", max_size=4), st.none() | st.integers(-5, 40))
def test_whatever_is_aligned_equals_its_slice(context, text, start):
    alignment = align(context, Span(text, start))
    if alignment.span is None:
        assert alignment.outcome == "quarantined"
    else:
        assert context[alignment.span.start : alignment.span.end] == alignment.span.text
        assert "".join(alignment.span.text.split()) == "".join(text.split())


# --- questions ----------------------------------------------------------------------------------------------------


def test_a_clean_record_is_kept_untouched():
    record = example(Span("Ada", 0))
    report = check([record])
    assert report.examples[0] is record
    assert report.ok
    assert (report.read, report.kept, report.answers) == (1, 1, 1)


def test_a_wrong_start_is_never_trained_on():
    """Previously (run_qa.py) `answer_start` was believed, and the model trained on whatever stood there."""
    report = check([example(Span("engine", 0))])
    assert report.examples[0].answers == (Span("engine", 43),)
    (problem,) = report.problems
    assert problem.outcome == "repaired"
    assert "start 0" in problem.found
    assert "start 43" in problem.expected


def test_an_answer_start_of_minus_one():
    """Previously (cdQA#340) -1 from the annotator ended in an IndexError."""
    assert check([example(Span("engine", -1))]).repaired == 1


def test_a_located_answer_is_kept_and_counted():
    report = check([example(Span("engine")), example(Span("1843"), id="2")])
    assert (report.kept, report.aligned, report.ok) == (2, 2, True)
    assert report.examples[0].answers == (Span("engine", 43),)
    assert "2 answers without a start were found" in report.notes[0]


def test_what_cannot_be_aligned_is_set_aside_with_its_values():
    report = check([example(Span("Eva", 4)), example(Span("Ada"), id="2")])
    assert (report.quarantined, [record.id for record in report.quarantined_examples]) == (2, ["1", "2"])
    absent, ambiguous = report.problems
    assert "'Eva'" in absent.found and "at start 4 the context has 'met'" in absent.found
    assert "no start occurs at 0, 18" in ambiguous.found


def test_bad_references_go_and_good_ones_stay():
    """Previously (cdQA#348) each question had to have exactly one answer."""
    report = check([example(Span("Ada", 0), Span("Eva", 0), Span("engine", 40))])
    assert report.examples[0].answers == (Span("Ada", 0), Span("engine", 43))
    assert [problem.code for problem in report.problems] == ["exact_elsewhere_unique", "reference_removed"]
    assert (report.repaired, report.quarantined) == (1, 0)
    assert "absent" in report.problems[1].found


def test_unanswerable_and_unlabelled_are_counted_apart():
    report = check([example(), example(id="2", answers=None), example(Span("Ada", 0), id="3")])
    assert (report.kept, report.answers, report.unanswerable, report.unlabelled) == (3, 1, 1, 1)
    assert report.notes == ("1 of 3 records are unlabelled: usable for prediction only",)


def test_records_made_by_hand_are_checked_too():
    report = check([example(question=" "), example(context="", id="2"), TextExample("3", "")])
    assert (report.dropped, [p.code for p in report.problems]) == (3, ["question_empty", "context_empty", "text_empty"])


@pytest.mark.parametrize(
    ("records", "found", "next_move"),
    [
        ("a.json", "'a.json' stands where records should", r"read_examples\('a.json'\)"),
        (None, "null stands", "read_examples"),
        (example(), "one record stands", r"check\(\[record\]\)"),
        ([{"question": "Who?"}], "record 0, .* is an object with 1 field", "Example"),
        ([example(), example(id=7)], "in record 1, .* id is the number 7", "str"),
        ([example(answers="Ada")], "answers is 'Ada'", "comma"),
        ([example(answers=[Span("Ada", 0)])], "answers is a list of 1", "comma"),
        ([example("Ada")], "an answer is 'Ada'", "Span"),
        ([example(Span(7, 0))], "the text of an answer is the number 7", "as a text"),
        ([example(Span("Ada", "7"))], "the start of an answer is '7'", "int"),
        ([example(document=7)], "document is the number 7", "as a text"),
        ([example(fields={"a": 1})], "fields is an object with 1 field", "items"),
        ([TextExample("1", "Hi", ["a"])], "label is a list of 1", "str"),
    ],
)
def test_what_was_made_by_hand_of_wrong_types_is_told(records, found, next_move):
    """Previously these were tracebacks, or values that went on to be one later."""
    with pytest.raises(DataError, match=found) as caught:
        check(records)
    assert re.search(next_move, caught.value.next_move)


@pytest.mark.parametrize("value", [7, b"Ada", None])
def test_a_text_made_by_hand_of_a_wrong_type_costs_its_record(value):
    """Previously a context that is no text was a traceback, where the question had an answer."""
    report = check([example(Span("Ada", 0), context=value), example(Span("Ada", 0))])
    assert (report.kept, report.dropped) == (1, 1)


def test_the_same_record_twice_is_dropped_and_another_one_gets_its_own_id():
    records = [example(Span("Ada", 0), place=Place("a.json", "[0]")), example(Span("Ada", 0)), example(), example()]
    records += [example(id="1#2", answers=None), example(Span("Bo", 8))]
    report = check(records)
    assert [record.id for record in report.examples] == ["1", "1#2", "1#2#2", "1#3"]
    assert [problem.code for problem in report.problems] == [
        "duplicate_record",
        "duplicate_id",
        "duplicate_record",
        "duplicate_id",
        "duplicate_id",
    ]
    assert "a.json: [0]" in report.problems[0].found
    assert len({record.id for record in report.examples}) == len(report.examples)
    assert adds_up(report)


def test_messages_escape_control_characters():
    report = check([example(Span("\x1b[31mred\u202e\n", 0))])
    told = str(report.problems[0])
    assert "\x1b" not in told and "\u202e" not in told
    assert "1: quarantined" not in told and "quarantined, absent" in told


# --- texts --------------------------------------------------------------------------------------------------------


def text(number, words, label, file="a.csv"):
    return TextExample(str(number), words, label, place=Place(file, f"line {number}"))


def test_labels_are_counted_and_missing_or_conflicting_ones_set_aside():
    rows = [text(1, "Hello", "a"), text(2, "Hi", "a"), text(3, "Hey", None), text(4, "Hello", "b"), text(5, "Hi", "a")]
    report = check(rows)
    assert dict(report.labels) == {"a": 3}
    assert [(p.record_id, p.code, p.outcome) for p in report.problems] == [
        ("3", "label_missing", "quarantined"),
        ("4", "conflicting_labels", "quarantined"),
    ]
    assert adds_up(report)


def test_an_unlabelled_file_is_fine_beside_a_labelled_one():
    report = check([text(1, "Hello", "a"), text(2, "Hello", None, "b.csv")])
    assert (report.kept, report.unlabelled) == (2, 1)
    assert check([text(1, "Hello", None)]).notes[0].startswith("this data has no labels")


# --- the account --------------------------------------------------------------------------------------------------


def test_the_account_of_a_file_adds_up(tmp_path):
    rows = [
        {"id": 1, "question": "Who?", "context": CONTEXT, "answers": [{"text": "Ada", "answer_start": 0}]},
        {"id": 2, "question": "Who?", "context": CONTEXT, "answers": [None, {"text": "Ada", "answer_start": 0}]},
        {"id": 3, "question": "Who?", "context": CONTEXT, "answers": [None, {"text": "Eva", "answer_start": 0}]},
        {"id": 4, "question": "Who?", "context": CONTEXT, "answers": [], "is_impossible": False},
        {"id": 5, "question": "", "context": CONTEXT},
        {"id": 1, "question": "Who?", "context": CONTEXT, "answers": [{"text": "Ada", "answer_start": 0}]},
        "no record",
    ]
    file = tmp_path / "a.json"
    file.write_text(json.dumps(rows))
    report = check(read_examples(file))
    assert (report.read, report.kept, report.repaired, report.quarantined, report.dropped) == (7, 1, 1, 2, 3)
    assert [record.id for record in report.quarantined_examples] == ["3", "4"]
    as_dict = json.loads(json.dumps(report.as_dict()))
    assert list(as_dict)[:6] == ["read", "kept", "repaired", "quarantined", "dropped", "reasons"]
    assert as_dict["sources"] == [
        {"path": str(file), "format": "json", "shape": "records"}
        | {"read": 7, "kept": 1, "repaired": 1, "quarantined": 2, "dropped": 3}
    ]
    assert {"file", "where", "record_id", "code", "outcome", "found", "expected", "next_move"} == set(as_dict["problems"][0])
    assert all(isinstance(problem, Problem) and problem.next_move for problem in report.problems)


def test_the_demo_data_is_clean():
    report = check(read_examples(demo_data()))
    assert (report.read, report.kept, report.ok) == (338, 338, True)
    assert demo_data().with_name("ATTRIBUTION.md").read_text().count("CC BY 4.0") == 1
    assert demo_data().stat().st_size < 1_000_000


VALUES = [None, "", " ", "Ada", "x", 0, -1, 7, 3.5, True, [], {}, [None], ["Ada"], {"text": "Ada"}, "\ud800", 10**25, [[[]]]]


def mutated(value, chance, rng):
    """The same JSON with parts of it replaced, removed or repeated."""
    if rng.random() < chance:
        return rng.choice(VALUES)
    if isinstance(value, dict):
        return {key: mutated(item, chance, rng) for key, item in value.items() if rng.random() > chance / 2}
    if isinstance(value, list):
        return [mutated(item, chance, rng) for item in value for _ in range(1 + (rng.random() < chance))]
    return value


SQUAD = {
    "data": [
        {"title": "t", "paragraphs": [{"context": CONTEXT, "qas": [{"id": "1", "question": "Who?", "answers": [
            {"text": "Ada", "answer_start": 0}, {"text": "Bo", "answer_start": 8}], "is_impossible": False}]}]}
    ]
}  # fmt: skip
FLAT = [
    {"id": 1, "question": "Who?", "context": CONTEXT, "answers": {"text": ["Ada"], "answer_start": [0]}},
    {"id": 2, "question": "When?", "context": CONTEXT, "answer": "1843", "start": "54", "is_impossible": "no"},
]
LABELS = [{"id": 1, "text": "Hello", "label": 3}, {"id": 2, "text": "Bye", "label": "x"}]


@pytest.mark.parametrize("block", range(6))
def test_damaged_files_are_accounted_for_and_never_crash(tmp_path, block):
    for seed in range(block * 150, (block + 1) * 150):
        rng = random.Random(seed)
        text = json.dumps(mutated([SQUAD, FLAT, LABELS][seed % 3], 0.1, rng))
        if seed % 5 == 0:
            cut = rng.randrange(len(text) + 1)
            text = text[:cut] + rng.choice(["", "\0", "}", '"']) + text[cut + rng.randrange(3) :]
        file = tmp_path / "a.json"
        file.write_text(text)
        try:
            report = check(read_examples(file))
        except DataError as error:
            assert error.found and error.expected and error.next_move
            continue
        assert adds_up(report), seed
        assert all(len(str(problem).splitlines()) == 4 for problem in report.problems), seed
        assert all(isinstance(record, TextExample) for record in report.examples) or slices_hold(report), seed


def test_a_file_whose_records_are_all_dropped_is_not_clean(tmp_path):
    """Previously a Dataset without usable records counted as no Dataset at all, and the report said: 0 read, clean."""
    file = tmp_path / "hollow.json"
    file.write_text('[{"question": "q", "context": "", "answer": "a"}]', encoding="utf-8")
    report = check(read_examples(file))
    assert (report.read, report.dropped, report.ok) == (1, 1, False)
