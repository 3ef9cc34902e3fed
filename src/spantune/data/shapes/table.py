"""In: the columns of a file and its first rows. Out: the shape it has. Does not know: bytes, paths, how rows are read.

A shape is a row of `SHAPES`; adding one is adding a row and the small file that reads it. Shapes with signs of their own are
tried before those that are known by the names of their columns alone.
"""

import difflib
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from spantune.data.problems import excerpt
from spantune.data.shapes import argilla, doccano, flat, haystack, label_studio, mrqa, multi_span, squad
from spantune.data.shapes.columns import ROLES, Forced, check_roles, planner, written_columns
from spantune.data.shapes.making import QUESTION_ROLES, TEXT_ROLES
from spantune.data.shapes.mapping import lacks_header, propose
from spantune.data.shapes.shape import Recognised, Seen, Shape, seen
from spantune.errors import ConfigError, UnknownShapeError

NESTED = (*QUESTION_ROLES, "paragraphs", "qas")

SHAPES: tuple[Shape, ...] = (
    Shape("squad", "answer", "SQuAD JSON ('data' > 'paragraphs' > 'qas')", QUESTION_ROLES, squad.lacks, squad.reader),
    Shape("records", "answer", "rows with 'question', 'context' and 'answers'", QUESTION_ROLES, flat.question_lacks,
          flat.question_reader),
    Shape("labels", "classify", "rows with 'text' and 'label'", TEXT_ROLES, flat.text_lacks, flat.text_reader),
    Shape("mrqa", "answer", "MRQA JSON Lines ('qas' with 'detected_answers')", QUESTION_ROLES, squad.lacks, mrqa.reader,
          mrqa.signs),
    Shape("haystack", "answer", "an export of the Haystack annotation tool ('answer_category')", QUESTION_ROLES, squad.lacks,
          squad.reader, haystack.signs),
    Shape("multi-span", "answer", "MultiSpanQA (tokens, with B, I and O)", QUESTION_ROLES, flat.question_lacks,
          multi_span.reader, multi_span.signs),
    Shape("label-studio", "answer", "tasks of Label Studio with a question in 'data'", QUESTION_ROLES, label_studio.lacks,
          label_studio.reader, label_studio.question_signs),
    Shape("label-studio-labels", "classify", "tasks of Label Studio with choices for a text in 'data'", TEXT_ROLES,
          label_studio.label_lacks, label_studio.label_reader, label_studio.label_signs),
    Shape("label-studio-min", "answer", "JSON-MIN of Label Studio ('annotation_id')", QUESTION_ROLES, flat.question_lacks,
          label_studio.min_reader, label_studio.min_signs),
    Shape("argilla", "answer", "Argilla records with a question and a context", QUESTION_ROLES, argilla.lacks, argilla.reader,
          argilla.question_signs),
    Shape("argilla-labels", "classify", "Argilla records with a text", TEXT_ROLES, argilla.label_lacks, argilla.label_reader,
          argilla.label_signs),
    Shape("doccano", "answer", "doccano rows with spans ('label': [[start, end, name]])", QUESTION_ROLES, doccano.lacks,
          doccano.reader, doccano.signs),
)  # fmt: skip

DEPTH = 6  # data > article > paragraphs > qas > question: as deep as the columns of a known shape lie


def recognise(
    file: str,
    names: Collection[str],
    forced: str | None = None,
    values: Sequence[object] = (),
    columns: Mapping[str, str] | None = None,
) -> Recognised:
    """The first shape in the table that these columns and first values fit, or the forced one if they fit it.

    `columns` maps roles to the file's own names. Raises `ConfigError` for a shape, a role or a column that does not exist,
    `UnknownShapeError` when the columns do not fit: it lists them, the shapes tried and what each one lacked, and proposes a
    mapping.
    """
    roles: Forced = tuple((columns or {}).items())
    check_roles(dict(roles))
    found = seen(names, values, roles)
    _check_columns(file, found)
    tried = _candidates(found, forced)
    for shape in tried:
        if not shape.lacks(found):
            return Recognised(shape.name, shape.task, shape.reader(planner(shape.uses, roles)))
    lacking = {shape: shape.lacks(found) for shape in tried}
    told = "; ".join(f"{shape.name} lacks {_roles_told(lacks)}" for shape, lacks in lacking.items())
    listed = ", ".join(excerpt(name) for name in found.names[:20]) or "no columns"
    if lacks_header(found):
        raise UnknownShapeError(
            f"{file} has the columns {listed}: it seems to have no header",
            expected="the names of the columns in the first line",
            next_move="write a line above the first, such as question,context,answer",
        )
    raise UnknownShapeError(
        f"{file} has {listed}; {told}",
        expected=" or ".join(shape.describes for shape in tried),
        next_move=_next_move(found, tried),
    )


def _candidates(found: Seen, forced: str | None) -> tuple[Shape, ...]:
    if forced is not None:
        return (_named(forced),)
    signed = next((shape for shape in SHAPES if shape.signs is not None and shape.signs(found)), None)
    if signed is not None:
        return (signed,)
    general = tuple(shape for shape in SHAPES if shape.signs is None)
    roles = {role for role, _ in found.forced}
    return tuple(shape for shape in general if roles <= set(shape.uses)) or general


def _named(name: str) -> Shape:
    known = [shape.name for shape in SHAPES]
    if name in known:
        return SHAPES[known.index(name)]
    close = difflib.get_close_matches(name, known, n=1)
    raise ConfigError(
        f"no shape is called {name!r}",
        expected=f"one of {', '.join(known)}",
        next_move=f"did you mean {close[0]!r}?" if close else "correct the name, or leave it out: the shape is recognised",
    )


def _check_columns(file: str, found: Seen) -> None:
    if not found.forced or not found.rows:
        return
    known = dict.fromkeys((*found.names, *(name for row in found.rows for name in _names_within(row, DEPTH))))
    for role, name in found.forced:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise ConfigError(
                f"{file} has no column {name!r}, which is to be the {role}",
                expected=f"one of {', '.join(repr(one) for one in list(known)[:20])}",
                next_move=f"did you mean {close[0]!r}?" if close else "name a column that the file has",
            )


def _names_within(value: Any, depth: int) -> Iterator[str]:
    if depth and isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _names_within(inner, depth - 1)
    elif depth and isinstance(value, list):
        for inner in value[:3]:
            yield from _names_within(inner, depth - 1)


def _next_move(found: Seen, tried: Sequence[Shape]) -> str:
    inner = found.inside("data") if any(shape.name.startswith("label-studio") for shape in tried) else found
    proposed = propose(inner)
    if not proposed:
        return "say which column is what, such as --columns question=Q,context=Body,answers=Reply"
    return f"if that is what they hold: --columns {shlex.quote(written_columns(proposed))}"


def _roles_told(roles: list[str]) -> str:
    return " and ".join(f"{role} ({', '.join(ROLES[role])})" if len(ROLES[role]) > 1 else repr(role) for role in roles)
