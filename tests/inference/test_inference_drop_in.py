"""The pipeline that Transformers removed, against what the real one of 4.57.6 answered (see `benchmarks/parity.py`)."""

import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import spantune
from spantune.errors import ConfigError, DataError, ModelError
from spantune.inference.drop_in.calls import Options

FIXTURE = Path(__file__).parent / "fixtures" / "pipeline457"
KNOWN = json.loads((FIXTURE / "answers.json").read_text(encoding="utf-8"))
ROWS = [{"question": question, "context": context} for question, context in KNOWN["questions"]]
PARIS = "Paris is the capital of France."


@pytest.fixture(scope="module")
def ask():
    return spantune.pipeline("question-answering", model=FIXTURE)


def places(answer):
    return [(one["answer"], one["start"], one["end"]) for one in (answer if isinstance(answer, list) else [answer])]


def scores(answer):
    return [one["score"] for one in (answer if isinstance(answer, list) else [answer])]


@pytest.mark.parametrize("number", range(len(KNOWN["settings"])), ids=[str(one) for one in KNOWN["settings"]])
def test_it_answers_as_the_pipeline_of_transformers_4_57_did(ask, number):
    """German, Chinese, Arabic and Hindi paragraphs, long and short windows, white space, accents, repeated texts."""
    found = ask(ROWS, **KNOWN["settings"][number])
    for mine, theirs in zip(found, KNOWN["answers"][number], strict=True):
        assert places(mine) == places(theirs)
        assert scores(mine) == pytest.approx(scores(theirs), abs=1e-3)


def test_every_way_to_call_asks_the_same(ask):
    row = {"question": "Where?", "context": PARIS}
    wanted = ask(question="Where?", context=PARIS)
    assert isinstance(wanted, dict) and PARIS[wanted["start"] : wanted["end"]] == wanted["answer"]
    assert ask(row) == ask([row]) == ask("Where?", PARIS) == ask(data=row) == wanted
    assert ask(SimpleNamespace(question_text="Where?", context_text=PARIS)) == wanted
    for two in (ask(question=["Where?", "Where?"], context=PARIS), ask(row, row)):  # a batch of two rounds otherwise
        assert places(two) == places([wanted, wanted])
        assert scores(two) == pytest.approx(scores([wanted, wanted]), rel=1e-5)
    assert ask(question=["Where?"], context=[PARIS]) == wanted
    assert ask([]) == []


def test_a_stream_is_answered_while_it_comes(ask):
    answers = ask(row for row in ROWS[:3])
    assert not isinstance(answers, list)
    assert list(answers) == ask(ROWS[:3])


def test_an_answer_is_the_same_alone_and_in_company(ask):
    for row, together in zip(ROWS, ask(ROWS, top_k=2), strict=True):
        alone = ask(row, top_k=2)
        assert places(alone) == places(together)
        assert scores(alone) == pytest.approx(scores(together), abs=1e-5)


@given(top_k=st.integers(1, 30), words=st.booleans(), nothing=st.booleans(), longest=st.integers(1, 20))
def test_answers_are_spans_of_the_context_in_falling_order(ask, top_k, words, nothing, longest):
    found = ask(ROWS[-2], top_k=top_k, align_to_words=words, handle_impossible_answer=nothing, max_answer_len=longest)
    found = found if isinstance(found, list) else [found]
    assert 0 < len(found) <= top_k
    assert scores(found) == sorted(scores(found), reverse=True)
    assert all(ROWS[-2]["context"][one["start"] : one["end"]] == one["answer"] for one in found)
    assert len({one["answer"].lower() for one in found}) == len(found)


def test_options_of_the_pipeline_hold_until_a_call_gives_its_own():
    ask = spantune.pipeline(model=FIXTURE, top_k=3)
    assert len(ask(ROWS[-1])) == 3
    assert isinstance(ask(ROWS[-1], top_k=1), dict)


def test_a_loaded_model_and_bf16_are_taken(ask):
    model, tokenizer = ask.model, ask.tokenizer
    assert spantune.pipeline("question-answering", model, None, tokenizer)(ROWS[-1]) == ask(ROWS[-1])
    half = spantune.pipeline(model=FIXTURE, dtype="bfloat16")
    assert next(half.model.parameters()).dtype == torch.bfloat16
    assert set(half(ROWS[-1])) == {"score", "start", "end", "answer"}


def test_a_question_without_room_is_cut_and_told():
    """4.57 raises a bare `Exception` here, and a panic that `except Exception` does not catch where the context must be cut."""
    ask = spantune.pipeline(model=FIXTURE)
    with pytest.warns(UserWarning, match="1 question too long and cut"):
        assert ask(question="why " * 500, context=PARIS)["answer"] in PARIS


