"""`spantune convert`: the same data in another format."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal

if TYPE_CHECKING:
    from spantune.road.converting import Converted

NAME = "convert"
PROBLEMS_SHOWN = 5


def command(
    data: options.Data,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write; its suffix names the format.")],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="NAME", help="Write squad, jsonl, csv, parquet or label-studio, whatever the suffix."),
    ] = None,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Write data of any shape to one file: .json (SQuAD), .jsonl, .csv, .parquet, or tasks for Label Studio.

    \b
    $ spantune convert answers.csv --columns question=Q,context=Body train.jsonl
    answers.csv: 120 records, read as records (csv)
    120 of 120 records to train.jsonl (jsonl)

    Answers go as they are; spantune check --fix mends them. Records that cannot be read or that the format cannot carry are
    left out, counted, and told.
    Exit code 0: all are written; 1: some are not; 2: not possible.
    """
    with Terminal(quiet=json) as watch:
        made = spantune.convert_files(data, out, to, options.read_as(shape, columns, encoding), watch)
    show.result(made.as_dict(), as_json=json, text=lambda: _told(made))
    raise typer.Exit(1 if made.left_out else 0)


def _told(made: "Converted") -> None:
    for source in made.sources:
        show.line(f"{source.path}: {source.read} records, read as {source.shape} ({source.format})")
    show.line(f"{made.written} of {made.read} records to {made.out} ({made.format})")
    if made.beside:
        show.line(f"the labeling configuration to paste into the project: {made.beside}")
    for counts, said in ((made.changed, "written without a part that could not be read"), (made.reasons, "left out")):
        for code, count in counts.items():
            show.line(f"{count} {said}: {code}")
    for problem in made.problems[:PROBLEMS_SHOWN]:
        show.line(f"\n{problem}")
    if len(made.problems) > PROBLEMS_SHOWN:
        show.line(f"\n… and {len(made.problems) - PROBLEMS_SHOWN} more; --json has them")
    if made.left_out:
        show.line("\nspantune check --fix mends what can be mended, and sets the rest aside for a person")
