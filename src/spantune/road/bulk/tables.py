"""In: records of a part and what a model made of them. Out: rows of a table. Does not know: files, who answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spantune.data import Example
from spantune.data.rows import Made
from spantune.evaluation.scores import comparing

MEASURED = ("exact_match", "f1", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a task's table, by name and pyarrow's name of their type, and how their values are found.

    `row` takes what was predicted, `measured` the record too, where it has a label; `scores` are the columns of the latter.
    """

    columns: Mapping[str, str]
    scores: tuple[str, ...]
    row: Callable[[Any], dict[str, Any]]
    measured: Callable[[Any, Any], dict[str, float]]


def table_of(made: Sequence[Made], predictions: Sequence[Any], layout: Layout) -> Any:
    """A table of pyarrow with a row for each record read: an answer, or a problem.

    `predictions` are those of the records that there are, in order. Scores stand where a record has a label that can be used.
    """
    import pyarrow as pa

    given = iter(predictions)
    rows: list[dict[str, Any]] = []
    for one in made:
        told = "; ".join(f"{problem.code}: {problem.found}" for problem in one.problems) or None
        if one.record is None:
            place = one.problems[0]
            rows.append({"id": place.record_id or f"{place.file}: {place.where}", "problem": told})
            continue
        prediction, record = next(given), one.record
        group = record.document or (record.context if isinstance(record, Example) else record.text)
        scores = layout.measured(record, prediction) if one.usable else {}
        rows.append({"id": record.id, "problem": told, "group": group if scores else None, **layout.row(prediction), **scores})
    columns = {
        "id": "string",
        **layout.columns,
        **dict.fromkeys(layout.scores, "double"),
        "group": "string",
        "problem": "string",
    }
    return pa.Table.from_pylist(rows, pa.schema([(name, _type(pa, kind)) for name, kind in columns.items()]))


def _type(pa: Any, kind: str) -> Any:
    if kind == "alternatives":
        span = {"text": "string", "start": "int64", "end": "int64", "probability": "double", "score": "double"}
        return pa.list_(pa.struct([(name, pa.type_for_alias(of)) for name, of in span.items()]))
    if kind == "probabilities":
        return pa.map_(pa.string(), pa.float64())
    return pa.type_for_alias(kind)


_compare = comparing("en", None)


def _answer_scores(record: Any, answer: Any) -> dict[str, float]:
    if record.answers is None:
        return {}
    _, found = _compare(record, answer.text)
    return {name: getattr(found, name) for name in MEASURED}


def _label_scores(record: Any, prediction: Any) -> dict[str, float]:
    return {} if record.label is None else {"accuracy": float(record.label == prediction.label)}


LAYOUTS: Mapping[str, Layout] = {
    "answer": Layout(
        {
            "text": "string",
            "start": "int64",
            "end": "int64",
            "probability": "double",
            "score": "double",
            "no_answer_probability": "double",
            "no_answer_score": "double",
            "other_probability": "double",
            "confidence": "double",
            "alternatives": "alternatives",
        },
        MEASURED,
        lambda answer: answer.as_dict(),
        _answer_scores,
    ),
    "classify": Layout(
        {"label": "string", "probability": "double", "probabilities": "probabilities"},
        ("accuracy",),
        lambda prediction: {**prediction.as_dict(), "probabilities": list(prediction.probabilities)},
        _label_scores,
    ),
}
