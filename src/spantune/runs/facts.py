"""`spantune.json`: everything about a run that is not weights."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from spantune.confidence import Calibration
from spantune.config import Config
from spantune.data import Record
from spantune.data.hub import PREFIX as HUB
from spantune.errors import RunError
from spantune.wording import first_line

FORMAT = 1
PACKAGES = ("spantune", "torch", "transformers", "tokenizers")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a run comes from and what it reached, for those who look at it later.

    `train` and `held_out` are the records themselves: their hashes are kept, so that nobody evaluates on what was trained
    on. `eval_names` are those of `data_names` that were held out as they are, at its end; `read_as` is how all were read.
    `scores` and `untuned` are percent on the held-out records, after and before fine-tuning. `touched` counts held-out
    records that the training data knows; `without_touched` are the scores of the others, where there are both kinds.
    `new_head` is whether the model began with a random head, `share` how much of the weights is tuned (the rest is as before),
    `mixed` and `spread_chosen` whether the held-out records decided on the share and on the spread; `general` is F1 on the
    general questions before and after, where measured. `calibration` is fitted on the held-out records, `judged` is what is to
    be said of their scores.
    """

    train: Sequence[Record] = ()
    held_out: Sequence[Record] = ()
    data_names: tuple[str, ...] = ()
    eval_names: tuple[str, ...] = ()
    read_as: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    untuned: Mapping[str, float] | None = None
    threshold: float = 0.0
    spread: float = 0.0
    touched: int = 0
    without_touched: Mapping[str, float] | None = None
    new_head: bool = True
    share: float = 1.0
    mixed: bool = False
    spread_chosen: bool = False
    general: Mapping[str, float] | None = None
    calibration: Calibration | None = None
    judged: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The content of `spantune.json`. `config` is whole: every setting as it was used.

    Answers that are less sure than `least_confidence`, by `calibration`, are not given. `judged` are the intervals and the
    verdict of the training's own held-out records, `spread` how much the likely spans of a context agree on its answer.
    """

    task: Literal["answer", "classify"]
    config: Config
    labels: tuple[str, ...]
    answer_length: int
    may_abstain: bool
    threshold: float
    data: Mapping[str, Any]
    scores: Mapping[str, float]
    untuned_scores: Mapping[str, float] | None
    choices: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, str]
    new_head: bool = True
    share: float = 1.0
    general: Mapping[str, float] | None = None
    calibration: Calibration | None = None
    least_confidence: float = 0.0
    judged: Mapping[str, Any] | None = None
    spread: float = 0.0

    def to_json(self) -> str:
        """The text of the file."""
        record = {"format": FORMAT, **asdict(self), "config": self.config.model_dump(mode="json")}
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> "RunFacts":
        """The inverse of `to_json`. Raises `RunError` for a file of another format, or a damaged one."""
        try:
            record = json.loads(text)
            if not isinstance(record, dict):
                raise ValueError("not a JSON object")
            found = record.pop("format")
            if found != FORMAT:
                raise RunError(
                    f"{source} has format {found!r}",
                    expected=f"format {FORMAT}, which this spantune reads",
                    next_move="update spantune, or train again with this version",
                )
            return TypeAdapter(cls).validate_python(record)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{source} cannot be read: {_first_line(error)}",
                expected="spantune.json as spantune train writes it",
                next_move="restore the file from a copy, or train again",
            ) from None


def data_name(path: str | Path) -> str:
    """What is kept of where data is from: a file's name without its folders, a data set of the Hub whole.

    >>> data_name("a/train.json"), data_name("hub:deepset/germanquad:test")
    ('train.json', 'hub:deepset/germanquad:test')
    """
    return in_unicode(str(path) if str(path).startswith(HUB) else Path(path).name)


def in_unicode(name: str) -> str:
    r"""A name as it can be written: bytes that are not UTF-8, which the system allows in names, are replaced.

    >>> in_unicode("Pr\udcfcfung.json") == "Pr\ufffdfung.json"
    True
    """
    return os.fsencode(name).decode("utf-8", "replace")


def installed_versions() -> dict[str, str]:
    """The versions of Python and of the packages that a result depends on."""
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


def _first_line(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return first_line(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}, not {first['input']!r:.60}"
