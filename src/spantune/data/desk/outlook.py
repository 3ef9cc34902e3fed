"""In: records of one file, all or its head. Out: what must be known of the file before its first record is booked.

Does not know: outcomes. A stream is judged by its head, because it passes only once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spantune.data.records import Record, Span, TextExample
from spantune.data.repair import MOST_OF, NOT_FOUND, Cause, align, causes_of, uncut, weigh

HEAD = 2_000
"""Records of a stream that are looked at before the first is booked: enough that half of the wrong starts is no accident,
few enough (some 40 MB of long contexts) to be held."""


CUT_SHARE = 0.05
"""Answers that cut the words at both of their ends, from which on the file was sliced with wrong offsets: clean data has one
in 15,000, and text and start agree on it; a tool that shifts its offsets cuts nearly all."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one file's records have in common.

    The systematic cause of its wrong starts, if there is one; how far its answers have to be moved because they were sliced
    with wrong offsets, 0 if they were not; whether its texts carry labels.
    """

    cause: Cause | None = None
    slip: int = 0
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer whose start is wrong and whose true place is known: the systematic causes that would explain it."""

    causes: tuple[str, ...]


def look_ahead(records: Iterable[Record]) -> Outlook:
    """Find what the answers of a file have in common, from those whose true place is known.

    >>> from spantune.data.records import Example
    >>> rows = [Example(str(i), "Who?", f"{i}: Ada", answers=(Span("Ada", len(f"{i}: ") + 1),)) for i in range(9)]
    >>> look_ahead(rows).cause.code
    'counted_from_one'
    """
    explained: Counter[str] = Counter()
    slips: Counter[int] = Counter()
    answers = wrong = 0
    labelled = False
    for record in records:
        if isinstance(record, TextExample):
            labelled = labelled or record.label is not None
            continue
        if not isinstance(record.context, str):
            continue  # made by hand, and told when it is booked
        for given in record.answers or ():
            answers += 1
            found = align(record.context, given).span
            told = wrong_start(record.context, given, found)
            if told is not None:
                wrong += 1
                explained.update(told.causes)
            elif found == given:
                slips.update(slip_of(record.context, given))
    return Outlook(weigh(explained, wrong), common_slip(slips, answers), labelled)


def slip_of(context: str, given: Span) -> tuple[int, ...]:
    """How far an answer that cuts its words has to be moved to be whole: one number, or none for an answer that does not."""
    whole = uncut(context, given)
    return () if whole is None or whole.start is None or given.start is None else (whole.start - given.start,)


def common_slip(slips: Mapping[int, int], answers: int) -> int:
    """The slip that the file's answers have in common, 0 for none.

    >>> common_slip({-1: 40, 2: 1}, 100), common_slip({-1: 2}, 100)
    (-1, 0)
    """
    by, most = max(slips.items(), key=lambda row: row[1], default=(0, 0))
    cut = sum(slips.values())
    return by if cut > CUT_SHARE * answers and most >= MOST_OF * cut else 0


def wrong_start(context: str, given: Span, found: Span | None) -> Wrong | None:
    """What would explain a wrong start; None for a start that is right, is none, or whose true place is not known.

    >>> wrong_start("It was Ada.", Span("Ada", 8), Span("Ada", 7)).causes
    ('counted_from_one',)
    """
    if found is None or given.start in (None, NOT_FOUND) or found.start == given.start or found.text != given.text:
        return None
    return Wrong(causes_of(context, given, found))


def file_of(record: Record) -> str:
    """The file that a record was read from, '' for one made by hand."""
    return record.place.file if record.place else ""


def outlooks(records: Iterable[Record]) -> dict[str, Outlook]:
    """Each file's outlook, from records of several files."""
    by_file: dict[str, list[Record]] = {}
    for record in records:
        by_file.setdefault(file_of(record), []).append(record)
    return {file: look_ahead(of_file) for file, of_file in by_file.items()}
