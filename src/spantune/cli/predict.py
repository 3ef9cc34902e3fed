"""`spantune predict`: many questions, one file of answers."""

from typing import Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal
from spantune.errors import ConfigError

NAME = "predict"
HERE, RAY = "here", "ray"


def command(
    run: options.Run,
    data: Annotated[str, typer.Argument(metavar="FILE", help="Questions with contexts, or texts; labels are not needed.")],
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="JSON Lines, one prediction a line.")],
    always_answer: options.AlwaysAnswer = False,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Write the N best answers to each question.")] = 1,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    backend: Annotated[
        str, typer.Option("--backend", metavar="NAME", help="auto, torch, or the exported model: onnx, openvino.")
    ] = "auto",
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="'here' (default), or 'ray': Parquet of any size, many machines.")
    ] = HERE,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="With --engine ray; default: one for each GPU, or for 2 CPUs."),
    ] = None,
    json: options.AsJson = False,
) -> None:
    """Answer every question of a file, in its order, with its ids.

    \b
    $ spantune predict run questions.csv --out answers.jsonl
    120 predictions in answers.jsonl

    With --engine ray FILE is Parquet (a file, a folder, a URI), and so are the files in the folder --out.
    After a kill the same command goes on where it stopped.
    """
    _check_engine(engine, workers)
    with Terminal(quiet=json) as watch:
        read_as = options.read_as(shape, columns, encoding)
        if engine == RAY:
            bulk = spantune.predict_parts(
                run,
                data,
                out,
                always_answer=always_answer,
                top=top,
                read_as=read_as,
                backend=backend,
                workers=workers,
                watch=watch,
            )
            show.result(bulk.as_dict(), as_json=json, text=lambda: show.bulk(bulk))
            return
        count = spantune.predict_file(
            run, data, out, always_answer=always_answer, top=top, read_as=read_as, backend=backend, watch=watch
        )
    show.result({"predictions": count, "out": str(out)}, as_json=json, text=lambda: show.line(f"{count} predictions in {out}"))


def _check_engine(engine: str, workers: int | None) -> None:
    if engine not in (HERE, RAY):
        raise ConfigError(f"--engine {engine}", expected=f"{HERE} or {RAY}", next_move="leave it away, or choose one of these")
    if workers is not None and engine != RAY:
        raise ConfigError(
            f"--workers {workers} without --engine {RAY}",
            expected="workers of an engine that has them",
            next_move=f"add --engine {RAY}, or leave --workers away",
        )
