"""spantune: fine-tune extractive question-answering models on your own documents, and trust the numbers.

    examples = read_examples("train.json")              # any common shape
    report = check(examples)                            # kept, repaired, quarantined, dropped, with reasons
    train, held_out = split(report.examples)            # no document on two sides
    windows = encode(train, tokenizer, config.windows)
    result = fine_tune(model, windows, config.training)
    save_run("run", model, tokenizer, config, result)
    answer = Reader.load("run").answer(question, context)

Importing spantune loads neither torch nor transformers; a name that needs them loads them when it is first used.
"""

from typing import TYPE_CHECKING, Any

from spantune.lazily import names_of

if TYPE_CHECKING:
    __version__: str
    from spantune.config import Config as Config
    from spantune.config import load_config as load_config
    from spantune.data import Example as Example
    from spantune.data import ReadAs as ReadAs
    from spantune.data import Span as Span
    from spantune.data import TextExample as TextExample
    from spantune.data import augment as augment
    from spantune.data import check as check
    from spantune.data import check_files as check_files
    from spantune.data import demo_data as demo_data
    from spantune.data import find_leaks as find_leaks
    from spantune.data import find_leaks_within as find_leaks_within
    from spantune.data import folds as folds
    from spantune.data import read_examples as read_examples
    from spantune.data import split as split
    from spantune.data import split_three as split_three
    from spantune.data import write_examples as write_examples
    from spantune.errors import SpantuneError as SpantuneError
    from spantune.evaluation import score_answers as score_answers
    from spantune.evaluation import score_labels as score_labels
    from spantune.features import encode as encode
    from spantune.features import encode_texts as encode_texts
    from spantune.inference import Answer as Answer
    from spantune.inference import Classifier as Classifier
    from spantune.inference import Prediction as Prediction
    from spantune.inference import Reader as Reader
    from spantune.inference import trace_html as trace_html
    from spantune.inference import trace_text as trace_text
    from spantune.inference.drop_in import pipeline as pipeline
    from spantune.models import load_classifier as load_classifier
    from spantune.models import load_reader as load_reader
    from spantune.models import load_tokenizer as load_tokenizer
    from spantune.road import ask_run as ask_run
    from spantune.road import augment_file as augment_file
    from spantune.road import calibrate_run as calibrate_run
    from spantune.road import check_data as check_data
    from spantune.road import compare_systems as compare_systems
    from spantune.road import convert_files as convert_files
    from spantune.road import describe as describe
    from spantune.road import evaluate_run as evaluate_run
    from spantune.road import fold_files as fold_files
    from spantune.road import free_folder as free_folder
    from spantune.road import learning_curve as learning_curve
    from spantune.road import predict_file as predict_file
    from spantune.road import predict_parts as predict_parts
    from spantune.road import split_files as split_files
    from spantune.road import train_run as train_run
    from spantune.road import tune_settings as tune_settings
    from spantune.road import worth_asking as worth_asking
    from spantune.road import write_report as write_report
    from spantune.runs import Provenance as Provenance
    from spantune.runs import load_run as load_run
    from spantune.runs import save_run as save_run
    from spantune.training import fine_tune as fine_tune

# Where each public name comes from; the room is imported when the name is first asked for.
_ROOMS = {
    "spantune.config": ("Config", "load_config"),
    "spantune.data": (
        "Example",
        "ReadAs",
        "Span",
        "TextExample",
        "augment",
        "check",
        "check_files",
        "demo_data",
        "find_leaks",
        "find_leaks_within",
        "folds",
        "read_examples",
        "split",
        "split_three",
        "write_examples",
    ),
    "spantune.errors": ("SpantuneError",),
    "spantune.evaluation": ("score_answers", "score_labels"),
    "spantune.features": ("encode", "encode_texts"),
    "spantune.inference": ("Answer", "Classifier", "Prediction", "Reader", "trace_html", "trace_text"),
    "spantune.inference.drop_in": ("pipeline",),
    "spantune.models": ("load_classifier", "load_reader", "load_tokenizer"),
    "spantune.road": (
        "ask_run",
        "augment_file",
        "calibrate_run",
        "check_data",
        "compare_systems",
        "convert_files",
        "describe",
        "evaluate_run",
        "fold_files",
        "free_folder",
        "learning_curve",
        "predict_file",
        "predict_parts",
        "split_files",
        "train_run",
        "tune_settings",
        "worth_asking",
        "write_report",
    ),
    "spantune.runs": ("Provenance", "load_run", "save_run"),
    "spantune.training": ("fine_tune",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

_find = names_of(globals(), _ROOM_OF)

__all__ = sorted(["__version__", *_ROOM_OF])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # 30 ms that only those who ask for it should wait

        return version("spantune")
    return _find(name)


def __dir__() -> list[str]:
    return __all__
