"""In: a file of predictions, as whatever tool wrote it. Out: what it answers to each question. Does not know: models.

What is told apart by its content:

    {"id": "text", …}                          the official SQuAD scripts, run_qa.py, most other tools
    {"id": [{"text", "probability"}, …], …}    n-best, as run_qa.py and the BERT scripts write it; the first entry is the answer
    [{"id": …, "text" or "prediction" …}, …]   lists of objects, and JSON Lines of them, among them those of spantune predict

Of an object, `text`, `answer`, `prediction`, `prediction_text` or `predicted_answer` is the answer; `id`, `qid`, `question_id`
or `example_id` names its question. Labels are left for the data that the predictions are scored against.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from spantune.data.records import Example
from spantune.errors import EvaluationError
from spantune.evaluation.cases import Given
from spantune.wording import counted, first_line

TEXTS = ("text", "prediction_text", "predicted_answer", "prediction", "predicted", "answer")
IDS = ("id", "qid", "question_id", "example_id", "qas_id")
PROBABILITIES = ("probability", "score")
NO_ANSWER = ("no_answer_score", "no_answer_probability", "na_prob")
SUFFIXES = (".json", ".jsonl", ".ndjson")


def is_predictions_file(path: Path | str) -> bool:
    """Whether a path names a file that may hold predictions, and no run.

    >>> is_predictions_file("no/such/file.json"), is_predictions_file("embedded")
    (False, False)
    """
    path = Path(path)
    return path.is_file() and path.name.removesuffix(".gz").endswith(SUFFIXES)


def read_predictions(file: Path | str) -> dict[str, Given]:
    """What a file answers, by the id of the question. Raises `EvaluationError` for a file of another kind."""
    found: dict[str, Given] = {}
    for given in _of_file(Path(file)):
        if given.id in found and found[given.id].text != given.text:
            raise _unreadable(file, f"the question {given.id!r} is answered twice, {found[given.id].text!r} and {given.text!r}")
        found[given.id] = given
    if not found:
        raise _unreadable(file, "0 predictions")
    return found


def answers_to(records: Sequence[Example], predictions: Mapping[str, Given], source: str) -> tuple[Given, ...]:
    """The predictions of these questions, in their order. Raises `EvaluationError` where some are missing.

    A missing prediction is not scored as wrong: the official scripts skip it or fail, and either way a score over other
    questions than the data has would be shown.
    """
    missing = [record for record in records if record.id not in predictions]
    if missing:
        names = ", ".join(repr(record.id) for record in missing[:3])
        raise EvaluationError(
            f"{source} has no prediction for {len(missing)} of {counted(len(records), 'question')}, such as {names}",
            expected="a prediction for each question of the data, by the same ids",
            next_move="predict the whole file, or give the data that was predicted; an empty text says 'no answer'",
        )
    return tuple(predictions[record.id] for record in records)


def _of_file(file: Path) -> Iterator[Given]:
    """The predictions, one at a time where the file has lines."""
    at = ""
    try:
        with gzip.open(file, "rt", encoding="utf-8-sig") if file.suffix == ".gz" else file.open(encoding="utf-8-sig") as lines:
            if file.name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
                for number, line in enumerate(lines, 1):
                    at = f"line {number}: "
                    if line.strip():
                        yield _of_row(file, _decoded(line), at)
                return
            found = _decoded(lines.read())
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if at else f"line {error.lineno}, column {error.colno}"
        raise _unreadable(file, f"{at}{error.msg} at {where}") from None
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise _unreadable(file, at + first_line(error)) from None
    if isinstance(found, dict):
        found = next((found[name] for name in ("predictions", "answers") if isinstance(found.get(name), list | dict)), found)
    if isinstance(found, dict) and _first(found, IDS) is not None and isinstance(_first(found, TEXTS), str):
        found = [found]
    if isinstance(found, dict):
        yield from (_of_pair(file, str(name), value) for name, value in found.items())
    elif isinstance(found, list):
        yield from (_of_row(file, row) for row in found)
    else:
        raise _unreadable(file, f"it holds a {type(found).__name__}")


def _decoded(text: str) -> Any:
    """JSON, in which no name stands twice with different values: one of the two would be lost."""
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(((name, value) for name, value in pairs if value != found[name]), None)
        if twice is not None:
            raise ValueError(f"{twice[0]!r} stands twice, with {twice[1]!r:.40} and {found[twice[0]]!r:.40}")
    return found


def _of_pair(file: Path, name: str, value: Any) -> Given:
    if isinstance(value, str):
        return Given(name, value)
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return _of_nbest(file, name, value)
    if isinstance(value, dict):
        return _of_row(file, {**value, "id": name})
    raise _unreadable(file, f"the answer to {name!r} is {value!r:.60}")


def _of_nbest(file: Path, name: str, entries: Sequence[Mapping[str, Any]]) -> Given:
    texts = [_first(entry, TEXTS) for entry in entries]
    if not all(isinstance(text, str) for text in texts):
        raise _unreadable(file, f"an entry of the n-best list of {name!r} has no text")
    probability = _number(entries[0], PROBABILITIES)
    none = next((_number(one, PROBABILITIES) for one, text in zip(entries, texts, strict=True) if not text), None)
    return Given(name, texts[0], probability=probability, no_answer_score=none, alternatives=tuple(t for t in texts if t))


def _of_row(file: Path, row: Any, at: str = "") -> Given:
    name, text = (_first(row, names) for names in (IDS, TEXTS)) if isinstance(row, dict) else (None, None)
    if isinstance(text, dict):
        text = _first(text, TEXTS)
    if name is None or not isinstance(text, str):
        raise _unreadable(file, f"{at}{row!r:.80} has no {'id' if name is None else 'text'}")
    start = row.get("start")
    alternatives = row.get("alternatives")
    return Given(
        str(name),
        text,
        start if isinstance(start, int) and not isinstance(start, bool) and text else None,
        _number(row, PROBABILITIES),
        _number(row, NO_ANSWER),
        tuple(_texts(alternatives)) if isinstance(alternatives, list) else (),
        _number(row, ("confidence",)),
    )


def _texts(entries: Iterable[Any]) -> Iterator[str]:
    for entry in entries:
        text = _first(entry, TEXTS) if isinstance(entry, dict) else entry
        if isinstance(text, str) and text:
            yield text


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _number(row: Mapping[str, Any], names: Iterable[str]) -> float | None:
    found = _first(row, names)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        number = float(found)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _unreadable(file: Path | str, why: str) -> EvaluationError:
    return EvaluationError(
        f"{file} cannot be read as predictions: {why}",
        expected='{"id": "text"} as the SQuAD scripts write it, an n-best file, or JSON Lines with "id" and "text"',
        next_move="write it in one of these shapes; a run folder is given by its path, without a file name",
    )
