"""`spantune check`: is the data sound?"""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal

NAME = "check"
NOTHING_USABLE = 2


def command(
    data: options.Data,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", metavar="DIR", help="Write clean.jsonl, repairs.jsonl, quarantine.jsonl, dropped.jsonl here."),
    ] = None,
    accept: Annotated[
        Path | None, typer.Option("--accept", metavar="FILE", help="A quarantine.jsonl with your choices in it.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="DATA", help="Test data: what of it is also in DATA? Repeatable."),
    ] = None,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Look for duplicates and near-duplicates in DATA.")] = False,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="Write statistics with pictures as a page (HTML).")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="Whose tokens --sheet counts: 'embedded', a folder, a name."),
    ] = None,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Check data files: what they hold, what is wrong with it, what was repaired.

    \b
    $ spantune check covid_qa.json --fix fixed
    covid_qa.json: 1380 records, read as squad (json)
    1380 read: 1146 kept, 234 repaired, 0 quarantined, 0 dropped
    1380 answers, 0 unanswerable questions
    …

    Answers whose start is wrong are repaired where it is certain what was meant, and quarantined where it is
    not: fixed/quarantine.jsonl offers candidates, and --accept takes your choices back. --against finds
    test questions whose context is also in the training data, word for word or nearly.
    Exit code 0: clean; 1: problems found; 2: unreadable, misused, or no usable record.
    """
    with Terminal(quiet=json) as watch:
        checked = spantune.check_data(
            data,
            fix=fix,
            accept=accept,
            against=against or (),
            duplicates=duplicates,
            sheet=sheet,
            model=model,
            read_as=options.read_as(shape, columns, encoding),
            watch=watch,
        )
    show.result(checked.as_dict(), as_json=json, text=lambda: show.checked(checked))
    raise typer.Exit(0 if checked.ok else 1 if checked.report.usable else NOTHING_USABLE)
