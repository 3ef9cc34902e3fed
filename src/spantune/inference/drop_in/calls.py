"""The ways in which the pipeline could be called, made one: a list of questions with their contexts.

In: positional and named arguments of a call. Out: the questions, and the options that say how to answer.
Does not know: models, tokenizers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any

from spantune.data.records import Example
from spantune.errors import ConfigError, DataError

WITHOUT_EFFECT = frozenset({"batch_size", "num_workers", "padding", "max_question_len"})
FORMS = "question= and context= (texts, or lists of equal length), a dict with both, or a list of such dicts"


class CallError(DataError, ValueError):
    """What was asked is no question with a context. A `ValueError` too: code that caught the pipeline's still does."""


class OptionError(ConfigError, ValueError):
    """An option that is not known or not possible. A `ValueError` too, as it was."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to answer. `None` takes what the tokenizer and the other options imply, as Transformers 4.57 did."""

    top_k: int = 1
    max_answer_len: int = 15
    max_seq_len: int | None = None
    doc_stride: int | None = None
    handle_impossible_answer: bool = False
    align_to_words: bool = True

    def changed(self, given: Mapping[str, Any]) -> "Options":
        """These options with those that were given, `None` left out. Raises `OptionError` for unknown and impossible ones.

        >>> Options().changed({"topk": 3, "doc_stride": None, "batch_size": 8}).top_k
        3
        """
        known = {field.name for field in fields(self)}
        named = {("top_k" if name == "topk" else name): value for name, value in given.items() if value is not None}
        unknown = sorted(set(named) - known - WITHOUT_EFFECT)
        if unknown:
            raise OptionError(
                f"the argument {unknown[0]!r}" + (f" and {len(unknown) - 1} more" if unknown[1:] else ""),
                expected=", ".join(sorted(known | WITHOUT_EFFECT)),
                next_move="correct its name, or leave it away",
            )
        wrong = [name for name in known & set(named) if not _fits(name, named[name])]
        if wrong:
            name = sorted(wrong)[0]
            raise OptionError(
                f"{name} is {named[name]!r}",
                expected="true or false"
                if isinstance(getattr(self, name), bool)
                else f"a whole number from {LEAST.get(name, 1)}",
                next_move="correct it, or leave it away",
            )
        changes: dict[str, Any] = {name: _as_kept(name, value) for name, value in named.items() if name in known}
        return replace(self, **changes)


LEAST = {"doc_stride": 0}
FLAGS = frozenset({"handle_impossible_answer", "align_to_words"})


def _fits(name: str, value: Any) -> bool:
    if name in FLAGS:
        return isinstance(value, Integral) and int(value) in (0, 1)
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= LEAST.get(name, 1)


def _as_kept(name: str, value: Any) -> int | bool:
    """The value as Python's own: NumPy's whole numbers, and 0 and 1 for flags, were taken too."""
    return bool(value) if name in FLAGS else int(value)


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked: `questions` in order, and whether they came as a stream, or as one, which says what to give back."""

    questions: Iterable[Example]
    streamed: bool
    single: bool


def read_call(positional: Sequence[Any], question: Any, context: Any, data: Any) -> Call:
    """The questions of one call. Raises `CallError` for what is no question with a context; a stream is looked at later."""
    given = _given(positional, question, context, data)
    if isinstance(given, Iterator):
        return Call((_example(item, number) for number, item in enumerate(given, start=1)), streamed=True, single=False)
    if not isinstance(given, Iterable) and hasattr(given, "__getitem__") and hasattr(given, "__len__"):  # a torch Dataset
        return Call((_example(given[place], place + 1) for place in range(len(given))), streamed=True, single=False)
    items = _items(given)
    found = [_example(item, number) for number, item in enumerate(items, start=1)]
    listed = isinstance(given, Mapping) and isinstance(given.get("question"), list)
    return Call(found, streamed=False, single=len(found) == 1 and not listed)


def _items(given: Any) -> list[Any]:
    """Questions as a list; a dictionary of two lists of equal length is one question an entry."""
    if isinstance(given, Mapping):
        columns = [given.get("question"), given.get("context")]
        listed = all(isinstance(column, list) for column in columns)
        return list(_given((), columns[0], columns[1], None)) if listed else [given]
    return list(given) if isinstance(given, Iterable) else [given]


def _given(positional: Sequence[Any], question: Any, context: Any, data: Any) -> Any:
    """What to read the questions from: one of the forms, in the order in which Transformers looked for them."""
    if len(positional) == 2 and all(isinstance(one, str) for one in positional):
        return [{"question": positional[0], "context": positional[1]}]
    if positional:
        return positional[0] if len(positional) == 1 else list(positional)
    if data is not None:
        return data
    if isinstance(question, str) and isinstance(context, str):
        return [{"question": question, "context": context}]
    if isinstance(question, list) and isinstance(context, str):
        return [{"question": one, "context": context} for one in question]
    if isinstance(question, list) and isinstance(context, list) and len(question) == len(context):
        return [{"question": q, "context": c} for q, c in zip(question, context, strict=True)]
    raise CallError(
        f"question= is {_kind(question)}, context= is {_kind(context)}",
        expected=FORMS,
        next_move="give each question the context that it is asked about",
    )


def _kind(value: Any) -> str:
    if value is None:
        return "missing"
    return f"a list of {len(value)}" if isinstance(value, list) else f"a {type(value).__name__}"


def _example(item: Any, number: int) -> Example:
    """One question. Objects with `question_text` and `context_text` are what Transformers called a SquadExample."""
    if isinstance(item, Mapping):
        question, context = item.get("question"), item.get("context")
    else:
        question, context = getattr(item, "question_text", None), getattr(item, "context_text", None)
    for name, text in (("question", question), ("context", context)):
        if not isinstance(text, str) or not text:
            raise CallError(
                f"the {name} of item {number} is {text!r}" if isinstance(item, Mapping) else f"item {number} is {item!r:.80}",
                expected=f"a {name} that is a text, in one of the forms: {FORMS}",
                next_move="correct the item, or leave it out",
            )
    return Example(str(number), str(question), str(context))
