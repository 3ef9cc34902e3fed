"""In: quarantined records. Out: the lines of quarantine.jsonl, for a person to choose in; and the choices, read back.

Does not know: why a record is quarantined, what else is booked.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spantune.data.desk.entries import REMOVED, Entry, plain
from spantune.data.fingerprints import fingerprint
from spantune.data.problems import describe, excerpt
from spantune.data.records import Example, Record, Span, TextExample
from spantune.data.repair import align, candidates
from spantune.data.writing.plain import json_text
from spantune.errors import ConfigError, MissingDataError

WORDS = ("drop", "keep", "unanswerable")
AROUND = 40  # characters of context shown on either side of a candidate: a clause, enough to tell two occurrences apart

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person decided for one record: one of `WORDS`, or spans, or a label."""

    word: str | None = None
    spans: tuple[Span, ...] = ()
    label: str | None = None

    @property
    def told(self) -> str:
        """The choice in words.

        >>> Choice("drop").told, Choice(spans=(Span("Ada", 7),)).told, Choice(label="spam").told
        ("'drop'", "'Ada' at 7", "the label 'spam'")
        """
        if self.label is not None:
            return f"the label {excerpt(self.label)}"
        if self.word is not None:
            return repr(self.word)
        return ", ".join(f"{excerpt(span.text)} at {span.start}" for span in self.spans)


class Choices:
    """The choices of a quarantine file, each taken once, by the record that it was made for."""

    def __init__(self, made: Mapping[Key, Sequence[Choice]]) -> None:
        self._made = {key: list(choices) for key, choices in made.items()}
        self._refused: list[str] = []

    def take(self, record: Record) -> Choice | None:
        """The choice made for this very record, answers included; None where there is none."""
        made = self._made.get(_key(record)) if self._made else None
        return made.pop(0) if made else None

    def give_back(self, record: Record) -> None:
        """The record could not take its choice: spans that its context does not have, answers that cannot be kept."""
        self._refused.append(record.id)

    @property
    def left(self) -> tuple[str, ...]:
        """Ids of the records that a choice was made for, and that have not come by, or could not take it."""
        return (*self._refused, *(name for (name, _), made in self._made.items() for _ in made))


def applied(record: Record, choice: Choice) -> Record | None:
    """The record with the label or answers that a person chose; None where its context does not have them."""
    if isinstance(record, TextExample):
        return record if choice.label is None else replace(record, label=choice.label)
    if choice.word is not None:
        return replace(record, answers=()) if choice.word == "unanswerable" else record
    there = all(span.start is not None and record.context.startswith(span.text, span.start) for span in choice.spans)
    return replace(record, answers=choice.spans) if there else None


def quarantine_line(entry: Entry) -> str:
    """One JSON object: the record as it was read, why it is here, what it could be, and room for the choice.

    Of a record that goes on with its other references, `answers` are the removed ones and `kept` the others.
    """
    record = entry.before
    assert record is not None
    removed = entry.removed
    codes = (REMOVED,) if removed else tuple(problem.code for problem in entry.problems)
    problems = [problem for problem in entry.problems if problem.code in codes]
    return json_text(
        {
            "choice": None,
            "choose": _ways(record, removed=bool(removed)),
            "id": record.id,
            "file": entry.file,
            "where": record.place.where if record.place else "",
            "reason": REMOVED if removed else entry.reason,
            "found": [problem.found for problem in problems],
            "next": list(dict.fromkeys(problem.next_move for problem in problems)),
            "record": fingerprint([record]),
            **_content(record, removed),
            **({"kept": _kept(entry)} if removed else {}),
        }
    )


