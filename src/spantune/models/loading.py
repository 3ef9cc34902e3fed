"""Load models and tokenizers by name: for training (a new head is fine) and for use (a missing head is not)."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
)

from spantune.config import ModelConfig
from spantune.errors import ModelError
from spantune.features.template import fast_backend
from spantune.models.attention import use_fast_attention
from spantune.models.hub import fetched
from spantune.models.limits import NEW_HEAD, check_classifies
from spantune.models.merging import adapter_kind, merge_adapter, revision_of
from spantune.models.methods.prompting import KINDS as PROMPTS
from spantune.models.methods.prompting import put_prompt
from spantune.models.quiet import quiet
from spantune.models.sources import EMBEDDED, ENCODER, adapters_of, resolve_model
from spantune.wording import first_line

# What the many families call dropout on attention weights.
ATTENTION_DROPOUT_NAMES = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
FEWEST_TOKENS = 8  # beside the special ones; the empty tokenizers of Transformers 5.23 hold up to two ("▁" and ".")


def load_reader(config: ModelConfig | str | None = None, seed: int = 13) -> PreTrainedModel:
    """A model with a question-answering head, in fp32, ready to be fine-tuned.

    A head that the checkpoint does not hold is initialised from `seed`. Raises `ModelError` for what cannot be found, has no
    safetensors weights, lacks weights below the head, or has no question-answering head in Transformers.
    """
    return _load(AutoModelForQuestionAnswering, _config(config), seed, "a question-answering head")


def load_classifier(config: ModelConfig | str | None = None, labels: Sequence[str] = (), seed: int = 13) -> PreTrainedModel:
    """A model with a classification head for `labels`, in fp32, ready to be fine-tuned.

    Errors as for `load_reader`; `ModelError` also for fewer than two labels, a label given twice, and a family whose
    classification head reads padding.
    """
    names = dict(enumerate(labels))
    if len(names) < 2 or len(set(labels)) < len(names):
        raise ModelError(
            f"a classifier of {len(names)} labels, {len(set(labels))} of them distinct",
            expected="two or more labels, each of them once",
            next_move="give the labels of the training data: load_classifier(name, labels=['no', 'yes'])",
        )
    model = _load(
        AutoModelForSequenceClassification,
        _config(config),
        seed,
        "a classification head",
        num_labels=len(names),
        id2label=names,
        label2id={name: number for number, name in names.items()},
        problem_type="single_label_classification",
    )
    check_classifies(model)
    return model


def load_tokenizer(config: ModelConfig | str | None = None) -> Any:
    """The model's fast tokenizer. Raises `ModelError` where it cannot be found, has no vocabulary, or is a slow one."""
    name = _config(config).name
    source = located(_config(config), weights=False)
    with _told_as_model_error(name, "a tokenizer"), quiet():
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    fast_backend(tokenizer)
    # Transformers 5 makes an empty tokenizer of the model's kind where the files are missing: every word would be unknown.
    if len(tokenizer) - len(set(tokenizer.all_special_ids)) < FEWEST_TOKENS:
        raise ModelError(
            f"{name} has no tokenizer files: {type(tokenizer).__name__} came out with {len(tokenizer)} tokens in all",
            expected="tokenizer.json beside the model's weights",
            next_move="copy the tokenizer that the model was trained with into the folder: tokenizer.save_pretrained(folder)",
        )
    return tokenizer


def open_reader(folder: str) -> PreTrainedModel:
    """A fine-tuned reader, to answer with. Raises `ModelError` when its head's weights are missing from the folder."""
    return _open(AutoModelForQuestionAnswering, folder, "a question-answering head")


def open_classifier(folder: str) -> PreTrainedModel:
    """A fine-tuned classifier. Raises `ModelError` when its head's weights are missing from the folder."""
    return _open(AutoModelForSequenceClassification, folder, "a classification head")


def located(config: ModelConfig, *, weights: bool = True) -> str:
    """The folder with the files of a model, of an adapter that of its base; a Hub name is fetched in the revision wanted."""
    source = resolve_model(config.name)
    if Path(source).is_dir():
        return source
    return str(fetched(source, _revision(config), weights=weights))


def pinned(config: ModelConfig) -> ModelConfig:
    """The same model, of a Hub name with the commit that it is now: the next one to open it gets the same bytes."""
    source = resolve_model(config.name)
    return config if Path(source).is_dir() else config.model_copy(update={"revision": fetched(source, _revision(config)).name})


def _revision(config: ModelConfig) -> str | None:
    """The revision that is asked for, or that an adapter names of its base."""
    adapters = adapters_of(config.name)
    return config.revision or (revision_of(adapters[0]) if adapters else None)


