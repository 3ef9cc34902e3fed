"""In: YAML files and `key=value` overrides. Out: one frozen, checked Config. Does not know: torch, data, models.

Every setting of every stage has its default in this schema. Where a description says what `null` chooses, that is done
when the data and the model are known (`training.defaults`), and the run records what was chosen.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from spantune.errors import ConfigError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelConfig(_Section):
    """Which model to start from."""

    name: str = Field(
        default="embedded", min_length=1, description="'embedded', a Hub name, or a folder with safetensors weights"
    )
    revision: str | None = Field(
        default=None, min_length=1, description="branch, tag or commit of a Hub name; null takes the newest commit and notes it"
    )
    attention_dropout: float | None = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="dropout inside attention; 0 keeps the fast attention kernels, null leaves the model's own value",
    )


class WindowsConfig(_Section):
    """How a long context is cut into overlapping windows. Lengths are in tokens."""

    length: int = Field(default=384, ge=16, le=32_768, description="tokens in a window, question and special tokens included")
    stride: int = Field(
        default=128, ge=0, description="context tokens that neighbouring windows share, half of windows.length at most"
    )
    answer_length: int | None = Field(
        default=None, ge=1, description="longest answer given, in tokens; null learns it from the data"
    )

    @model_validator(mode="after")
    def _stride_fits(self) -> "WindowsConfig":
        if self.stride > self.length // 2:
            raise ValueError(
                f"stride {self.stride} is more than half of length {self.length}; expected at most {self.length // 2}, "
                "so that a question still fits beside the overlap"
            )
        return self


class AugmentConfig(_Section):
    """Altered copies of training questions. Each number is the share of the training questions that get one; 0 makes none.

    All are 0 by default: on three sets of users' data none raised the held-out scores clearly (docs/augmentation.md).
    """

    typos: float = Field(default=0.0, ge=0, le=1, description="share of training questions copied with typing errors")
    case: float = Field(default=0.0, ge=0, le=1, description="share of training questions copied in small letters")
    punctuation: float = Field(
        default=0.0, ge=0, le=1, description="share of training questions copied without question marks and commas"
    )
    disfluency: float = Field(
        default=0.0, ge=0, le=1, description="share of training questions copied with a false start or a filler"
    )
    crop: float = Field(default=0.0, ge=0, le=1, description="share of training questions copied onto a part of their context")
    distractor: float = Field(
        default=0.0, ge=0, le=1, description="share of training questions copied with another document's passage beside theirs"
    )
    unanswerable: float = Field(
        default=0.0, ge=0, le=1, description="share of training questions copied onto a similar passage without the answer"
    )
    altered: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of training questions copied with a fact turned: nothing answers them",
    )
    removed: float = Field(
        default=0.0, ge=0, le=1, description="share of training questions copied onto their context without the answer"
    )


class TrainingConfig(_Section):
    """How the model is fine-tuned. What is null is chosen by the recipe, or else by the model and the number of windows."""

    method: Literal["full", "lora", "dora", "ia3", "head", "unfreeze", "prompt", "p-tuning", "prefix"] | None = Field(
        default=None, description="what is trained; docs/methods.md tells what each is good for; null chooses"
    )
    folds: int | None = Field(
        default=None,
        ge=1,
        le=20,
        description="trainings whose weights are averaged, each without one part of the data, which measures it; null chooses",
    )
    rank: int = Field(default=16, ge=1, le=1024, description="rank of the updates that lora and dora train")
    virtual_tokens: int = Field(
        default=20, ge=1, le=200, description="vectors that prompt, p-tuning and prefix train before the text"
    )
    layer_decay: float = Field(
        default=1.0, gt=0, le=1, description="factor on the rate from each layer to the one below it; 1 gives all the same"
    )
    towards_start: float = Field(
        default=0.0, ge=0, description="pull of every weight towards its value before training, as weight decay pulls to 0"
    )
    epochs: int | None = Field(
        default=None, ge=1, le=1000, description="passes over the data; null chooses by the number of windows"
    )
    learning_rate: float | None = Field(default=None, gt=0, description="peak rate; null chooses by the model's hidden size")
    batch_size: int | None = Field(default=None, ge=1, description="windows in one forward pass; null chooses")
    gradient_accumulation: int = Field(default=1, ge=1, description="forward passes in one optimiser step")
    negatives: int | None = Field(
        default=4, ge=0, description="windows without the answer kept for each question; null keeps all"
    )
    warmup_ratio: float = Field(default=0.1, ge=0, le=1, description="share of the steps in which the rate climbs to its peak")
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW weight decay")
    max_grad_norm: float = Field(default=1.0, gt=0, description="gradient clipping norm")
    early_stopping: int = Field(
        default=2,
        ge=0,
        description="epochs without a better held-out score, or an equal one with a lower loss, before it stops; 0 goes on",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(default="auto", description="auto takes bf16 where the processor has it")
    spread: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="say of the other likely spans in which one is given; 0 gives the one that scores highest; null chooses",
    )
    seed: int = Field(default=13, ge=0, lt=2**32, description="seed of weights, order and dropout")
    workers: int = Field(default=0, ge=0, le=64, description="processes that prepare batches beside the training")
    save_steps: int | None = Field(
        default=None, ge=1, description="also save a checkpoint every so many steps; null saves once an epoch"
    )
    report_to: tuple[str, ...] = Field(
        default=(), description="Trainer integrations to report to, such as tensorboard or wandb"
    )


class KeepConfig(_Section):
    """What a model that could answer before should keep of that. Nothing of it is done where the head is new."""

    probe: bool = Field(
        default=True, description="measure general ability before and after training, on questions that ship with the package"
    )
    replay: float | None = Field(
        default=None,
        ge=0,
        le=4,
        description="general questions trained on beside each question of the data: 0.5 is one for two; null chooses",
    )
    forget: float = Field(
        default=1.5, ge=0, le=100, description="points of F1 on general questions that mixing may give up for a better model"
    )
    mix: bool = Field(
        default=True, description="mix the tuned weights with those before training in the share that held-out data likes best"
    )


class Config(_Section):
    """Every setting of a run."""

    task: Literal["auto", "answer", "classify"] = Field(default="auto", description="auto takes the task from the data's shape")
    recipe: Literal["auto", "plain"] = Field(
        default="auto",
        description="who chooses what is null for training: auto looks at the data, plain trains once, all weights",
    )
    held_out: float = Field(
        default=0.2, gt=0, lt=1, description="share of the documents kept for evaluation when none are given"
    )
    model: ModelConfig = ModelConfig()
    windows: WindowsConfig = WindowsConfig()
    augment: AugmentConfig = AugmentConfig()
    training: TrainingConfig = TrainingConfig()
    keep: KeepConfig = KeepConfig()

    def warnings(self) -> tuple[str, ...]:
        """Settings that are allowed but rarely meant, in plain words.

        >>> Config.model_validate({"training": {"learning_rate": 0.01}}).warnings()[0][:32]
        'training.learning_rate is 0.01: '
        """
        found = []
        rate = self.training.learning_rate
        if rate is not None and rate >= HIGH_LEARNING_RATE:
            found.append(
                f"training.learning_rate is {rate:g}: steps this large overwrite what the model "
                "learned in pre-training within a few batches; the loss jumps or stays flat and answers become noise. "
                "Usual values: 3e-5 for base-size encoders, 3e-4 for small ones."
            )
        covered = (self.training.batch_size or 1) * self.training.gradient_accumulation
        if covered > 512:
            found.append(f"an optimiser step covers {covered} windows: with small data that leaves only a few steps an epoch.")
        return tuple(found)


HIGH_LEARNING_RATE = 2e-3  # fine-tuning of encoders of 10 M to 400 M parameters diverges above about 1e-3


def load_config(file: Path | str | None = None, overrides: Iterable[str] = ()) -> Config:
    """Read a YAML file, apply `dotted.key=value` overrides, and check everything at once.

    Raises `ConfigError` that lists every mistake: unreadable YAML, unknown keys (with the nearest known one), values
    of the wrong kind or out of range, malformed overrides.

    >>> load_config(overrides=["training.epochs=3", "windows.length=256"]).training.epochs
    3
    """
    mistakes: list[str] = []
    tree = _read_yaml(Path(file)) if file is not None else {}
    for override in overrides:
        mistake = _apply(tree, override)
        if mistake:
            mistakes.append(mistake)
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        mistakes += [_describe(dict(detail)) for detail in error.errors()]
    if mistakes:
        raise ConfigError(
            f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''} in the configuration:\n"
            + "\n".join(f"  - {mistake}" for mistake in mistakes),
            expected="keys and values of the schema shown by 'spantune train --list-settings'",
            next_move="correct the lines above in the file or in --set",
        )
    return config


def with_settings(config: Config, settings: Mapping[str, Any]) -> Config:
    """`config` with other values for dotted keys; the values are taken as they are.

    >>> with_settings(Config(), {"training.epochs": 3, "recipe": "plain"}).training.epochs
    3
    """
    for key, value in settings.items():
        section, _, name = key.rpartition(".")
        if section:
            name, value = section, getattr(config, section).model_copy(update={name: value})
        config = config.model_copy(update={name: value})
    return config


BOUNDS = {"ge": "{:,} or more", "gt": "above {:,}", "le": "{:,} or less", "lt": "below {:,}"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the schema: its value where nobody sets it, the values that it takes, what it means."""

    key: str
    default: Any
    takes: str
    meaning: str