def read_choices(path: str | Path) -> Choices:
    """The choices in a quarantine file; lines whose `choice` is null are undecided and left out.

    Raises `MissingDataError`, and `ConfigError` that lists every line whose choice cannot be used.
    """
    made: dict[Key, list[Choice]] = {}
    mistakes: list[str] = []
    for number, line in enumerate(_lines_of(Path(path)), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            key = (fields["id"], fields["record"])
            if not all(isinstance(part, str) for part in key):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            mistakes.append(f"line {number} is not a line of a quarantine file: {excerpt(line.strip())}")
            continue
        choice = parse_choice(fields)
        if isinstance(choice, str):
            mistakes.append(f"line {number} ({excerpt(key[0])}): {choice}")
        elif choice is not None:
            made.setdefault(key, []).append(choice)
    if mistakes:
        raise ConfigError(
            f"{len(mistakes)} choice{'s' * (len(mistakes) > 1)} in {path} cannot be used:\n"
            + "\n".join(f"  - {mistake}" for mistake in mistakes),
            expected="what 'choose' says in each line, or null for undecided",
            next_move="correct these lines; nothing was changed",
        )
    return Choices(made)


def holds_choices(path: Path) -> bool:
    """Whether somebody has decided, or changed, anything in this quarantine file: it must not be written over."""
    return path.is_file() and any(_is_decided(line) for line in _lines_of(path) if line.strip())


def _is_decided(line: str) -> bool:
    try:
        return json.loads(line)["choice"] is not None
    except (ValueError, KeyError, TypeError, RecursionError):
        return True


def parse_choice(fields: Mapping[str, Any]) -> Choice | str | None:
    """The choice that a line holds, None for undecided, or a sentence that says why it cannot be used.

    >>> line = {"question": "Who?", "context": "Ada and Ada", "answers": [], "candidates": [{"text": "Ada", "answer_start": 8}]}
    >>> parse_choice({**line, "choice": 1}).spans, parse_choice({**line, "choice": None})
    ((Span(text='Ada', start=8),), None)
    >>> parse_choice({**line, "choice": 2})
    'there is no candidate 2, only 1 to 1'
    """
    value = fields.get("choice")
    if value is None:
        return None
    if "question" not in fields:
        return _text_choice(value)
    if "kept" in fields and value in ("keep", "unanswerable"):
        return f'found {describe(value)}, but the record goes on with its other references; "drop" leaves this one out'
    if isinstance(value, str) and value in WORDS:
        return Choice(word=value)
    spans: list[Span] = []
    for part in value if isinstance(value, list) else [value]:
        span = _span(part, fields)
        if isinstance(span, str):
            return span
        spans.append(span)
    return Choice(spans=tuple(dict.fromkeys(spans))) if spans else 'an empty list says nothing; write "unanswerable" or "drop"'


def _text_choice(value: Any) -> Choice | str:
    if isinstance(value, dict) and isinstance(value.get("label"), str) and value["label"].strip():
        return Choice(label=value["label"].strip())
    if value in ("drop", "keep"):
        return Choice(word=value)
    return f'found {describe(value)}, expected {{"label": "…"}}, "keep" or "drop"'


def _span(part: Any, fields: Mapping[str, Any]) -> Span | str:
    """One chosen span: a candidate's number, or a text that stands in the context."""
    if isinstance(part, int) and not isinstance(part, bool):
        offered = fields.get("candidates")
        offered = offered if isinstance(offered, list) else []
        if not 1 <= part <= len(offered):
            return f"there is no candidate {part}" + (f", only 1 to {len(offered)}" if offered else ": none could be offered")
        part = offered[part - 1]
    if isinstance(part, str):
        part = {"text": part}
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        return f"found {describe(part)}, expected the number of a candidate, or the answer's text"
    start = part.get("answer_start")
    given = Span(part["text"], start if isinstance(start, int) else None)
    alignment = align(str(fields.get("context", "")), given)
    if alignment.span is None or alignment.outcome != "kept":
        if alignment.code == "ambiguous":
            return f"{excerpt(given.text)} occurs several times in the context; give its answer_start too"
        where = "" if given.start is None else f" at {given.start}"
        return f"the context does not have {excerpt(given.text)}{where}"
    return alignment.span


def _ways(record: Record, *, removed: bool) -> str:
    if isinstance(record, TextExample):
        return 'set choice to {"label": "…"}, "keep" (as it is) or "drop"'
    spans = (
        "set choice to the number of a candidate (or a list of them), to the answer's text, to "
        '{"text": "…", "answer_start": …}, '
    )
    return spans + ('or to "drop"' if removed else 'to "unanswerable", "keep" (the answers as they are) or "drop"')


def _content(record: Record, removed: tuple[Span, ...]) -> dict[str, Any]:
    if isinstance(record, TextExample):
        return {"text": record.text, "label": record.label}
    answers = removed or record.answers
    offered = [offer for given in answers or () for offer in _offers(record, given)]
    return {
        "question": record.question,
        "answers": None if answers is None else [plain(given) for given in answers],
        "candidates": [{"number": number, **offer} for number, offer in enumerate(offered, start=1)],
        "context": record.context,
    }


def _kept(entry: Entry) -> list[Any]:
    return [plain(span) for span in entry.record.answers or ()] if isinstance(entry.record, Example) else []


def _offers(record: Example, given: Span) -> Iterator[dict[str, Any]]:
    for candidate in candidates(record.context, given):
        span = candidate.span
        assert span.start is not None
        before = record.context[max(0, span.start - AROUND) : span.start]
        after = record.context[span.end : span.end + AROUND]
        yield {
            "text": span.text,
            "answer_start": span.start,
            "similarity": round(candidate.similarity, 3),
            "in_context": f"{before}[[{span.text}]]{after}",
        }


def _key(record: Record) -> Key:
    return (record.id, fingerprint([record]))


def _lines_of(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as lines:  # some editors add a byte order mark
            yield from lines
    except (OSError, UnicodeDecodeError) as error:
        raise MissingDataError(
            f"the quarantine file {path} cannot be read: {error}",
            expected="a quarantine.jsonl that spantune check --fix wrote, in UTF-8",
            next_move="save it as UTF-8" if isinstance(error, UnicodeDecodeError) else "check the path given to --accept",
        ) from None
