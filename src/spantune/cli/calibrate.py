"""`spantune calibrate`: how sure is a run, and from which confidence on should it answer?"""

from typing import Annotated

import typer

import spantune
from spantune.cli import judged, options, show
from spantune.cli.terminal import Terminal

NAME = "calibrate"


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    data: options.Data,
    precision: Annotated[
        float | None,
        typer.Option("--precision", metavar="SHARE", min=0, max=1, help="Answer only where this share is right: 0.95."),
    ] = None,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Fit the confidence of a run's answers on labelled data that it was not trained on, and keep it in the run.

    \b
    $ spantune calibrate run held-out.json --precision 0.4
    820 questions: probability was off by 0.062 on average
    confidence is off by 0.032, on documents that it was not fitted to; 0.031 is chance
    answers from a confidence of 0.205 on: 40% of these questions, 40.1% of the answers match exactly
    chosen on other documents, it would have answered 41% of them, 39.6% of the answers right: …
    kept in run: ask, predict and evaluate use it

    ask, predict and evaluate then give each answer the probability that it matches exactly.
    With --precision the run gives no answer below the confidence at which that share of its
    answers was right; without, the threshold for "no answer" is the one with the best F1.
    """
    with Terminal(quiet=json) as watch:
        found = spantune.calibrate_run(
            run, data, precision=precision, read_as=options.read_as(shape, columns, encoding), watch=watch
        )
    show.result(found.as_dict(), as_json=json, text=lambda: judged.calibrated(found))
