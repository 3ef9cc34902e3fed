"""`spantune evaluate`: how good are the answers of a run, or of any tool, to labelled questions?"""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import judged, options, show
from spantune.cli.terminal import Terminal

NAME = "evaluate"
NOT_MET = 3  # exit code where --require is not met, so that a pipeline can tell it from a mistake


def command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The folder of a run, the word embedded, or a file of predictions.")
    ],
    data: options.Data,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write all of it and every wrong answer as JSON.")
    ] = None,
    always_answer: options.AlwaysAnswer = False,
    against: options.Against = None,
    require: options.Require = None,
    language: options.Language = "en",
    aliases: options.AliasFile = None,
    semantic: Annotated[
        bool, typer.Option("--semantic", help="Also say how alike answers and references are in meaning: no EM, no F1.")
    ] = False,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Score answers: EM and F1 as SQuAD defines them, with intervals, where they go wrong, and a verdict.

    \b
    $ spantune evaluate run held-out.json --against untuned
    820 questions: EM 22.7, F1 51.1, precision 56.9, recall 67.1
      95% intervals: EM 19.2 to 28.0, F1 48.3 to 55.4; 98 groups, by document …
    634 answers do not match: 263 boundary too long, 163 boundary too short, 90 right words elsewhere, …
    ! poor: EM below 40 or F1 below 50: not to be relied on. EM 22.7 (19.2 to 28.0), …
      better than the untuned model: F1 +18.9 points (13.5 to 23.1)

    RUN may be what any other tool predicted: {"id": "text"} as the SQuAD scripts write it, an
    n-best file, or JSON Lines. Intervals take questions about one document together. --require
    better, good or fair exits with 3 where that is not so. Data that the run was trained on
    gets a loud warning.
    """
    wanted = options.requirement(require)
    with Terminal(quiet=json) as watch:
        evaluated = spantune.evaluate_run(
            run,
            data,
            out=out,
            always_answer=always_answer,
            against=against or ("untuned" if wanted == "better" else None),
            scoring=options.scoring(language, aliases),
            semantic=semantic,
            require=wanted,
            read_as=options.read_as(shape, columns, encoding),
            watch=watch,
        )
    show.result(evaluated.as_dict(), as_json=json, text=lambda: judged.evaluated(evaluated))
    if wanted is not None and not evaluated.meets(wanted):
        show.note(f"--require {wanted} is not met")
        raise typer.Exit(NOT_MET)
