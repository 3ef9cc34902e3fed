"""In: the column names of a file, and roles forced by hand. Out: which column plays which role. Does not know: values."""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from spantune.errors import ConfigError

ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("id", "qid", "question_id", "uid", "example_id"),
        "question": ("question", "query", "question_text"),
        "context": ("context", "passage", "paragraph", "document_text", "context_text", "passage_text", "text"),
        "answers": ("answers", "answer", "answer_text"),
        "starts": ("answer_start", "start", "answer_starts", "start_index"),
        "impossible": ("is_impossible", "impossible", "unanswerable"),
        "document": ("title", "document", "document_id", "doc_id", "document_title"),
        "text": ("text", "sentence", "utterance", "content", "message", "comment", "review", "question", "query"),
        "label": ("label", "category", "intent", "class", "labels", "label_text"),
        "paragraphs": ("paragraphs",),
        "qas": ("qas",),
    }
)
"""The names that each role goes by, the most telling first. Case, spaces and hyphens in a file's names do not matter."""

FORCED_ROLES = ("id", "question", "context", "answers", "starts", "impossible", "document", "text", "label")
"""The roles that a person may give to columns; the others are parts of a nested file."""

FIELDS = "fields"
"""The name of a column that holds the fields of a record together: an object, or its JSON text."""

RESERVED = frozenset(alias for aliases in ROLES.values() for alias in aliases) | {FIELDS}
"""Names that a field cannot go by in a file of ours, since reading it would give them a role."""

Forced = tuple[tuple[str, str], ...]
"""Role and column, pair by pair."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows with one set of names are read: role → column, and the columns that play no role."""

    roles: Mapping[str, str]
    rest: tuple[str, ...]


Planner = Callable[[tuple[str, ...]], Plan]
"""Names of a row → how it is read."""


@lru_cache(maxsize=1024)  # the rows of a file share a few sets of names
def assign(names: tuple[str, ...], forced: Forced = ()) -> Mapping[str, str]:
    """Role → the file's own name for it; a role that no column plays is left out.

    A column that is forced into one role plays no other.

    >>> dict(assign(("ID", "Passage", "Answer Start", "notes")))
    {'id': 'ID', 'context': 'Passage', 'starts': 'Answer Start'}
    >>> dict(assign(("text", "Body"), (("context", "Body"),)))
    {'context': 'Body', 'text': 'text'}
    """
    taken = {name for _, name in forced}
    by_name = {plain_name(name): name for name in reversed(names) if name not in taken}
    found = {role: name for role, name in forced if name in names}
    for role, aliases in ROLES.items():
        match = next((by_name[alias] for alias in aliases if alias in by_name), None)
        if match is not None:
            found.setdefault(role, match)
    text = by_name.get("text")
    if "starts" in found and "answers" not in found and text is not None and text != found.get("context"):
        found["answers"] = text  # tables of the Haystack annotation tool call the answer 'text'
    return MappingProxyType(found)


def planner(used: tuple[str, ...], forced: Forced = ()) -> Planner:
    """A `Planner` for a shape that makes use of the roles `used`; every other column is left over.

    >>> planner(("id", "question"))(("id", "question", "topic")).rest
    ('topic',)
    """

    @lru_cache(maxsize=1024)
    def plan(names: tuple[str, ...]) -> Plan:
        found = assign(names, forced)
        roles = MappingProxyType({role: found[role] for role in used if role in found and not _of_something_else(role, found)})
        play = set(roles.values())
        return Plan(roles, tuple(name for name in names if name not in play))

    return plan


def _of_something_else(role: str, found: Mapping[str, str]) -> bool:
    """Whether a column of starts is not of answers: none are there, and its name does not speak of them."""
    return role == "starts" and "answers" not in found and plain_name(found[role]) in ("start", "start_index")


def is_reserved(name: str) -> bool:
    """Whether a column of this name would play a role.

    >>> is_reserved("Question"), is_reserved("topic")
    (True, False)
    """
    return plain_name(name) in RESERVED


@lru_cache(maxsize=1024)
def plain_name(name: str) -> str:
    """A name without what does not matter in it.

    >>> plain_name("Answer-Start ")
    'answer_start'
    """
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def spelled(value: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """An object of a nested file with its fields under just these names, where case, blanks or hyphens are all that differs.

    >>> spelled({"Qas": [], "QAS": 1, "Topic": "x"}, ("qas",))
    {'qas': [], 'QAS': 1, 'Topic': 'x'}
    """
    missing = set(names) - value.keys()
    found: dict[str, Any] = {}
    for name, one in value.items():
        plain = plain_name(name)
        found[plain if plain in missing else name] = one
        missing.discard(plain)
    return found


_PAIR = re.compile(r'\s*(?P<role>[^=,"]*?)\s*=\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^,"][^,]*?|))\s*(?:,|$)')


def parse_columns(text: str) -> dict[str, str]:
    """Roles and columns as they are written on a command line: pairs with commas between them.

    A name may hold spaces and `=`; one that holds a comma or a quote, or begins or ends with a blank, stands in double quotes,
    in which a quote is doubled. Raises `ConfigError` for anything else, a role given twice and a role that does not exist.

    >>> parse_columns("question=Q,context=Body text")
    {'question': 'Q', 'context': 'Body text'}
    >>> parse_columns('answers="Reply, short"')
    {'answers': 'Reply, short'}
    """
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PAIR.match(text, position)
        role, name = _pair_of(match) if match else ("", "")
        if not (match and role and name) or role in found:
            raise ConfigError(
                f"--columns {text!r} cannot be read from {text[position : position + 40]!r} on",
                expected="role=column, with commas between: question=Q,context=Body",
                next_move='give each role once, and put a name that holds a comma in double quotes: answers="Reply, short"',
            )
        found[role] = name
        position = match.end()
    check_roles(found)
    return found


def written_columns(columns: Mapping[str, str]) -> str:
    """The inverse of `parse_columns`.

    >>> written_columns({"question": "Q", "answers": "Reply, short"})
    'question=Q,answers="Reply, short"'
    """
    return ",".join(f"{role}={_quoted(name)}" for role, name in columns.items())


def check_roles(columns: Mapping[str, str]) -> None:
    """Raise `ConfigError` for a role that does not exist."""
    for role in columns:
        if role not in FORCED_ROLES:
            close = difflib.get_close_matches(role, FORCED_ROLES, n=1)
            raise ConfigError(
                f"no role is called {role!r}",
                expected=f"one of {', '.join(FORCED_ROLES)}",
                next_move=f"did you mean {close[0]!r}?" if close else "write role=column, such as question=Q",
            )


def similar(names: Iterable[str], roles: Iterable[str]) -> dict[str, str]:
    """For each role, the column whose name looks most like it.

    >>> similar(["Qestion", "Body"], ["question", "context"])
    {'question': 'Qestion'}
    """
    left = {plain_name(name): name for name in names}
    found = {}
    for role in roles:
        scored = (difflib.get_close_matches(alias, left, n=1, cutoff=0.75) for alias in ROLES[role])
        match = next((close[0] for close in scored if close), None)
        if match is not None:
            found[role] = left.pop(match)
    return found


def _pair_of(match: re.Match[str]) -> tuple[str, str]:
    quoted = match["quoted"]
    return match["role"], (match["plain"] or "") if quoted is None else quoted.replace('""', '"')


def _quoted(name: str) -> str:
    if '"' in name or "," in name or name != name.strip():
        return '"' + name.replace('"', '""') + '"'
    return name
