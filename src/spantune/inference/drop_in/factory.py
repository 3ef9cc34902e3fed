"""`pipeline`: a task and a model's name become something to call.

In: the arguments of `transformers.pipeline`. Out: a `QuestionAnsweringPipeline`.
Does not know: windows, answers.
"""

from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download

from spantune.errors import ConfigError, ModelError
from spantune.inference.drop_in.pipeline import QuestionAnsweringPipeline
from spantune.inference.precision import halved
from spantune.models import load_tokenizer, open_reader, resolve_model
from spantune.models.sources import check_reachable

TASK = "question-answering"
FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]  # of a Hub repository: weights without pickles, and the tokenizer
DTYPES = {"float32": torch.float32, "fp32": torch.float32, "bfloat16": torch.bfloat16, "bf16": torch.bfloat16}
IGNORED = frozenset({"framework", "use_fast", "token", "trust_remote_code", "binary_output", "model_kwargs", "config"})


def pipeline(
    task: str | None = None,
    model: Any = None,
    tokenizer: Any = None,
    *,
    device: Any = None,
    dtype: Any = None,
    torch_dtype: Any = None,
    **options: Any,
) -> QuestionAnsweringPipeline:
    """The question-answering pipeline of Transformers 4.57, for Transformers 5.

    `model` is the folder of a run or of any model with a question-answering head, a Hub name, or a loaded model with its
    `tokenizer` beside it. It computes in fp32 unless `dtype` (or `torch_dtype`) is bf16; `device` is what `torch.device`
    takes, or the number of a GPU, -1 for the processor. All other arguments are options of the calls.

    Raises `ConfigError` for another task, for arguments that are not known, and for no model; `ModelError` for a model that
    cannot be loaded or has no question-answering head.
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
    options = {name: value for name, value in options.items() if name not in IGNORED}
    loaded, its_tokenizer = _loaded(model, tokenizer)
    kind = _dtype(dtype if dtype is not None else torch_dtype)
    if kind is torch.bfloat16:
        loaded = halved(loaded, "bf16") or loaded
    return QuestionAnsweringPipeline(loaded.to(_device(device)).eval(), its_tokenizer, **options)


def _loaded(model: Any, tokenizer: Any) -> tuple[Any, Any]:
    if not isinstance(model, str | Path):
        if tokenizer is None or isinstance(tokenizer, str | Path):
            tokenizer = load_tokenizer(str(tokenizer or model.config._name_or_path))
        return model, tokenizer
    folder = _folder(str(model))
    if tokenizer is None or isinstance(tokenizer, str | Path):
        tokenizer = load_tokenizer(folder if tokenizer is None else str(tokenizer))
    return open_reader(folder), tokenizer


def _folder(name: str) -> str:
    """A folder with the model's files; of a Hub name, the one in the cache, downloaded where it is not there yet."""
    source = resolve_model(name)
    if Path(source).is_dir():
        return source
    check_reachable(source)
    try:
        return snapshot_download(source, allow_patterns=FILES)
    except Exception as error:  # the Hub's client raises a dozen types
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelError(
            f"the model {name!r} cannot be fetched: {first[:300]}",
            expected="a folder, or the name of a public model on the Hugging Face Hub",
            next_move="check the name and the network, or download the model elsewhere and give its folder",
        ) from error


def _dtype(given: Any) -> torch.dtype:
    found = DTYPES.get(given.removeprefix("torch.")) if isinstance(given, str) else given
    if given in (None, "auto"):
        return torch.float32
    if found not in DTYPES.values():
        raise ConfigError(
            f"the dtype {given!r}",
            expected=", ".join(sorted({str(one) for one in DTYPES.values()})),
            next_move="leave dtype away for fp32, or give torch.bfloat16",
        )
    return torch.float32 if found is torch.float32 else torch.bfloat16


def _device(given: Any) -> torch.device:
    if isinstance(given, int):
        return torch.device("cpu" if given < 0 else f"cuda:{given}")
    try:
        return torch.device(given or "cpu")
    except (RuntimeError, TypeError) as error:
        raise ConfigError(
            f"the device {given!r}",
            expected="'cpu', 'cuda', 'cuda:0', or the number of a GPU",
            next_move="leave device away for the processor",
        ) from error
