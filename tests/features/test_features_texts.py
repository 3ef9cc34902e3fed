"""Texts to classify: the tokenizer's own windows, cut ones told, classes numbered."""

import numpy as np
import pytest
from conftest import TOKENIZERS, made_texts, tokenizer_of
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.config import WindowsConfig
from spantune.data import TextExample
from spantune.errors import DataError
from spantune.features import Lost, encode_texts

WORDS = ("Paris", "embargo", "黑豹队", "نقطة", "पैंथर्स", "größte", "👩\u200d🔬", "e\u0301", "\u00a0", ",", "(see")


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=40)
@given(texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), max_size=6))
def test_texts_are_encoded_as_the_tokenizer_does_and_cut_ones_named(kind, texts):
    tokenizer = tokenizer_of(kind)
    examples = [TextExample(str(number), text) for number, text in enumerate(texts)]
    windows = encode_texts(examples, tokenizer, WindowsConfig(length=20, stride=0))
    assert len(windows) == windows.size == len(texts)
    cut = []
    for number, text in enumerate(texts):
        whole = tokenizer(text)
        theirs = tokenizer(text, truncation=True, max_length=20, return_token_type_ids=True)
        tokens = slice(windows.bounds[number], windows.bounds[number + 1])
        assert windows.input_ids[tokens].tolist() == theirs["input_ids"]
        assert windows.token_types[tokens].tolist() == theirs["token_type_ids"]
        cut += [str(number)] if len(whole["input_ids"]) > 20 else []
    assert windows.lost == Lost(cut_texts=tuple(cut))
    assert windows.targets is None


def test_classes_are_numbered_and_an_unknown_one_is_refused():
    texts = made_texts(6)
    windows = encode_texts(iter(texts), tokenizer_of("wordpiece"), classes={"no": 0, "yes": 1})
    assert windows.targets.tolist() == [int(text.label == "yes") for text in texts]
    assert windows.take(np.array([3, 1])).targets.tolist() == windows.targets[[3, 1]].tolist()
    for label in ("maybe", None):
        with pytest.raises(DataError, match="record 'x' has the label") as told:
            encode_texts([TextExample("x", "Paris", label)], tokenizer_of("wordpiece"), classes={"no": 0, "yes": 1})
        assert "one of the 2 labels" in told.value.expected


def test_more_texts_than_one_call_takes_come_back_in_order():
    texts = made_texts(600)
    windows = encode_texts(texts, tokenizer_of("wordpiece"))
    alone = encode_texts(texts[531:532], tokenizer_of("wordpiece"))
    assert windows.take(np.array([531])).input_ids.tolist() == alone.input_ids.tolist()
    assert windows.example.tolist() == list(range(600))


def test_half_a_character_is_read_as_an_unknown_one():
    """Previously a lone surrogate, which JSON can spell, was a TypeError of the tokenizer."""
    tokenizer = tokenizer_of("bpe")
    halved, unknown = (encode_texts([TextExample("x", f"a {text} b")], tokenizer) for text in ("\ud83d", "\ufffd"))
    assert halved.input_ids.tolist() == unknown.input_ids.tolist()


def test_the_tokenizer_is_left_as_it_was():
    """Previously truncation was switched on and off on the shared tokenizer: a second thread could see it either way."""
    tokenizer = TOKENIZERS["wordpiece"]()
    encode_texts([TextExample("x", "Paris " * 50)], tokenizer, WindowsConfig(length=16, stride=0))
    assert tokenizer.backend_tokenizer.truncation is None
    assert len(tokenizer("Paris " * 50)["input_ids"]) > 50
