"""In: the report of a check. Out: what the page shows of it: counts, reasons, a few examples of each.

Does not know: how records are checked. Records and repairs that the report does not hold are not shown.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from spantune.data.desk import FileAccount, Repair, Report
from spantune.data.problems import Problem
from spantune.data.records import Example, Span
from spantune.data.statistics.showing import Excerpt, excerpt
from spantune.wording import shortened

OUTCOMES = ("kept", "repaired", "quarantined", "dropped")
CODES = 40  # rows of the table of reasons
EXAMPLES = 3  # of each reason
FILES = 40
LONGEST = 300  # characters of a name or a message

Moves = dict[tuple[str, str], tuple[Repair, Example]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One problem: where, what was found, what was expected; and the answer's place before and after, where it moved."""

    where: str
    found: str
    expected: str
    before: Excerpt | None = None
    after: Excerpt | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code: what became of the records that have it, how many they are, and a few of them."""

    code: str
    outcome: str
    count: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class File:
    """One file: its path, what it turned out to be, and its counts, 'read' first."""

    path: str
    kind: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the records read. `counts` follow `OUTCOMES`; `told` are sentences; `more` counts reasons left out."""

    read: int
    counts: tuple[int, ...]
    files: tuple[File, ...]
    reasons: tuple[Reason, ...]
    told: tuple[str, ...]
    more: int = 0


def account_of(report: Report) -> Account:
    """The account of a report."""
    reasons = _reasons(report)
    told = (*map(str, report.findings), *report.notes)
    return Account(
        read=report.read,
        counts=_counts(report),
        files=tuple(_file(one) for one in report.sources[:FILES]),
        reasons=reasons[:CODES],
        told=tuple(shortened(one, LONGEST) for one in told),
        more=max(len(reasons) - CODES, 0),
    )


def _counts(counted: Report | FileAccount) -> tuple[int, ...]:
    return (counted.kept, counted.repaired, counted.quarantined, counted.dropped)


def _reasons(report: Report) -> tuple[Reason, ...]:
    """Every reason for which a record was not kept as it is, the most frequent first."""
    few: dict[tuple[str, str], list[Problem]] = {}
    for problem in (*report.problems, *(one for finding in report.findings for one in finding.examples)):
        if len(alike := few.setdefault((problem.outcome, problem.code), [])) < EXAMPLES:
            alike.append(problem)
    counts = Counter({(outcome, code): count for outcome, codes in report.reasons.items() for code, count in codes.items()})
    for outcome, codes in report.problem_counts.items():  # a record has one reason and may have several problems
        for code, count in codes.items():
            counts[(outcome, code)] = max(count, counts[(outcome, code)])
    moved = _moves(report, [one for alike in few.values() for one in alike])
    ordered = sorted(((key, count) for key, count in counts.items() if key[0] != "kept"), key=lambda row: (-row[1], row[0]))
    return tuple(
        Reason(shortened(code, LONGEST), outcome, count, tuple(_fault(one, moved) for one in few.get((outcome, code), ())))
        for (outcome, code), count in ordered
    )


def _moves(report: Report, problems: Iterable[Problem]) -> Moves:
    """The repair behind each of these problems, with the record as it is now; by record id and reason."""
    wanted = {(one.record_id, one.code) for one in problems}
    found: dict[tuple[str, str], Repair] = {}
    for repair in report.repairs:
        if (repair.record_id, repair.code) in wanted and isinstance(repair.new, Span):
            found.setdefault((repair.record_id, repair.code), repair)
    ids = {record_id for record_id, _ in found}
    records = {one.id: one for one in report.examples if one.id in ids and isinstance(one, Example)}
    return {key: (repair, records[key[0]]) for key, repair in found.items() if key[0] in records}


def _fault(problem: Problem, moved: Moves) -> Fault:
    place = ": ".join(part for part in (problem.file, problem.where, problem.record_id) if part)
    move = moved.get((problem.record_id, problem.code))
    before, after = _both(*move) if move else (None, None)
    return Fault(
        shortened(place, LONGEST), shortened(problem.found, LONGEST), shortened(problem.expected, LONGEST), before, after
    )


def _both(repair: Repair, record: Example) -> tuple[Excerpt | None, Excerpt | None]:
    """What the old start and length pointed at in the context, and what the new span points at."""
    old, new = repair.old, repair.new
    after = excerpt(record.context, (new,)) if isinstance(new, Span) else None
    if not isinstance(old, Span) or old.start is None or not 0 <= old.start < len(record.context):
        return None, after
    pointed = record.context[old.start : old.start + max(len(old.text), 1)]
    return excerpt(record.context, (Span(pointed, old.start),)), after


def _file(source: FileAccount) -> File:
    return File(shortened(source.path, LONGEST), f"{source.shape} {source.format}", (source.read, *_counts(source)))
