"""In: labelled records, and what was answered to them. Out: the two, side by side. Does not know: scores."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from spantune.data.records import Record
from spantune.errors import EvaluationError


class Identified(Protocol):
    """Anything that tells which record it belongs to."""

    @property
    def id(self) -> str:
        """The id of the record."""


RecordT = TypeVar("RecordT", bound=Record)
GivenT = TypeVar("GivenT", bound=Identified)


def labelled(records: Iterable[RecordT], is_labelled: Callable[[RecordT], bool], *, label: str) -> tuple[RecordT, ...]:
    """Give the records back if there are any and each has its label, named by `label` in the error.

    Raises `EvaluationError` before anything is predicted, so that no long run ends in it.
    """
    kept = tuple(records)
    if not kept:
        raise EvaluationError(
            "0 records to score",
            expected="at least one labelled record, since a percentage of nothing is no number",
            next_move="check that the file was read and that no filter removed every record",
        )
    without = [record for record in kept if not is_labelled(record)]
    if without:
        first = without[0]
        where = f" ({first.place})" if first.place else ""
        raise EvaluationError(
            f"{len(without)} of {len(kept)} records have no {label}; the first is {first.id!r}{where}",
            expected=f"a {label} for every record that is scored",
            next_move="score the labelled records only; `spantune predict` needs no labels",
        )
    return kept


def pair(records: tuple[RecordT, ...], given: Iterable[GivenT]) -> Iterator[tuple[RecordT, GivenT]]:
    """Pair records with what was given for them, in order, consuming `given` once and keeping none of it.

    Raises `EvaluationError` at the first id that differs, and when one side ends before the other.
    """
    rest = iter(given)
    for position, record in enumerate(records):
        item = next(rest, None)
        if item is None:
            raise _mismatch(f"{position} answers for {len(records)} records; {record.id!r} has none")
        if item.id != record.id:
            raise _mismatch(f"answer {position + 1} is for {item.id!r}, record {position + 1} is {record.id!r}")
        yield record, item
    extra = next(rest, None)
    if extra is not None:
        raise _mismatch(f"more answers than the {len(records)} records; the first without a record is for {extra.id!r}")


def _mismatch(found: str) -> EvaluationError:
    return EvaluationError(
        found,
        expected="one answer for each record, in the order of the records",
        next_move="score answers against the same records, in the same order, that they were made from",
    )
