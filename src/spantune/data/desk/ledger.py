"""In: the entries of all records, one after the other. Out: the Report that they add up to.

Does not know: how a record is judged, where it goes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from spantune.data.desk.entries import GRAVITY, Entry, Repair, Told
from spantune.data.desk.report import FileAccount, Finding, Report
from spantune.data.problems import Problem
from spantune.data.reading import Source, Stream
from spantune.data.records import Example, Record, TextExample
from spantune.data.repair import NOT_FOUND, Cause, weigh

EXAMPLES = 3  # problems shown with a finding: one could be an accident, three show the pattern


@dataclass(slots=True)
class _OfFile:
    """What is known of one file's records so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    starts: int = 0
    shown: dict[str, list[Problem]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What problems have in common, down to what would explain them."""

    file: str
    outcome: str
    code: str
    causes: tuple[str, ...] | None

    @classmethod
    def of(cls, told: Told) -> "_Kind":
        return cls(told.problem.file, told.problem.outcome, told.problem.code, told.causes)

    @property
    def alike(self) -> tuple[str, str, str, bool]:
        """What problems have in common that people would call the same; those that a cause may explain are a kind apart."""
        return self.file, self.outcome, self.code, bool(self.causes)

    def explained(self, causes: Mapping[str, Cause]) -> bool:
        """Whether the cause found for the file says all there is to say."""
        return self.file in causes and causes[self.file].code in (self.causes or ())


class Ledger:
    """Adds up entries. `most_alike` bounds how many problems of one code and file are listed; None lists all."""

    def __init__(self, most_alike: int | None = None) -> None:
        self.most_alike = most_alike
        self.files: dict[str, _OfFile] = {}
        self.reasons: dict[str, Counter[str]] = {outcome: Counter() for outcome in reversed(GRAVITY)}
        self.listed: list[Told] = []
        self.kinds: Counter[_Kind] = Counter()
        self.codes: Counter[tuple[str, str, str, bool]] = Counter()
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
        if isinstance(entry.before, Example):
            of_file.starts += sum(given.start not in (None, NOT_FOUND) for given in entry.before.answers or ())
        for told in entry.told:
            self._tell(told, of_file)
        if entry.record is not None:
            self._count(entry.record)

    def _tell(self, told: Told, of_file: _OfFile) -> None:
        if told.causes is not None:
            of_file.wrong += 1
            of_file.causes.update(told.causes)
            for code in told.causes:
                shown = of_file.shown.setdefault(code, [])
                if len(shown) < EXAMPLES:
                    shown.append(told.problem)
        kind = _Kind.of(told)
        self.kinds[kind] += 1
        self.codes[kind.alike] += 1
        if self.most_alike is None or self.codes[kind.alike] <= self.most_alike:
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

    def causes(self) -> dict[str, Cause]:
        """The systematic cause of each file's wrong starts, where there is one."""
        return {file: cause for file, one in self.files.items() if (cause := weigh(one.causes, one.wrong))}

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
        totals = sum((one.outcomes for one in self.files.values()), Counter[str]())
        causes = self.causes()
        problems = tuple(told.problem for told in self.listed if not _Kind.of(told).explained(causes))
        kinds: dict[str, Counter[str]] = {}
        for kind, count in self.kinds.items():
            if not kind.explained(causes):
                kinds.setdefault(kind.outcome, Counter())[kind.code] += count
        return Report(
            read=totals.total(),
            kept=totals["kept"],
            repaired=totals["repaired"],
            quarantined=totals["quarantined"],
            dropped=totals["dropped"],
            examples=examples,
            quarantined_examples=quarantined,
            problems=problems,
            problem_counts=_frozen(kinds),
            repairs=repairs,
            findings=tuple(self._finding(file, cause) for file, cause in causes.items()),
            reasons=_frozen(self.reasons),
            sources=tuple(self._account(source) for source in {source.path: source for source in sources}.values()),
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
        one = self.files[file]
        shown = tuple(one.shown.get(cause.code, ()))
        return Finding(file, cause.code, cause.sentence, one.causes[cause.code], one.wrong, one.starts, shown)

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


def _frozen(counts: Mapping[str, Counter[str]]) -> Mapping[str, Mapping[str, int]]:
    """Counts by outcome and code, the most frequent code first."""
    return MappingProxyType({name: MappingProxyType(dict(codes.most_common())) for name, codes in counts.items() if codes})
