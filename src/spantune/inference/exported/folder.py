"""`export.json`: what a folder of an exported model needs to be read, and what was measured when it was written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from spantune import durable
from spantune.data.atomic import write_text
from spantune.embedded import EMBEDDED
from spantune.errors import RunError
from spantune.inference.settings import ReaderSettings
from spantune.wording import first_line

FORMAT = 1
EXPORTED, EXPORT, TOKENIZER = "exported", "export.json", "tokenizer.json"


@dataclass(frozen=True, slots=True)
class ExportedFolder:
    """The content of `export.json`.

    `engine` computes `model`, a file of the same folder, from `inputs`. `special` holds the ids of the tokens that windows are
    built with, by role. `files` are the SHA-256 of every file beside this one, by name. `report` is what was measured.
    """

    engine: Literal["onnx", "openvino"]
    model: str
    inputs: tuple[str, ...]
    settings: ReaderSettings
    special: Mapping[str, int | None]
    files: Mapping[str, str]
    report: Mapping[str, Any]

    def to_json(self) -> str:
        """The text of the file."""
        settings = TypeAdapter(ReaderSettings).dump_python(self.settings, mode="json")
        record = {"format": FORMAT, **asdict_of(self), "settings": settings}
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def asdict_of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, as they are."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def read_export(folder: Path | str, format: str = "onnx") -> tuple[Path, ExportedFolder]:
    """The folder that holds `export.json`, which is `folder` or its `exported`, and what stands in it.

    Raises `RunError` where there is none, and then tells how to make one of `format`; also when a file is missing or is not
    the one that was written.
    """
    home = next((one for one in (Path(folder), Path(folder) / EXPORTED) if (one / EXPORT).is_file()), None)
    if home is None:
        own = "" if folder != EMBEDDED else " --out FOLDER, and in Python ExportedReader.load(FOLDER)"
        raise RunError(
            f"{folder} holds no exported model",
            expected=f"a run folder with {EXPORTED}/{EXPORT} in it, or that folder itself",
            next_move=f"spantune export {folder} --format {format} --data held-out.json{own}",
        )
    try:
        record = json.loads((home / EXPORT).read_text(encoding="utf-8"))
        if record.pop("format") != FORMAT:
            raise ValueError("another format")
        found = TypeAdapter(ExportedFolder).validate_python(record)
        wrong = [name for name, digest in found.files.items() if durable.sha256(home / name) != digest]
    except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise _damaged(f"{home} cannot be read: {first_line(error)}") from None
    if wrong or found.model not in found.files:
        raise _damaged(f"{home / (wrong or [found.model])[0]} is not the file that was exported")
    return home, found


def keep_settings(folder: Path | str, **settings: Any) -> None:
    """Let an exported model choose its answers by other settings: that does not depend on what computes their scores.

    Raises `RunError` as `read_export`, `OutputError` where the folder cannot be written.
    """
    home, found = read_export(folder)
    write_text(home / EXPORT, replace(found, settings=replace(found.settings, **settings)).to_json())


def _damaged(found: str) -> RunError:
    return RunError(
        found, expected="the folder as spantune export wrote it", next_move="restore it from a copy, or export the run again"
    )
