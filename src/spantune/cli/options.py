"""The arguments that several commands share, defined once so that they read the same everywhere."""

from collections.abc import Iterable, Mapping
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spantune.config import Config
    from spantune.data import ReadAs
    from spantune.evaluation import Scoring

Data = Annotated[
    list[str], typer.Argument(metavar="DATA…", help="JSON(L), CSV, TSV, Parquet, Excel or TXT, also .gz; hub:owner/name.")
]
EvalData = Annotated[
    list[str] | None,
    typer.Option("--eval-data", metavar="DATA", help="Held-out data; without it documents are held out. Repeatable."),
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="'embedded' (default), a model folder, or a Hub name.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings as YAML.")]
AlwaysAnswer = Annotated[bool, typer.Option("--always-answer", help="Give the best span even where 'no answer' scores higher.")]
Against = Annotated[
    str | None,
    typer.Option(
        "--against", metavar="OTHER", help="Say whether it is better than this: untuned, embedded, a run or predictions."
    ),
]
Require = Annotated[
    str | None,
    typer.Option(
        "--require", metavar="WHAT", help="Exit with 3 unless: better (than --against, untuned by default), good, fair."
    ),
]
Language = Annotated[
    str, typer.Option("--language", metavar="CODE", help="Of the answers: en as SQuAD scores it; zh and ja by character.")
]
AliasFile = Annotated[
    Path | None, typer.Option("--aliases", metavar="FILE", help='JSON of names that mean the same: {"Paris": ["Paname"]}.')
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run, or the word embedded.")]
AS_JSON = "Print JSON for machines; progress goes to standard error."
AsJson = Annotated[bool, typer.Option("--json", help=AS_JSON)]
Shape = Annotated[
    str | None,
    typer.Option("--shape", metavar="NAME", help="Force a shape, such as squad or records, instead of recognising it."),
]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="ROLE=NAME,…", help="Which column is what, such as question=Q,context=Body."),
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", metavar="NAME", help="Encoding of text files that are not UTF-8, such as cp1252.")
]


def read_as(shape: str | None, columns: str | None, encoding: str | None) -> "ReadAs":
    """The three options above as the one value that the road takes. Raises `ConfigError` for columns that cannot be read."""
    from spantune.data import ReadAs, parse_columns

    return ReadAs(shape, parse_columns(columns) if columns is not None else {}, encoding)


def scoring(language: str, aliases: Path | None) -> "Scoring":
    """How answers are compared. Raises `EvaluationError` for what is no language, or a file that holds no aliases."""
    from spantune.evaluation import Scoring, read_aliases

    known = None if aliases is None else read_aliases(aliases)
    if known is not None:
        typer.echo(f"names of {aliases} count as one another: the scores are not those of the official scripts", err=True)
    return Scoring(language, known)


def requirement(wanted: str | None) -> str | None:
    """What `--require` asks for. Raises `ConfigError` for anything else."""
    from spantune.errors import ConfigError

    if wanted is not None and wanted not in REQUIREMENTS:
        raise ConfigError(f"--require {wanted}", expected=f"one of {', '.join(REQUIREMENTS)}", next_move="choose one of these")
    return wanted


REQUIREMENTS = ("better", "good", "fair")


def config(file: Path | None, settings: Iterable[str] | None, named: Mapping[str, str | None]) -> "Config":
    """The settings of a file, of --set, and those with an option of their own, which win. Raises `ConfigError`."""
    import spantune

    own = (f"{key}={dumps(value)}" for key, value in named.items() if value)
    return spantune.load_config(file, [*(settings or ()), *own])
