"""In: names that mean the same, from a file or a mapping. Out: the references that they add. Does not know: scores.

    {"Paris": ["City of Light", "Paname"], "UN": ["United Nations"]}     or     [["Paris", "City of Light"], ["UN", …]]

A reference that equals any name of a row after normalisation gets the others of that row beside it. Off unless handed in, since
scores with aliases are not those of the official scripts.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spantune.errors import EvaluationError
from spantune.evaluation.normalise import comparable_form


@dataclass(frozen=True, slots=True)
class Aliases:
    """Rows of names that count as one another."""

    rows: tuple[tuple[str, ...], ...]
    _of: Mapping[str, tuple[str, ...]] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Sequence[str]]) -> "Aliases":
        """Make them of rows; a name in several rows joins their names.

        >>> Aliases.of([["Paris", "City of Light"]]).joined_by(("the city of light!",))
        ('the city of light!', 'Paris')
        """
        kept = tuple(tuple(row) for row in rows)
        names: dict[str, dict[str, None]] = {}
        for row in kept:
            for name in row:
                names.setdefault(comparable_form(name), {}).update(dict.fromkeys(row))
        return cls(kept, {form: tuple(row) for form, row in names.items()})

    def joined_by(self, references: tuple[str, ...]) -> tuple[str, ...]:
        """The references, then the names that mean the same, each once."""
        known = {comparable_form(one) for one in references}
        added = (name for one in references for name in self._of.get(comparable_form(one), ()))
        return (*references, *dict.fromkeys(name for name in added if comparable_form(name) not in known))


def read_aliases(file: Path | str) -> Aliases:
    """Read them from a JSON file. Raises `EvaluationError` for a file that holds anything else."""
    try:
        found: Any = json.loads(Path(file).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise _unreadable(file, str(error).splitlines()[0]) from None
    if isinstance(found, dict):
        found = [[name, *others] if isinstance(others, list) else others for name, others in found.items()]
    rows = found if isinstance(found, list) else [found]
    wrong = [row for row in rows if not (isinstance(row, list) and row and all(isinstance(name, str) for name in row))]
    if wrong:
        raise _unreadable(file, f"{len(wrong)} of {len(rows)} rows are no lists of names; the first is {wrong[0]!r:.80}")
    return Aliases.of(rows)


def _unreadable(file: Path | str, why: str) -> EvaluationError:
    return EvaluationError(
        f"aliases cannot be read from {file}: {why}",
        expected='JSON such as {"Paris": ["City of Light"]}, or a list of lists of names',
        next_move="correct the file",
    )
