"""In: an answer and what became of it. Out: the sentences that tell a person: old value, new value, why.

Does not know: how a span is found.
"""

from itertools import islice

from spantune.data.problems import Flaw, excerpt
from spantune.data.records import Span
from spantune.data.repair.alignment import Alignment, occurrences
from spantune.data.repair.candidates import candidates
from spantune.data.repair.causes import CAUSES, cause_named

REASONS: dict[str, str] = {
    "exact": "the answer stands where its start says",
    "located": "the answer came without a start and occurs once",
    "exact_elsewhere_unique": "the answer occurs once, at another start",
    "exact_elsewhere_nearest": "of several occurrences one is within three characters of the start",
    **{
        code: f"the context has the answer where its start points, if the starts {cause.sentence}"
        for code, cause in CAUSES.items()
    },
    "edges_trimmed": "the context has the answer without the white space at its edges",
    "white_space": "the context has the answer with other white space, line ends or invisible characters",
    "unicode_form": "the context has the answer in another Unicode form (NFC, NFD)",
    "compatible_characters": "the context has the answer with other widths, ligatures or letter shapes",
    "quotes_dashes": "the context has the answer with other quotation marks or dashes",
    "html_entities": "the answer or its context has HTML entities in place of characters",
    "letter_case": "the context has the answer with other capitals",
    "several_forms": "the context has the answer with white space, Unicode form, capitals, quotes or entities different",
    "no_spaces": "the context has the answer with white space in other places",
    "edge_punctuation": "the context has the answer without the punctuation at its edges",
    "spreadsheet_number": "the context has the whole number to which a spreadsheet added '.0'",
    "cut_word": "the span cut words at both ends, and a shift by at most three characters makes both whole",
    "ambiguous": "the answer occurs several times, and nothing tells which is meant",
    "absent": "the context does not have the answer",
}
"""What each code of an alignment means, in one sentence. A constant shift has a code with its number: see `reason`."""


def reason(code: str) -> str:
    """The sentence for a code of an alignment. Raises `KeyError` for a code that there is not.

    >>> reason("letter_case")
    'the context has the answer with other capitals'
    """
    if code in REASONS:
        return REASONS[code]
    return f"the context has the answer where its start points, if the starts {cause_named(code).sentence}"


def repair_flaw(given: Span, alignment: Alignment) -> Flaw:
    """The sentence that tells a repaired span: old value, new value."""
    assert alignment.span is not None
    now = alignment.span
    text = excerpt(given.text) if given.text == now.text else f"{excerpt(given.text)} (now {excerpt(now.text)})"
    if alignment.code == "cut_word" and given.start is not None:
        fault = "which cuts words at both ends"
    else:
        fault = "which does not match the context"
    return Flaw(
        alignment.code,
        "repaired",
        f"answer {text} with {_start(given)}, {fault}",
        f"start {now.start}: {reason(alignment.code)}",
        "nothing; it was corrected",
    )


def unaligned_flaw(context: str, given: Span, alignment: Alignment) -> Flaw:
    """The sentence that tells a span that could not be aligned: what stands at its start, or where it occurs."""
    if alignment.code == "ambiguous":
        return Flaw(
            "ambiguous",
            "quarantined",
            f"answer {excerpt(given.text)} with {_start(given)} occurs at {_places(context, given)}{_beside(context, given)}",
            "one occurrence, or a start that points at one",
            "set the start to the occurrence that is meant",
        )
    beside = f"; {_at_start(context, given)}" if given.start is not None and 0 <= given.start < len(context) else ""
    return Flaw(
        "absent",
        "quarantined",
        f"answer {excerpt(given.text)} is not in the context of {len(context)} characters{beside}",
        "an answer that is quoted from its context, letter for letter",
        "copy the answer from the context, or mark the question as unanswerable",
    )


def _at_start(context: str, given: Span) -> str:
    return f"at start {given.start} the context has {excerpt(context[given.start : given.end])}"


def _beside(context: str, given: Span) -> str:
    """Of an answer that occurs once, which start or text may be off: what stands at its start."""
    if given.start is None or not 0 <= given.start < len(context):
        return ""
    first_two = tuple(islice(occurrences(context, given.text), 2))
    return f", inside a word; {_at_start(context, given)}" if len(first_two) == 1 else ""


def _start(given: Span) -> str:
    return "no start" if given.start is None else f"start {given.start}"


def _places(context: str, given: Span, shown: int = 5) -> str:
    spans = candidates(context, Span(given.text), shown + 1)
    return ", ".join(str(one.span.start) for one in islice(spans, shown)) + (", …" if len(spans) > shown else "")
