"""`spantune tune`: a search for better settings."""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal

NAME = "tune"


def command(
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for the trials and the best settings.")],
    minutes: Annotated[float, typer.Option("--minutes", help="When to stop.")] = 30.0,
    trials: Annotated[int | None, typer.Option("--trials", help="Stop after so many trials, if that is earlier.")] = None,
    eval_data: options.EvalData = None,
    model: options.Model = None,
    config: options.ConfigFile = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, which is not searched then. Repeatable."),
    ] = None,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Search for the settings that suit the data, and write them to FOLDER/best.yaml.

    \b
    $ spantune tune data.json --out search --minutes 60
    $ spantune train data.json --config search/best.yaml --out run

    Trials that do badly are given up early. The same command again goes on with the search.
    Needs Optuna: pip install 'spantune[tune]'.
    """
    with Terminal() as watch:
        made = spantune.tune_settings(
            data,
            out,
            options.config(config, settings, {"model.name": model}),
            eval_data=eval_data or (),
            minutes=minutes,
            trials=trials,
            read_as=options.read_as(shape, columns, encoding),
            watch=watch,
        )
    show.result(made.as_dict(), as_json=json, text=lambda: show.tuned(made))
