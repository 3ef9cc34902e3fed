"""In: MRQA JSON Lines: a header, then a context with its questions a line. Out: records. Does not know: other shapes.

The format is that of the MRQA 2019 shared task: `detected_answers` with `char_spans` whose ends are inclusive. Tokens,
which can be made again from the text, are left out; accepted answers that were not found in the text stay as a field.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from spantune.data.records import Span
from spantune.data.rows import Made, Origin, Row
from spantune.data.shapes import squad
from spantune.data.shapes.columns import Planner, spelled
from spantune.data.shapes.shape import Convert, Seen

DERIVED = ("context_tokens", "question_tokens")
OF_LINE = ("context", "qas", "header", *DERIVED)
OF_QUESTION = ("detected_answers", "answers", *DERIVED)
OF_ANSWER = ("text", "char_spans")
"""The fields that are read here; their capitals do not matter, as in any other shape."""


def signs(seen: Seen) -> bool:
    """MRQA is known by its detected answers, or by its header."""
    if "qas" not in seen.roles:
        return False
    questions = [one for row in seen.rows for one in _list(row.get(seen.roles["qas"])) if isinstance(one, dict)]
    detected = any("detected_answers" in spelled(one, OF_QUESTION) for one in questions)
    return detected or any("header" in spelled(row, OF_LINE) for row in seen.rows)


def reader(plan: Planner) -> Convert:
    """Each line becomes a paragraph of SQuAD, whose reader does the rest."""
    paragraphs = squad.reader(plan)

    def convert(row: Row, origin: Origin) -> Iterator[Made]:
        line = spelled(row.value, OF_LINE) if isinstance(row.value, dict) else row.value
        if isinstance(line, dict) and "header" in line and "qas" not in line:
            return
        yield from paragraphs(Row(row.where, _paragraph(line)), origin)

    return convert


def _paragraph(line: Any) -> Any:
    if not isinstance(line, dict) or not isinstance(line.get("qas"), list):
        return line
    context = line.get("context")
    questions = [_question(one, context) if isinstance(one, dict) else one for one in line["qas"]]
    return {key: value for key, value in line.items() if key not in DERIVED} | {"qas": questions}


def _question(question: Mapping[str, Any], context: Any) -> dict[str, Any]:
    kept = {key: value for key, value in spelled(question, OF_QUESTION).items() if key not in DERIVED}
    if "detected_answers" not in kept:
        return kept
    detected = kept.pop("detected_answers")
    spans = [one for answer in _list(detected) for one in _spans(answer, context)]
    raw = kept.pop("answers", None)
    if not spans and raw:  # not detected is not the same as no answer: the check looks for them
        return kept | ({"detected_answers": detected} if detected else {}) | {"answers": raw}
    found = [span.get("text") for span in spans if isinstance(span, dict)]
    other = [text for text in (raw if isinstance(raw, list) else [raw]) if text and text not in found]
    return (
        kept | ({"accepted_answers": other} if other else {}) | {"answers": spans if isinstance(detected, list) else detected}
    )


def _spans(answer: Any, context: Any) -> Iterator[Any]:
    """The answer at each place where it was detected; as it was written where the places cannot be used."""
    answer = spelled(answer, OF_ANSWER) if isinstance(answer, dict) else answer
    places = _list(answer.get("char_spans")) if isinstance(answer, dict) else []
    if not places or not isinstance(context, str):
        yield answer
        return
    for place in places:
        text, start = answer.get("text"), None
        if isinstance(place, list) and len(place) == 2 and all(type(end) is int for end in place):
            start = place[0]
            end = place[1] + 1
            text = (
                context[max(start, 0) : end] or None if text is None else _slice_or_text(context, Span(str(text), start), end)
            )
        yield {"text": text, "answer_start": start}


def _slice_or_text(context: str, given: Span, end: int) -> str:
    """The text as the context has it, if it is the same but for case and white space, which MRQA normalises."""
    piece = context[given.start : end] if given.start is not None and given.start >= 0 else ""
    return piece if "".join(piece.split()).casefold() == "".join(given.text.split()).casefold() else given.text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
