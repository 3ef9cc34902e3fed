"""`describe`: counts and tokens in one value, with a model's tokenizer and without its weights."""

import json

import pytest
from conftest import made_examples

from spantune.config import ModelConfig, WindowsConfig
from spantune.data import Example, Span, TextExample
from spantune.errors import ModelError
from spantune.features import encode
from spantune.models import load_tokenizer
from spantune.road.describing import describe
from spantune.road.watch import Silent


class Listening(Silent):
    """A watch that remembers how far each stage came."""

    def __init__(self):
        self.stages = {}

    def progress(self, stage, done, total):
        self.stages[stage] = (done, total)


def test_data_is_described_in_characters_words_and_tokens_of_the_model(tiny_model_folder):
    records = made_examples(40, unanswerable=0.2)
    told = describe(records, str(tiny_model_folder)).statistics
    assert told.questions.questions == told.tokens.examples == told.tokens.measured == 40
    assert told.tokens.tokenizer == str(tiny_model_folder)
    assert max(row.length for row in told.tokens.rows) <= 128  # the tiny model's positions
    windows = encode(records, load_tokenizer(str(tiny_model_folder)), WindowsConfig(length=128, stride=42))
    assert (told.tokens.rows[-1].windows, told.tokens.rows[-1].lost_answers) == (len(windows), windows.lost.answers)
    json.dumps(describe(records, ModelConfig(name=str(tiny_model_folder))).as_dict(), allow_nan=False)


def test_the_embedded_model_is_the_default_and_its_weights_are_not_loaded(monkeypatch):
    monkeypatch.setattr("safetensors.torch.load_file", pytest.fail)
    monkeypatch.setattr("torch.nn.Module.load_state_dict", pytest.fail)
    told = describe(made_examples(5)).statistics.tokens
    assert (told.tokenizer, told.rows[0].length) == ("embedded", 128)


def test_texts_are_described_too(tiny_model_folder):
    told = describe([TextExample(str(n), "word " * n, "a") for n in range(1, 60)], str(tiny_model_folder)).statistics
    assert told.tokens.texts.count == told.texts.texts == 59
    assert told.tokens.advised.length <= 128


def test_of_very_many_contexts_a_sample_is_measured_and_the_result_says_so(tiny_model_folder):
    records = made_examples(400)
    sampled = describe(records, str(tiny_model_folder), most=100)
    assert 60 <= sampled.statistics.tokens.measured <= 140
    assert sampled.statistics.tokens.examples == sampled.statistics.records == 400
    assert sampled.statistics == describe(records[::-1], str(tiny_model_folder), most=100).statistics
    assert f"{sampled.statistics.tokens.measured} of the 400 records were measured" in sampled.sheet()


def test_answers_that_are_not_at_their_start_are_counted_and_not_measured(tiny_model_folder):
    wrong = Example("w", "Who?", "It was Ada.", (Span("Ada", 3),))
    told = describe([*made_examples(9), wrong], str(tiny_model_folder)).statistics
    assert (told.questions.unaligned, told.tokens.measured, told.tokens.examples) == (1, 9, 10)
    assert describe([wrong], str(tiny_model_folder)).statistics.tokens.rows == ()


def test_nothing_can_be_described(tiny_model_folder):
    nothing = describe([], str(tiny_model_folder))
    assert nothing.statistics.tokens is None
    assert "0 questions" in nothing.sheet()


def test_the_sheet_shows_windows_and_examples_that_stand_for_all(tiny_model_folder):
    described = describe(iter(made_examples(30)), str(tiny_model_folder))
    html = described.sheet(title="thirty")
    assert "thirty" in html and "windows.length=" in html and html.count("<mark") >= 5
    assert html == describe(made_examples(30)[::-1], str(tiny_model_folder)).sheet(title="thirty")


def test_progress_is_told(tiny_model_folder):
    watch = Listening()
    describe(made_examples(300), str(tiny_model_folder), watch)
    assert watch.stages == {"counting": (300, 300), "loading the tokenizer": (1, 1), "measuring tokens": (300, 300)}


def test_a_model_that_is_not_there_is_a_model_error(tmp_path):
    with pytest.raises(ModelError):
        describe(made_examples(2), str(tmp_path / "missing"))
