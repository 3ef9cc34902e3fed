"""`spantune compare`: which of several systems is better on the same questions?"""

from typing import Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal

NAME = "compare"


def command(
    systems: Annotated[
        list[str],
        typer.Argument(metavar="SYSTEM SYSTEM… DATA", help="Runs, the word embedded, or files of predictions; the data last."),
    ],
    language: options.Language = "en",
    aliases: options.AliasFile = None,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Compare systems on the same labelled questions: each with the first, paired, with intervals by document.

    \b
    $ spantune compare embedded run held-out.json
    {EXAMPLE}

    A system is better, or worse, where the 95% interval of the mean difference in F1 does not
    hold 0; with several, that is corrected. Otherwise it says how large a difference would have
    shown. Files of predictions are read as spantune evaluate reads them.
    """
    with Terminal(quiet=json) as watch:
        found = spantune.compare_systems(
            systems[:-1],
            systems[-1:],
            scoring=options.scoring(language, aliases),
            read_as=options.read_as(shape, columns, encoding),
            watch=watch,
        )
    show.result(found.as_dict(), as_json=json, text=lambda: show.compared(found))
