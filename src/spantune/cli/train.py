"""`spantune train`: fine-tune a model on data, and measure it on held-out documents."""

from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune import processes
from spantune.cli import options, show
from spantune.cli.terminal import Terminal

NAME = "train"


def command(
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the new run.")],
    eval_data: options.EvalData = None,
    model: options.Model = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="NAME", help="Who chooses what you leave open: 'auto' (default) or 'plain'."),
    ] = None,
    config: options.ConfigFile = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting; overrides the file. Repeatable. See --list-settings."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in RUN.")] = False,
    list_settings: Annotated[
        bool,
        typer.Option(
            "--list-settings",
            is_eager=True,
            callback=lambda context, wanted: _noted(context, list_settings=wanted),
            help="List what --set takes, and leave.",
        ),
    ] = False,
    shape: options.Shape = None,
    columns: options.Columns = None,
    encoding: options.Encoding = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json", is_eager=True, callback=lambda context, wanted: _noted(context, json=wanted), help=options.AS_JSON
        ),
    ] = False,
) -> None:
    """Fine-tune a model, epoch by epoch, and keep the best one.

    \b
    $ spantune train tatqa_spans.json.gz --out run --set training.folds=1
    tatqa_spans.json.gz: 338 records, read as squad (json)
    training.learning_rate = 0.0002 (the model answers already)
    …
    The run is in run. Next: spantune ask run "…" --context-file FILE

    Ctrl-C finishes the step, saves and says how to go on; once more ends it at once.

    On several GPUs or machines: torchrun --nproc-per-node 2 -m spantune train …
    """
    with Terminal(quiet=not processes.is_first()) as watch:
        trained = spantune.train_run(
            data,
            out,
            options.config(config, settings, {"model.name": model, "recipe": recipe}),
            eval_data=eval_data or (),
            resume=resume,
            read_as=options.read_as(shape, columns, encoding),
            watch=watch,
        )
    if processes.is_first():
        show.result(trained.as_dict(), as_json=json, text=lambda: show.trained(trained))


def _noted(context: typer.Context, **wanted: bool) -> bool:
    """List the settings once it is known whether that is wanted, and how: the two options come in any order."""
    context.meta.update(wanted)
    if context.meta.get("list_settings") and "json" in context.meta:
        from spantune.config import Config, known_settings  # the schema takes a third of the time of --help

        schema = Config.model_json_schema()
        show.result(schema, as_json=context.meta["json"], text=lambda: show.settings(known_settings()))
        raise typer.Exit
    return next(iter(wanted.values()))
