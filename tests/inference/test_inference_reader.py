"""The reader: it quotes its context, alone or in a batch, from wherever in it the answer stands."""

import gc
import itertools
import json
import weakref
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from conftest import TOKENIZERS, WINDOWS, made_examples, tiny_bert_config
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertForQuestionAnswering

from spantune.config import WindowsConfig
from spantune.data import Example
from spantune.errors import DataError, ModelError, QuestionTooLongError, WindowError
from spantune.features import encode
from spantune.inference import Reader
from spantune.inference.reader import QUESTIONS_AT_ONCE, ReaderSettings
from spantune.models import score_windows

LONG = " ".join(f"The members of note {number} proclaimed {number * 7} points in {1900 + number}." for number in range(40))
SHORT = "Revenue rose from 4 million in 2018 to 5 million dollars in 2019 (see note 7)."


def a_reader(tokenizer, seed=0, **options):
    """A model with a random head: its answers are nonsense, but must be well-formed nonsense."""
    torch.manual_seed(seed)
    model = BertForQuestionAnswering(tiny_bert_config(tokenizer, type_vocab_size=3)).eval()
    with torch.no_grad():
        model.qa_outputs.weight.mul_(40)  # a fresh head hardly tells one position from another
    return Reader(model, tokenizer, ReaderSettings(**{"windows": WINDOWS, **options}))


@pytest.fixture(scope="module")
def reader(wordpiece):
    return a_reader(wordpiece)


def well_formed(answer, context):
    for span in (answer, *answer.alternatives):
        assert span.text == context[span.start : span.end]
        assert span.text == span.text.strip()
        assert 0 <= span.probability <= 1
    texts = [one.text for one in answer.alternatives]
    assert len(set(texts)) == len(texts)
    assert "" not in texts
    scores = [one.score for one in answer.alternatives]
    assert scores == sorted(scores, reverse=True)
    assert answer.no_answer_probability + sum(one.probability for one in answer.alternatives) <= 1 + 1e-9
    json.dumps(answer.as_dict(), allow_nan=False)


# -- quotes


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_an_answer_quotes_any_unicode(kind):
    tokenizer = TOKENIZERS[kind]()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    reader = a_reader(tokenizer)

    @settings(max_examples=30)
    @given(st.text(min_size=1, max_size=120).filter(str.strip))
    def quotes(context):
        well_formed(reader.answer("When? متى 何时", context, top=5), context)

    quotes()


@pytest.mark.parametrize("seed", range(20))
def test_random_heads_on_random_contexts_give_well_formed_answers_and_traces(wordpiece, seed):
    draw = np.random.default_rng(seed)
    words = [*LONG.split(), "黑豹队的防守", "كم", "e\u0301te\u0301", "👩‍👩‍👧", "\u00a0", "\n\n", "—", "I\u0307"]
    context = " ".join(draw.choice(words, draw.integers(1, 90)))
    reader = a_reader(wordpiece, seed=seed, may_abstain=bool(seed % 2), answer_length=8)
    question = "How many points?"
    answer, trace = reader.answer(question, context, top=5), reader.trace(question, context)
    well_formed(answer, context)
    assert trace.answer == answer
    assert trace.windows
    (winner,) = [one for one in trace.candidates if one.chosen]
    assert winner.text == answer.text
    assert winner.window is None or (winner.start, winner.end) == (answer.start, answer.end)
    json.dumps(trace.as_dict(), allow_nan=False)


def test_halves_of_surrogate_pairs_do_not_stop_it(reader):
    """Previously the tokenizer refused them with a TypeError, and took all other questions of the batch with it."""
    broken = "It rose \ud83d from 4 million \udc00 in 2018."
    answer = reader.answer("How \ud800 many?", broken, top=3)
    assert answer.text == broken[answer.start : answer.end] != ""
    records = [Example("a", "How many?", SHORT), Example("b", "How many?", broken), Example("c", "How many?", SHORT)]
    answers = list(reader.answer_many(records))
    assert answers[0].text == answers[2].text
    assert answers[1].text == broken[answers[1].start : answers[1].end]


# -- alone and in a batch


