"""`check_data`: files of data checked, repaired, compared, described, on one road."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spantune.data import (
    Dataset,
    DuplicateReport,
    Entry,
    LeakReport,
    ReadAs,
    Report,
    check_files,
    find_leaks,
    find_leaks_within,
    read_files,
    write_text,
)
from spantune.errors import ConfigError, UnknownShapeError
from spantune.road.targets import check_target
from spantune.road.watch import Silent, Watch, working

if TYPE_CHECKING:
    from spantune.road.describing import Description


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the account of the records; and, where asked for, leaks, duplicates and statistics."""

    report: Report
    leaks: LeakReport | None = None
    duplicates: DuplicateReport | None = None
    description: "Description | None" = None
    sheet: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every record is as it should be, and no test question is touched by the data."""
        return self.report.ok and not (self.leaks is not None and self.leaks.touched)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        found: dict[str, Any] = self.report.as_dict()
        parts = {"leaks": self.leaks, "duplicates": self.duplicates}
        found |= {name: part.as_dict() for name, part in parts.items() if part is not None}
        if self.description is not None:
            found["statistics"] = self.description.statistics.as_dict()
        return found if self.sheet is None else {**found, "sheet": self.sheet}


def check_data(
    data: Sequence[str | Path],
    *,
    fix: str | Path | None = None,
    accept: str | Path | None = None,
    against: Sequence[str | Path] = (),
    duplicates: bool = False,
    sheet: str | Path | None = None,
    model: str | None = None,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Checked:
    """Check files, and do what else is asked for; without `against`, `duplicates` and `sheet` no record is kept in memory.

    `fix` and `accept` are those of `check_files`. `against` names test data: which of its questions are touched by `data`?
    `sheet` names an HTML file for statistics with pictures, counted in the tokens of `model`. Raises the errors of
    `check_files` and of the model's tokenizer, `OutputError` when a file cannot be written.
    """
    watch = watch or Silent()
    if sheet is not None:
        if Path(sheet).suffix.lower() not in (".html", ".htm"):
            raise ConfigError(
                f"the data sheet is a page, and {str(sheet)!r} is not the name of one",
                expected="a name that ends in .html",
                next_move=f"write to {Path(sheet).with_suffix('.html')}",
            )
        if fix is None or Path(sheet).parent != Path(fix):  # a folder that will be made
            check_target(sheet, [*data, *against])
    elif model is not None:
        raise ConfigError(
            f"a model, {model!r}, without a data sheet", expected="--model beside --sheet", next_move="add --sheet FILE.html"
        )
    entries: list[Entry] = []
    wanted = bool(against or duplicates or sheet is not None)
    with working(watch, "checking"):
        report = check_files(data, read_as=read_as, fix=fix, accept=accept, into=entries if wanted else None, spare=against)
    records = [entry.record for entry in entries if entry.record is not None]
    leaks = within = description = None
    if against:
        with working(watch, "looking for leaks"):
            test = _test_data(against, read_as)
            if test.task != report.task:
                raise UnknownShapeError(
                    f"{', '.join(map(str, against))} is for the task {test.task!r}, {_title(data)} for {report.task!r}",
                    expected="files of one task",
                    next_move="compare questions with questions, or texts with texts",
                )
            leaks = find_leaks(test, records)
    if duplicates or sheet is not None:
        with working(watch, "looking for duplicates"):
            within = find_leaks_within(records)
    if sheet is not None and records:
        from spantune.road.describing import describe  # brings a tokenizer, which nothing else here needs

        description = describe(records, model, watch)
        repairs = tuple(repair for entry in entries for repair in entry.repairs)
        remarks = [sentence for part in (leaks, within) if part is not None for sentence in part.sentences()]
        whole = replace(report, examples=tuple(records), repairs=repairs)
        write_text(sheet, description.sheet(whole, remarks, _title(data)))
    return Checked(report, leaks, within if duplicates else None, description, None if description is None else str(sheet))


def _test_data(against: Sequence[str | Path], read_as: ReadAs | None) -> Dataset:
    """Test data, read as the data is where that fits it, and recognised where it does not."""
    try:
        return read_files(against, read_as)
    except (ConfigError, UnknownShapeError):
        if read_as is None:
            raise
        return read_files(against, ReadAs(encoding=read_as.encoding))


def _title(data: Sequence[str | Path]) -> str:
    return ", ".join(Path(path).name for path in data)
