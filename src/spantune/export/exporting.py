"""`export_run`: write the model for another engine, measure it, and keep it only where it is as good and as fast."""

import contextlib
import platform
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from spantune import durable
from spantune.data.records import Example
from spantune.embedded import EMBEDDED, as_name
from spantune.errors import ConfigError, EmptyDataError, ModelError, OutputError, RunError, SpantuneError
from spantune.export.graph import fuse, fused_nodes, quantise, write_onnx, write_openvino
from spantune.export.measuring import Comparison, Limits, compare, refusals
from spantune.features import Windows
from spantune.inference import Reader
from spantune.inference.exported import ENGINES, ExportedFolder, ExportedReader
from spantune.inference.exported.folder import EXPORT, EXPORTED, TOKENIZER
from spantune.inference.exported.reader import Scoring
from spantune.inference.exported.tokens import special_ids
from spantune.models import hidden_size, open_reader, score_windows
from spantune.wording import first_line

PACKAGES = {"onnx": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}
FORMATS = tuple(PACKAGES)
QUESTIONS_CHECKED = 32  # whose windows are scored by both engines
LARGEST_DIFFERENCE = 1e-2  # between logits in fp32; sums in another order differ by about 1e-5 of numbers around 10
PLAIN = "plain.onnx"


@dataclass(frozen=True, slots=True)
class Export:
    """A model exported from a run, and what was measured.

    `fused` counts nodes of fused attention in the graph (of ONNX; OpenVINO fuses when it opens the file). `logit_difference` is
    the largest between the two engines' logits, over real windows. `refused` says why it should not be used, which only
    `force` allows.
    """

    folder: Path
    format: str
    int8: bool
    fused: Mapping[str, int]
    logit_difference: float
    comparison: Comparison
    refused: tuple[str, ...]
    threads: int
    versions: Mapping[str, str]
    files: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        return {**asdict(self), "folder": str(self.folder)}


def export_run(
    run: Path | str,
    records: Sequence[Example],
    *,
    format: str = "onnx",
    int8: bool = False,
    out: Path | str | None = None,
    force: bool = False,
    limits: Limits | None = None,
    tick: Callable[[int], None] = lambda _: None,
) -> Export:
    """Export the reader of a finished run to `out` (its folder `exported` by default), measured on the labelled `records`.

    An earlier export at that place is replaced when the new one is whole. Raises `ConfigError` for an unknown format, or int8
    with OpenVINO; `EmptyDataError` without records; `RunError` for a folder that is no run, or holds something else;
    `ModelError` when the model cannot be exported, computes something else than PyTorch, or is refused by `limits` and `force`
    is not given; `MissingExtraError`. After an error everything is as it was.
    """
    check_choice(format, int8)
    if not records:
        raise EmptyDataError(
            "no record to measure the exported model on", expected="labelled questions", next_move="give held-out data"
        )
    target = Path(out) if out is not None else _beside(run)
    reader = Reader.load(run, device="cpu")  # where the exported model computes: a GPU would be another comparison
    threads = torch.get_num_threads()  # as many for both
    _check_target(target)
    with _staging(target) as staging:
        special = special_ids(reader.tokenizer)
        reader.tokenizer.backend_tokenizer.save(str(staging / TOKENIZER))
        model_in_fp32 = open_reader(as_name(run))
        inputs, fused = _write_model(model_in_fp32, format, int8, staging)
        model = _model_file(format)
        windows = reader.encode(records[:QUESTIONS_CHECKED])
        engine = ENGINES[format](staging / model, threads)
        difference = logit_difference(model_in_fp32, Scoring(engine, inputs), windows)
        if not int8:
            _check_difference(difference)
        files = {path.name: durable.sha256(path) for path in sorted(staging.iterdir())}
        facts = ExportedFolder(cast(Any, format), model, inputs, reader.settings, special, files, {})
        (staging / EXPORT).write_text(facts.to_json(), encoding="utf-8")
        in_fp32 = sum(one.numel() * one.element_size() for one in model_in_fp32.parameters())
        sizes = (in_fp32, _size_of(staging, "model.*"))
        comparison = compare(reader, ExportedReader.load(staging, threads), records, sizes, tick)
        refused = refusals(comparison, limits or Limits())
        if refused and not force:
            raise _refusal(refused)
        made = Export(target, format, int8, fused, difference, comparison, refused, threads, _versions(format), files)
        told = {name: value for name, value in made.as_dict().items() if name not in {"folder", "files"}}
        kept = ExportedFolder(facts.engine, model, inputs, reader.settings, special, files, told)
        (staging / EXPORT).write_text(kept.to_json(), encoding="utf-8")
        _move_in(staging, target)
    return made


