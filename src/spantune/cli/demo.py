"""`spantune demo`: the whole road on real data that ships with the package."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

import spantune
from spantune.cli import options, show
from spantune.cli.terminal import Terminal
from spantune.embedded import as_name
from spantune.runs.reading import CHECKPOINTS

NAME = "demo"
FOLDER = "demo-run"
# With the installation, five to ten minutes on 2 cores.
SETTINGS = (
    "windows.length=256",
    "windows.stride=64",
    "training.epochs=4",
    "training.negatives=1",
    "training.folds=1",
    "keep.replay=0.5",
)


def command(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="Folder of the run; without it demo-run, or demo-run-2, …")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a demo that was stopped while it trained.")] = False,
    json: options.AsJson = False,
) -> None:
    """Check, split, fine-tune, evaluate and ask, on annual-report questions (TAT-QA, CC BY 4.0).

    \b
    $ spantune demo
    1. The data …
    2. Fine-tuning …
    3. The training, and the held-out documents before and after …
    4. One held-out question …
    """
    data = spantune.demo_data()
    report = spantune.check(spantune.read_examples(data))
    folder = out or (_stopped() if resume else spantune.free_folder(FOLDER))
    with Terminal(quiet=json) as watch:
        watch.heading("1. The data: questions on annual reports, answered by quoting them (TAT-QA, CC BY 4.0)")
        watch.say(lambda: show.report(report))
        watch.heading("2. Fine-tuning the embedded reader; whole documents are held out")
        trained = spantune.train_run([data], folder, spantune.load_config(overrides=SETTINGS), resume=resume, watch=watch)
        asked = spantune.worth_asking(trained)
        trace = trained.predictor.trace(asked.question, asked.context)
        watch.heading("3. The training, and the held-out documents before and after")
        watch.say(lambda: show.trained(trained, next_move=False))
        watch.heading("4. A held-out question, one of those that it answers right, and how the answer was found")
        watch.say(lambda: show.traced(trace))
        context = folder / "demo-context.txt"
        context.write_text(asked.context, encoding="utf-8")
    program = shlex.quote(sys.argv[0])
    show.result(
        {**trained.as_dict(), "question": asked.question, "answer": trace.answer.as_dict()},
        as_json=json,
        text=lambda: show.line(
            f"The model is in {folder}. Next: {program} ask {shlex.quote(as_name(folder))} {shlex.quote(asked.question)} "
            f"--context-file {shlex.quote(str(context))}"
        ),
    )


def _stopped() -> Path:
    """The folder of the demo that was last stopped while it trained; the usual one where none was."""
    stopped = [folder for folder in Path().glob(f"{FOLDER}*") if (folder / CHECKPOINTS).is_dir()]
    return max(stopped, key=lambda folder: folder.stat().st_mtime, default=Path(FOLDER))
