"""In: the column names of a file. Out: which column plays which role. Does not know: values, files."""

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

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


@lru_cache(maxsize=1024)  # the rows of a file share a few sets of names
def assign(names: tuple[str, ...]) -> Mapping[str, str]:
    """Role → the file's own name for it; a role that no column plays is left out.

    >>> dict(assign(("ID", "Passage", "Answer Start", "notes")))
    {'id': 'ID', 'context': 'Passage', 'starts': 'Answer Start'}
    """
    by_name = {_plain(name): name for name in reversed(names)}
    found = {}
    for role, aliases in ROLES.items():
        match = next((by_name[alias] for alias in aliases if alias in by_name), None)
        if match is not None:
            found[role] = match
    return MappingProxyType(found)


def suggestions(names: Iterable[str], roles: Iterable[str]) -> list[str]:
    """For each role, the column that looks most like it.

    >>> suggestions(["Qestion", "Body"], ["question", "context"])
    ["'Qestion' to 'question'"]
    """
    left = {_plain(name): name for name in names}
    found = []
    for role in roles:
        scored = (difflib.get_close_matches(alias, left, n=1, cutoff=0.75) for alias in ROLES[role])
        match = next((close[0] for close in scored if close), None)
        if match is not None:
            found.append(f"{left.pop(match)!r} to {role!r}")
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lower())
