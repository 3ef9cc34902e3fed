"""`spantune export`: the model of a run for ONNX Runtime or OpenVINO, kept only where it is as good and as fast."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spantune.cli import options, show
from spantune.cli.terminal import Terminal

if TYPE_CHECKING:
    from spantune.export import Export, Figures

NAME = "export"


def command(
    run: options.Run,
    format: Annotated[str, typer.Option("--format", metavar="NAME", help="onnx or openvino.")] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="Weights of 8 bits, a quarter of the size; with onnx.")] = False,
    data: Annotated[
        list[str] | None, typer.Option("--data", metavar="FILE", help="Labelled held-out data to measure on; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Where to; RUN/exported by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Keep it even where it is worse or slower than PyTorch.")] = False,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: options.AsJson = False,
) -> None:
    """Export a run's model, and measure it beside PyTorch on held-out data.

    \b
    $ spantune export run --format onnx --data held-out.json

    Nothing is kept, and the exit code is 2, where F1 drops by more than 0.3 points or the model is slower than PyTorch on
    this machine. In Python the folder answers by itself,
    where PyTorch is not installed (ExportedReader.load).
    """
    from spantune.road.exporting import export_reader

    with Terminal(quiet=json) as watch:
        read_as = options.read_as(shape, columns, encoding)
        made = export_reader(run, data or [], format=format, int8=int8, out=out, force=force, read_as=read_as, watch=watch)
    show.result(made.as_dict(), as_json=json, text=lambda: _told(made))


def _told(made: "Export") -> None:
    found = made.comparison
    show.line(f"{made.folder}: {made.format}{' int8' if made.int8 else ''}, measured on {found.questions} questions")
    for name, figures in (("PyTorch", found.torch), ("exported", found.exported)):
        show.line(_row(name, figures))
    show.line(f"same answers: {found.same_answers:.1f}%; largest difference of logits: {made.logit_difference:.2g}")
    attention = ", ".join(f"{count} {kind}" for kind, count in made.fused.items())
    if made.format == "onnx":
        show.line(f"fused attention: {attention or 'none, the optimizer does not know it in this family'}")
    for reason in made.refused:
        show.line(f"kept because of --force: {reason}")


def _row(name: str, one: "Figures") -> str:
    return (
        f"{name:<9} EM {one.exact_match:.1f}, F1 {one.f1:.1f}, {one.questions_per_second:.1f} questions/s, "
        f"one in {one.median_ms:.1f} ms (p95 {one.p95_ms:.1f}), {one.bytes / 1e6:.1f} MB"
    )
