"""Encoding and decoding are inverses: encode, give perfect scores, decode, and the gold span is back."""

import unicodedata

import numpy as np
import pytest
from conftest import TOKENIZERS, perfect_scores, tokenizer_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spantune.config import WindowsConfig
from spantune.data import Example, Span
from spantune.features import best_spans, encode, merge_candidates

PASSAGES = (
    "The oil crisis began in October 1973, when members of OAPEC proclaimed an embargo; prices rose from $3 to $12.",
    "石油危机始于1973年10月，当时阿拉伯石油输出国组织宣布禁运。价格从3美元涨到12美元，各国深受影响。",
    "بدأت أزمة النفط في أكتوبر 1973 عندما أعلن الأعضاء حظراً، وارتفع السعرُ من ٣ إلى ١٢ دولاراً للبرميل.",
    "तेल संकट अक्टूबर 1973 में शुरू हुआ, जब सदस्यों ने प्रतिबंध की घोषणा की। क़ीमतें ३ से १२ डॉलर तक बढ़ गईं।",
    "Die Ölkrise begann im Oktober 1973, als die Mitglieder ein Embargo verhängten; größere Straßen blieben „leer“.",
    "Smile 😀 or wave 👋🏽: the family 👨\u200d👩\u200d👧 went to 🇫🇷 ❤\ufe0f and left. "
    "A cre\u0300me bru\u0302le\u0301e\u00a0cost 3 Nu\u0308sse.\r\n\tBye\u200b!",
)
LETTERS = "aZé ß.,-9(\n\t\u00a0\u3000油危。أزمةُ قेतल क्षि़😀👨\u200d👩❤\ufe0fe\u0301\u0302\u200b\x00ﬁİ"
passages = st.one_of(st.sampled_from(PASSAGES), st.text(LETTERS, min_size=1, max_size=120), st.text(min_size=1, max_size=40))
cuts = st.sampled_from([(24, 8), (40, 12), (64, 32), (256, 64)])
each_tokenizer = pytest.mark.parametrize(
    ("kind", "padding_side"), [(kind, side) for kind in TOKENIZERS for side in ("left", "right")]
)


def offsets_of(tokenizer, context):
    """What the tokenizer itself says: the code points of each token, tokens without any left out."""
    encoding = tokenizer.backend_tokenizer.encode(context, add_special_tokens=False)
    return [(low, high) for low, high in encoding.offsets if low < high]


def tokens_between(tokenizer, context, begin, end):
    """How many tokens stand from the answer's first to its last, those without a code point of their own among them."""
    offsets = tokenizer.backend_tokenizer.encode(context, add_special_tokens=False).offsets
    inside = [number for number, (low, high) in enumerate(offsets) if low < end and begin < high]
    return inside[-1] - inside[0] + 1


def with_marks(context, end):
    while end < len(context) and unicodedata.category(context[end])[0] == "M":
        end += 1
    return end


def smallest_cover(offsets, context, begin, end):
    """The span of all tokens that share a code point with the answer, without white space at its edges; None for none."""
    begin, end = begin + len(context[begin:end]) - len(context[begin:end].lstrip()), begin + len(context[begin:end].rstrip())
    lows, highs = [], []
    for number, (low, high) in enumerate(offsets):
        following = offsets[number + 1][0] if number + 1 < len(offsets) else len(context)
        high = max(high, min(with_marks(context, high), following))
        if low < end and begin < high:
            lows.append(low)
            highs.append(high)
    if not lows or begin >= end:
        return None
    text = context[min(lows) : max(highs)]
    start = min(lows) + len(text) - len(text.lstrip())
    return start, start + len(text.strip())


def given_back(example, tokenizer, length, stride):
    """The best span of all windows after perfect scores, and the windows."""
    windows = encode([example], tokenizer, WindowsConfig(length=length, stride=stride))
    indices = np.arange(len(windows))
    scores = best_spans(windows, indices, *perfect_scores(windows, indices), answer_length=length, top=3)
    merged = merge_candidates(example.context, (span for each in scores for span in each.candidates), top=3)
    return (merged[0] if merged else None), windows


@each_tokenizer
@settings(max_examples=120)
@given(context=passages, cut=cuts, data=st.data())
def test_a_span_on_token_boundaries_comes_back_exactly(kind, padding_side, context, cut, data):
    tokenizer = tokenizer_of(kind, padding_side)
    offsets = offsets_of(tokenizer, context)
    assume(offsets)
    first = data.draw(st.integers(0, len(offsets) - 1))
    last = data.draw(st.integers(first, min(first + cut[1] - 1, len(offsets) - 1)))
    begin, end = offsets[first][0], offsets[last][1]
    if last + 1 == len(offsets) or offsets[last + 1][0] > end:
        end = with_marks(context, end)  # marks that the tokenizer drops stand on no boundary: they belong to the token
    answer = context[begin:end]
    words = (begin + len(answer) - len(answer.lstrip()), begin + len(answer.rstrip()))
    assume(smallest_cover(offsets, context, begin, end) == words)
    best, windows = given_back(Example("q", "When?", context, (Span(answer, begin),)), tokenizer, *cut)
    if not windows.holds_answer.any():  # a character may be four tokens, and a space marker a token without a character
        assert windows.lost.answers == 1
        assert tokens_between(tokenizer, context, begin, end) > cut[1]
        return
    assert context[best.start : best.end] == answer.strip()
    assert best.score == 20.0


@each_tokenizer
@settings(max_examples=150)
@given(context=passages, cut=cuts, data=st.data())
def test_any_span_comes_back_inside_the_smallest_run_of_tokens_that_covers_it(kind, padding_side, context, cut, data):
    tokenizer = tokenizer_of(kind, padding_side)
    begin = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(begin + 1, min(begin + 40, len(context))))
    expected = smallest_cover(offsets_of(tokenizer, context), context, begin, end)
    best, windows = given_back(Example("q", "When?", context, (Span(context[begin:end], begin),)), tokenizer, *cut)
    if expected is None:
        assert windows.lost.answers == 1
        assert not windows.holds_answer.any()
    elif windows.holds_answer.any():
        assert (best.start, best.end) == expected
    else:
        assert windows.lost.examples == ("q",)
        assert np.diff(windows.span_bounds).sum() == 0


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("context", PASSAGES)
def test_the_last_words_of_a_passage_come_back(kind, context):
    """Previously (FARM#602) an answer at the very end of a long context was cut."""
    long = context * 6
    best, windows = given_back(Example("q", "When?", long, (Span(long[-3:], len(long) - 3),)), tokenizer_of(kind), 96, 32)
    assert len(windows) > 1
    assert long[best.start : best.end].endswith(long[-3:])
    assert long[best.start : best.end] != long
