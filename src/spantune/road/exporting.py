"""`export_reader`: the model of a finished run for another engine, measured on files of held-out data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spantune.data import ReadAs, read_files
from spantune.errors import MissingDataError, RunError
from spantune.export import Export, Limits, export_run
from spantune.export.exporting import check_choice
from spantune.export.measuring import pieces_of
from spantune.road.matching import labelled_only, same_task
from spantune.road.watch import Silent, Watch, counter, working
from spantune.runs import known_from_training, read_facts


def export_reader(
    run: str | Path,
    data: Sequence[str | Path],
    *,
    format: str = "onnx",
    int8: bool = False,
    out: str | Path | None = None,
    force: bool = False,
    limits: Limits | None = None,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Export:
    """Export a finished run that answers questions; `data` is labelled, and was best not trained on.

    Raises `MissingDataError` without data: a run keeps hashes of its held-out records, not the records. Other errors as for
    `export_run`, and `RunError` for a run that classifies.
    """
    watch = watch or Silent()
    check_choice(format, int8)
    facts = read_facts(run)
    if facts.task != "answer":
        raise RunError(
            f"{run} is a run of the task {facts.task!r}",
            expected="a run that answers questions: only readers are exported",
            next_move="use it with PyTorch",
        )
    if not data:
        raise MissingDataError(
            "no data to measure the exported model on; a run folder keeps hashes of its held-out records, no text",
            expected="labelled questions that the run was not trained on",
            next_move=f"spantune export {run} --format {format} --data held-out.json",
        )
    with working(watch, "reading"):
        dataset = read_files(data, read_as)
    same_task(dataset.task, facts.task)
    records: tuple[Any, ...] = labelled_only(dataset.records, data)
    if len(records) < dataset.read:
        watch.note(f"{dataset.read - len(records)} of {dataset.read} records cannot be scored; they are left out")
    _warn_of_known(run, records, watch)
    tick = counter(watch, "measuring", pieces_of(records))
    made = export_run(run, records, format=format, int8=int8, out=out, force=force, limits=limits, tick=tick)
    for reason in made.refused:
        watch.warn(f"kept because of --force: {reason}")
    return made


def _warn_of_known(run: str | Path, records: Sequence[Any], watch: Watch) -> None:
    try:
        leaks = known_from_training(run, records)
    except RunError as error:
        watch.warn(f"records of the training cannot be recognised: {error.found}")
        return
    if leaks.touched:
        watch.warn(f"{leaks.warning}. The scores of both engines are too good; what is lost between them is still told.")
