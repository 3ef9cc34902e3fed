"""In: records and repairs. Out: excerpts of them with the answers marked, cut to what a page can show.

Does not know: markup.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import pairwise

from spantune.data.records import Example, Record, Span, TextExample
from spantune.data.texts import short_hash
from spantune.wording import direction, shortened

AROUND = 220  # characters of context on each side of an answer: about three lines
LONGEST_PIECE = 800  # characters of one answer, question or text that are shown
REFERENCES = 6  # of one question; each has a colour of its own
PICKED = 12  # example questions on a page


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a context: its text, the references (from 1) that it is part of, and those that begin with it.

    A piece with `skipped` stands for that many characters left out, and has no text.
    """

    text: str = ""
    of: tuple[int, ...] = ()
    begins: tuple[int, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Places of a text, cut where references begin and end, and the direction of the whole: 'ltr' or 'rtl'."""

    pieces: tuple[Piece, ...] = ()
    direction: str = "ltr"


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference answer: its number, its text, its place; `found` says whether the context has it there."""

    number: int
    text: str
    start: int | None
    found: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as the page shows it. `note` says what cannot be seen: no answer, no label, more references."""

    id: str
    headline: str
    text: Excerpt
    references: tuple[Reference, ...] = ()
    label: str | None = None
    document: str | None = None
    note: str = ""


def pick(records: Iterable[Record], count: int = PICKED) -> tuple[Record, ...]:
    """A few records that stand for all: drawn by the hash of their content, whatever their order in the file."""
    return tuple(nsmallest(count, records, key=lambda one: (_draw(one), one.id)))


def _draw(record: Record) -> bytes:
    # Not of the question alone: some data asks the same question of every document, and one would fill the page.
    text = f"{record.question}\n{record.context}" if isinstance(record, Example) else record.text
    return short_hash(text)


def show(record: Record) -> Shown:
    """One record, cut and marked.

    >>> shown = show(Example("1", "Who wrote it?", "It was Ada.", (Span("Ada", 7),)))
    >>> shown.text.pieces
    (Piece(text='It was ', of=(), begins=(), skipped=0), Piece(text='Ada', of=(1,), begins=(1,), skipped=0), \
Piece(text='.', of=(), begins=(), skipped=0))
    """
    if isinstance(record, TextExample):
        note = "" if record.label is not None else "no label"
        text = Excerpt(tuple(_between(record.text, 0, len(record.text))), direction(record.text))
        return Shown(record.id, "", text, label=record.label, document=record.document, note=note)
    spans = tuple(dict.fromkeys(record.answers or ()))
    references = tuple(_reference(number, span, record.context) for number, span in enumerate(spans[:REFERENCES], start=1))
    return Shown(
        id=record.id,
        headline=shortened(record.question, LONGEST_PIECE),
        text=excerpt(record.context, spans[:REFERENCES]),
        references=references,
        document=record.document,
        note=_note(record, len(spans)),
    )


def excerpt(context: str, spans: Sequence[Span]) -> Excerpt:
    """The places of a context around the spans, with these marked; its head where no span is at its place."""
    there = [(span.start or 0, span.end, number) for number, span in enumerate(spans, start=1) if is_there(context, span)]
    pieces: list[Piece] = []
    before = 0
    for low, high in _stretches(context, there) if there else [(0, min(2 * AROUND, len(context)))]:
        pieces += (*_skipped(low - before), *_cut(context, low, high, there))
        before = high
    return Excerpt((*pieces, *_skipped(len(context) - before)), direction(context))


def is_there(context: str, span: Span) -> bool:
    """Whether the context has the span's text at its start."""
    return span.start is not None and span.start >= 0 and bool(span.text) and context.startswith(span.text, span.start)


def _reference(number: int, span: Span, context: str) -> Reference:
    return Reference(number, shortened(span.text, LONGEST_PIECE), span.start, is_there(context, span))


def _note(record: Example, references: int) -> str:
    if record.answers is None:
        return "not labelled"
    if not references:
        return "no answer in this context"
    return f"{references - REFERENCES} more references" if references > REFERENCES else ""


def _stretches(context: str, spans: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    """The stretches of the context around the spans, between words; stretches that touch are one."""
    low = high = -1
    for start, end, _ in sorted(spans):
        begin, stop = _widened(context, start, end)
        if begin <= high:
            high = max(high, stop)
            continue
        if high >= 0:
            yield low, high
        low, high = begin, stop
    yield low, high


def _widened(context: str, start: int, end: int) -> tuple[int, int]:
    begin, stop = max(start - AROUND, 0), min(end + AROUND, len(context))
    space = context.find(" ", begin, start) if begin else -1
    begin = begin if space < 0 else space + 1
    space = context.rfind(" ", end, stop) if stop < len(context) else -1
    return begin, stop if space < 0 else space


def _cut(context: str, low: int, high: int, marked: Sequence[tuple[int, int, int]]) -> Iterator[Piece]:
    """A stretch of the context, cut where a reference begins or ends."""
    edges = {low, high, *(edge for start, end, _ in marked for edge in (start, end) if low <= edge <= high)}
    for begin, end in pairwise(sorted(edges)):
        of = tuple(number for start, stop, number in marked if start <= begin and end <= stop)
        begins = tuple(number for start, _, number in marked if start == begin)
        for piece in _between(context, begin, end):
            yield replace(piece, of=of, begins=begins)
            begins = ()


def _between(context: str, begin: int, end: int) -> Iterator[Piece]:
    """The text between two places, without its middle where it is too long."""
    if end - begin <= LONGEST_PIECE:
        yield Piece(context[begin:end])
        return
    half = LONGEST_PIECE // 2
    yield Piece(context[begin : begin + half])
    yield Piece(skipped=end - begin - 2 * half)
    yield Piece(context[end - half : end])


def _skipped(characters: int) -> tuple[Piece, ...]:
    return (Piece(skipped=characters),) if characters > 0 else ()
