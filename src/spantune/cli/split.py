"""`spantune split`: training, held-out and test data without a passage on two sides."""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal
from spantune.errors import ConfigError

NAME = "split"


def command(
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for train.json, held-out.json, test.json.")],
    held_out: Annotated[
        float | None, typer.Option("--held-out", metavar="SHARE", help="Share of the records to hold out.  [default: 0.2]")
    ] = None,
    test: Annotated[
        float | None, typer.Option("--test", metavar="SHARE", help="Share of the records to set apart as test.json too.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", metavar="K", help="Split K times, each record held out once: DIR/fold-1, ….")
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="What stays on one side: leak-proof, document, near-duplicate, context, random, field:NAME.",
        ),
    ] = "leak-proof",
    seed: Annotated[int, typer.Option("--seed", help="The same seed and data give the same split.")] = 13,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Split data by document into train.json and held-out.json.

    \b
    $ spantune split faquad.json --out parts --test 0.1
    602 records to parts/train.json, 180 to parts/held-out.json, 118 to
    parts/test.json, by document; records with an identical context stay
    together too; so do near-duplicates, and parts of one another: 34 groups
    instead of 39
    0% of the records set apart have a context in training too, or one near it;
    a random split of the rows would leave 94.0%

    Near-duplicate passages stay on one side too, and those that are parts of others; --by document looks at titles and
    identical passages only. The unanswerable share, or that of each label, is alike on all sides as far as whole groups
    allow. Records that `spantune check` would set aside are in no file, those that it repairs are written repaired; both are
    counted. Where more than 1% of the records set apart are known from training, a warning says so.
    """
    read_as = options.read_as(shape, columns, encoding)
    if folds is None:
        share = 0.2 if held_out is None else held_out
        made = spantune.split_files(data, out, held_out=share, test=test, by=by, seed=seed, read_as=read_as)
        show.result(made.as_dict(), as_json=json, text=lambda: show.sides(made))
        _warn(made.warning)
        return
    if held_out is not None or test is not None:
        raise ConfigError(
            f"--folds {folds} and {'--test' if held_out is None else '--held-out'}",
            expected="one of them: each of K folds holds out 1/K",
            next_move="leave one away; to fold what a test set leaves, split first, then fold its train.json",
        )
    from spantune.road import fold_files

    folded = fold_files(data, out, k=folds, by=by, seed=seed, read_as=read_as)
    show.result(folded.as_dict(), as_json=json, text=lambda: show.sides(folded))
    _warn(folded.warning)


def _warn(warning: str | None) -> None:
    if warning is not None:
        Terminal().warn(warning)
