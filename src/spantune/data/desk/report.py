"""In: nothing. Out: the account of a check: totals, files, reasons, findings, problems. Does not know: how it was added up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from spantune.data.desk.entries import Repair
from spantune.data.problems import Problem
from spantune.data.records import Record
from spantune.wording import counted, part_of, visible

CUT_NATURALLY = 0.01  # plurals and compounds whose stem is the answer: 0 to 0.7% in English and German data

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FileAccount:
    """One file: what it turned out to be, and what became of its records; the four counts add up to `read`."""

    path: str
    format: str
    shape: str
    read: int
    kept: int = 0
    repaired: int = 0
    quarantined: int = 0
    dropped: int = 0

    def as_dict(self) -> dict[str, str | int]:
        """The fields as a plain dict, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause behind many wrong answers of a file, told once.

    Of `starts` that the file gives, `wrong` are wrong and their true place is known; `explained` of these have the cause.
    `examples` are a few of their problems.
    """

    file: str
    code: str
    sentence: str
    explained: int
    wrong: int
    starts: int
    examples: tuple[Problem, ...] = field(repr=False)
    next_move: str = "nothing; they were corrected. Export the data again if other tools are to read it"

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain values, for JSON."""
        return {**asdict(self), "examples": [problem.as_dict() for problem in self.examples]}

    def __str__(self) -> str:
        file = self.file or "these records"
        return (
            f"{self.wrong:,} of the {counted(self.starts, 'start')} in {visible(file)} are wrong, {self.explained:,} of these "
            f"because they {self.sentence} ({self.code})"
        )


@dataclass(frozen=True)
class Report:
    """What became of every record: `kept + repaired + quarantined + dropped == read`, always, also file by file.

    `examples` holds the kept and repaired ones in input order; each answer in them equals its slice of the context.
    `reasons` counts records by outcome and reason code. `problems` lists what was wrong, without the problems that a
    `finding` explains; a check of files lists only the first of many alike. `problem_counts` counts them all by outcome and
    code, `unlisted` those that are not listed. `repairs` is the list of old and new values.

    `aligned` counts answers that came without a start and occur exactly once: they are legitimate, so their records are
    kept. `removed` counts references that were taken from records which have others. `cut` counts answers that begin or end
    inside a word: text and start agree, so they are kept too, unless most of the file is sliced the same wrong way.
    """

    read: int
    kept: int
    repaired: int
    quarantined: int
    dropped: int
    examples: tuple[Any, ...] = field(default=(), repr=False)  # of Example or TextExample: the data's shape decides which
    quarantined_examples: tuple[Record, ...] = field(default=(), repr=False)
    problems: tuple[Problem, ...] = field(default=(), repr=False)
    repairs: tuple[Repair, ...] = field(default=(), repr=False)
    findings: tuple[Finding, ...] = ()
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: NOTHING)
    sources: tuple[FileAccount, ...] = ()
    problem_counts: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: NOTHING)
    answers: int = 0
    unanswerable: int = 0
    unlabelled: int = 0
    aligned: int = 0
    removed: int = 0
    cut: int = 0
    labels: Mapping[str, int] = field(default_factory=lambda: NOTHING)
    task: str = "answer"
    choices_left: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every record was kept as it is."""
        return self.kept == self.read

    @property
    def unlisted(self) -> int:
        """Problems that are counted, and not listed."""
        return sum(sum(codes.values()) for codes in self.problem_counts.values()) - len(self.problems)

    @property
    def usable(self) -> int:
        """Records that go on: kept or repaired."""
        return self.kept + self.repaired

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about data that has nothing wrong, in sentences."""
        notes = []
        if self.usable and self.unlabelled == self.usable:
            what = "answers" if self.task == "answer" else "labels"
            notes.append(f"this data has no {what}: it is usable for prediction, not for training or evaluation")
        elif self.unlabelled:
            notes.append(f"{self.unlabelled} of {self.usable} records are unlabelled: usable for prediction only")
        if self.aligned:
            notes.append(f"{counted(self.aligned, 'answer')} without a start {_were(self.aligned)} found in the context")
        if self.removed:
            notes.append(
                f"{counted(self.removed, 'reference')} could not be aligned and {_were(self.removed)} set aside; "
                "the others of these records stay"
            )
        if self.cut > CUT_NATURALLY * self.answers:
            notes.append(f"{part_of(self.cut, self.answers)} answers begin or end inside a word; text and start agree on it")
        if self.choices_left:
            notes.append(
                f"{counted(len(self.choices_left), 'choice')} found no record to be made for: "
                + ", ".join(self.choices_left[:5])
                + (", …" if len(self.choices_left) > 5 else "")
            )
        return tuple(notes)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON; without the records themselves."""
        return {
            "read": self.read,
            "kept": self.kept,
            "repaired": self.repaired,
            "quarantined": self.quarantined,
            "dropped": self.dropped,
            "reasons": {outcome: dict(codes) for outcome, codes in self.reasons.items()},
            "findings": [finding.as_dict() for finding in self.findings],
            "problems": [problem.as_dict() for problem in self.problems],
            "problem_counts": {outcome: dict(codes) for outcome, codes in self.problem_counts.items()},
            "unlisted": self.unlisted,
            "sources": [source.as_dict() for source in self.sources],
            "answers": self.answers,
            "unanswerable": self.unanswerable,
            "unlabelled": self.unlabelled,
            "aligned": self.aligned,
            "removed": self.removed,
            "cut": self.cut,
            "labels": dict(self.labels),
            "notes": list(self.notes),
        }


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
