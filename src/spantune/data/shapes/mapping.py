"""In: the columns of a file that no shape fits, and their first values. Out: which roles they might play, as a proposal.

Does not know: shapes. Names are looked at before values; a proposal is for a person to accept, never taken by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from spantune.data.shapes.answers import parse_start
from spantune.data.shapes.columns import assign, similar
from spantune.data.shapes.shape import Seen

QUESTION_MARKS = ("?", "？", "؟", "\u037e")
ENOUGH = 0.5  # share of a column's values that must look like a role's
LONGEST_LABEL = 40  # characters: a class has a name, not a sentence
LONGEST_NAME = 60  # characters: a column has a name, not a sentence

Texts = Mapping[str, Sequence[str]]


def propose(seen: Seen) -> dict[str, str]:
    """Roles and the columns that could play them; empty where the values tell nothing.

    The column of questions is the one whose values end in question marks, the context the one with the longest texts, the
    answers the one whose values stand in the context; a text with few short values beside it has a label.

    >>> from spantune.data.shapes.shape import seen
    >>> rows = [{"Q": "Who wrote it?", "Body": "It was Ada who wrote it, in 1843.", "Reply": "Ada"}]
    >>> propose(seen(("Q", "Body", "Reply"), rows))
    {'question': 'Q', 'context': 'Body', 'answers': 'Reply'}
    """
    texts = {name: [row[name] for row in seen.rows if _is_text(row.get(name))] for name in seen.names}
    texts = {name: values for name, values in texts.items() if values}
    known = dict(seen.forced) or dict(assign(seen.names))
    question = known.get("question") or _best(texts, _asks, set(known.values()))
    if question is None:
        question = similar(seen.names, ("question",)).get("question")
    if question is None:
        return _labelled(texts, known)
    context = known.get("context") or _best(texts, _length, {question})
    if context is None:
        return {}
    found = {"question": question, "context": context}
    rows = [row for row in seen.rows if _is_text(row.get(context))]
    free = [name for name in seen.names if name not in found.values()]
    answers = known.get("answers") or _first(
        free, lambda name: _share(row[context].find(str(row.get(name))) >= 0 for row in rows if _is_text(row.get(name)))
    )
    if answers:
        found["answers"] = answers
        starts = _first([name for name in free if name != answers], lambda name: _starts_there(rows, context, answers, name))
        if starts and "starts" not in known:
            found["starts"] = starts
    return found


def _starts_there(rows: Sequence[Mapping[str, Any]], context: str, answers: str, name: str) -> float:
    """The share of the answers that stand in the context where this column says, or one letter beside."""
    answered = [row for row in rows if _is_text(row.get(answers))]
    return _share(any(row[context].startswith(row[answers], at) for at in _around(row.get(name))) for row in answered)


def _around(value: Any) -> Sequence[int]:
    start = parse_start(value)
    return range(max(0, start - 1), start + 2) if isinstance(start, int) else ()


def lacks_header(seen: Seen) -> bool:
    """Whether the names of a table's columns look like a record: a sentence, or a question above questions."""
    if not all(value is None or isinstance(value, str) for row in seen.rows for value in row.values()):
        return False
    columns = {name: [row[name] for row in seen.rows if _is_text(row.get(name))] for name in seen.names}
    return any(
        len(name) > LONGEST_NAME or (name.rstrip().endswith(QUESTION_MARKS) and bool(values) and _asks(values) > 0)
        for name, values in columns.items()
    )


def _labelled(texts: Texts, known: Mapping[str, str]) -> dict[str, str]:
    text = known.get("text") or _best(texts, _length, set())
    label = known.get("label") or _best(texts, _repeats, {text} if text else set())
    return {"text": text, "label": label} if text and label else {}


def _best(texts: Texts, score: Callable[[Sequence[str]], float], taken: set[str]) -> str | None:
    scored = {name: score(values) for name, values in texts.items() if name not in taken}
    best = max(scored, key=lambda name: scored[name], default=None)
    return best if best is not None and scored[best] > 0 else None


def _first(names: Sequence[str], share: Callable[[str], float]) -> str | None:
    return next((name for name in names if share(name) >= ENOUGH), None)


def _share(hits: Any) -> float:
    found = [bool(hit) for hit in hits]
    return fmean(found) if found else 0.0


def _asks(values: Sequence[str]) -> float:
    share = _share(value.rstrip().endswith(QUESTION_MARKS) for value in values)
    return share if share >= ENOUGH else 0.0


def _length(values: Sequence[str]) -> float:
    return fmean(map(len, values))


def _repeats(values: Sequence[str]) -> float:
    """How much a column looks like labels: short values, of which some come again."""
    if max(map(len, values)) > LONGEST_LABEL or (len(values) > 2 and len(set(values)) == len(values)):
        return 0.0
    return 1 / len(set(values))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
