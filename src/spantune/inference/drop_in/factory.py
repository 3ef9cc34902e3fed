"""`pipeline`: a task and a model's name become something to call.

In: the arguments of `transformers.pipeline`. Out: a `QuestionAnsweringPipeline`.
Does not know: windows, answers.
"""

import copy
from pathlib import Path
from typing import Any

import torch

from spantune.embedded import as_name
from spantune.errors import ConfigError, ModelError
from spantune.inference.drop_in.called import QuestionAnsweringPipeline
from spantune.inference.drop_in.calls import OptionError
from spantune.inference.precision import halved
from spantune.models import load_tokenizer, open_reader, resolve_model
from spantune.models.devices import CPU, chosen_device, placed
from spantune.models.hub import fetched
from spantune.models.sources import adapters_of
from spantune.runs.reading import is_run, read_facts

TASK = "question-answering"
DTYPES = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "float16": torch.float16,
    "fp16": torch.float16,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
}
IGNORED = frozenset({"use_fast", "binary_output"})  # there are fast tokenizers and dictionaries only
REFUSED = frozenset({"trust_remote_code", "model_kwargs", "device_map", "feature_extractor", "image_processor", "processor"})


def pipeline(
    task: str | None = None,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    *,
    framework: str | None = None,
    revision: str | None = None,
    token: Any = None,
    device: Any = None,
    dtype: Any = None,
    torch_dtype: Any = None,
    **options: Any,
) -> QuestionAnsweringPipeline:
    """The question-answering pipeline of Transformers 4.57, for Transformers 5.

    `model` is the folder of a run or of any model with a question-answering head, a Hub name, or a loaded model with its
    `tokenizer` beside it. It computes in fp32 unless `dtype` (or `torch_dtype`) says so; `device` is what `torch.device`
    takes, or the number of a GPU, -1 for the processor; without it, a GPU is taken where there is one, and a loaded model
    stays where it is. `revision` and `token` are for the Hub. All other arguments are options of the calls.

    Raises `ConfigError` for another task, for arguments that are not known, and for no model; `ModelError` for a model that
    cannot be loaded, has no question-answering head or finds no room on the GPU.
    """
    if task not in (None, TASK):
        raise ConfigError(
            f"the task {task!r}",
            expected=f"{TASK!r}; Transformers 5 itself has pipelines for most other tasks",
            next_move="use transformers.pipeline, or spantune.Classifier for texts",
        )
    if model is None:
        raise ConfigError(
            "no model",
            expected="a run folder, a folder or Hub name of a model with a question-answering head, or a loaded model",
            next_move="train one with spantune train, or give model='deepset/roberta-base-squad2'",
        )
    _refuse(options, config, framework)
    named = {name: value for name, value in options.items() if name not in IGNORED | REFUSED}
    place, kind = _device(device, model), _dtype(dtype if dtype is not None else torch_dtype)
    loaded, its_tokenizer = _loaded(model, tokenizer, revision, token)
    if kind is torch.bfloat16:
        loaded = halved(loaded, "bf16") or loaded
    elif kind is torch.float16:
        loaded = copy.deepcopy(loaded).half()
    return QuestionAnsweringPipeline(placed(loaded, place).eval(), its_tokenizer, **named)


def _refuse(options: dict[str, Any], config: Any, framework: str | None) -> None:
    """Raise `OptionError` for arguments that would change which model is meant."""
    refused = sorted(name for name in REFUSED & set(options) if options[name])
    refused += [name for name, value in (("config", config), ("framework", framework)) if value not in (None, "pt")]
    if refused:
        raise OptionError(
            f"the argument {refused[0]!r}",
            expected="a PyTorch model without code of its own, with the configuration that it was saved with",
            next_move="leave it away, or load the model yourself and give it with its tokenizer",
        )


def _loaded(model: Any, tokenizer: Any, revision: str | None, token: Any) -> tuple[Any, Any]:
    if not isinstance(model, str | Path):
        _check_head(model)
        if tokenizer is None or isinstance(tokenizer, str | Path):
            tokenizer = load_tokenizer(as_name(tokenizer or model.config._name_or_path))
        return model, tokenizer
    if is_run(as_name(model)) and (task := read_facts(model).task) != "answer":
        raise ModelError(
            f"{model} is a run of the task {task!r}",
            expected="a run that answers questions",
            next_move="load it with spantune.Classifier.load",
        )
    folder = _folder(as_name(model), revision, token)
    if tokenizer is None or isinstance(tokenizer, str | Path):
        tokenizer = load_tokenizer(folder if tokenizer is None else as_name(tokenizer))
    return open_reader(folder), tokenizer


def _check_head(model: Any) -> None:
    """Raise `ModelError` for a loaded model that gives no start and end scores."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if "QuestionAnswering" not in type(inner).__name__:
        raise ModelError(
            f"a {type(inner).__name__}",
            expected="a model with a question-answering head, such as AutoModelForQuestionAnswering loads",
            next_move="load it with AutoModelForQuestionAnswering, or give its folder",
        )


def _folder(name: str, revision: str | None, token: Any) -> str:
    """A folder with the model's files; of a Hub name, the one in the cache, downloaded where it is not there yet.

    A model with an adapter is known by its own name: the folder of its base lacks the rest.
    """
    if adapters_of(name):
        return name
    source = resolve_model(name)
    if Path(source).is_dir():
        return as_name(Path(source))
    return str(fetched(source, revision, token))


def _dtype(given: Any) -> torch.dtype:
    if given in (None, "auto"):
        return torch.float32
    found = DTYPES.get(given.removeprefix("torch.")) if isinstance(given, str) else given
    if not isinstance(found, torch.dtype) or found not in DTYPES.values():
        raise OptionError(
            f"the dtype {given!r}",
            expected=", ".join(sorted({str(one) for one in DTYPES.values()})),
            next_move="leave dtype away for fp32, or give torch.bfloat16",
        )
    return found


def _device(given: Any, model: Any) -> torch.device:
    if given is None and hasattr(model, "device"):
        return torch.device(model.device)
    named = None if given is None else CPU if given == -1 else f"cuda:{given}" if isinstance(given, int) else str(given)
    try:
        return chosen_device(named)
    except ConfigError as error:
        raise OptionError(f"the device {given!r}", expected=f"-1 or {error.expected}", next_move=error.next_move) from None
