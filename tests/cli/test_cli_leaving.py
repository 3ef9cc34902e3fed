"""How the command ends: at once, and yet with everything written and everyone called."""

import subprocess
import sys

COMMAND = "import sys; from spantune.cli.main import entry; {}; entry()"


def run(*arguments, before="pass"):
    return subprocess.run(
        [sys.executable, "-c", COMMAND.format(before), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_exit_codes_are_those_of_the_command():
    assert run("--version").returncode == 0
    assert run("nonsense").returncode == 2
    wrong = run("check", "missing.json")
    assert wrong.returncode == 2
    assert "missing.json" in wrong.stderr


def test_what_was_printed_arrives_and_what_asked_to_be_called_is_called():
    done = run("--version", before="import atexit; atexit.register(print, 'called')")
    assert done.stdout.startswith("spantune ")
    assert done.stdout.endswith("called\n")


def test_threads_are_waited_for():
    late = "import threading, time; threading.Thread(target=lambda: (time.sleep(0.3), print('late'))).start()"
    assert run("--version", before=late).stdout.endswith("late\n")


def test_a_reader_that_went_away_is_no_traceback():
    shell = f"{sys.executable} -m spantune check --help | true"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr


def test_outputs_that_are_closed_or_full_are_no_traceback():
    """Previously a closed stdout changed the exit code, and a full disk was shown as a traceback."""
    for redirected in (">&-", ">/dev/full"):
        shell = f"{sys.executable} -m spantune --version {redirected}"
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 2), done.stderr
