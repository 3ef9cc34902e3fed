"""In: an answer as the data gives it, and its context. Out: the span that matches, and how it was found.

Does not know: records, files. Steps are tried from the surest to the least sure; a new repair is a new row of `STEPS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from spantune.data.problems import Flaw, excerpt
from spantune.data.records import Span

NEAR = 3
"""How many characters a wrong start may be off for the nearest of several occurrences to be believed.

Annotation tools that count from 1, or count a line end or a byte order mark once too often, are off by 1 to 3; all 234
wrong starts of COVID-QA are. Beyond that the nearest occurrence is a guess.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One way to find a span: its reason code, what it makes of the record, and the search itself."""

    code: str
    outcome: Literal["kept", "repaired"]
    find: Callable[[str, Span], Span | None]


@dataclass(frozen=True, slots=True)
class Alignment:
    """The span found and the step that found it; or no span, and the code 'absent' or 'ambiguous'."""

    span: Span | None
    code: str
    outcome: Literal["kept", "repaired", "quarantined"]


def align(context: str, given: Span) -> Alignment:
    """Find the answer's span in its context.

    >>> align("a b c b", Span("c", 4)).code, align("a b c b", Span("c")).code
    ('exact', 'located')
    >>> align("a b c b", Span("c", 9)).span
    Span(text='c', start=4)
    >>> align("a b c b", Span("b", 7)), align("a b c b", Span("b")).code
    (Alignment(span=Span(text='b', start=6), code='exact_elsewhere_nearest', outcome='repaired'), 'ambiguous')
    """
    if not given.text.strip():
        return Alignment(None, "absent", "quarantined")  # an empty text would match everywhere
    for step in STEPS:
        span = step.find(context, given)
        if span is not None:
            return Alignment(span, step.code, step.outcome)
    return Alignment(None, "ambiguous" if given.text.strip() in context else "absent", "quarantined")


def exact(context: str, given: Span) -> Span | None:
    """The span as given, where it matches."""
    if given.start is not None and given.start >= 0 and context.startswith(given.text, given.start):
        return given
    return None


def located(context: str, given: Span) -> Span | None:
    """The only occurrence of an answer that came without a start."""
    return exact_elsewhere_unique(context, given) if given.start is None else None


def exact_elsewhere_unique(context: str, given: Span) -> Span | None:
    """The only occurrence, wherever the wrong start pointed."""
    first = context.find(given.text)
    if first < 0 or context.find(given.text, first + 1) >= 0:
        return None
    return Span(given.text, first)


def exact_elsewhere_nearest(context: str, given: Span) -> Span | None:
    """The one of several occurrences that lies within `NEAR` characters of the wrong start, and nearer than any other."""
    if given.start is None:
        return None
    for distance in range(NEAR + 1):
        places = {given.start - distance, given.start + distance}
        hits = [place for place in places if place >= 0 and context.startswith(given.text, place)]
        if hits:
            return Span(given.text, hits[0]) if len(hits) == 1 else None
    return None


def edges_trimmed(context: str, given: Span) -> Span | None:
    """The answer without the white space at its edges, by any of the surer steps."""
    text = given.text.strip()
    if text == given.text or not text:
        return None
    lead = len(given.text) - len(given.text.lstrip())
    starts = (None,) if given.start is None else (given.start + lead, given.start)
    for start in starts:
        for find in (exact, exact_elsewhere_unique, exact_elsewhere_nearest):
            span = find(context, Span(text, start))
            if span is not None:
                return span
    return None


STEPS: tuple[Step, ...] = (
    Step("exact", "kept", exact),
    Step("located", "kept", located),
    Step("exact_elsewhere_unique", "repaired", exact_elsewhere_unique),
    Step("exact_elsewhere_nearest", "repaired", exact_elsewhere_nearest),
    Step("edges_trimmed", "repaired", edges_trimmed),
)


def repair_flaw(given: Span, alignment: Alignment) -> Flaw:
    """The sentence that tells a repaired span: old value, new value."""
    assert alignment.span is not None
    now = alignment.span
    text = excerpt(given.text) if given.text == now.text else f"{excerpt(given.text)} (now {excerpt(now.text)})"
    was = "no start" if given.start is None else f"start {given.start}"
    return Flaw(
        alignment.code,
        "repaired",
        f"answer {text} with {was}, which does not match the context",
        f"start {now.start}, where the context has it",
        "nothing; it was corrected",
    )


def unaligned_flaw(context: str, given: Span, alignment: Alignment) -> Flaw:
    """The sentence that tells a span that could not be aligned: what stands at its start, or how often it occurs."""
    if alignment.code == "ambiguous":
        was = "no start" if given.start is None else f"start {given.start}"
        return Flaw(
            "ambiguous",
            "quarantined",
            f"answer {excerpt(given.text)} with {was} occurs at {_occurrences(context, given.text.strip())}",
            "one occurrence, or a start that points at one",
            "set the start to the occurrence that is meant",
        )
    there = ""
    if given.start is not None and 0 <= given.start < len(context):
        there = f"; at start {given.start} the context has {excerpt(context[given.start : given.end])}"
    return Flaw(
        "absent",
        "quarantined",
        f"answer {excerpt(given.text)} is not in the context of {len(context)} characters{there}",
        "an answer that is quoted from its context, letter for letter",
        "copy the answer from the context, or mark the question as unanswerable",
    )


def _occurrences(context: str, text: str, shown: int = 5) -> str:
    places: list[str] = []
    start = context.find(text)
    while start >= 0 and len(places) <= shown:
        places.append(str(start))
        start = context.find(text, start + 1)
    return ", ".join(places[:shown]) + (", …" if len(places) > shown else "")
