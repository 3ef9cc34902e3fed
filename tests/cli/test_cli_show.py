"""What a terminal shows while something goes on."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from spantune.cli import show, terminal
from spantune.cli.terminal import Terminal
from spantune.inference import Alternative, Answer
from spantune.road import Asked
from spantune.training import Epoch, History


@pytest.fixture
def screen(monkeypatch):
    """A terminal of 100 columns that keeps everything written to it."""
    written = io.StringIO()
    for module in (show, terminal):
        monkeypatch.setattr(module, "console_for", lambda **_: Console(file=written, force_terminal=True, width=100))
    return written


def shown(watch):
    return {task.description: (task.completed, task.total) for task in watch.bars.tasks}


def test_bars_come_move_and_go(screen):
    with Terminal() as watch:
        watch.progress("training", 0, 6)
        watch.progress("measuring", 0, 2)
        assert shown(watch) == {"training": (0, 6), "measuring": (0, 2)}
        watch.progress("measuring", 2, 2)
        watch.progress("training", 3, 6)
        assert shown(watch) == {"training": (3, 6)}
        watch.progress("training", 1, 1)
        assert shown(watch) == {}
    assert "training" in screen.getvalue()


def test_a_stage_that_cannot_be_counted_only_shows_that_something_goes_on(screen):
    with Terminal() as watch:
        watch.progress("reading", 0, 1)
        assert shown(watch) == {"reading": (0, None)}
        watch.progress("reading", 1, 1)
        assert shown(watch) == {}


def test_results_stand_between_the_notes_in_the_order_of_events(screen):
    with Terminal() as watch:
        watch.note("first [not markup]")
        watch.progress("training", 1, 6)
        watch.say(lambda: screen.write("second\n"))
        watch.progress("training", 2, 6)
        watch.warn("third")
    text = screen.getvalue()
    assert text.index("first [not markup]") < text.index("second") < text.index("WARNING: third")


def test_quiet_leaves_warnings_only(screen):
    with Terminal(quiet=True) as watch:
        watch.note("a note")
        watch.heading("a heading")
        watch.say(lambda: screen.write("a result"))
        watch.epoch(History((Epoch(1, 2.5, 1.7, {"f1": 60.5}, 44.0, 3e-4, 9.5, 40.0, "first epoch"),)))
        watch.warn("a warning")
    text = screen.getvalue()
    assert "a warning" in text
    assert not [words for words in ("a note", "a heading", "a result", "epoch 1") if words in text]


def test_an_epoch_is_one_line(screen):
    with Terminal() as watch:
        watch.epoch(History((Epoch(1, 2.5, 1.75, {"exact_match": 40.0, "f1": 60.5}, 44.0, 3e-4, 9.5, 40.0, "first epoch"),)))
    assert "epoch 1: training loss 2.500, held-out loss 1.750, EM 40.0, F1 60.5: first epoch" in screen.getvalue()


def test_without_a_terminal_there_are_no_bars(capsys):
    with Terminal() as watch:
        watch.progress("training", 1, 6)
        watch.note("a note")
    assert capsys.readouterr().err == "a note\n"


def test_a_log_is_told_once_a_minute_how_far_a_long_stage_is(monkeypatch, capsys):
    """Previously a training whose output went to a file said nothing for an hour."""
    clock = iter([0.0, 30.0, 61.0, 90.0, 200.0])
    monkeypatch.setattr("spantune.cli.terminal.time.monotonic", lambda: next(clock))
    with Terminal() as watch:
        for done in (0, 10, 20, 30, 100):
            watch.progress("training", done, 100)
    assert capsys.readouterr().err.splitlines() == ["training: 20 of 100, 0:04:04 left"]


def test_a_refusal_whose_span_scored_higher_says_by_how_much(capsys):
    """Previously "no answer" stood beside a probability of 0.006 that there is none, and nothing said why."""
    span = Alternative("OAPEC", 10, 15, 0.99, 7.0)
    careful = Answer("1", "", 0, 0, 0.006, 5.1, 0.006, -1.9, (span,))
    show.asked(Asked(careful, "", None), trace=False, top=1)
    assert "the best span scores 1.9 above 'no answer': too little for this reader" in capsys.readouterr().out
    show.asked(Asked(replace(careful, no_answer_score=2.0), "", None), trace=False, top=1)
    assert "too little" not in capsys.readouterr().out