def test_an_answer_is_the_same_alone_and_in_a_batch(reader):
    records = [
        *made_examples(20, seed=3),
        Example("long", "How many points?", LONG),
        Example("short", "When?", "In 2019."),
        Example("unknown", "When?", "🙂🙃"),
    ]
    together = list(reader.answer_many(records, top=3))
    assert [answer.id for answer in together] == [record.id for record in records]
    for record, answer in zip(records, together, strict=True):
        (alone,) = reader.answer_many([record], top=3)
        assert (alone.text, alone.start, alone.end) == (answer.text, answer.start, answer.end)
        assert alone.probability == pytest.approx(answer.probability, abs=1e-5)
        assert alone.score == pytest.approx(answer.score, abs=1e-3)
        assert alone.no_answer_score == pytest.approx(answer.no_answer_score, abs=1e-3)


def test_answer_is_the_first_of_answer_many(reader):
    record = made_examples(1)[0]
    assert reader.answer(record.question, record.context, top=2) == replace(next(reader.answer_many([record], top=2)), id="")


def test_white_space_around_a_question_does_not_matter(reader):
    assert reader.answer("  When?\n", SHORT) == reader.answer("When?", SHORT)


# -- long contexts


class Pointer(torch.nn.Module):
    """Stands for a perfect model: it points at one token wherever it stands, and else at the null position."""

    def __init__(self, config, token):
        super().__init__()
        self.config, self.token = config, token
        self.parameter = torch.nn.Parameter(torch.zeros(1))
        self.device, self.dtype = torch.device("cpu"), torch.float32

    def forward(self, input_ids, attention_mask, token_type_ids):
        logits = 20.0 * (input_ids == self.token)
        logits[:, 0] = 5.0
        return type("Output", (), {"start_logits": logits, "end_logits": logits})()


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_an_answer_is_found_in_whichever_window_it_stands(wordpiece, place):
    """Previously (simpletransformers) only the first window of a long context was read."""
    before, after = {"first": (0, 300), "middle": (150, 150), "last": (300, 0)}[place]
    context = "points " * before + "OAPEC " + "points " * after
    token = wordpiece("OAPEC", add_special_tokens=False)["input_ids"]
    reader = Reader(Pointer(tiny_bert_config(wordpiece), token[0]), wordpiece, ReaderSettings(WINDOWS))
    answer = reader.answer("Who?", context)
    assert context[answer.start :].startswith(answer.text)
    assert answer.start == 7 * before
    assert answer.probability > 0.4
    trace = reader.trace("Who?", context)
    assert len(trace.windows) > 5
    assert [window.window for window in trace.windows] == list(range(len(trace.windows)))
    assert trace.windows[0].start == 0
    assert trace.windows[-1].end == len(context.rstrip())
    assert all(one.start < other.start < one.end for one, other in itertools.pairwise(trace.windows))


def test_no_answer_is_longer_than_the_limit(wordpiece):
    for limit in (1, 2, 5):
        reader = a_reader(wordpiece, answer_length=limit)
        for record in made_examples(10):
            for span in reader.answer(record.question, record.context, top=5).alternatives:
                tokens = wordpiece(span.text, add_special_tokens=False)["input_ids"]
                assert len(tokens) <= limit


# -- no answer


def test_a_reader_that_may_not_abstain_always_answers(wordpiece):
    reader = a_reader(wordpiece, may_abstain=False, threshold=-1e9)
    assert all(answer.text for answer in reader.answer_many(made_examples(10)))


def test_the_threshold_decides_between_the_best_span_and_none(wordpiece):
    reader = a_reader(wordpiece, may_abstain=True)
    record = made_examples(1)[0]
    margin = reader.answer(record.question, record.context).no_answer_score
    for threshold, abstains in [(margin - 0.01, True), (margin + 0.01, False), (margin, False)]:
        answer = reader.with_threshold(threshold).answer(record.question, record.context)
        assert (answer.text == "") is abstains
        assert answer.no_answer_score == margin
        assert answer.alternatives[0].text
        if abstains:
            assert (answer.start, answer.end, answer.probability) == (0, 0, answer.no_answer_probability)


