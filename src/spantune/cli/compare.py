"""`spantune compare`: which of several systems is better on the same questions?"""

from typing import Annotated

import typer

import spantune
from spantune.cli import judged, options, show
from spantune.cli.terminal import Terminal

NAME = "compare"


def command(
    systems: Annotated[
        list[str],
        typer.Argument(metavar="SYSTEM SYSTEM… DATA", help="Runs, the word embedded, or files of predictions; the data last."),
    ],
    always_answer: options.AlwaysAnswer = False,
    language: options.Language = "en",
    aliases: options.AliasFile = None,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Compare systems on the same labelled questions: each with the first, paired, with intervals by document.

    \b
    $ spantune compare embedded run held-out.json --always-answer
                EM                  F1
    embedded   8.9  6.8 to 13.2   32.2  27.6 to 39.5
    run       22.7  19.2 to 28.0  51.1  48.3 to 55.4
    run is better than embedded:
      F1 +18.9 points (+13.5 to +23.1), p < 0.001

    A system is better, or worse, where the 95% interval of the mean difference in F1 does not
    hold 0; with several, that is corrected. Otherwise it says how large a difference would have
    shown. Files of predictions are read as spantune evaluate reads them.
    """
    with Terminal(quiet=json) as watch:
        found = spantune.compare_systems(
            systems[:-1],
            systems[-1:],
            always_answer=always_answer,
            scoring=options.scoring(language, aliases),
            read_as=options.read_as(shape, columns, encoding),
            watch=watch,
        )
    show.result(found.as_dict(), as_json=json, text=lambda: judged.compared(found))