def known_settings() -> tuple[Setting, ...]:
    """Every setting, in the order of the schema.

    >>> length = next(one for one in known_settings() if one.key == "windows.length")
    >>> length.default, length.takes, length.meaning
    (384, 'whole, 16 to 32,768', 'tokens in a window, question and special tokens included')
    """
    found = []
    for name, field in Config.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            found += [_setting(f"{name}.{inner}", spec) for inner, spec in section.model_fields.items()]
        else:
            found.append(_setting(name, field))
    return tuple(found)


def known_keys() -> dict[str, str]:
    """Every dotted key of the schema and what it means."""
    return {one.key: one.meaning for one in known_settings()}


def _setting(key: str, field: FieldInfo) -> Setting:
    """What pydantic knows of a field, in words."""
    kinds = [part for part in (field.annotation, *get_args(field.annotation)) if part is not None]
    words = [str(word) for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    words += ["true", "false"] if bool in kinds else []
    words += ["names"] if get_origin(field.annotation) is tuple else ["a text"] if str in kinds else []
    if int in kinds or float in kinds:
        bounds = _range({name: getattr(one, name) for one in field.metadata for name in BOUNDS if hasattr(one, name)})
        words.append(bounds if float in kinds else f"whole, {bounds}")
    if type(None) in kinds:
        words.append("null")
    return Setting(key, field.default, ", ".join(words), str(field.description))


def _range(bounds: Mapping[str, float]) -> str:
    """The interval of a number.

    >>> _range({"ge": 1, "le": 20}), _range({"gt": 0, "lt": 1}), _range({"ge": 0}), _range({})
    ('1 to 20', 'above 0, below 1', '0 or more', 'a number')
    """
    if {"ge", "le"} <= bounds.keys():
        return f"{bounds['ge']:,} to {bounds['le']:,}"
    return ", ".join(BOUNDS[name].format(value) for name, value in bounds.items()) or "a number"


def as_setting(value: Any) -> str:
    """A setting as the YAML of a configuration file spells it.

    >>> as_setting(None), as_setting(True), as_setting(3e-4), as_setting(())
    ('null', 'true', '0.0003', '[]')
    """
    plain = {True: "true", False: "false", None: "null"}
    if value is None or isinstance(value, bool):
        return plain[value]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(as_setting, value))}]"
    return str(value)


