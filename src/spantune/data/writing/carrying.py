"""In: a record. Out: the flaw that keeps a format from carrying it, if there is one. Does not know: files."""

import math
from collections.abc import Iterator

from spantune.data.problems import Flaw, describe, excerpt
from spantune.data.records import Example, Record, TextExample
from spantune.data.shapes.making import name_of


def record_flaw(record: Record) -> Flaw | None:
    """What no format can carry: a name or an answer without a letter, fields that JSON cannot tell apart or hold.

    Such values are made by hand: a file that had them would be read as one without.

    >>> from spantune.data.records import TextExample
    >>> record_flaw(TextExample("1", "Hi", fields=(("a", 1), ("a", 2)))).code, record_flaw(TextExample("1", "Hi", " a")).code
    ('field_twice', 'label_not_a_name')
    """
    return _name_flaw(record) or _answer_flaw(record) or _field_flaw(record)


def _name_flaw(record: Record) -> Flaw | None:
    label = record.label if isinstance(record, TextExample) else None
    for what, name in (("id", record.id), ("document", record.document), ("label", label)):
        if name is not None and (name_of(name) != name or (what != "id" and name != name.strip())):
            expected = "a text with a letter in it" + ("" if what == "id" else " and no blanks around it, or None")
            return _flaw(f"{what}_not_a_name", f"the {what} is {describe(name)}", expected, f"correct the {what}")
    return None


def _answer_flaw(record: Record) -> Flaw | None:
    answers = (record.answers or ()) if isinstance(record, Example) else ()
    if all(span.text and not span.text.isspace() for span in answers):
        return None
    return _flaw("answer_empty", "an answer has no letter", "the text of each answer", "leave it out; () is unanswerable")


def _field_flaw(record: Record) -> Flaw | None:
    names = [name for name, _ in record.fields]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        return _flaw(
            "field_twice", f"two fields are called {excerpt(twice)}", "fields with names of their own", "rename one of them"
        )
    for name, value in record.fields:
        if not isinstance(value, str | int | float | bool) or (isinstance(value, float) and not math.isfinite(value)):
            found = f"the field {excerpt(name)} is {describe(value)}"
            return _flaw("field_not_plain", found, "a text, a finite number or a truth value", "write it as a text")
    return None


def text_format_flaw(record: Record) -> Flaw | None:
    """What a file of plain UTF-8 cannot carry besides: half of a surrogate pair."""
    flaw = record_flaw(record)
    if flaw is not None:
        return flaw
    broken = next((text for text in _texts(record) if not text.isascii() and not _encodes(text)), None)
    if broken is None:
        return None
    found = f"half of a surrogate pair in {excerpt(broken)}"
    return _flaw("broken_unicode", found, "whole Unicode characters", "write .json or .jsonl, where it can be escaped")


def _flaw(code: str, found: str, expected: str, next_move: str) -> Flaw:
    return Flaw(code, "dropped", found, expected, next_move)


def _texts(record: Record) -> Iterator[str]:
    yield record.id
    if isinstance(record, Example):
        yield record.question
        yield record.context
        yield from (span.text for span in record.answers or ())
    else:
        yield record.text
        yield record.label or ""
    yield record.document or ""
    # fields stand in these formats as JSON, which escapes what cannot be encoded


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
