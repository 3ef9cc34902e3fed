"""In: a case. Out: its context around the references and the answer, cut where they begin and end. Does not know: markup."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from spantune.evaluation.cases import Case

AROUND = 160  # characters on each side of what is marked
MOST = 1600  # characters of one excerpt


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a context: whether it is part of a reference, and of the answer; `skipped` characters stand before it."""

    text: str
    gold: bool = False
    said: bool = False
    skipped: int = 0

    @property
    def kind(self) -> str:
        """The style class: `both`, `gold`, `said` or none.

        >>> Piece("Ada", gold=True, said=True).kind
        'both'
        """
        return "both" if self.gold and self.said else "gold" if self.gold else "said" if self.said else ""


def excerpt(case: Case) -> tuple[Piece, ...]:
    """The context around every reference and the answer.

    >>> from types import SimpleNamespace as S
    >>> from spantune.data.records import Example, Span
    >>> record = Example("1", "Who?", "It was Ada Lovelace.", (Span("Ada Lovelace", 7),))
    >>> [(piece.text, piece.kind) for piece in excerpt(S(record=record, given=S(text="Ada", start=7)))]
    [('It was ', ''), ('Ada', 'both'), (' Lovelace', 'gold'), ('.', '')]
    """
    context = case.record.context
    gold = [(span.start, span.end) for span in case.record.answers or () if _there(context, span.start, span.text)]
    said = list(_places_of_answer(case))
    marked = [(low or 0, high) for low, high in gold] + said
    shown = [(max(low - AROUND, 0), min(high + AROUND, len(context))) for low, high in marked] or [(0, 2 * AROUND)]
    edges = sorted({edge for span in (*marked, *shown) for edge in span} | {0, len(context)})
    pieces: list[Piece] = []
    skipped = length = 0
    for low, high in pairwise(edges):
        seen = any(a <= low and high <= b for a, b in shown) and length < MOST
        if not seen:
            skipped += high - low
            continue
        within = [any((a or 0) <= low and high <= b for a, b in side) for side in (gold, said)]
        pieces.append(Piece(context[low:high], within[0], within[1], skipped))
        length, skipped = length + high - low, 0
    return (*pieces, *([Piece("", skipped=skipped)] if skipped else []))


def _there(context: str, start: int | None, text: str) -> bool:
    return start is not None and bool(text) and context.startswith(text, start)


def _places_of_answer(case: Case) -> Iterator[tuple[int, int]]:
    text, context = case.given.text, case.record.context
    if not text:
        return
    if _there(context, case.given.start, text):
        assert case.given.start is not None
        yield case.given.start, case.given.start + len(text)
        return
    found = re.search(re.escape(text), context)
    if found is not None:
        yield found.span()
