"""The stream of questions: in order, ahead by one block, each question once, close calls twice, no thread left behind."""

import itertools
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import WINDOWS, made_examples, perfect_scores, tiny_bert_config
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertForQuestionAnswering

from spantune.ahead import ahead
from spantune.data import Example
from spantune.errors import ConfigError, DataError, QuestionTooLongError
from spantune.features import batches_by_length, encode
from spantune.features.scores import WindowScores
from spantune.inference import Answering, Reader, ReaderSettings, cores, stream, threads
from spantune.inference.across import ranked
from spantune.inference.answers import Alternative, Answer
from spantune.inference.choosing import CLOSE, close_call
from spantune.inference.precision import PRECISIONS, halved
from spantune.inference.stream import CHARACTERS_AT_ONCE, QUESTIONS_AT_ONCE, blocks


class Engine:
    """An engine without a model: random logits that depend on the tokens alone, and an account of what it was asked."""

    def __init__(self, noise=0.0, shift=0.0):
        self.noise, self.shift, self.windows = noise, shift, 0

    def __call__(self, windows):
        for indices in batches_by_length(windows.lengths, 256):
            self.windows += len(indices)
            width = int(windows.lengths[indices].max())
            start, end = (np.full((len(indices), width), -9.0, dtype=np.float32) for _ in "se")
            for row, window in enumerate(indices):
                ids = windows.input_ids[windows.bounds[window] : windows.bounds[window + 1]].astype(np.int64)
                draw = np.random.default_rng(int(ids @ np.arange(1, len(ids) + 1)))
                start[row, : len(ids)] = draw.normal(size=len(ids)) + self.noise * draw.normal(size=len(ids)) + self.shift
                end[row, : len(ids)] = draw.normal(size=len(ids)) + self.shift
            yield WindowScores(indices, start, end, np.ones((len(indices), width), dtype=bool))


@pytest.fixture
def answering(wordpiece):
    return Answering(wordpiece, ReaderSettings(WINDOWS), Engine())


def said(answer):
    """What an answer says, whatever its id; the last digits of a probability depend on the padding of the batch."""
    shown = tuple((one.text, one.start, one.end, one.score) for one in answer.alternatives)
    return answer.text, answer.start, answer.end, answer.score, round(answer.probability, 9), shown


# -- blocks and threads


