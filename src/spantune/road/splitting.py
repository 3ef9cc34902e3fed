"""`split_files` and `fold_files`: data files become the files of a split, from the records that `check` keeps or repairs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spantune.data import ReadAs, Record, Report, check, read_files, write_examples
from spantune.data.splitting import (
    DEFAULT_GROUPING,
    LeakShares,
    Split,
    ThreeWay,
    fold_leak_shares,
    folds,
    split,
    split_three,
)
from spantune.errors import OutputError
from spantune.road.targets import check_target
from spantune.wording import counted

NAMES = {"train": "train.json", "held_out": "held-out.json", "test": "test.json"}


@dataclass(frozen=True, slots=True)
class Sides:
    """The files of a split: their paths and counts, what kept records together, and what was left out of all.

    `leaks` says what a random split of the rows would have leaked; `repaired` records were changed before they were written.
    `test` is `None` where no test set was asked for. `stale` names files of an earlier split that stand beside these and may
    share records with them.
    """

    train: str
    held_out: str
    train_count: int
    held_out_count: int
    grouped_by: str
    left_out: int
    leaks: LeakShares
    test: str | None = None
    test_count: int = 0
    stale: tuple[str, ...] = ()
    repaired: int = 0

    @property
    def warning(self) -> str | None:
        """What is wrong with the split, if anything is."""
        return self.leaks.warning

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        return {**asdict(self), "leaks": self.leaks.as_dict(), "warning": self.warning}

    def sentences(self) -> tuple[str, ...]:
        """Where the records are, what a random split would have leaked, and what was left out."""
        third = f", {self.test_count:,} to {self.test}" if self.test else ""
        files = f"{counted(self.train_count, 'record')} to {self.train}, {self.held_out_count:,} to {self.held_out}{third}"
        return (f"{files}, {self.grouped_by}", *_told(self))


@dataclass(frozen=True, slots=True)
class Fold:
    """The two files of one fold: their paths and counts."""

    train: str
    held_out: str
    train_count: int
    held_out_count: int


@dataclass(frozen=True, slots=True)
class Folded:
    """The files of k folds, in which each record is held out once; what is told beside them is told as of `Sides`."""

    folds: tuple[Fold, ...]
    grouped_by: str
    left_out: int
    leaks: LeakShares
    stale: tuple[str, ...] = ()
    repaired: int = 0

    @property
    def warning(self) -> str | None:
        """What is wrong with the split, if anything is."""
        return self.leaks.warning

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        return {**asdict(self), "leaks": self.leaks.as_dict(), "warning": self.warning}

    def sentences(self) -> tuple[str, ...]:
        """Where the records are, what a random split would have leaked, and what was left out."""
        files = (
            f"{counted(fold.train_count, 'record')} to {fold.train}, {fold.held_out_count:,} to {fold.held_out}"
            for fold in self.folds
        )
        return (*files, self.grouped_by, *_told(self))


def split_files(
    data: Sequence[str | Path],
    out: str | Path,
    *,
    held_out: float = 0.2,
    test: float | None = None,
    by: str = DEFAULT_GROUPING,
    seed: int = 13,
    read_as: ReadAs | None = None,
) -> Sides:
    """Write `train.json`, `held-out.json` and, for a share of `test`, `test.json` into the folder `out`.

    Raises `DataError` when there are not enough groups to tell apart, `ConfigError` for a share or grouping that does not
    exist, `OutputError` when a file cannot be written.
    """
    report = check(read_files(data, read_as))
    parts: Split | ThreeWay
    if test is None:
        parts = split(report.examples, held_out=held_out, by=by, seed=seed)
    else:
        parts = split_three(report.examples, held_out=held_out, test=test, by=by, seed=seed)
    folder = Path(out)
    files = {folder / name: part for name, part in zip(NAMES.values(), parts, strict=False)}
    _write(files, data)
    third = parts.test if isinstance(parts, ThreeWay) else ()
    return Sides(
        train=str(folder / NAMES["train"]),
        held_out=str(folder / NAMES["held_out"]),
        train_count=len(parts.train),
        held_out_count=len(parts.held_out),
        grouped_by=parts.grouped_by,
        left_out=_not_used(report),
        leaks=parts.leaks,
        test=str(folder / NAMES["test"]) if third else None,
        test_count=len(third),
        stale=_stale(folder, files),
        repaired=report.repaired,
    )


def fold_files(
    data: Sequence[str | Path],
    out: str | Path,
    *,
    k: int = 5,
    by: str = DEFAULT_GROUPING,
    seed: int = 13,
    read_as: ReadAs | None = None,
) -> Folded:
    """Write `fold-1/train.json`, `fold-1/held-out.json` and so on into the folder `out`.

    Raises `DataError` for fewer groups than folds, `ConfigError` for fewer than two folds or a grouping that does not exist,
    `OutputError` when a file cannot be written.
    """
    report = check(read_files(data, read_as))
    parts = folds(report.examples, k=k, by=by, seed=seed)
    made = [Path(out) / f"fold-{number}" for number in range(1, k + 1)]
    files = {
        folder / NAMES[side]: rows
        for folder, part in zip(made, parts, strict=True)
        for side, rows in (("train", part.train), ("held_out", part.held_out))
    }
    _write(files, data)
    told = (
        Fold(str(folder / NAMES["train"]), str(folder / NAMES["held_out"]), len(part.train), len(part.held_out))
        for folder, part in zip(made, parts, strict=True)
    )
    groups = sum(parts[0].groups.values())
    return Folded(
        tuple(told),
        parts[0].grouped_by,
        _not_used(report),
        fold_leak_shares([part.held_out for part in parts], seed, groups=groups),
        stale=_stale(Path(out), files),
        repaired=report.repaired,
    )


def repaired_first(count: int) -> tuple[str, ...]:
    """The sentence on records that were changed before they were used; none where there are none.

    >>> repaired_first(1)
    ('1 record was repaired first; spantune check FILE --fix DIR tells each one',)
    """
    were = "was" if count == 1 else "were"
    return (f"{counted(count, 'record')} {were} repaired first; spantune check FILE --fix DIR tells each one",) if count else ()


def _write(files: Mapping[Path, Iterable[Record]], data: Sequence[str | Path]) -> None:
    for file in files:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"the folder {file.parent} cannot be made: {error.strerror}",
                expected="a folder, or a place where one can be made",
                next_move="choose another --out",
            ) from error
        check_target(file, data)
    for file, rows in files.items():
        write_examples(rows, file)


def _not_used(report: Report) -> int:
    return report.read - len(report.examples)


def _told(made: Sides | Folded) -> tuple[str, ...]:
    """What is said of every split: its leaks, and the records and files that are not as one might think."""
    return (str(made.leaks), *repaired_first(made.repaired), *_left_out(made.left_out), *_told_stale(made.stale))


def _left_out(count: int) -> tuple[str, ...]:
    are = "is" if count == 1 else "are"
    return (f"{counted(count, 'record')} {are} in no file: spantune check tells which and why",) if count else ()


def _stale(folder: Path, written: Collection[Path]) -> tuple[str, ...]:
    """Files with the names of a split in or below the folder that were not written now."""
    found = (path for pattern in ("", "fold-*/") for name in NAMES.values() for path in folder.glob(pattern + name))
    return tuple(sorted(str(path) for path in found if path not in written))


def _told_stale(files: Sequence[str]) -> tuple[str, ...]:
    return (f"left from an earlier split, and not apart from these files: {', '.join(files)}",) if files else ()
