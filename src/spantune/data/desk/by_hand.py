"""In: what a caller hands in as records. Out: the same records, or a DataError for the first that is none.

Does not know: files. What is wrong with the texts of a record is for the desk to tell, which goes on with the others.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from spantune.data.problems import describe
from spantune.data.records import Example, Place, Record, Span, TextExample
from spantune.errors import DataError


def _name(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _pairs(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, tuple) and len(one) == 2 for one in value)


Rule = tuple[str, Callable[[Any], bool], str, str]
"""A field, whether a value fits it, what is expected, the next move."""

SHARED: tuple[Rule, ...] = (
    ("id", lambda value: isinstance(value, str), "a text", "write it as a text: str(id)"),
    ("document", _name, "the name of a document as a text, or None", "write it as a text"),
    ("place", lambda value: value is None or isinstance(value, Place), "a Place, or None", "leave it out"),
    ("fields", _pairs, "a tuple of pairs, such as (('topic', 'history'),)", "write tuple(fields.items())"),
)
OF_QUESTION: tuple[Rule, ...] = (
    (
        "answers",
        lambda value: value is None or isinstance(value, tuple),
        "a tuple of Span; () for no answer, None for unlabelled",
        "write answers=(Span('text', start),), with a comma after a single one",
    ),
)
OF_TEXT: tuple[Rule, ...] = (("label", _name, "a text, or None for unlabelled", "write the label as a text: str(label)"),)


def made_by_hand(records: Any) -> tuple[Record, ...]:
    """The records. Raises `DataError` where there is something else in their place, or in that of their fields."""
    if isinstance(records, str | Path):
        raise DataError(
            f"{str(records)!r} stands where records should",
            expected="records, or a Dataset",
            next_move=f"read the file first: check(read_examples({str(records)!r})); or check_files([{str(records)!r}])",
        )
    if not isinstance(records, Iterable):
        one = isinstance(records, Example | TextExample)
        raise DataError(
            f"{'one record' if one else describe(records)} stands where records should",
            expected="a list of records, or a Dataset",
            next_move="put it into a list: check([record])" if one else "give what read_examples returns, or a list of Example",
        )
    return tuple(_required(record, number) for number, record in enumerate(records))


def _required(record: Any, number: int) -> Record:
    if not isinstance(record, Example | TextExample):
        raise DataError(
            f"record {number}, counted from 0, is {describe(record)}",
            expected="an Example or a TextExample",
            next_move="make one of it: Example(id, question, context, answers)",
        )
    for found, expected, next_move in _mistakes(record):
        raise DataError(f"in record {number}, counted from 0, {found}", expected=expected, next_move=next_move)
    return record


def _mistakes(record: Record) -> Iterator[tuple[str, str, str]]:
    """What was found, what was expected and the next move, field by field."""
    for name, fits, expected, next_move in (*SHARED, *(OF_QUESTION if isinstance(record, Example) else OF_TEXT)):
        value = getattr(record, name)
        if not fits(value):
            yield f"{name} is {describe(value)}", expected, next_move
    for span in record.answers or () if isinstance(record, Example) else ():
        if not isinstance(span, Span):
            yield f"an answer is {describe(span)}", "a Span", "write Span('text', start), or Span('text') without a start"
        elif not isinstance(span.text, str):
            yield f"the text of an answer is {describe(span.text)}", "a text", "write it as a text, as it stands in the context"
        elif span.start is not None and type(span.start) is not int:
            yield f"the start of an answer is {describe(span.start)}", "a whole number, or None", "write int(start)"
