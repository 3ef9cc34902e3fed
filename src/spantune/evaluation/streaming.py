"""In: labelled questions and their answers, as they come. Out: every score with its interval. Does not know: their number.

What `judge` tells of scores, for more questions than memory has room for: of each nothing is kept but what it adds to sums.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import TypeVar

from spantune.data.records import Example
from spantune.errors import EvaluationError
from spantune.evaluation.aliases import Aliases
from spantune.evaluation.scores import Answered, comparing
from spantune.evaluation.uncertainty import ROUNDS, Mean, Resampling

PORTION = 2048
NAMES = ("exact_match", "f1", "precision", "recall")
GROUPS = ("", "HasAns_", "NoAns_")

Item = TypeVar("Item")


def score_stream(
    examples: Iterable[Example],
    answers: Iterable[Answered],
    *,
    language: str = "en",
    aliases: Aliases | None = None,
    rounds: int = ROUNDS,
) -> dict[str, Mean]:
    """The scores, 0 to 1, of answers that come in the order of their questions; both are consumed once.

    Questions that name a document are resampled with it, others with their context. Names are those of `means_of`, and
    `HasAns_` and `NoAns_` before them for questions that have an answer and those that have none. Raises `EvaluationError`
    for no questions, questions without a label, and answers that do not belong to the questions position by position.

    >>> from types import SimpleNamespace
    >>> from spantune.data.records import Span
    >>> rows = (Example(str(n), "Who?", f"Ada, {n}.", (Span("Ada", 0),)) for n in range(100))
    >>> given = (SimpleNamespace(id=str(n), text="Ada" if n % 4 else "nobody") for n in range(100))
    >>> means = score_stream(rows, given)
    >>> means["f1"].value, means["f1"].count, 0.6 < means["f1"].interval.low < 0.7
    (0.75, 100, True)
    """
    compare = comparing(language, aliases)
    sums = Resampling(len(NAMES) * len(GROUPS), rounds=rounds)
    for portion in _portions(_paired(examples, answers)):
        groups: list[str] = []
        values: list[list[float]] = []
        counted: list[list[bool]] = []
        for example, answer in portion:
            references, found = compare(example, answer.text)
            groups.append(example.document or example.context)
            values.append([getattr(found, name) for name in NAMES] * len(GROUPS))
            counted.append([kind for kind in (True, bool(references), not references) for _ in NAMES])
        sums.add(groups, values, counted)
    if not sums.counts[0]:
        raise EvaluationError(
            "0 records to score", expected="at least one labelled question", next_move="check that the files were read"
        )
    names = [group + name for group in GROUPS for name in NAMES]
    return {name: sums.mean(column) for column, name in enumerate(names) if sums.counts[column]}


def _paired(examples: Iterable[Example], answers: Iterable[Answered]) -> Iterator[tuple[Example, Answered]]:
    for number, (example, answer) in enumerate(zip_longest(examples, answers), 1):
        if example is None or answer is None or example.id != answer.id or example.answers is None:
            asked, said = (getattr(one, "id", "missing") for one in (example, answer))
            label = "; it has no label" if example is not None and example.answers is None else ""
            raise EvaluationError(
                f"answer {number} is {said!r}, question {number} is {asked!r}{label}",
                expected="labelled questions, and one answer for each in their order",
                next_move="write predictions in the order of the questions, as spantune predict does",
            )
        yield example, answer


def _portions(items: Iterable[Item]) -> Iterator[Sequence[Item]]:
    rest = iter(items)
    while portion := list(islice(rest, PORTION)):
        yield portion
