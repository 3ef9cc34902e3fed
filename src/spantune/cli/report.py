"""`spantune report`: all there is to say about a run, as a page."""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import judged, options, show
from spantune.cli.terminal import Terminal

NAME = "report"


def command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The folder of a run, the word embedded, or a file of predictions.")
    ],
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it: .html, .md, .json or .csv.")],
    kind: Annotated[str | None, typer.Option("--format", metavar="NAME", help="The same, whatever FILE ends in.")] = None,
    against: options.Against = None,
    traces: Annotated[
        bool, typer.Option("--traces/--no-traces", help="Also write a page of every step for each mistake that is shown.")
    ] = True,
    language: options.Language = "en",
    aliases: options.AliasFile = None,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Judge a run on labelled data and write a page: verdict, scores, slices, mistakes, labels to look at.

    \b
    $ spantune report run held-out.json --out report.html
    ! poor: EM below 40 or F1 below 50: not to be relied on. EM 22.7 (19.2 to 28.0), …
    The report is report.html (252 kB); every step of its mistakes in report-traces

    The page is one file that needs no network and runs nothing. Mistakes link to pages of every
    step, in a folder beside it. A CSV has a row for each question.
    """
    with Terminal(quiet=json) as watch:
        made = spantune.write_report(
            run,
            data,
            out,
            format=kind,
            against=against,
            scoring=options.scoring(language, aliases),
            traces=traces,
            read_as=options.read_as(shape, columns, encoding),
            watch=watch,
        )
    show.result(made.as_dict(), as_json=json, text=lambda: judged.reported(made))
