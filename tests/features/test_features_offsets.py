"""Places of tokens worked out from their lengths, held against those that the tokenizer itself tells."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from spantune.features.offsets import token_lengths
from spantune.features.tokens import ids_of, rust_ids, token_block

LETTERS = "abeéñïkŁßİςμ中国が각한ﬁ"
MARKS = "\u0301\u0302\u093f\u094d\u0651\u302e\u1d16"
OTHERS = "  \t\n.,'-#[]()–“”…\u00a0\u200b\u00ad\u3000\x00\x07\x1c\ufffd😀\ud800²½"
TEXTS = st.lists(
    st.text(st.one_of(st.sampled_from(LETTERS + MARKS + OTHERS), st.characters()), max_size=40)
    | st.lists(st.sampled_from(["[SEP]", "[UNK]", "the", "##s", "kab", "x" * 120, " ", ".", "é"]), max_size=8).map("".join),
    min_size=1,
    max_size=4,
)


def bert(*, lowercase: bool, strip: bool | None = None) -> Tokenizer:
    """A WordPiece tokenizer of BERT's kind, with few enough pieces that some words are unknown."""
    pieces = [
        "[UNK]",
        "[SEP]",
        "[MASK]",
        "#",
        "##",
        *"abekxinthes.,'-[]()–中",
        *(f"##{one}" for one in "abekxines"),
        "##ab",
        "the",
    ]
    model = models.WordPiece({piece: number for number, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]")
    made = Tokenizer(model)
    made.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(["[SEP]", "[MASK]"])
    return made


KINDS = {"uncased": bert(lowercase=True), "cased": bert(lowercase=False), "stripped": bert(lowercase=False, strip=True)}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=300, deadline=None)
@given(texts=TEXTS)
@example(texts=["", "a", ""])
@example(texts=["각하 e\u0301\u302e [SEP] ab😀 中", "unknownx"])
def test_places_are_those_of_the_tokenizer(kind, texts):
    backend = KINDS[kind]
    whole = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    ids, bounds = ids_of(rust_ids(backend, whole))
    codes = np.frombuffer("".join(whole).encode("utf-32-le"), dtype=np.uint32)
    chars = np.cumsum([0, *map(len, whole)])
    starts, ends, asked = token_lengths(backend).places(ids, bounds, codes, chars)
    for number, text in enumerate(whole):
        if number not in asked:
            at = slice(bounds[number], bounds[number + 1])
            told = backend.encode(text, add_special_tokens=False).offsets
            assert list(zip(starts[at].tolist(), ends[at].tolist(), strict=True)) == told


def test_only_texts_that_spell_out_a_special_token_or_move_marks_are_asked_for():
    texts = ["the kabab", "a [SEP] b", "Ünïcödé, 각하. 中国 😀 unknown", "", "e\u302e\u0301"]
    ids, bounds = ids_of(rust_ids(KINDS["uncased"], texts))
    codes, chars = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32), np.cumsum([0, *map(len, texts)])
    assert token_lengths(KINDS["uncased"]).places(ids, bounds, codes, chars)[2].tolist() == [1, 4]


def test_tokens_added_later_are_known():
    backend = bert(lowercase=True)
    before = token_lengths(backend)
    backend.add_tokens(["brandnewword"])
    assert len(token_lengths(backend).of_token) == len(before.of_token) + 1
    block = token_block(backend, ["a brandnewword"], rust_ids(backend, ["a brandnewword"]))
    assert block.ends.tolist() == [1, 14]


def test_an_added_token_that_splits_a_word_is_asked_for():
    """Previously an unknown token that a text spells out could be evened out by one, and offsets were wrong unseen."""
    backend = bert(lowercase=True)
    backend.add_tokens([AddedToken("☃", normalized=False)])
    text = "[UNK] ஃக☃ஃக is the answer"
    block = token_block(backend, [text], rust_ids(backend, [text]))
    told = backend.encode(text, add_special_tokens=False).offsets
    assert block.starts.tolist() == [start for start, _ in told]


def test_other_kinds_of_tokenizers_are_asked():
    made = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    assert token_lengths(made) is None
