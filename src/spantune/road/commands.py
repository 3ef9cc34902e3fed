"""In: what is known of a run, how a report was asked for. Out: the commands that make both again. Does not know: files."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spantune.config import Config, as_setting, flattened
from spantune.data import ReadAs
from spantune.embedded import as_name
from spantune.evaluation import Scoring
from spantune.runs import RunFacts


def train_command(run: str | Path, facts: RunFacts) -> str:
    """The command that trains this run again, with every setting that was chosen or given; files by their names alone.

    Settings are spelt out, so that another version's recipe chooses nothing.
    """
    held_out: Sequence[str] = facts.data.get("eval_names", ())
    names: Sequence[str] = facts.data["names"]
    usual = flattened(Config().model_dump(mode="json"))
    used = flattened(facts.config.model_dump(mode="json"))
    return shlex.join(
        [
            *("spantune", "train", *names[: len(names) - len(held_out)]),
            *_repeated("--eval-data", held_out),
            *("--out", str(run)),
            *_repeated("--set", [f"{key}={as_setting(value)}" for key, value in used.items() if value != usual[key]]),
            *_reading(ReadAs(**facts.data.get("read_as", {}))),
        ]
    )


def report_command(
    run: str | Path,
    data: Sequence[str | Path],
    out: Path,
    *,
    against: str | None = None,
    scoring: Scoring | None = None,
    read_as: ReadAs | None = None,
    others: Sequence[str] = (),
) -> str:
    """The command that writes this report again; `others` are further words of it.

    >>> report_command("run", ["held out.json"], Path("r.html"), against="untuned", scoring=Scoring("de"))
    "spantune report run 'held out.json' --out r.html --against untuned --language de"
    """
    scoring = scoring or Scoring()
    options = {
        "--against": against,
        "--language": None if scoring.language == "en" else scoring.language,
        "--aliases": None if scoring.aliases is None else scoring.aliases.file,
    }
    given = [word for name, value in options.items() if value for word in (name, value)]
    files = [str(one) for one in data]
    reading = _reading(read_as or ReadAs())
    return shlex.join(["spantune", "report", as_name(run), *files, "--out", str(out), *others, *given, *reading])


def as_kept(read_as: ReadAs) -> Mapping[str, Any]:
    """How files were read, for JSON; `ReadAs(**…)` makes it again."""
    return {"shape": read_as.shape, "columns": dict(read_as.columns), "encoding": read_as.encoding}


def _reading(read_as: ReadAs) -> Iterator[str]:
    if read_as.shape:
        yield from ("--shape", read_as.shape)
    if read_as.columns:
        yield from ("--columns", ",".join(f"{role}={name}" for role, name in read_as.columns.items()))
    if read_as.encoding:
        yield from ("--encoding", read_as.encoding)


def _repeated(option: str, values: Sequence[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)
