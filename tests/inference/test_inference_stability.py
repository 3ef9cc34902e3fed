"""Answers hold still: any text, alone or in company, and for as long as questions come. The longer checks run nightly."""

import gc
import itertools
import os
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import WINDOWS, tiny_bert_config, wordpiece_tokenizer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BertForQuestionAnswering

from spantune.data.general import probe
from spantune.inference import Reader
from spantune.inference.reader import ReaderSettings

ANY = st.text(st.characters(), min_size=1, max_size=80).filter(str.strip)  # halves of surrogate pairs among them


@pytest.fixture(scope="module")
def tiny():
    tokenizer = wordpiece_tokenizer()
    model = BertForQuestionAnswering(tiny_bert_config(tokenizer)).eval()
    return Reader(model, tokenizer, ReaderSettings(WINDOWS, 30, may_abstain=False))


def quotes(reader, question, context):
    answer = reader.answer(question, context, top=3)
    for one in (answer, *answer.alternatives):
        assert one.text == context[one.start : one.end]


@given(ANY, ANY)
def test_an_answer_is_a_quote_of_whatever_the_context_is(tiny, question, context):
    quotes(tiny, question, context)


@pytest.mark.nightly
@settings(max_examples=5000, suppress_health_check=list(HealthCheck), deadline=None)
@given(ANY, ANY)
def test_5000_answers_are_quotes_of_whatever_the_context_is(tiny, question, context):
    quotes(tiny, question, context)


def compared(precision, count):
    """What the embedded reader says to general questions in batches, and alone."""
    reader = Reader.load("embedded", precision=precision)
    rows = list(probe())[:: max(1, 650 // count)][:count]
    return list(reader.answer_many(rows)), [next(iter(reader.answer_many([row]))) for row in rows]


@pytest.mark.nightly
def test_logits_of_an_answer_alone_and_in_a_batch_differ_by_rounding_alone():
    together, alone = compared("fp32", 650)
    assert [(one.id, one.start, one.end) for one in together] == [(one.id, one.start, one.end) for one in alone]
    scores = [np.array([[one.score, one.no_answer_score] for one in answers]) for answers in (together, alone)]
    assert np.abs(scores[0] - scores[1]).max() <= 3e-5  # of sums of two logits, up to 15: 2.5e-5 was seen


@pytest.mark.nightly
def test_in_bf16_the_same_answer_comes_alone_and_in_a_batch():
    together, alone = compared("bf16", 650)
    same = [(one.start, one.end) == (other.start, other.end) for one, other in zip(together, alone, strict=True)]
    assert np.mean(same) >= 0.995


def resident():
    """Bytes of memory that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as Linux tells it")
def test_memory_does_not_grow_with_the_questions_that_were_answered():
    """Twenty minutes, or as many as SPANTUNE_SOAK says: below 1 MB a thousand questions, once it is warm."""
    reader = Reader.load("embedded", precision="auto")
    minutes = float(os.environ.get("SPANTUNE_SOAK", "20"))
    began, seen, taken = time.monotonic(), [], []
    for number, _ in enumerate(reader.answer_many(itertools.cycle(probe())), 1):
        if number % 500 == 0:
            seen.append(number)
            taken.append(resident())
            if time.monotonic() - began > 60 * minutes:
                break
    warm = len(seen) // 4
    slope = np.polyfit(seen[warm:], taken[warm:], 1)[0] * 1000
    assert slope < 1e6, f"{slope / 1e6:.2f} MB a thousand questions over {seen[-1]:,} questions"
