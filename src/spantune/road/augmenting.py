"""`augment_file`: data, and altered copies of its questions, as a file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spantune.config import load_config
from spantune.data import ReadAs, check, read_files, write_examples
from spantune.data.augmenting import AUGMENTATIONS, Augmented, augment
from spantune.data.writing import writer_for
from spantune.errors import ConfigError
from spantune.road.splitting import repaired_first
from spantune.road.targets import check_target
from spantune.wording import counted


@dataclass(frozen=True, slots=True)
class AugmentedFile:
    """The file written, what is in it, and how many records `check` left out or repaired first."""

    path: str
    augmented: Augmented
    left_out: int
    repaired: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        return {"file": self.path, **self.augmented.as_dict(), "left_out": self.left_out, "repaired": self.repaired}

    def sentences(self) -> tuple[str, ...]:
        """The result in plain words."""
        count = len(self.augmented.records)
        made = sum(self.augmented.made.values())
        mended = f", {self.repaired:,} repaired" if self.repaired else ""
        said = [
            f"{counted(count, 'record')} to {self.path}: {count - made - self.repaired:,} as they were{mended}, "
            + ("1 copy" if made == 1 else f"{made:,} copies"),
            *self.augmented.sentences(),
            *repaired_first(self.repaired),
        ]
        if self.left_out:
            are = "is" if self.left_out == 1 else "are"
            said.append(f"{counted(self.left_out, 'record')} {are} left out: spantune check tells which and why")
        return tuple(said)


def augment_file(
    data: Sequence[str | Path], out: str | Path, shares: Iterable[str], *, seed: int = 13, read_as: ReadAs | None = None
) -> AugmentedFile:
    """Write the records that `check` keeps or repairs, and copies of them, to the JSON file `out`.

    `shares` are words such as 'typos=0.5': a row of `AUGMENTATIONS` and the share of the questions to copy by it. Raises
    `ConfigError` for a row or share that does not exist, for none at all, when `out` is one of the inputs or of no format that
    can be written; `OutputError` when the file cannot be written.
    """
    settings = load_config(overrides=[f"augment.{share}" for share in shares]).augment
    if not any(share for _, share in settings):
        raise ConfigError(
            "no augmentation is asked for",
            expected=f"a share above 0 for one or more of {', '.join(AUGMENTATIONS)}",
            next_move="add --share typos=0.5, say; docs/augmentation.md tells what each was measured to do",
        )
    writer_for(out)
    check_target(out, data)
    report = check(read_files(data, read_as))
    augmented = augment(report.examples, settings, seed)
    write_examples(augmented.records, out)
    return AugmentedFile(str(out), augmented, report.read - len(report.examples), report.repaired)
