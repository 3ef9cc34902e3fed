"""`spantune split`: training and held-out data without a document on both sides."""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show

NAME = "split"


def command(
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for train.json and held-out.json.")],
    held_out: Annotated[float, typer.Option("--held-out", help="Share of the records to hold out.")] = 0.2,
    by: Annotated[str, typer.Option("--by", help="What stays together on one side.")] = "document",
    seed: Annotated[int, typer.Option("--seed", help="The same seed and data give the same split.")] = 13,
    shape: options.Shape = None,
    json: options.AsJson = False,
) -> None:
    """Split data by document into train.json and held-out.json.

    \b
    $ spantune split policyqa.json --out parts
    2989 records to parts/train.json, 820 to parts/held-out.json, by
    document; records with an identical context stay together too

    Records that `spantune check` would set aside are in neither file, and counted.
    """
    result = spantune.split_files(data, out, held_out=held_out, by=by, seed=seed, shape=shape)
    show.result(result.as_dict(), as_json=json, text=lambda: show.sides(result))
