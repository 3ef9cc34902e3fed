"""In: a case. Out: its context around the references and the answer, cut where they begin and end. Does not know: markup."""

from dataclasses import dataclass
from itertools import pairwise

from spantune.evaluation.analysis.mistakes import place_of
from spantune.evaluation.cases import Case

AROUND = 160  # characters on each side of what is marked
MOST = 1600  # characters of one excerpt, roughly
LONGEST = 600  # characters of one piece of it


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
    gold = [(span.start or 0, span.end) for span in case.record.answers or () if _there(context, span.start, span.text)]
    place = place_of(case)
    said = [] if place is None else [(place, place + len(case.given.text))]
    marked = gold + said
    shown = [(max(low - AROUND, 0), min(high + AROUND, len(context))) for low, high in marked] or [(0, 2 * AROUND)]
    edges = sorted({edge for span in (*marked, *shown) for edge in span if edge <= len(context)} | {0, len(context)})
    pieces: list[Piece] = []
    skipped = length = 0
    for low, high in pairwise(edges):
        if length >= MOST or not any(a <= low and high <= b for a, b in shown):
            skipped += high - low
            continue
        within = [any(a <= low and high <= b for a, b in side) for side in (gold, said)]
        for begin, end in _ends(low, high):
            pieces.append(Piece(context[begin:end], within[0], within[1], skipped + begin - low))
            length, skipped, low = length + end - begin, 0, end
    return (*pieces, *([Piece("", skipped=skipped)] if skipped else []))


def _ends(low: int, high: int) -> tuple[tuple[int, int], ...]:
    """A stretch of the context, or where it is long its head and its tail."""
    if high - low <= LONGEST:
        return ((low, high),)
    return (low, low + LONGEST // 2), (high - LONGEST // 2, high)


def _there(context: str, start: int | None, text: str) -> bool:
    return start is not None and bool(text) and context.startswith(text, start)
