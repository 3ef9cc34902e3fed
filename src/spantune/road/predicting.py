"""`predict_file`: an answer to every question of a file, gone on with after a kill."""

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from spantune import durable
from spantune.data import ReadAs, fingerprint_in_order, read_files
from spantune.data.growing import write_growing
from spantune.embedded import as_name
from spantune.errors import ConfigError, EmptyDataError
from spantune.inference.backends import AUTO, TORCH, backend_of
from spantune.inference.exported.folder import EXPORTED
from spantune.road.matching import same_task
from spantune.road.opening import opened
from spantune.road.targets import check_target
from spantune.road.watch import Silent, Watch, counter, working
from spantune.runs import read_facts
from spantune.runs.reading import run_folder
from spantune.tasks import TASKS

ANSWERING = {".json", ".safetensors", ".onnx", ".xml", ".bin"}  # settings and weights, of what was exported too


def predict_file(
    run: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    read_as: ReadAs | None = None,
    always_answer: bool = False,
    top: int = 1,
    backend: str = AUTO,
    watch: Watch | None = None,
) -> int:
    """Answer every question (or label every text) of a file: JSONL, in the order of the file, ids kept. Gives their number.

    Labels are not looked at, not even wrong ones. `always_answer` is that of `evaluate_run`. With `top` each answer has so many
    alternatives, whose probabilities sum up to one with those of "no answer" and of all others. The output takes its place when
    it is whole; after a kill the same call goes on where that one stopped.

    Raises `RunError` when the file is for another task than the run, `ConfigError` when `out` is the file itself, `OutputError`
    where it cannot be written; for `backend` and its errors see `inference.backends.open_with`.
    """
    watch = watch or Silent()
    facts = read_facts(run)
    if facts.task != "answer" and top != 1:
        raise ConfigError(
            f"{top} alternatives of a run that classifies",
            expected="1: each line has the probabilities of all labels",
            next_move="leave top (--top) away",
        )
    check_target(out, [data])
    with working(watch, "reading"):
        dataset = read_files([data], read_as)
    same_task(dataset.task, facts.task)
    records = dataset.in_order
    if len(records) < dataset.read:
        missing = dataset.read - len(records)
        watch.warn(f"{missing} of {dataset.read} records get no prediction (spantune check tells which and why)")
    if not records:
        raise EmptyDataError(
            f"no usable record in {data}",
            expected="questions with their contexts, or texts",
            next_move="run spantune check on it",
        )
    task = TASKS[facts.task]
    with working(watch, "loading the model"):
        predictor = opened(task, run, backend, always_answer=always_answer)
    started_with = {
        "run": identity_of(run, exported=backend_of(predictor) != TORCH),
        "records": fingerprint_in_order(records),
        "settings": [always_answer, top, backend],
    }

    def lines_from(begun: int) -> Iterator[str]:
        tick = counter(watch, "predicting", len(records) - begun)
        if task.name == "answer":
            predictions = predictor.answer_many(records[begun:], top, tick, watch.warn)
        else:
            predictions = task.predict(predictor, records[begun:], tick, watch.warn)
        return (json.dumps(one.as_dict(), ensure_ascii=False) for one in predictions)

    return write_growing(out, started_with, [str(record.id) for record in records], lines_from, watch.note)


def identity_of(run: str | Path, *, exported: bool = True) -> dict[str, str]:
    """The version, and the hashes of what a run answers with: its settings and weights, and those of the model below it.

    Files go by their place in the run, wherever it lies. Its exported model is looked at where it is what answers.
    """
    folder, found = run_folder(run), {"version": version("spantune")}
    homes = [folder]
    if not (folder / "config.json").is_file():  # an adapter; an exported run answers where torch is not installed
        from spantune.models.sources import adapters_of, resolve_model

        homes += [Path(resolve_model(as_name(run))), *adapters_of(as_name(run))]
    for number, home in enumerate(home for home in dict.fromkeys(homes) if home.is_dir()):
        places = {one.relative_to(home): one for one in sorted(home.rglob("*")) if one.suffix in ANSWERING}
        used = {place: one for place, one in places.items() if exported or EXPORTED not in place.parts}
        found |= {f"{number}/{place.as_posix()}": durable.sha256(one) for place, one in used.items()}
    return found
