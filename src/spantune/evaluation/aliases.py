"""In: names that mean the same, from a file or a mapping. Out: the references that they add. Does not know: scores.

    {"Paris": ["City of Light", "Paname"], "UN": ["United Nations"]}     or     [["Paris", "City of Light"], ["UN", …]]

A reference that equals any name of a row after normalisation gets the others of that row beside it. Off unless handed in, since
scores with aliases are not those of the official scripts.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from spantune.errors import EvaluationError
from spantune.evaluation.normalise import comparable_form
from spantune.wording import first_line


@dataclass(frozen=True, slots=True)
class Aliases:
    """Rows of names that count as one another, and the file that they are from, if any."""

    rows: tuple[tuple[str, ...], ...]
    file: str = field(default="", compare=False)

    @classmethod
    def of(cls, rows: Iterable[Sequence[str]]) -> "Aliases":
        """Make them of rows; blank names say nothing and are left out. A name in several rows joins their names.

        >>> Aliases.of([["Paris", "City of Light"]]).joined_by(("the city of light!",))
        ('the city of light!', 'Paris')
        """
        return cls(tuple(tuple(name for name in row if name.strip()) for row in rows))

    def joined_by(self, references: tuple[str, ...], language: str = "en") -> tuple[str, ...]:
        """The references, then the names that mean the same, each once."""
        names = _by_form(self.rows, language)
        known = {comparable_form(one, language) for one in references}
        added = (name for one in references for name in names.get(comparable_form(one, language), ()))
        return (*references, *dict.fromkeys(name for name in added if comparable_form(name, language) not in known))


@lru_cache(maxsize=8)
def _by_form(rows: tuple[tuple[str, ...], ...], language: str) -> Mapping[str, tuple[str, ...]]:
    """For the form in which a name is compared, every name of its rows."""
    names: dict[str, dict[str, None]] = {}
    for row in rows:
        for name in row:
            names.setdefault(comparable_form(name, language), {}).update(dict.fromkeys(row))
    return {form: tuple(row) for form, row in names.items()}


def read_aliases(file: Path | str) -> Aliases:
    """Read them from a JSON file. Raises `EvaluationError` for a file that holds anything else."""
    try:
        found: Any = json.loads(Path(file).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(file, first_line(error)) from None
    if isinstance(found, dict):
        found = [[name, *others] if isinstance(others, list) else others for name, others in found.items()]
    rows = found if isinstance(found, list) else [found]
    wrong = [row for row in rows if not (isinstance(row, list) and row and all(isinstance(name, str) for name in row))]
    if wrong:
        raise _unreadable(file, f"{len(wrong)} of {len(rows)} rows are no lists of names; the first is {wrong[0]!r:.80}")
    return replace(Aliases.of(rows), file=str(file))


def _unreadable(file: Path | str, why: str) -> EvaluationError:
    return EvaluationError(
        f"aliases cannot be read from {file}: {why}",
        expected='JSON such as {"Paris": ["City of Light"]}, or a list of lists of names',
        next_move="correct the file",
    )
