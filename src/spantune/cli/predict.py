"""`spantune predict`: many questions, one file of answers."""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal

NAME = "predict"


def command(
    run: options.Run,
    data: Annotated[str, typer.Argument(metavar="FILE", help="Questions with contexts, or texts; labels are not needed.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSON Lines, one prediction a line.")],
    always_answer: options.AlwaysAnswer = False,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Write the N best answers to each question.")] = 1,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    backend: Annotated[
        str, typer.Option("--backend", metavar="NAME", help="auto, torch, or the exported model: onnx, openvino.")
    ] = "auto",
    json: options.AsJson = False,
) -> None:
    """Answer every question of a file, in its order, with its ids.

    \b
    $ spantune predict run questions.csv --out answers.jsonl
    120 predictions in answers.jsonl
    """
    with Terminal(quiet=json) as watch:
        read_as = options.read_as(shape, columns, encoding)
        count = spantune.predict_file(
            run, data, out, always_answer=always_answer, top=top, read_as=read_as, backend=backend, watch=watch
        )
    show.result({"predictions": count, "out": str(out)}, as_json=json, text=lambda: show.line(f"{count} predictions in {out}"))