def _config(config: ModelConfig | str | None) -> ModelConfig:
    return config if isinstance(config, ModelConfig) else ModelConfig(name=config or "embedded")


def _load(auto: Any, config: ModelConfig, seed: int, head: str, **options: Any) -> PreTrainedModel:
    source = located(config)
    torch.manual_seed(seed)
    with _told_as_model_error(config.name, head), quiet():
        settings = AutoConfig.from_pretrained(source, trust_remote_code=False, **options)
        for name in ATTENTION_DROPOUT_NAMES:
            if config.attention_dropout is not None and hasattr(settings, name):
                setattr(settings, name, config.attention_dropout)
        # Sizes may differ in the head alone (a classifier of other labels); `_check_body` looks at the rest.
        model, loaded = auto.from_pretrained(
            source,
            config=settings,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    _check_body(config.name, model, loaded)
    # To quote, the embedded reader is the better start; to classify, its encoder is: it was trained to tell texts apart.
    bare = config.name == EMBEDDED and auto is not AutoModelForQuestionAnswering
    given: set[str] = set()
    for adapter in () if bare else adapters_of(config.name):
        _check_merges(adapter)
        given |= merge_adapter(model, adapter)
    random = {*loaded["missing_keys"], *(key for key, *_ in loaded["mismatched_keys"])} - given
    setattr(model, NEW_HEAD, bool(random))  # below the head, nothing is: `_check_body` saw to that
    if model.config.pad_token_id is None and model.config.eos_token_id is not None:
        model.config.pad_token_id = model.config.eos_token_id
    model.name_or_path = _from_anywhere(config.name)  # what an adapter of it names as its base
    use_fast_attention(model)
    ready: PreTrainedModel = model
    return ready


def _from_anywhere(name: str) -> str:
    """A folder's whole path, that it may be found from another folder too; words and names of the Hub as they are."""
    folder = Path(name).expanduser()
    return str(folder.resolve()) if name not in (EMBEDDED, ENCODER) and folder.is_dir() else name


def _check_body(name: str, model: Any, loaded: Mapping[str, Any]) -> None:
    """Raise `ModelError` when weights below the head came out random; a pooler belongs to the head."""
    random = {*loaded["missing_keys"], *(key for key, *_ in loaded["mismatched_keys"])}
    body = f"{model.base_model_prefix}."
    lost = sorted(key for key in random if key.startswith(body) and "pooler" not in key)
    if lost:
        raise ModelError(
            f"{name} lacks {len(lost)} weights of its {model.config.model_type} model, or has them in another size, "
            f"{', '.join(lost[:3])} among them; they would be random",
            expected="weights and config.json of one and the same model",
            next_move="take the folder as save_pretrained() wrote it, or download the model again",
        )


def _open(auto: Any, folder: str, head: str) -> PreTrainedModel:
    source = located(ModelConfig(name=folder))
    with _told_as_model_error(folder, head), quiet():
        model, loaded = auto.from_pretrained(
            source,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            local_files_only=True,
        )
    missing = set(loaded["missing_keys"]).difference(*[_put_adapter(model, adapter) for adapter in adapters_of(folder)])
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} weights, {', '.join(sorted(missing)[:3])} among them; they would be random",
            expected=f"the weights of the whole model, {head} included",
            next_move="take the run folder as spantune train wrote it, or train again",
        )
    use_fast_attention(model)
    opened: PreTrainedModel = model.eval()
    return opened


def _put_adapter(model: Any, adapter: Path) -> frozenset[str]:
    """Put an adapter into the model, or before it where it is a prompt; gives the names of the head's weights in it."""
    return (put_prompt if adapter_kind(adapter) in PROMPTS else merge_adapter)(model, adapter)


def _check_merges(adapter: Path) -> None:
    kind = adapter_kind(adapter)
    if kind in PROMPTS:
        raise ModelError(
            f"{adapter} holds vectors before the text of another model ({kind}), which training cannot start from",
            expected="a whole model, or a LoRA adapter",
            next_move="train the model that it names as its base, on all of the data",
        )


@contextlib.contextmanager
def _told_as_model_error(name: str, needed: str) -> Iterator[None]:
    """Whatever Transformers and the Hub raise while loading, told as one `ModelError`."""
    try:
        yield
    except Exception as error:  # a dozen types, bare Exceptions of the Rust libraries among them
        here = Path(name).expanduser().is_dir()
        raise ModelError(
            f"the model {name!r} cannot be loaded: {first_line(error)[:300]}",
            expected=f"'embedded', a model folder, or a Hub name that can be reached, with {needed} in Transformers",
            next_move="copy or download the folder's files again"
            if here
            else "check the name and the network; 'embedded' needs neither",
        ) from error