def _beside(run: Path | str) -> Path:
    if run == EMBEDDED:
        raise ConfigError(
            "no folder to export the embedded reader to: its own belongs to the installed package",
            expected="--out FOLDER",
            next_move="name a folder of yours; spantune.inference.exported.ExportedReader.load(FOLDER) answers from it",
        )
    return Path(run) / EXPORTED


def logit_difference(model: Any, scoring: Scoring, windows: Windows) -> float:
    """The largest difference between the logits of `model` and of an exported one, where an answer may start or end."""
    exported: dict[int, tuple[Any, Any]] = {}
    for batch in scoring(windows):
        for row, window in enumerate(batch.indices):
            exported[int(window)] = (batch.start[row], batch.end[row])
    largest = 0.0
    for batch in score_windows(model, windows):
        for row, window in enumerate(batch.indices):
            length = int(windows.lengths[window])
            allowed = batch.candidates[row, :length]
            for mine, theirs in zip((batch.start[row], batch.end[row]), exported[int(window)], strict=True):
                largest = max(largest, float(np.abs(mine[:length] - theirs[:length])[allowed].max()))
    return largest


def _write_model(model: Any, format: str, int8: bool, staging: Path) -> tuple[tuple[str, ...], Mapping[str, int]]:
    config = model.config
    with tempfile.TemporaryDirectory() as scratch, _told(config.model_type):
        plain, whole = Path(scratch) / PLAIN, Path(scratch) / "fused.onnx"
        inputs = write_onnx(model, plain)
        if format == "openvino":
            write_openvino(plain, staging / _model_file(format))
            return inputs, {}
        fuse(plain, whole, int(getattr(config, "num_attention_heads", 0)), hidden_size(model))
        if int8:
            quantise(whole, staging / _model_file(format))
        else:
            shutil.copyfile(whole, staging / _model_file(format))
    return inputs, fused_nodes(staging / _model_file(format))


@contextlib.contextmanager
def _told(family: str) -> Iterator[None]:
    """Whatever an exporter or optimizer raises for a graph that it does not know, as one `ModelError`."""
    try:
        yield
    except (OSError, SpantuneError):
        raise
    except Exception as error:  # a dozen types of three libraries
        raise ModelError(
            f"a {family} model cannot be exported: {first_line(error)[:300]}",
            expected="a family whose graph ONNX can hold, such as BERT, RoBERTa, DeBERTa or ModernBERT",
            next_move="answer with PyTorch, or try the other --format",
        ) from error


def _model_file(format: str) -> str:
    return {"onnx": "model.onnx", "openvino": "model.xml"}[format]


def _size_of(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


def _versions(format: str) -> dict[str, str]:
    packages = ("spantune", "torch", "transformers", "tokenizers", *PACKAGES[format])
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def check_choice(format: str, int8: bool) -> None:
    """Raise `ConfigError` for a format that is not offered."""
    if format not in FORMATS:
        raise ConfigError(f"the format {format!r}", expected=" or ".join(FORMATS), next_move="--format onnx")
    if int8 and format == "openvino":
        raise ConfigError(
            "int8 with OpenVINO, which is not offered",
            expected="--int8 with --format onnx",
            next_move="choose --format onnx, or leave --int8 away",
        )


def _check_difference(difference: float) -> None:
    if not difference <= LARGEST_DIFFERENCE:  # NaN included
        raise ModelError(
            f"the exported model's logits differ from PyTorch's by up to {difference:.4g}",
            expected=f"at most {LARGEST_DIFFERENCE}",
            next_move="answer with PyTorch, and report the model's type: its graph is not exported rightly",
        )


def _check_target(target: Path) -> None:
    if target.is_file() or (target.is_dir() and any(target.iterdir()) and not (target / EXPORT).is_file()):
        raise RunError(
            f"{target} is there already, and is no export",
            expected="a new folder, or an earlier export to replace",
            next_move="choose another --out",
        )


def _refusal(refused: Sequence[str]) -> ModelError:
    return ModelError(
        f"the exported model is not kept: {'; '.join(refused)}",
        expected="the quality of PyTorch, and at least its speed, on these records and this machine",
        next_move="answer with PyTorch, try another format, or keep it all the same with --force",
    )


@contextlib.contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A folder beside `target`, gone when the block ends."""
    staging = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        staging.mkdir()
        yield staging
    except OSError as error:
        raise OutputError(
            f"{target} could not be written: {error.strerror or error}",
            expected="a folder that can be made, on a disk with room for the model",
            next_move="free some space, or choose another --out; nothing was left behind",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move_in(staging: Path, target: Path) -> None:
    """Put the finished folder in place of an earlier one, which comes back when that fails."""
    before = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    if target.exists():
        target.replace(before)
    try:
        staging.replace(target)
    except BaseException:
        if before.exists():
            before.replace(target)
        raise
    shutil.rmtree(before, ignore_errors=True)
