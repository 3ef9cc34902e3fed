"""In: records. Out: a Report: every record read is kept, repaired, quarantined or dropped, with the reason.

Does not know: files, tokenizers. How a span is found is `alignment`'s; this module keeps the account.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from spantune.data.problems import Flaw, Problem, excerpt, record_problem, text_flaw
from spantune.data.reading import Dataset, Source
from spantune.data.records import Example, Record, Span, TextExample
from spantune.data.repair.alignment import align, repair_flaw, unaligned_flaw


@dataclass(frozen=True)
class Report:
    """What became of every record: `kept + repaired + quarantined + dropped == read`, always.

    `examples` holds the kept and repaired ones in input order; each answer in them equals its slice of the context.
    `aligned` counts answers that came without a start and occur exactly once: legitimate, so their records are kept.
    """

    read: int
    kept: int
    repaired: int
    quarantined: int
    dropped: int
    examples: tuple[Any, ...] = field(repr=False)  # of Example or TextExample: the data's shape decides which
    quarantined_examples: tuple[Record, ...] = field(repr=False)
    problems: tuple[Problem, ...] = field(repr=False)
    sources: tuple[Source, ...] = ()
    aligned: int = 0

    @property
    def ok(self) -> bool:
        """Whether every record was kept as it is."""
        return not self.problems

    @cached_property
    def answers(self) -> int:
        """Reference answers in `examples`; a question may have several."""
        return sum(len(record.answers or ()) for record in self.examples if isinstance(record, Example))

    @cached_property
    def unanswerable(self) -> int:
        """Questions in `examples` that are marked as having no answer in their context."""
        return sum(isinstance(record, Example) and record.is_impossible for record in self.examples)

    @cached_property
    def unlabelled(self) -> int:
        """Records in `examples` without answers or label: usable for prediction, not for training."""
        return sum(_is_unlabelled(record) for record in self.examples)

    @cached_property
    def labels(self) -> Mapping[str, int]:
        """Texts per label in `examples`, the most frequent first; empty for questions."""
        labels = (record.label for record in self.examples if isinstance(record, TextExample))
        return MappingProxyType(dict(Counter(label for label in labels if label is not None).most_common()))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about data that has nothing wrong, in sentences."""
        notes = []
        if self.examples and self.unlabelled == len(self.examples):
            what = "answers" if isinstance(self.examples[0], Example) else "labels"
            notes.append(f"this data has no {what}: it is usable for prediction, not for training or evaluation")
        elif self.unlabelled:
            notes.append(f"{self.unlabelled} of {len(self.examples)} records are unlabelled: usable for prediction only")
        if self.aligned:
            notes.append(f"{self.aligned} answers came without a start and were found in their contexts")
        return tuple(notes)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON; without the records themselves."""
        return {
            "read": self.read,
            "kept": self.kept,
            "repaired": self.repaired,
            "quarantined": self.quarantined,
            "dropped": self.dropped,
            "problems": [problem.as_dict() for problem in self.problems],
            "sources": [source.as_dict() for source in self.sources],
            "answers": self.answers,
            "unanswerable": self.unanswerable,
            "unlabelled": self.unlabelled,
            "aligned": self.aligned,
            "labels": dict(self.labels),
            "notes": list(self.notes),
        }


def check(records: Dataset | Iterable[Record]) -> Report:
    """Align every answer with its context, and account for every record.

    In: a `Dataset`, whose own problems enter the account, or any records. Out: a `Report`. Never raises on bad data.

    >>> ada = Example("1", "Who wrote it?", "It was Ada.", answers=(Span("Ada", 6),))
    >>> report = check([ada])
    >>> report.repaired, report.examples[0].answers, report.problems[0].code
    (1, (Span(text='Ada', start=7),), 'exact_elsewhere_unique')
    """
    dataset = records if isinstance(records, Dataset) else None
    rows = tuple(records)
    account = _Account(rows, dataset.problems if dataset is not None else ())
    for record in rows:
        account.enter(record)
    set_aside = dataset.set_aside if dataset is not None else ()
    read = dataset.read if dataset is not None else len(rows)
    quarantined = len(account.quarantined) + len(set_aside)
    return Report(
        read=read,
        kept=account.kept,
        repaired=len(account.usable) - account.kept,
        quarantined=quarantined,
        dropped=read - quarantined - len(account.usable),
        examples=tuple(account.usable),
        quarantined_examples=(*set_aside, *account.quarantined),
        problems=tuple(account.problems),
        sources=dataset.sources if dataset is not None else (),
        aligned=account.aligned,
    )


@dataclass(frozen=True, slots=True)
class _Checked:
    """One record after its check, the flaws met, and how many answers were found without a start."""

    record: Record
    flaws: tuple[Flaw, ...] = ()
    aligned: int = 0


class _Account:
    """Where each record goes. One pass; what it must remember of records gone by is here."""

    def __init__(self, rows: tuple[Record, ...], problems: Iterable[Problem]) -> None:
        self.usable: list[Record] = []
        self.quarantined: list[Record] = []
        self.problems: list[Problem] = list(problems)
        self.kept = 0
        self.aligned = 0
        self._repaired_in_reading = {(p.file, p.where) for p in self.problems if p.outcome == "repaired"}
        self._all_ids = {record.id for record in rows}
        self._seen: dict[str, list[Record]] = {}
        self._label_of: dict[str, str] = {}
        self._labelled_files = {_file(row) for row in rows if isinstance(row, TextExample) and row.label is not None}

    def enter(self, record: Record) -> None:
        """Check one record and book it."""
        namesakes = self._seen.setdefault(record.id, [])
        flaw = _unusable(record) or _duplicate(record, namesakes)
        if flaw:
            self.problems.append(record_problem(record, flaw))
            return
        first = namesakes[0] if namesakes else None
        namesakes.append(record)
        checked = self._check_text(record) if isinstance(record, TextExample) else _check_example(record)
        self.problems += (record_problem(record, flaw) for flaw in checked.flaws)
        if any(flaw.outcome == "quarantined" for flaw in checked.flaws):
            self.quarantined.append(record)
            return
        self.usable.append(self._renamed(checked.record, first) if first else checked.record)
        self.aligned += checked.aligned
        self.kept += not (checked.flaws or first or self._was_repaired(record))

    def _was_repaired(self, record: Record) -> bool:
        place = record.place
        return place is not None and (place.file, place.where) in self._repaired_in_reading

    def _renamed(self, record: Record, first: Record) -> Record:
        """The record under an id of its own: a second 'x' becomes 'x#2'."""
        number = 2
        while f"{record.id}#{number}" in self._all_ids:
            number += 1
        unique = f"{record.id}#{number}"
        self._all_ids.add(unique)
        flaw = Flaw(
            "duplicate_id",
            "repaired",
            f"id {excerpt(record.id)} is also the id of another record, {first.place or 'one before'}",
            "an id of its own",
            f"nothing; it goes by {excerpt(unique)} now",
        )
        self.problems.append(record_problem(record, flaw))
        return replace(record, id=unique)

    def _check_text(self, record: TextExample) -> _Checked:
        if record.label is None and _file(record) in self._labelled_files:
            flaw = Flaw(
                "label_missing",
                "quarantined",
                f"no label for {excerpt(record.text)}",
                "a label, as the other texts of this file have",
                "fill in the label, or move the texts to predict to a file of their own",
            )
            return _Checked(record, (flaw,))
        first = self._label_of.setdefault(record.text, record.label) if record.label else None
        if first == record.label:
            return _Checked(record)
        flaw = Flaw(
            "conflicting_labels",
            "quarantined",
            f"{excerpt(record.text)} has the label {excerpt(str(record.label))}, and before it {excerpt(str(first))}",
            "one label for one text",
            "keep the label that is right",
        )
        return _Checked(record, (flaw,))


def _check_example(record: Example) -> _Checked:
    """Align every reference. The good ones stay; a record is quarantined when none is good."""
    spans: list[Span] = []
    bad: list[Flaw] = []
    repaired: list[Flaw] = []
    located = 0
    for given in record.answers or ():
        alignment = align(record.context, given)
        if alignment.span is None:
            bad.append(unaligned_flaw(record.context, given, alignment))
            continue
        spans.append(alignment.span)
        if alignment.outcome == "repaired":
            repaired.append(repair_flaw(given, alignment))
        located += alignment.code == "located"
    if not (bad or repaired or located):
        return _Checked(record)
    if bad and not spans:
        return _Checked(record, tuple(bad))
    removed = (_removed(flaw, len(spans)) for flaw in bad)
    return _Checked(replace(record, answers=tuple(spans)), (*repaired, *removed), located)


def _removed(flaw: Flaw, left: int) -> Flaw:
    return replace(
        flaw,
        code="reference_removed",
        outcome="repaired",
        found=f"{flaw.code}: {flaw.found}; it was removed, {left} other{'s' if left > 1 else ''} stayed",
    )


def _unusable(record: Record) -> Flaw | None:
    """A record made by hand may lack what reading guarantees."""
    if isinstance(record, TextExample):
        return text_flaw(record.text, "text")
    return text_flaw(record.question, "question") or text_flaw(record.context, "context")


def _duplicate(record: Record, namesakes: Iterable[Record]) -> Flaw | None:
    same = next((other for other in namesakes if _content(other) == _content(record)), None)
    if same is None:
        return None
    return Flaw(
        "duplicate_record",
        "dropped",
        f"the same record as {same.place or 'one before'}, id {excerpt(record.id)}",
        "each record once",
        "nothing; the first one is used",
    )


def _content(record: Record) -> tuple[object, ...]:
    """What makes two records of one id the same record; where they were read does not."""
    if isinstance(record, Example):
        return (record.question, record.context, record.answers)
    return (record.text, record.label)


def _is_unlabelled(record: Record) -> bool:
    return (record.answers if isinstance(record, Example) else record.label) is None


def _file(record: Record) -> str:
    return record.place.file if record.place else ""
