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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spantune.data.records import Example
from spantune.errors import EvaluationError
from spantune.evaluation.cases import Given
from spantune.wording import counted

TEXTS = ("text", "prediction_text", "predicted_answer", "prediction", "predicted", "answer")
IDS = ("id", "qid", "question_id", "example_id", "qas_id")
PROBABILITIES = ("probability", "confidence", "score")
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
    try:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8-sig") as lines:
            if file.name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
                rows = (json.loads(line) for line in lines if line.strip())
                yield from (_of_row(file, row) for row in rows)
                return
            found = json.load(lines)
    except (OSError, ValueError) as error:
        raise _unreadable(file, str(error).splitlines()[0]) from None
    if isinstance(found, dict):
        wrapped = next((found[name] for name in ("predictions", "answers") if isinstance(found.get(name), list | dict)), found)
        found = wrapped
    if isinstance(found, dict):
        yield from (_of_pair(file, str(name), value) for name, value in found.items())
    elif isinstance(found, list):
        yield from (_of_row(file, row) for row in found)
    else:
        raise _unreadable(file, f"it holds a {type(found).__name__}")


def _of_pair(file: Path, name: str, value: Any) -> Given:
    if isinstance(value, str):
        return Given(name, value)
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return _of_nbest(file, name, value)
    if isinstance(value, dict):
        return _of_row(file, {"id": name, **value})
    raise _unreadable(file, f"the answer to {name!r} is {value!r:.60}")


def _of_nbest(file: Path, name: str, entries: Sequence[Mapping[str, Any]]) -> Given:
    texts = [_first(entry, TEXTS) for entry in entries]
    if not all(isinstance(text, str) for text in texts):
        raise _unreadable(file, f"an entry of the n-best list of {name!r} has no text")
    probability = _number(entries[0], PROBABILITIES)
    none = next((_number(one, PROBABILITIES) for one, text in zip(entries, texts, strict=True) if not text), None)
    return Given(name, texts[0], probability=probability, no_answer_score=none, alternatives=tuple(t for t in texts if t))


def _of_row(file: Path, row: Any) -> Given:
    name, text = (_first(row, names) for names in (IDS, TEXTS)) if isinstance(row, dict) else (None, None)
    if isinstance(text, dict):
        text = _first(text, TEXTS)
    if name is None or not isinstance(text, str):
        raise _unreadable(file, f"{row!r:.80} has no {'id' if name is None else 'text'}")
    start = row.get("start")
    alternatives = row.get("alternatives")
    return Given(
        str(name),
        text,
        start if isinstance(start, int) and text else None,
        _number(row, PROBABILITIES),
        _number(row, NO_ANSWER),
        tuple(_texts(alternatives)) if isinstance(alternatives, list) else (),
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
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _unreadable(file: Path | str, why: str) -> EvaluationError:
    return EvaluationError(
        f"{file} cannot be read as predictions: {why}",
        expected='{"id": "text"} as the SQuAD scripts write it, an n-best file, or JSON Lines with "id" and "text"',
        next_move="write it in one of these shapes; a run folder is given by its path, without a file name",
    )
