"""`spantune evaluate`: how good is a run on labelled data?"""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal

NAME = "evaluate"


def command(
    run: options.Run,
    data: options.Data,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write scores and every wrong answer as JSON.")
    ] = None,
    always_answer: options.AlwaysAnswer = False,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Score a run on labelled data: Exact Match and F1 as SQuAD defines them, or accuracy and macro-F1.

    \b
    $ spantune evaluate run held-out.json
    820 questions: EM 20.7, F1 50.2, precision 54.7, recall 67.2

    Word order does not count in F1: "Paris is the capital of France" against "The capital of
    France is Paris" has F1 100 and EM 0. Data that the run was trained on gets a loud warning.
    """
    with Terminal(quiet=json) as watch:
        read_as = options.read_as(shape, columns, encoding)
        evaluated = spantune.evaluate_run(run, data, out=out, always_answer=always_answer, read_as=read_as, watch=watch)
    show.result(evaluated.as_dict(), as_json=json, text=lambda: show.evaluated(evaluated))
