"""`spantune curve`: what more labels would give."""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal
from spantune.errors import ConfigError

NAME = "curve"


def command(
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for the points and their picture.")],
    eval_data: options.EvalData = None,
    sizes: Annotated[
        str | None, typer.Option("--sizes", metavar="N,…", help="Records to train on; without it 16, 32, 64, … and all.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Trainings of each size, on other draws.")] = 3,
    more: Annotated[int, typer.Option("--more", help="Labels whose worth is estimated.")] = 200,
    model: options.Model = None,
    config: options.ConfigFile = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting, as in spantune train. Repeatable.")
    ] = None,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Train on ever more of the data, and say whether more labels are worth it.

    \b
    $ spantune curve data.json --out curve

    Many trainings: minutes to an hour. What is in FOLDER is not measured again, so an interrupted
    curve goes on where it stopped, and --sizes 16,64 first and all sizes later costs nothing twice.
    """
    with Terminal() as watch:
        made = spantune.learning_curve(
            data,
            out,
            options.config(config, settings, {"model.name": model}),
            eval_data=eval_data or (),
            sizes=_numbers(sizes),
            seeds=seeds,
            more=more,
            read_as=options.read_as(shape, columns, encoding),
            watch=watch,
        )
    show.result(made.as_dict(), as_json=json, text=lambda: show.curve(made))


def _numbers(sizes: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in sizes.split(",")) if sizes else ()
    except ValueError:
        raise ConfigError(
            f"--sizes {sizes}",
            expected="whole numbers with commas between them",
            next_move="give for example --sizes 16,64,256",
        ) from None
