"""In: the entries of all records, one after the other. Out: the Report that they add up to.

Does not know: how a record is judged, where it goes.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType

from spantune.data.desk.entries import GRAVITY, Entry, Repair, Told
from spantune.data.desk.report import FileAccount, Finding, Report
from spantune.data.reading import Source, Stream
from spantune.data.records import Record, TextExample
from spantune.data.repair import Cause, weigh

EXAMPLES = 3  # problems shown with a finding: one could be an accident, three show the pattern


@dataclass(slots=True)
class _OfFile:
    """What is known of one file's records so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    wrong: int = 0


class Tally:
    """Adds up entries. `most_alike` bounds how many problems of one code and file are listed; None lists all."""

    def __init__(self, most_alike: int | None = None) -> None:
        self.most_alike = most_alike
        self.files: dict[str, _OfFile] = {}
        self.reasons: dict[str, Counter[str]] = {outcome: Counter() for outcome in reversed(GRAVITY)}
        self.listed: list[Told] = []
        self.alike: Counter[tuple[str, str, tuple[str, ...] | None]] = Counter()
        self.labels: Counter[str] = Counter()
        self.answers = self.unanswerable = self.unlabelled = self.located = self.removed = self.cut = self.texts = 0

    def enter(self, entry: Entry) -> None:
        """Add one entry."""
        of_file = self.files.setdefault(entry.file, _OfFile())
        of_file.outcomes[entry.outcome] += 1
        self.reasons[entry.outcome][entry.reason] += 1
        self.located += entry.located
        self.cut += entry.cut
        self.removed += len(entry.removed)
        for told in entry.told:
            self._tell(told, of_file)
        if entry.record is not None:
            self._count(entry.record)

    def _tell(self, told: Told, of_file: _OfFile) -> None:
        if told.causes is not None:
            of_file.wrong += 1
            of_file.causes.update(told.causes)
        alike = (told.problem.file, told.problem.code, told.causes)
        self.alike[alike] += 1
        if self.most_alike is None or self.alike[alike] <= self.most_alike:
            self.listed.append(told)

    def _count(self, record: Record) -> None:
        if isinstance(record, TextExample):
            self.texts += 1
            self.unlabelled += record.label is None
            if record.label is not None:
                self.labels[record.label] += 1
            return
        self.answers += len(record.answers or ())
        self.unanswerable += record.is_impossible
        self.unlabelled += record.answers is None

    def report(
        self,
        sources: Iterable[Source | Stream] = (),
        *,
        choices_left: tuple[str, ...] = (),
        examples: tuple[Record, ...] = (),
        quarantined: tuple[Record, ...] = (),
        repairs: tuple[Repair, ...] = (),
    ) -> Report:
        """The sums of all entries so far. What is held in memory, if it is, comes from the caller."""
        totals = Counter[str]()
        for of_file in self.files.values():
            totals.update(of_file.outcomes)
        causes = {file: cause for file, one in self.files.items() if (cause := weigh(one.causes, one.wrong))}
        explained = {
            id(told)
            for told in self.listed
            if told.problem.file in causes and causes[told.problem.file].code in (told.causes or ())
        }
        hidden = sum(self.alike.values()) - len(self.listed)
        hidden -= sum(
            count - min(count, self.most_alike or count)
            for (file, _, codes), count in self.alike.items()
            if file in causes and causes[file].code in (codes or ())
        )
        return Report(
            read=totals.total(),
            kept=totals["kept"],
            repaired=totals["repaired"],
            quarantined=totals["quarantined"],
            dropped=totals["dropped"],
            examples=examples,
            quarantined_examples=quarantined,
            problems=tuple(told.problem for told in self.listed if id(told) not in explained),
            repairs=repairs,
            findings=tuple(self._finding(file, cause) for file, cause in causes.items()),
            reasons=MappingProxyType(
                {outcome: MappingProxyType(dict(codes.most_common())) for outcome, codes in self.reasons.items() if codes}
            ),
            sources=tuple(self._account(source) for source in {source.path: source for source in sources}.values()),
            unlisted=hidden,
            answers=self.answers,
            unanswerable=self.unanswerable,
            unlabelled=self.unlabelled,
            aligned=self.located,
            removed=self.removed,
            cut=self.cut,
            labels=MappingProxyType(dict(self.labels.most_common())),
            task="classify" if self.texts else "answer",
            choices_left=choices_left,
        )

    def _finding(self, file: str, cause: Cause) -> Finding:
        of_file = self.files[file]
        alike = (told.problem for told in self.listed if told.problem.file == file and cause.code in (told.causes or ()))
        return Finding(
            file, cause.code, cause.sentence, of_file.causes[cause.code], of_file.wrong, tuple(islice(alike, EXAMPLES))
        )

    def _account(self, source: Source | Stream) -> FileAccount:
        outcomes = self.files[source.path].outcomes
        return FileAccount(
            source.path,
            source.format,
            source.shape,
            outcomes.total(),
            outcomes["kept"],
            outcomes["repaired"],
            outcomes["quarantined"],
            outcomes["dropped"],
        )