def test_the_probability_of_no_answer_is_told(reader):
    """Previously (run_qa.py) `no_answer_probability` was always 0, so that no threshold could be tuned."""
    found = [answer.no_answer_probability for answer in reader.answer_many(made_examples(20))]
    assert all(0 < one < 1 for one in found)
    assert len(set(found)) == len(found)


def test_probability_is_a_share_of_all_spans(wordpiece):
    """On a context of one window the softmax can be written down: every valid pair, and "no answer"."""
    reader = a_reader(wordpiece, answer_length=4)
    windows = reader.encode([Example("", "When?", "In 2019 it rose.")])
    (scores,) = score_windows(reader.model, windows)
    first, past = windows.context[0]
    null = int(windows.null[0])
    pairs = [
        scores.start[0, start] + scores.end[0, end]
        for start in range(first, past)
        for end in range(start, min(start + 4, past))
    ]
    weights = np.exp(np.array([*pairs, scores.start[0, null] + scores.end[0, null]], dtype=np.float64))
    answer = reader.answer("When?", "In 2019 it rose.")
    assert answer.probability == pytest.approx(max(weights[:-1]) / weights.sum(), rel=1e-5)
    assert answer.no_answer_probability == pytest.approx(weights[-1] / weights.sum(), rel=1e-5)


def test_a_context_without_tokens_has_no_answer(reader):
    answer = reader.answer("Who?", "\u200b\u200d")
    well_formed(answer, "\u200b\u200d")


# -- n best


def test_the_best_are_as_many_as_asked_for(reader):
    for top in (1, 3, 10):
        answer = reader.answer("When?", LONG, top=top)
        assert len(answer.alternatives) == top
        assert answer.alternatives[0].text == answer.text
    assert reader.answer("When?", LONG, top=3).alternatives == reader.answer("When?", LONG, top=10).alternatives[:3]


def test_more_than_there_are_is_no_error(reader):
    assert 1 <= len(reader.answer("When?", "Paris", top=50).alternatives) <= 15


# -- memory, and input of any kind


def test_answers_come_while_an_endless_input_is_read(reader):
    read = []

    def endless():
        for number in itertools.count():
            read.append(number)
            yield Example(f"q{number}", "When?", "In 2019 it rose.")

    done = []
    wanted = QUESTIONS_AT_ONCE + 1
    answers = list(itertools.islice(reader.answer_many(endless(), progress=done.append), wanted))
    assert [answer.id for answer in answers] == [f"q{number}" for number in range(wanted)]
    assert len(read) == 3 * QUESTIONS_AT_ONCE  # the block that is answered, and one ahead
    assert sum(done) == QUESTIONS_AT_ONCE


def test_logits_do_not_outlive_their_batch(reader):
    """Previously (utils_qa) the logits of every window were kept until the evaluation ended."""
    windows = encode(made_examples(400), reader.tokenizer, WINDOWS)
    alive = []
    most = 0
    for batch in score_windows(reader.model, windows):
        reader.decode(windows, batch)
        alive.append(weakref.ref(batch.start))
        gc.collect()
        most = max(most, sum(one() is not None for one in alive))
    assert len(alive) >= 3
    assert most <= 2


@dataclass
class Bare:
    id: str
    question: str
    context: str


def test_neither_labels_nor_a_certain_type_are_needed(reader):
    records = [
        Example("a", "When?", SHORT),
        Example("b", "When?", SHORT, answers=()),
        made_examples(1)[0],
        Bare("c", "When?", SHORT),
    ]
    answers = list(reader.answer_many(iter(records)))
    assert [answer.id for answer in answers] == ["a", "b", "q0", "c"]
    assert answers[0].text == answers[1].text == answers[3].text


def test_nothing_asked_is_nothing_answered(reader):
    assert list(reader.answer_many([])) == []


# -- what cannot be answered


@pytest.mark.parametrize("empty", ["", "  \n\t ", None, 7, b"bytes", "\u2003"])
def test_an_empty_question_or_context_is_told(reader, empty):
    for call in (reader.answer, reader.trace):
        with pytest.raises(DataError, match="the question is"):
            call(empty, SHORT)
        with pytest.raises(DataError, match="the context is"):
            call("When?", empty)