@given(st.lists(st.integers(0, 3 * CHARACTERS_AT_ONCE // 4), max_size=12))
@settings(max_examples=25)
def test_blocks_hold_every_example_in_order_and_no_more_than_they_may(sizes):
    examples = [Example(str(n), "?", "x" * size) for n, size in enumerate(sizes)]
    made = list(blocks(iter(examples)))
    assert list(itertools.chain(*made)) == examples
    for block in made:
        assert 0 < len(block) <= QUESTIONS_AT_ONCE
        assert sum(len(one.context) for one in block[:-1]) < CHARACTERS_AT_ONCE


def test_a_block_is_never_longer_than_its_questions():
    assert [len(block) for block in blocks(made_examples(1) * (2 * QUESTIONS_AT_ONCE + 1))] == [512, 512, 1]


@given(st.lists(st.integers(), max_size=8))
@settings(max_examples=25)
def test_what_is_made_ahead_comes_in_order(items):
    assert [(pair.item, pair.made) for pair in ahead(iter(items), str)] == [(one, str(one)) for one in items]


def test_the_input_is_read_where_the_caller_is_and_made_elsewhere():
    """Database cursors may be read in the thread that opened them only."""
    read, made = set(), set()

    def items():
        for number in range(3):
            read.add(threading.current_thread())
            yield number

    assert len(list(ahead(items(), lambda _: made.add(threading.current_thread())))) == 3
    assert read == {threading.current_thread()}
    assert len(made) == 1
    assert threading.current_thread() not in made


def test_what_goes_wrong_ahead_is_raised_in_its_turn():
    def inverse(number):
        return 1 / number

    made = ahead([1, 2, 0, 4], inverse)
    assert [next(made).made, next(made).made] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(made)
    assert not [one for one in threading.enumerate() if one.name.startswith("ahead")]


def test_an_abandoned_stream_leaves_no_thread(answering):
    answers = answering.answer_many(itertools.cycle(made_examples(3)))
    next(answers)
    answers.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("ahead")]


# -- the same questions


def test_answers_keep_the_order_and_the_ids_whatever_is_asked_twice(answering):
    records = list(made_examples(30, seed=2))
    twice = [replace(one, id=f"again-{one.id}") for one in records]
    together = list(answering.answer_many([*records, *twice], top=3))
    assert [one.id for one in together] == [one.id for one in [*records, *twice]]
    assert [said(one) for one in together[:30]] == [said(one) for one in together[30:]]
    for record, answer in zip(records, together, strict=False):
        assert said(next(answering.answer_many([record], top=3))) == said(answer)
    assert answering.score.windows == 60  # 30 in the stream, and each alone


def test_the_blocks_do_not_change_the_answers(answering, monkeypatch):
    records = made_examples(40, seed=4)
    whole = list(answering.answer_many(records, top=2))
    monkeypatch.setattr(stream, "QUESTIONS_AT_ONCE", 7)
    done = []
    parts = list(answering.answer_many(records, top=2, progress=done.append))
    assert [said(one) for one in parts] == [said(one) for one in whole]
    assert done == [7, 7, 7, 7, 7, 5]


def test_a_perfect_engine_gets_every_answer_right(wordpiece):
    records = made_examples(20)
    labelled = encode(records, wordpiece, WINDOWS)

    def perfect(windows):
        every = np.arange(len(windows))
        yield WindowScores(every, *perfect_scores(labelled, every), np.ones(0, dtype=bool))

    answers = Answering(wordpiece, ReaderSettings(WINDOWS), perfect).answer_many(records)
    assert [answer.text for answer in answers] == [record.answers[0].text for record in records]


# -- close calls


def an_answer(*scores, no_answer_score=-5.0):
    spans = tuple(Alternative(str(n), n, n + 1, 0.1, score) for n, score in enumerate(scores))
    return Answer("", "0" if scores else "", 0, 1, 0.1, 0.0, 0.1, no_answer_score, spans)


def test_a_close_call_is_one_that_noise_could_turn():
    always, abstains = ReaderSettings(), ReaderSettings(may_abstain=True, threshold=1.0)
    assert not close_call(an_answer(3.0, 2.0), always)
    assert close_call(an_answer(3.0, 3.0 - CLOSE / 2), always)
    assert not close_call(an_answer(3.0), always)
    assert not close_call(an_answer(), always)
    assert not close_call(an_answer(3.0, 2.0, no_answer_score=1.0), always)
    assert close_call(an_answer(3.0, 2.0, no_answer_score=1.0 + CLOSE / 2), abstains)
    assert not close_call(an_answer(3.0, 2.0, no_answer_score=0.0), abstains)


@pytest.mark.parametrize("top", [1, 3])
def test_close_calls_and_no_others_are_scored_again(wordpiece, top):
    records = [*made_examples(60, seed=6), Example("long", "How many points?", "The members of note 7 rose. " * 30)]
    first, careful = Engine(noise=0.01), Engine()
    both = Answering(wordpiece, ReaderSettings(WINDOWS), first, careful)
    quick = list(Answering(wordpiece, ReaderSettings(WINDOWS), Engine(noise=0.01)).answer_many(records, top=max(top, 2)))
    exact = list(Answering(wordpiece, ReaderSettings(WINDOWS), Engine()).answer_many(records, top=top))
    close = [close_call(one, both.settings) for one in quick]
    assert 0 < sum(close) < len(close)
    answers = list(both.answer_many(records, top=top))
    for answer, rough, right, again in zip(answers, quick, exact, close, strict=True):
        assert said(answer) == said(right if again else replace(rough, alternatives=rough.alternatives[:top]))
    assert [one.text for one in answers] == [one.text for one in exact]
    for record, answer in zip(records[:20], answers, strict=False):
        assert said(answer) == said(both.answer(record.question, record.context, top))
        assert said(answer) == said(both.trace(record.question, record.context, top).answer)


# -- precision


def wide_reader(tokenizer, precision):
    torch.manual_seed(0)
    model = BertForQuestionAnswering(tiny_bert_config(tokenizer, hidden_size=128, intermediate_size=256)).eval()
    with torch.no_grad():
        model.qa_outputs.weight.mul_(10)
    return Reader(model, tokenizer, ReaderSettings(WINDOWS), precision=precision)


def test_bf16_answers_as_fp32_does(wordpiece):
    records = made_examples(60, seed=8)
    plain = list(wide_reader(wordpiece, "fp32").answer_many(records))
    reader = wide_reader(wordpiece, "bf16")
    found = list(reader.with_threshold(0.5).answer_many(records))
    same = [one.text == other.text for one, other in zip(plain, found, strict=True)]
    assert np.mean(same) >= 0.95  # a random head: every answer is a close one
    assert [one.score for one in plain] == pytest.approx([one.score for one in found], abs=0.1)  # of scores of 8
    assert reader.model.dtype == torch.float32


def test_a_model_too_narrow_to_gain_stays_in_fp32(tiny_reader_model):
    assert halved(tiny_reader_model, "auto") is None
    assert halved(tiny_reader_model, "fp32") is None
    copied = halved(tiny_reader_model, "bf16")
    assert copied.dtype == torch.bfloat16
    assert copied.qa_outputs.weight.dtype == tiny_reader_model.dtype == torch.float32


def test_an_unknown_precision_is_told(tiny_reader_model, wordpiece):
    with pytest.raises(ConfigError, match="fp16") as caught:
        Reader(tiny_reader_model, wordpiece, ReaderSettings(WINDOWS), precision="fp16")
    assert all(name in caught.value.expected for name in PRECISIONS)


# -- the best of many contexts


def test_the_best_of_many_contexts_is_the_best_of_their_answers(answering):
    contexts = [*(one.context for one in made_examples(25, seed=9)), "  ", made_examples(25, seed=9)[3].context]
    found = answering.best_of(" What was the note? ", contexts, top=40)
    assert len(found) == 26  # the blank one has no answer
    assert sorted(one.context for one in found) == [number for number in range(27) if number != 25]
    for one in found:
        assert one.answer.text == contexts[one.context][one.answer.start : one.answer.end] != ""
        alone = answering.answer("What was the note?", contexts[one.context])
        assert said(one.answer) == said(alone)
        assert one.merit == alone.score
    assert [one.merit for one in found] == sorted((one.merit for one in found), reverse=True)
    assert answering.best_of("What was the note?", contexts) == found[:1]
    assert answering.best_of("What was the note?", []) == ()
    assert answering.best_of("What was the note?", contexts[0])[0].context == 0


def test_contexts_may_come_one_by_one(answering):
    """Previously those of a generator were looked at once, and were gone when they were to be read: there was no answer."""
    contexts = [one.context for one in made_examples(5, seed=9)]
    assert answering.best_of("What was the note?", iter(contexts)) == answering.best_of("What was the note?", contexts) != ()


@pytest.mark.parametrize("asked", [{"question": "Who?", "context": "Ada."}, ("Who?", "Ada."), Example("1", "Who?", None)])
def test_what_has_no_question_and_context_is_told(answering, asked):
    """Previously an AttributeError from deep inside."""
    with pytest.raises(DataError, match="number 1 of what is asked, counted from 0, is "):
        list(answering.answer_many([Example("0", "Who?", "Ada."), asked]))


@pytest.mark.parametrize("wrong", [{"threshold": float("nan")}, {"threshold": "1"}, {"threshold": None}, {"spread": -1}])
def test_settings_that_are_no_numbers_are_told(wrong):
    """Previously a threshold of NaN always answered, without a word."""
    with pytest.raises(ConfigError, match=f"the {next(iter(wrong))} "):
        ReaderSettings(**wrong)


def test_contexts_too_close_to_rank_are_ranked_in_fp32(wordpiece):
    """Previously only the spans of one context were compared again."""
    contexts = [one.context for one in made_examples(40, seed=9)]
    careful = Engine()
    rough = Answering(wordpiece, ReaderSettings(WINDOWS), Engine(noise=0.01), careful)
    exact = Answering(wordpiece, ReaderSettings(WINDOWS), Engine())
    for top in (1, 5):
        ours, wanted = (one.best_of("What was the note?", contexts, top) for one in (rough, exact))
        assert [one.context for one in ours] == [one.context for one in wanted]
    assert 0 < careful.windows < 2 * 40


def test_a_reader_that_may_abstain_leaves_out_contexts_without_an_answer():
    answers = [
        replace(an_answer(9.0, no_answer_score=-1.0), id="0", score=9.0),
        replace(an_answer(4.0, no_answer_score=-3.0), id="1", score=4.0),
        replace(an_answer(), id="2", text=""),
    ]
    assert [one.context for one in ranked(answers, ReaderSettings(may_abstain=True), 5)] == [1, 0]
    assert [one.context for one in ranked(answers, ReaderSettings(), 5)] == [0, 1]
    assert ranked(answers[2:], ReaderSettings(may_abstain=True), 1) == ()


def test_what_cannot_be_asked_of_many_contexts_is_told(answering):
    with pytest.raises(DataError, match="the question is"):
        answering.best_of(" ", ["In 2019."])
    with pytest.raises(DataError, match="context 1 is a NoneType"):
        answering.best_of("When?", ["In 2019.", None])
    with pytest.raises(QuestionTooLongError):
        answering.best_of("When was the note of the members proclaimed? " * 30, ["In 2019."])


# -- how many threads, and what is imported


def test_threads_are_never_more_than_the_process_may_use(monkeypatch, tmp_path):
    before = torch.get_num_threads()
    quota = tmp_path / "cpu.max"
    try:
        for name in threads.SET_BY_USER:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(threads, "CPU_QUOTA", quota)
        torch.set_num_threads(2)
        assert threads.fit_threads() <= 2
        quota.write_text("50000 100000\n")
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        torch.set_num_threads(2)
        assert threads.fit_threads() == torch.get_num_threads() == 2  # the user's word
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert threads.fit_threads() == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_exported_models_take_the_threads_that_torch_would_take(monkeypatch, tmp_path):
    """Previously neither the user's word nor a container's share counted."""
    for name in cores.SET_BY_USER:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cores, "physical_cores", lambda: 8)
    (tmp_path / "cpu.max").write_text("250000 100000")
    assert (cores.usual_threads(tmp_path / "none"), cores.usual_threads(tmp_path / "cpu.max")) == (8, 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert cores.usual_threads(tmp_path / "cpu.max") == 5


@pytest.mark.parametrize("wanted", [0, -1, "a", 1.5, True])
def test_what_is_no_number_of_threads_is_told(wanted):
    """Previously a RuntimeError of PyTorch."""
    with pytest.raises(ConfigError, match="threads = "):
        threads.fit_threads(wanted)


@pytest.mark.parametrize(
    ("content", "processors"), [("max 100000", None), ("150000 100000", 2), ("nonsense", None), (None, None)]
)
def test_a_container_s_share_is_read(tmp_path, content, processors):
    file = tmp_path / "cpu.max"
    if content is not None:
        file.write_text(content)
    assert threads.quota_of(file) == processors


def test_streaming_and_choosing_load_neither_torch_nor_transformers():
    """An exported model answers where neither is installed."""
    program = "import sys, spantune.inference; print(*sorted({'torch', 'transformers', 'spantune.models'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