def flattened(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings under their dotted keys; already dotted ones stay as they are.

    >>> flattened({"task": "answer", "windows": {"length": 384, "stride": 128}})
    {'task': 'answer', 'windows.length': 384, 'windows.stride': 128}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flattened(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return flat


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"no configuration file at {file}", expected="a YAML file", next_move="check the path given to --config"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        detail = " ".join(str(error).split())
        raise ConfigError(
            f"{file} cannot be read as YAML: {detail}",
            expected="keys and values such as 'training: {epochs: 3}'",
            next_move="correct the file, or start from an empty one: every key has a default",
        ) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{file} holds a {type(tree).__name__}",
            expected="a mapping of sections, such as 'training: {epochs: 3}'",
            next_move="correct the file, or start from an empty one: every key has a default",
        )
    return tree


def _apply(tree: dict[str, Any], override: str) -> str | None:
    """Set one `dotted.key=value` in `tree`; a mistake comes back as a sentence."""
    key, equals, value = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        return f"{override!r} is not of the form key=value, such as training.epochs=3"
    try:
        parsed = yaml.safe_load(value) if value.strip() else None
    except yaml.YAMLError:
        return f"the value of {override!r} cannot be read as YAML"
    node = tree
    for part in path[:-1]:
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            return f"{override!r}: {part} is set to {child!r} and has no keys below it"
        node = child
    node[path[-1]] = parsed
    return None


def _describe(detail: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{key} is not a known key{_nearest(key)}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    meaning = known_keys().get(key)
    return f"{key} = {detail['input']!r}: {message[0].lower() + message[1:]}" + (f" ({meaning})" if meaning else "")


def _nearest(key: str) -> str:
    known = known_keys()
    by_leaf = [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]]
    sections = {name.partition(".")[0] for name in known}
    close = by_leaf or difflib.get_close_matches(key, [*sections, *known], n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known keys: {', '.join(known)}"