def test_a_question_longer_than_the_window_is_told_by_answer_and_cut_by_answer_many(reader):
    """Previously a question longer than the window killed the whole run."""
    endless = "When was the note of the members proclaimed? " * 30
    for call in (reader.answer, reader.trace):
        with pytest.raises(QuestionTooLongError, match="tokens, too many") as caught:
            call(endless, SHORT)
        assert "windows.length" in caught.value.next_move
    cut, whole = reader.answer_many([Example("cut", endless, SHORT), Example("whole", "When?", SHORT)])
    well_formed(cut, SHORT)
    assert whole.text == reader.answer("When?", SHORT).text


def test_windows_longer_than_the_model_are_refused_at_the_door(wordpiece, tiny_reader_model):
    with pytest.raises(WindowError, match="128 positions"):
        Reader(tiny_reader_model, wordpiece, ReaderSettings(WindowsConfig(length=256)))


def test_a_diverged_model_is_told(wordpiece):
    """Previously NaN reached the answer's probability, and the JSON encoder was the one to complain."""
    reader = a_reader(wordpiece)
    with torch.no_grad():
        reader.model.qa_outputs.weight.fill_(float("nan"))
    for call in (reader.answer, reader.trace):
        with pytest.raises(ModelError, match="not finite") as caught:
            call("When?", SHORT)
        assert "learning_rate" in caught.value.next_move


# -- the trace


def test_a_trace_of_no_answer_names_it_as_the_winner(wordpiece):
    reader = a_reader(wordpiece, may_abstain=True, threshold=-1e9)
    trace = reader.trace("When?", LONG)
    (winner,) = [one for one in trace.candidates if one.chosen]
    assert (winner.text, winner.window, trace.answer.text) == ("", None, "")
    assert "valid, but 'no answer' won" in {one.reason for one in trace.candidates}
    json.dumps(trace.as_dict(), allow_nan=False)


def test_a_trace_tells_every_token_as_the_model_got_it(reader):
    trace = reader.trace("When?", SHORT)
    (window,) = trace.windows
    plain = reader.tokenizer("When?", SHORT, return_token_type_ids=True)
    assert [token.id for token in window.tokens] == plain["input_ids"]
    assert [token.segment for token in window.tokens] == plain["token_type_ids"]
    assert {token.mask for token in window.tokens} == {1}
    assert [token.position for token in window.tokens] == list(range(len(window.tokens)))
    inside = [token for token in window.tokens if token.part == "context"]
    assert all(SHORT[token.start : token.end].lower() == token.token.removeprefix("##") for token in inside)
    assert [token.token for token in window.tokens if token.part == "special"] == ["[CLS]", "[SEP]", "[SEP]"]
    assert window.top_starts[0].logit == max(score.logit for score in window.top_starts)


def test_a_refusal_for_its_threshold_says_that_the_span_scored_higher():
    """Previously "no answer" was said to have scored higher than every span, at a probability of next to nothing."""
    reader = Reader.load("embedded")
    context = "The oil crisis began in October 1973, when members of OAPEC proclaimed an embargo."
    margin = reader.answer("Who proclaimed an embargo?", context).no_answer_score
    trace = reader.with_threshold(margin - 1).trace("Who proclaimed an embargo?", context)
    assert margin < 0
    assert trace.answer.text == ""
    none = next(one for one in trace.candidates if one.window is None)
    assert none.reason == "no span scored higher by as much as the reader's threshold asks for"
    always = reader.with_threshold(margin + 1).trace("Who proclaimed an embargo?", context)
    assert always.answer.text == "OAPEC"


def test_a_trace_gives_every_rejected_candidate_a_reason(reader):
    trace = reader.trace("When?", LONG, top=5)
    assert [one.rank for one in trace.candidates[:40]] == sorted(one.rank for one in trace.candidates[:40])
    assert all(one.reason for one in trace.candidates)
    assert sum(one.window is None for one in trace.candidates) == 1
    with_place = [one for one in trace.candidates if one.start is not None]
    assert all(LONG[one.start : one.end] == one.text for one in with_place)
