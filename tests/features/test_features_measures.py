"""Token measures: what they say a window would lose is what `encode` then loses, for every tokenizer and setting."""

import json

import pytest
from conftest import TOKENIZERS, made_examples, tokenizer_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spantune.config import WindowsConfig
from spantune.data import Example, Span, TextExample
from spantune.errors import ModelError, UnalignedSpanError, WindowError
from spantune.features import encode, encode_texts
from spantune.features.advice import LOSS, SHORTEST_LIMIT, answer_limit, fitting_stride
from spantune.features.measures import count_tokens, measure_tokens, window_row

PIECES = [
    "The oil crisis",
    "began",
    "in October 1973",
    "黑豹队的防守",
    "كم نقطة",
    "पैंथर्स डिफ़ेंस",
    "größte",
    "👩‍🔬",
    " ",
    "\n",
    "x",
    "(1)",
]
contexts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=70).map(" ".join)
questions = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map(" ".join)


@st.composite
def example_lists(draw):
    """Questions with none to three references anywhere in their context, white space and ends of words included."""
    examples = []
    for number in range(draw(st.integers(1, 6))):
        context = examples[-1].context if examples and draw(st.booleans()) else draw(contexts)
        spans = None
        if draw(st.integers(0, 5)):
            spans = []
            for _ in range(draw(st.integers(0, 3))):
                start = draw(st.integers(0, len(context) - 1))
                spans.append(Span(context[start : draw(st.integers(start + 1, len(context)))], start))
        examples.append(Example(str(number), draw(questions), context, None if spans is None else tuple(spans)))
    return examples


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=60)
@given(examples=example_lists(), length=st.integers(16, 160), share=st.floats(0, 0.5))
def test_a_row_says_what_encode_then_makes_and_loses(kind, examples, length, share):
    tokenizer, stride = tokenizer_of(kind), int(length * share)
    counts = count_tokens(examples, tokenizer)
    try:
        windows = encode(examples, tokenizer, WindowsConfig(length=length, stride=stride))
    except WindowError:
        with pytest.raises(WindowError):
            window_row(counts, length, stride)
        return
    row = window_row(counts, length, stride)
    shown = windows.example.tolist()
    assert (row.windows, row.tokens) == (len(windows), int(windows.lengths.sum()))
    assert row.in_one == sum(shown.count(index) == 1 for index in range(len(examples)))
    assert row.lost_answers == windows.lost.answers
    assert row.lost_examples == len(windows.lost.examples)
    assert row.cut_questions == len(windows.lost.cut_questions)
    assert row.cost == pytest.approx(sum(n + n * n / (6 * 384) for n in windows.lengths.tolist()))


@settings(max_examples=40)
@given(texts=st.lists(contexts, min_size=1, max_size=8), kind=st.sampled_from(list(TOKENIZERS)))
def test_a_row_of_texts_says_what_encode_texts_cuts(texts, kind):
    examples = [TextExample(str(number), text) for number, text in enumerate(texts)]
    measures = measure_tokens(examples, tokenizer_of(kind), longest=140)
    for row in measures.rows:
        windows = encode_texts(examples, tokenizer_of(kind), WindowsConfig(length=row.length, stride=0))
        assert row.cut_texts == len(windows.lost.cut_texts)
        assert row.tokens == int(windows.lengths.sum())
    assert measures.texts.count == len(texts)


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=25)
@given(examples=example_lists())
def test_every_measured_row_and_the_advised_one_can_be_encoded(kind, examples):
    tokenizer = tokenizer_of(kind)
    measures = measure_tokens(examples, tokenizer, longest=192)
    assume(measures.advised)
    for row in (*measures.rows, measures.advised):
        windows = encode(examples, tokenizer, WindowsConfig(length=row.length, stride=row.stride))
        assert row.lost_answers == windows.lost.answers
    named = {one.key: one.value for one in measures.advice}
    assert (named["windows.length"], named["windows.stride"]) == (measures.advised.length, measures.advised.stride)
    json.dumps([one.reason for one in measures.advice])


