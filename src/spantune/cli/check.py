"""`spantune check`: is the data sound?"""

import typer

import spantune
from spantune.cli import options, show

NAME = "check"


def command(data: options.Data, shape: options.Shape = None, json: options.AsJson = False) -> None:
    """Check data files: what they hold, and every record that is not as it should be.

    \b
    $ spantune check covid_qa.json
    covid_qa.json: 1380 records, read as squad (json)
    1380 read: 1146 kept, 234 repaired, 0 quarantined, 0 dropped
    1380 answers, 0 unanswerable questions

    Each problem is shown with its place, what was found, what was expected, and the next move:
    the first 20 of them, and all of them with --json.
    Exit code 0: clean; 1: problems found; 2: unreadable or misused.
    """
    report = spantune.check(spantune.read_examples(*data, shape=shape))
    show.result(report.as_dict(), as_json=json, text=lambda: show.report(report))
    raise typer.Exit(0 if report.ok else 1)
