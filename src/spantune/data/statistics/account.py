"""In: the report of a check, itself or as a dict. Out: what the page shows of it: counts, reasons, a few examples of each.

Does not know: how records are checked. Whatever a report lacks is left out of the page.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spantune.data.records import Example, Span
from spantune.data.statistics.showing import Excerpt, excerpt
from spantune.data.statistics.visible import shortened

OUTCOMES = ("kept", "repaired", "quarantined", "dropped")
CODES = 40  # rows of the table of reasons
EXAMPLES = 3  # of each reason
FILES = 40
LONGEST = 300  # characters of a name or a message


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
    counts: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the records read. `counts` follow `OUTCOMES`; `told` are sentences; `more` counts reasons left out."""

    read: int
    counts: tuple[int, ...]
    files: tuple[File, ...]
    reasons: tuple[Reason, ...]
    told: tuple[str, ...]
    more: int = 0


def account_of(report: Any) -> Account | None:
    """The account of a `Report`, or of its `as_dict()`; `None` for `None`."""
    if report is None:
        return None
    reasons = _reasons(report)
    findings = (str(_get(one, "sentence", "")) for one in _get(report, "findings", ()))
    told = (shortened(str(one), LONGEST) for one in (*findings, *_get(report, "notes", ())) if one)
    return Account(
        read=int(_get(report, "read", 0)),
        counts=tuple(int(_get(report, outcome, 0)) for outcome in OUTCOMES),
        files=tuple(_file(one) for one in _get(report, "sources", ())[:FILES]),
        reasons=reasons[:CODES],
        told=tuple(told),
        more=max(len(reasons) - CODES, 0),
    )


def _reasons(report: Any) -> tuple[Reason, ...]:
    """Every reason with its count: of records where the report counts those, of problems where it does not."""
    problems = [*_get(report, "problems", ())]
    problems += [one for finding in _get(report, "findings", ()) for one in _get(finding, "examples", ())]
    counts: Counter[tuple[str, str]] = Counter()
    few: dict[tuple[str, str], list[Any]] = {}
    for problem in problems:
        key = (str(_get(problem, "outcome", "")), str(_get(problem, "code", "")))
        counts[key] += 1
        if len(alike := few.setdefault(key, [])) < EXAMPLES:
            alike.append(problem)
    booked = _get(report, "reasons", {})
    for outcome, codes in booked.items():
        for code, count in codes.items():
            if outcome != "kept":
                counts[(outcome, code)] = max(count, counts[(outcome, code)])
    moved = _moves(report, [one for alike in few.values() for one in alike])
    ordered = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return tuple(
        Reason(shortened(code, LONGEST), outcome, count, tuple(_fault(one, moved) for one in few.get((outcome, code), ())))
        for (outcome, code), count in ordered
    )


def _moves(report: Any, problems: Iterable[Any]) -> dict[tuple[str, str], tuple[Any, Example]]:
    """The repair behind each of these problems, with the record as it is now; by record id and reason."""
    wanted = {(_get(one, "record_id", ""), _get(one, "code", "")) for one in problems}
    found: dict[tuple[str, str], Any] = {}
    for repair in _get(report, "repairs", ()):
        key = (_get(repair, "record_id", ""), _get(repair, "code", ""))
        if key in wanted and isinstance(_get(repair, "new", None), Span):
            found.setdefault(key, repair)
    ids = {record_id for record_id, _ in found}
    records = {one.id: one for one in _get(report, "examples", ()) if one.id in ids and isinstance(one, Example)}
    return {key: (repair, records[key[0]]) for key, repair in found.items() if key[0] in records}


def _fault(problem: Any, moved: Mapping[tuple[str, str], tuple[Any, Example]]) -> Fault:
    record_id = str(_get(problem, "record_id", ""))
    place = [str(_get(problem, name, "")) for name in ("file", "where")]
    move = moved.get((record_id, _get(problem, "code", "")))
    before, after = _both(*move) if move else (None, None)
    return Fault(
        where=shortened(": ".join(part for part in (*place, record_id) if part), LONGEST),
        found=shortened(str(_get(problem, "found", "")), LONGEST),
        expected=shortened(str(_get(problem, "expected", "")), LONGEST),
        before=before,
        after=after,
    )


def _both(repair: Any, record: Example) -> tuple[Excerpt | None, Excerpt]:
    """What the old start and length pointed at in the context, and what the new span points at."""
    old, new = repair.old, repair.new
    after = excerpt(record.context, (new,))
    if not isinstance(old, Span) or old.start is None or not 0 <= old.start < len(record.context):
        return None, after
    pointed = record.context[old.start : old.start + max(len(old.text), 1)]
    return excerpt(record.context, (Span(pointed, old.start),)), after


def _file(source: Any) -> File:
    kind = " ".join(str(part) for name in ("shape", "format") if (part := _get(source, name, "")))
    counts = tuple(_get(source, name, None) for name in ("read", *OUTCOMES))
    return File(shortened(str(_get(source, "path", "")), LONGEST), kind, counts)


def _get(value: Any, name: str, missing: Any) -> Any:
    """A field of an object or of its dict."""
    found = value.get(name, missing) if isinstance(value, Mapping) else getattr(value, name, missing)
    return missing if found is None else found
