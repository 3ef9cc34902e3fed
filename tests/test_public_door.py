"""What `import spantune` offers: a name that is added, lost or misspelt must be meant."""

import importlib
import typing

import pytest

import spantune
from spantune.cli import ask, check, curve, demo, evaluate, options, predict, split, train, tune

DOOR = [
    "Answer",
    "Classifier",
    "Config",
    "Example",
    "Prediction",
    "Provenance",
    "ReadAs",
    "Reader",
    "Span",
    "SpantuneError",
    "TextExample",
    "__version__",
    "ask_run",
    "augment",
    "augment_file",
    "calibrate_run",
    "check",
    "check_data",
    "check_files",
    "compare_systems",
    "convert_files",
    "demo_data",
    "describe",
    "encode",
    "encode_texts",
    "evaluate_run",
    "find_leaks",
    "find_leaks_within",
    "fine_tune",
    "fold_files",
    "folds",
    "free_folder",
    "learning_curve",
    "load_classifier",
    "load_config",
    "load_reader",
    "load_run",
    "load_tokenizer",
    "pipeline",
    "predict_file",
    "predict_parts",
    "read_examples",
    "save_run",
    "score_answers",
    "score_labels",
    "split",
    "split_files",
    "split_three",
    "trace_html",
    "trace_text",
    "train_run",
    "tune_settings",
    "worth_asking",
    "write_examples",
    "write_report",
]


def test_the_door_offers_these_names_and_no_other():
    assert spantune.__all__ == DOOR
    assert dir(spantune) == DOOR


@pytest.mark.parametrize("name", DOOR)
def test_every_name_resolves_and_is_documented(name):
    value = getattr(spantune, name)
    assert value is not None
    if name != "__version__":
        assert value.__doc__
        assert getattr(importlib.import_module(value.__module__), value.__name__) is value


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'train_model'"):
        _ = spantune.train_model


def test_rooms_offer_what_they_list():
    for name in ("data", "evaluation", "features", "inference", "models", "road", "runs", "training"):
        room = importlib.import_module(f"spantune.{name}")
        assert room.__all__
        assert all(hasattr(room, offered) for offered in room.__all__)


def test_every_command_is_one_file_with_a_name_and_a_function():
    for room in (ask, check, curve, demo, evaluate, predict, split, train, tune):
        assert room.__name__.rpartition(".")[2] == room.NAME
        assert typing.get_type_hints(room.command)["return"] is type(None)
        assert "$ spantune " + room.NAME in room.command.__doc__
    assert options.Data
