"""`spantune augment`: more training questions, whose answers are still true."""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show

NAME = "augment"


def command(
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write, .json or .json.gz.")],
    share: Annotated[
        list[str] | None,
        typer.Option("--share", metavar="NAME=SHARE", help="Copy this share of the questions, 0 to 1. Repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and data give the same copies.")] = 13,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Add altered copies of questions to training data; every answer stays at its place.

    \b
    $ spantune augment parts/train.json --out more.json --share typos=0.5 --share crop=1
    6,882 records to more.json: 2,989 as they were, 3,893 copies
    augmentation: 1534 of 1534 copies made by typos
    augmentation: 2359 of 2989 copies made by crop, the others cannot be

    \b
    typos         the question with slips of the finger
    case          the question in small letters
    punctuation   the question without question marks and commas
    disfluency    the question as said aloud, with a false start or a filler
    crop          a part of the context that holds all references
    distractor    the context beside a passage of another document
    unanswerable  the question asked of a similar passage that does not answer it
    altered       the question with a fact turned, so that nothing answers it
    removed       the context without the sentences that hold the answer

    For the training side alone, after spantune split: a copy of a held-out question is a leak.
    spantune train does the same on its own side with --set augment.typos=0.5.
    """
    read_as = options.read_as(shape, columns, encoding)
    result = spantune.augment_file(data, out, share or (), seed=seed, read_as=read_as)
    show.result(result.as_dict(), as_json=json, text=lambda: show.line("\n".join(result.sentences())))
