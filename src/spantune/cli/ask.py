"""`spantune ask`: one question, one answer, and on request every step between them."""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show

NAME = "ask"


def command(
    run: options.Run,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question, or the text to classify.")],
    dash: Annotated[str | None, typer.Argument(metavar="[-]", help="Read the context from standard input.")] = None,
    context: Annotated[str | None, typer.Option("--context", metavar="TEXT", help="The context itself.")] = None,
    context_file: Annotated[
        Path | None, typer.Option("--context-file", metavar="FILE", help="A text file that holds the context.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, max=100, help="How many answers to show.")] = 1,
    trace: Annotated[bool, typer.Option("--trace", help="Show encoding, scores and selection.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the trace as a web page that needs nothing else.")
    ] = None,
    always_answer: options.AlwaysAnswer = False,
    backend: Annotated[
        str, typer.Option("--backend", metavar="NAME", help="auto, torch, or the exported model: onnx, openvino.")
    ] = "auto",
    json: options.AsJson = False,
) -> None:
    """Ask a run one question about a context, or let it classify a text.

    \b
    $ spantune ask run "When did the crisis begin?" --context "The 1973 oil crisis began in October 1973."
    October 1973
      probability 0.938, characters 29 to 41; no answer: 0.000
    """
    if dash not in (None, "-"):
        raise typer.BadParameter(f"{dash!r} after the question; give a context as --context TEXT, --context-file FILE or -")
    if dash and context_file:
        raise typer.BadParameter("two contexts: a file and standard input; give one of them")
    asked = spantune.ask_run(
        run,
        question,
        context=context,
        context_file=context_file or dash,
        top=top,
        always_answer=always_answer,
        backend=backend,
    )
    if html is not None:
        asked.write_html(html)
    show.result(asked.as_dict(trace), as_json=json, text=lambda: show.asked(asked, trace=trace, top=top))
    if html is not None:
        show.note(f"the trace is in {html}")
