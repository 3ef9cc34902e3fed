import errno
import io
import math
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image
from rich.console import Console

from spantune.errors import OutputError
from spantune.training.curves import columns, history_table, loss_bars, save_curves
from spantune.training.history import Epoch, History
from spantune.training.observations import observed

NAN, INF = float("nan"), float("inf")


def history_of(*epochs, headline="f1", stopped_early=False):
    history = History(headline=headline)
    for epoch in epochs:
        history = observed(history, epoch)
    return replace(history, stopped_early=stopped_early)


ANSWER = history_of(
    Epoch(1, 3.412, 2.104, {"exact_match": 38.2, "f1": 47.9}, 36.0, 3e-4, 1101.5, 41.3),
    Epoch(2, 1.803, 1.702, {"exact_match": 52.4, "f1": 64.8}, 50.1, 2e-4, 1102.5, 41.3),
    Epoch(3, 1.212, 1.741, {"exact_match": 55.0, "f1": 67.1}, 53.2, 1e-4, 1103.5, 41.3),
    Epoch(4, 0.853, 1.902, {"exact_match": 54.1, "f1": 66.0}, 52.0, 0.0, 1104.5, 41.3),
    stopped_early=True,
)
CLASSIFY = history_of(
    Epoch(1, 4.1, 3.9, {"accuracy": 8.0, "macro_f1": 3.0}, None, 1e-4, 5.0, 1411.0),
    Epoch(2, 2.1, 1.4, {"accuracy": 70.0, "macro_f1": 67.5}, None, 5e-5, 5.0, 1411.0),
    headline="macro_f1",
)
NO_HELD_OUT = history_of(Epoch(1, INF, None, {}, None, 1e-4, 5.0, 14.0), Epoch(2, NAN, None, {}, None, 0, 5.0, 14.0))
ONE = history_of(Epoch(1, 0.0, 0.0, {"exact_match": 100.0, "f1": 100.0}, 100.0, 0.0, 5.0, 41.3))
HISTORIES = {"answer": ANSWER, "classify": CLASSIFY, "no held-out": NO_HELD_OUT, "one epoch": ONE, "none": History()}
every_history = pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)


def shown(history, width):
    console = Console(width=width, file=io.StringIO())
    console.print(history_table(history, width))
    return console.file.getvalue()


# -- table