def test_lengths_are_counted_from_the_token_of_the_first_character_to_that_of_the_last():
    tokenizer = tokenizer_of("wordpiece")
    context = "The oil crisis began in October 1973"
    inside = Span("ctober 19", context.index("ctober"))
    whole = Span("October 1973", context.index("October"))
    for span in (inside, whole):
        measures = measure_tokens([Example("1", "When?", context, (span,))], tokenizer)
        begins = tokenizer(context[: context.index("October")], add_special_tokens=False)["input_ids"]
        everything = tokenizer(context, add_special_tokens=False)["input_ids"]
        assert measures.answers.maximum <= len(everything) - len(begins)
    assert measures.answers.maximum == len(everything) - len(begins)


def test_a_context_that_questions_share_is_counted_once_even_if_they_are_far_apart():
    shared = "The oil crisis began in October 1973."
    rows = [Example(str(n), "Who?", shared if n % 300 == 0 else f"Report {n}.") for n in range(601)]
    measures = measure_tokens(rows, tokenizer_of("wordpiece"))
    assert (measures.contexts.count, measures.questions.count) == (599, 601)


def long_examples(count, answer_words):
    words = [f"w{number}" for number in range(600)]
    context = " ".join(words)
    answers = [" ".join(words[7 * n : 7 * n + answer_words]) for n in range(count)]
    return [Example(str(n), "Which?", context, (Span(text, context.index(text)),)) for n, text in enumerate(answers)]


def test_the_advised_window_loses_next_to_no_answer_and_costs_no_more_than_others_that_do_not():
    examples = long_examples(40, 20)
    measures = measure_tokens(examples, tokenizer_of("wordpiece"), longest=512)
    advised = measures.advised
    assert advised.lost_answers <= LOSS * len(examples)
    counts = count_tokens(examples, tokenizer_of("wordpiece"))
    limit = answer_limit(dict.fromkeys((counts.last - counts.first + 1).tolist(), 1))
    others = [window_row(counts, row.length, fitting_stride(limit, row.length)) for row in measures.rows]
    sound = [row.cost for row in others if row.lost_answers <= LOSS * len(examples)]
    assert advised.cost <= 1.05**2 * min(sound)
    assert any(row.lost_answers for row in measures.rows)  # the short ones do lose: there was something to choose


def test_where_no_window_is_long_enough_the_advice_says_so_and_takes_the_one_that_loses_the_fewest():
    examples = long_examples(40, 90)
    measures = measure_tokens(examples, tokenizer_of("wordpiece"), longest=192)
    assert measures.advised.lost_answers == min(row.lost_answers for row in (*measures.rows, measures.advised)) > 0
    assert "no length loses less than 0.5%" in measures.advice[0].reason


def test_the_answer_limit_covers_nearly_all_answers_and_some_more():
    measures = measure_tokens(long_examples(40, 20), tokenizer_of("wordpiece"), longest=512)
    limit = next(one for one in measures.advice if one.key == "windows.answer_length")
    assert measures.answers.p99 < limit.value <= 1.2 * measures.answers.maximum + 1
    assert (
        next(a for a in measure_tokens(made_examples(9), tokenizer_of("bpe")).advice if "answer" in a.key).value
        == SHORTEST_LIMIT
    )


def test_windows_are_weighed_up_to_what_the_model_takes_and_no_further_than_they_are_needed():
    tokenizer = tokenizer_of("wordpiece")
    assert [row.length for row in measure_tokens(long_examples(3, 5), tokenizer, longest=200).rows] == [128, 192, 200]
    assert [row.length for row in measure_tokens(long_examples(3, 5), tokenizer).rows] == [128, 192, 256, 384, 512]
    assert [row.length for row in measure_tokens(made_examples(3), tokenizer, longest=4096).rows] == [128]


def test_nothing_is_measured_of_nothing_and_questions_without_answers_have_no_answer_lengths():
    tokenizer = tokenizer_of("wordpiece")
    assert measure_tokens([], tokenizer).rows == ()
    unlabelled = measure_tokens([Example("1", "Who?", "Ada.")], tokenizer)
    assert unlabelled.answers is None
    assert [one.key for one in unlabelled.advice] == ["windows.length", "windows.stride"]


def test_wrong_input_is_told_as_encode_tells_it():
    with pytest.raises(UnalignedSpanError):
        measure_tokens([Example("1", "Who?", "It was Ada.", (Span("Ada", 3),))], tokenizer_of("bpe"))
    with pytest.raises(ModelError):
        measure_tokens(made_examples(1), object())


def test_progress_counts_every_example():
    seen = []
    measure_tokens(made_examples(600), tokenizer_of("wordpiece"), tick=seen.append)
    assert sum(seen) == 600
