"""The command `spantune`: all commands, and the one place where an error becomes a message and an exit code."""

import atexit
import contextlib
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import NoReturn

import typer

import spantune as package
from spantune import processes
from spantune.cli import (
    ask,
    augment,
    calibrate,
    check,
    compare,
    convert,
    curve,
    demo,
    evaluate,
    export,
    predict,
    report,
    split,
    train,
    tune,
)
from spantune.errors import SpantuneError, StoppedError

FAILED = 2  # unreadable, misused, or not possible; 1 is kept for "it worked, and found problems"
INTERRUPTED = 130
TERMINATED = 143  # 128 and the number of SIGTERM, as shells tell it
ENDED: Mapping[object, str] = {INTERRUPTED: "interrupted", TERMINATED: "terminated"}
GOING_ON = {  # what is said of an interrupted or terminated command
    demo.NAME: "; spantune demo --resume goes on from the last checkpoint",
    train.NAME: "; --resume goes on from the last checkpoint. Trainings in folds have none: the same command begins them again",
    curve.NAME: "; the same command goes on: what is measured is kept",
    tune.NAME: "; the same command goes on: the trials that ended are kept",
}
SELDOM = (100_000, 20, 20)  # a command makes millions of objects that stay to its end: modules, records

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for _room in (
    demo,
    check,
    convert,
    split,
    augment,
    train,
    curve,
    tune,
    evaluate,
    compare,
    calibrate,
    report,
    ask,
    predict,
    export,
):
    app.command(_room.NAME)(_room.command)


@app.callback(invoke_without_command=True)
def spantune(
    context: typer.Context,
    show_version: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    """Fine-tune question-answering models on your own documents, and trust the numbers.

    \b
    spantune demo                                      see all of it in a few minutes
    spantune check data.json --fix fixed               is the data sound? mend what can be mended
    spantune train data.json --out run                 fine-tune
    spantune evaluate run held-out.json                how good is it?
    spantune report run held-out.json --out page.html  all there is to say about it
    spantune ask run "Who?" --context-file text.txt    an answer that quotes the text
    """
    if context.invoked_subcommand not in (None, train.NAME):
        processes.refuse_several(f"spantune {context.invoked_subcommand}")
    if show_version:
        typer.echo(f"spantune {package.__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line.

    Exit codes: 0 well, 1 problems found, 2 not possible, 3 --require not met, 130 interrupted, 143 ended by SIGTERM.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # or the library warns of forks that never happen here
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an answer in letters that the terminal lacks is shown, not a crash
            stream.reconfigure(errors="backslashreplace")
    try:
        app(standalone_mode=True, prog_name=package.__name__)
    except StoppedError as stopped:  # which all processes of a training hear of
        if processes.is_first():
            typer.echo(f"{stopped.found}; {stopped.next_move}", err=True)
        sys.exit(INTERRUPTED)
    except SpantuneError as error:
        of = f"[process {processes.rank()} of {processes.count()}] " if processes.count() > 1 else ""
        typer.echo(f"{of}Error: {error}", err=True)
        sys.exit(FAILED)
    except OSError as error:  # the terminal's own: what rooms read and write, they tell of themselves
        with contextlib.suppress(OSError):
            typer.echo(f"Error: the output cannot be written: {error.strerror or error}", err=True)
        sys.exit(FAILED)
    except SystemExit as leaving:  # typer makes this of Ctrl-C, without a word
        if (what := ENDED.get(leaving.code)) is not None:
            typer.echo(what + GOING_ON.get(" ".join(sys.argv[1:2]), ""), err=True)
        raise
    sys.exit(0)


def _terminated(*_: object) -> NoReturn:
    """Leave as after an error, not at once: what lies in temporary folders is removed on the way."""
    sys.exit(TERMINATED)


def entry() -> NoReturn:
    """What the command and `python -m spantune` call: `main`, left without taking the interpreter apart.

    With PyTorch and Transformers loaded that takes a second, and nobody needs what it does. Threads are waited for, what
    asked to be called at the end is called, and what was written is flushed, as the interpreter does it.
    """
    gc.set_threshold(*SELDOM)
    if processes.count() == 1:  # several are ended by what started them, which waits for none that computes
        signal.signal(signal.SIGTERM, _terminated)
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if isinstance(leaving.code, str):
            typer.echo(leaving.code, err=True)
        threading._shutdown()  # type: ignore[attr-defined]  # no other way ends the idle threads of a pool
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):  # closed before, or its reader went away
                stream.flush()
        os._exit(code)