@every_history
@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_table_fits_and_nothing_is_cut(history, width):
    text = shown(history, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    for epoch in history.epochs:
        assert all(column.cell(epoch).strip() in words for column in columns(history))


@pytest.mark.parametrize("width", [80, 100, 140])
def test_each_observation_stands_in_the_table_or_on_a_line_of_its_own(width):
    text = shown(ANSWER, width)
    for epoch in ANSWER.epochs:
        start = " ".join(epoch.observation.split()[:5])
        assert start in text


def test_the_best_epoch_is_marked_and_the_end_explained():
    text = shown(ANSWER, 80)
    assert [line.split()[:2] for line in text.splitlines() if "1.212" in line] == [["3", "*"]]
    assert "* best held-out F1: the epoch that was kept" in text
    assert "stopped early" in text


def test_columns_without_a_measurement_are_left_out():
    def heads(history):
        return [" ".join(column.head.split()) for column in columns(history)]

    assert heads(NO_HELD_OUT) == ["epoch", "training loss", "learning rate", "seconds", "windows per s"]
    assert heads(ANSWER)[2:6] == ["held-out loss", "EM", "F1", "token span"]
    assert heads(CLASSIFY)[2:5] == ["held-out loss", "accuracy", "macro-F1"]


MANY_SCORES = history_of(
    Epoch(1, 3.4, 2.1, {"exact_match": 38.2, "f1": 47.9, "precision": 48.0, "recall": 50.0}, 36.0, 3e-4, 1e5, 41.3)
)


@pytest.mark.parametrize("history", [ANSWER, MANY_SCORES])
@pytest.mark.parametrize("width", [30, 50, 60, 80])
def test_columns_that_do_not_fit_are_named_and_no_number_is_cut(history, width):
    """Previously a narrow terminal showed "3…" for an EM of 38.2."""
    text = shown(history, width)
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    for column in columns(history):
        in_table = all(column.cell(epoch).strip() in words for epoch in history.epochs)
        assert in_table or " ".join(column.head.split()) in words.partition("not shown in a terminal this narrow: ")[2]


def test_a_history_without_epochs_says_so():
    assert "no epoch has ended yet" in shown(History(), 80)


def test_markup_in_an_observation_is_text():
    epoch = replace(ONE.epochs[0], observation="[bold]x[/nothing]")
    assert "[bold]x[/nothing]" in shown(replace(ONE, epochs=(epoch,)), 140)


def test_the_table_goes_to_a_terminal_that_knows_only_ascii():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Console(width=80, file=stream).print(history_table(ANSWER))
    stream.flush()
    assert b"1.212" in raw.getvalue()


# -- bars


def test_bars_are_aligned_and_proportional():
    lines = loss_bars(ANSWER, width=40).splitlines()
    assert len(lines) == 8
    assert lines[0] == f"epoch 1  training  {'█' * 40}  3.412"
    assert lines[1].startswith("         held-out  ████████████████████████▋ ")
    assert len({len(line) for line in lines}) == 1


@every_history
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", None, "no such encoding"])
def test_an_encoding_without_blocks_gets_ascii(history, encoding):
    assert loss_bars(history, encoding=encoding).isascii()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_an_encoding_with_blocks_gets_blocks(encoding):
    assert "█" in loss_bars(ANSWER, encoding=encoding)


def test_losses_without_a_bar_are_named():
    assert [line.split()[-1] for line in loss_bars(NO_HELD_OUT).splitlines()] == ["inf", "nan"]
    assert [line.split()[-1] for line in loss_bars(ONE).splitlines()] == ["0.000", "0.000"]
    assert "█" not in loss_bars(NO_HELD_OUT) + loss_bars(ONE)
    assert loss_bars(History()) == ""


@given(
    st.lists(st.floats(min_value=0), min_size=1, max_size=5),
    st.integers(1, 60),
    st.sampled_from(["utf-8", "ascii"]),
)
def test_no_loss_breaks_the_bars(losses, width, encoding):
    epochs = tuple(Epoch(n, loss, loss / 2, {}, None, 0.0, 1.0, 1.0) for n, loss in enumerate(losses, 1))
    lines = loss_bars(History(epochs), width, encoding=encoding).splitlines()
    assert len(lines) == 2 * len(losses)
    assert max(map(len, lines)) <= width + 33
    finite = [loss for loss in losses if math.isfinite(loss)]
    bars = [sum(line.count(block) for block in "█#") for line in lines]
    assert max(bars) == (width if finite and max(finite) > 0 else 0)


# -- picture


@every_history
def test_the_picture_is_a_whole_png_and_nothing_else_is_left(history, tmp_path):
    path = save_curves(history, tmp_path / "curves.png")
    pixels = image.imread(path)
    panels = 2 if any(epoch.scores for epoch in history.epochs) else 1
    assert pixels.shape[:2] == (630, 780 * panels)
    assert pixels[..., :3].min() < 0.2 < pixels[..., :3].max()
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]


def test_the_same_history_gives_the_same_picture(tmp_path):
    first, second = (save_curves(ANSWER, tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second


def test_a_picture_replaces_the_one_before(tmp_path):
    path = tmp_path / "curves.png"
    path.write_bytes(b"old")
    assert save_curves(ONE, str(path)) == path
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OutputError, match=r"curves\.png.*No such file"):
        save_curves(ONE, tmp_path / "missing" / "curves.png")


def test_a_full_disk_leaves_the_old_picture_and_nothing_half_written(tmp_path, monkeypatch):
    path = tmp_path / "curves.png"
    path.write_bytes(b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save_curves(ONE, path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]