def test_no_span_of_probability_nothing_is_an_answer():
    """Previously (in 4.57), a list was filled up with spans that end before they begin."""
    found = spantune.pipeline(model=FIXTURE)(question="Where?", context="Paris", top_k=20, align_to_words=False)
    assert all(one["score"] > 0 and one["answer"] for one in (found if isinstance(found, list) else [found]))


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"question": "Where?"},
        {"question": ["Where?"], "context": [PARIS, PARIS]},
        {"question": "", "context": PARIS},
        {"question": "Where?", "context": ""},
        {"question": None, "context": PARIS},
        {"data": [{"question": "Where?"}]},
        {"data": [{"question": "Where?", "context": 7}]},
        {"data": ["Where?"]},
        {"data": 7},
    ],
    ids=str,
)
def test_what_is_no_question_with_a_context_is_told(ask, call):
    with pytest.raises(DataError, match="next:"):
        ask(**call)


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 0},
        {"top_k": 1.5},
        {"max_answer_len": 0},
        {"doc_stride": -1},
        {"max_seq_len": 50, "doc_stride": 60},
        {"align_to_words": "yes"},
        {"top_kk": 1},
    ],
    ids=str,
)
def test_options_that_are_not_possible_are_told(ask, options):
    with pytest.raises(ConfigError, match="next:"):
        ask(question="Where?", context=PARIS, **options)


def test_windows_longer_than_the_model_are_told(ask):
    with pytest.raises(spantune.SpantuneError, match="384 positions"):
        ask(question="Where?", context=PARIS, max_seq_len=600)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"task": "summarization", "model": FIXTURE}, ConfigError),
        ({"task": "question-answering"}, ConfigError),
        ({"model": "/no/such/folder"}, ModelError),
        ({"model": "nobody/no-such-model"}, ModelError),
        ({"model": FIXTURE, "dtype": "int3"}, ConfigError),
        ({"model": FIXTURE, "device": "abacus"}, ConfigError),
        ({"model": FIXTURE, "topp_k": 3}, ConfigError),
        ({"model": FIXTURE, "framework": "tf"}, ConfigError),
        ({"model": FIXTURE, "trust_remote_code": True}, ConfigError),
    ],
)
def test_a_pipeline_that_cannot_be_made_is_told(arguments, error):
    with pytest.raises(error, match="next:"):
        spantune.pipeline(**arguments)


def test_arguments_without_effect_are_taken(ask):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ask(ROWS[-1], batch_size=8, padding="longest", max_question_len=64, num_workers=2) == ask(ROWS[-1])


LONG = "why did the embargo of october begin in the crisis of oil " * 5


def test_a_long_question_is_read_whole_where_its_context_fits_beside_it(ask):
    """Previously, a question that left no room for the stride was cut even where one window held it and its context."""
    length = len(ask.tokenizer(LONG, PARIS)["input_ids"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tight, roomy = ask(LONG, PARIS, max_seq_len=length), ask(LONG, PARIS, max_seq_len=384)
        both = ask([{"question": "Where?", "context": PARIS}, {"question": LONG, "context": PARIS}], max_seq_len=length)
    assert places(tight) == places(roomy) == places(both[1])
    assert scores(tight) == pytest.approx(scores(roomy), abs=1e-5)


def test_numbers_of_numpy_and_flags_of_old_code_are_taken(ask):
    found = ask(ROWS[-1], top_k=np.int64(2), handle_impossible_answer=1, align_to_words=0)
    assert found == ask(ROWS[-1], top_k=2, handle_impossible_answer=True, align_to_words=False)


def test_columns_a_data_set_and_old_names_are_taken(ask):
    class Rows:
        def __len__(self):
            return 2

        def __getitem__(self, place):
            return ROWS[place]

    wanted = ask(ROWS[:2])
    assert ask({name: [row[name] for row in ROWS[:2]] for name in ("question", "context")}) == wanted
    assert list(ask(Rows())) == ask(X=ROWS[:2]) == wanted


def test_a_context_of_white_space_holds_an_empty_answer(ask):
    assert ask(question="Where?", context="  ") == {"score": 0.0, "start": 0, "end": 0, "answer": ""}


def test_errors_are_value_errors_too_as_they_were(ask):
    for wrong in ({"question": "", "context": PARIS}, {"question": "Where?", "context": PARIS, "top_k": 0}):
        with pytest.raises(ValueError, match="next:"):
            ask(**wrong)


def test_a_run_that_classifies_is_told(classifier_run):
    """Previously the run was said to lack two weights."""
    with pytest.raises(ModelError, match="a run of the task 'classify'"):
        spantune.pipeline(model=str(classifier_run))


def test_a_loaded_model_without_the_head_is_told(ask, tiny_classifier_model):
    with pytest.raises(ModelError, match="BertForSequenceClassification"):
        spantune.pipeline("question-answering", tiny_classifier_model, tokenizer=ask.tokenizer)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", [0, "cuda", "cuda:3"])
def test_a_gpu_that_is_not_there_is_told(device):
    with pytest.raises(ConfigError, match="0 GPUs"):
        spantune.pipeline(model=FIXTURE, device=device)


def test_options_start_from_those_of_4_57():
    assert Options() == Options(1, 15, None, None, False, True)
