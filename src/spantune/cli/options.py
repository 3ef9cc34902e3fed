"""The arguments that several commands share, defined once so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    list[str], typer.Argument(metavar="DATA…", help="JSON(L), CSV, TSV, Parquet or TXT, also .gz; hub:owner/name.")
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines; progress goes to standard error.")]
Shape = Annotated[
    str | None,
    typer.Option("--shape", metavar="NAME", help="Read as squad, records or labels instead of recognising the shape."),
]
