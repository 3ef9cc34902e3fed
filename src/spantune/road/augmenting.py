"""`augment_file`: data, and altered copies of its questions, as a file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spantune.config import load_config
from spantune.data import ReadAs, check, read_files, write_examples
from spantune.data.augmenting import AUGMENTATIONS, Augmented, augment
from spantune.errors import ConfigError
from spantune.road.targets import check_target


@dataclass(frozen=True, slots=True)
class AugmentedFile:
    """The file written, what is in it, and how many records were left out because `check` sets them aside."""

    path: str
    augmented: Augmented
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        return {"file": self.path, **self.augmented.as_dict(), "left_out": self.left_out}

    def sentences(self) -> tuple[str, ...]:
        """The result in plain words."""
        count = len(self.augmented.records)
        made = sum(self.augmented.made.values())
        said = [f"{count} records to {self.path}: {count - made} as they were, {made} copies", *self.augmented.sentences()]
        if self.left_out:
            said.append(f"{self.left_out} records are left out: spantune check tells which and why")
        return tuple(said)


def augment_file(
    data: Sequence[str | Path], out: str | Path, shares: Iterable[str], *, seed: int = 13, read_as: ReadAs | None = None
) -> AugmentedFile:
    """Write the records that `check` keeps or repairs, and copies of them, to the JSON file `out`.

    `shares` are words such as 'typos=0.5': a row of `AUGMENTATIONS` and the share of the questions to copy by it. Raises
    `ConfigError` for a row or share that does not exist, for none at all, or when `out` is one of the inputs; `OutputError`
    when the file cannot be written.
    """
    settings = load_config(overrides=[f"augment.{share}" for share in shares]).augment
    if not any(share for _, share in settings):
        raise ConfigError(
            "no augmentation is asked for",
            expected=f"a share above 0 for one or more of {', '.join(AUGMENTATIONS)}",
            next_move="add --share typos=0.5, say; docs/augmentation.md tells what each was measured to do",
        )
    check_target(out, data)
    report = check(read_files(data, read_as))
    augmented = augment(report.examples, settings, seed)
    write_examples(augmented.records, out)
    return AugmentedFile(str(out), augmented, report.read - len(report.examples))
