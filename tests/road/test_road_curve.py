"""A learning curve from files: every point is measured once, and an interrupted curve goes on."""

import json
from dataclasses import replace

import pytest
from conftest import WINDOWS, made_examples, made_texts, quick, quick_config
from test_road_training import Listener
from typer.testing import CliRunner

from spantune.cli.main import app
from spantune.config import Config, KeepConfig, ModelConfig, with_settings
from spantune.data import Example, Span, TextExample, write_examples
from spantune.errors import ConfigError, DataError, RunError
from spantune.road import learning_curve
from spantune.road.outcome import train_folds

PNG = b"\x89PNG"


@pytest.fixture
def config(reader_run):
    keep = KeepConfig(probe=False, replay=0.0)
    return Config(model=ModelConfig(name=str(reader_run)), windows=WINDOWS, training=quick(epochs=1), keep=keep)


@pytest.fixture
def data(tmp_path):
    file = tmp_path / "data.json"
    write_examples(made_examples(40, seed=3), file)
    return [file]


def test_points_picture_and_advice(data, config, tmp_path):
    listener = Listener()
    made = learning_curve(data, tmp_path / "curve", config, seeds=2, watch=listener)
    assert list(made.curve.means) == [16, 32]
    assert {(one.records, one.seed) for one in made.curve.points} == {(n, seed) for n in (16, 32) for seed in (0, 1)}
    assert made.held_out == 8
    assert made.curve.untuned is not None
    assert (tmp_path / "curve" / "curve.png").read_bytes().startswith(PNG)
    told = made.as_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["advice"] in made.sentence
    assert next(note for note in listener.notes if ", draw" in note).startswith("16 records, draw 1: ")
    assert listener.stages[-1] == ("records trained on", 96, 96)


def test_what_was_measured_is_not_measured_again(data, config, tmp_path):
    first = learning_curve(data, tmp_path / "curve", config, sizes=[16], seeds=2)
    listener = Listener()
    more = learning_curve(data, tmp_path / "curve", config, sizes=[8, 16], seeds=1, watch=listener)
    assert [note.partition(":")[0] for note in listener.notes if ", draw" in note] == ["8 records, draw 1"]
    assert more.curve.points[0] == first.curve.points[0]
    assert len(json.loads((tmp_path / "curve" / "curve.json").read_text(encoding="utf-8"))["points"]) == 3


def test_points_of_other_settings_are_refused(data, config, tmp_path):
    learning_curve(data, tmp_path / "curve", config, sizes=[8], seeds=1)
    with pytest.raises(RunError, match=r"other data or settings \(recipe \(auto, now plain\) differ\)"):
        learning_curve(data, tmp_path / "curve", config.model_copy(update={"recipe": "plain"}), sizes=[8])
    (tmp_path / "curve" / "curve.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be read"):
        learning_curve(data, tmp_path / "curve", config, sizes=[8])


def test_all_mistakes_in_sizes_and_draws_are_told_together(data, config, tmp_path):
    with pytest.raises(
        ConfigError, match="the sizes 1, 99, of 32 records that are not held out and 0 draws and -64 more labels"
    ):
        learning_curve(data, tmp_path / "curve", config, sizes=[1, 16, 99], seeds=0, more=-64)
    assert not (tmp_path / "curve").exists()


def test_previously_no_draws_were_answered_with_smaller_sizes(data, config, tmp_path):
    with pytest.raises(ConfigError) as caught:
        learning_curve(data, tmp_path / "curve", config, seeds=0)
    assert (caught.value.found, caught.value.next_move) == ("0 draws", "give for example --seeds 3")


def test_previously_more_folds_than_two_were_asked_for_in_vain(data, config, tmp_path, monkeypatch):
    counts = []

    def trained(loaded, parts, *others):
        counts.append(len(parts))
        return train_folds(loaded, parts, *others)

    monkeypatch.setattr("spantune.road.curve.train_folds", trained)
    learning_curve(data, tmp_path / "own", with_settings(config, {"training.folds": 3}), sizes=[16], seeds=1)
    learning_curve(data, tmp_path / "open", with_settings(config, {"training.folds": None}), sizes=[16], seeds=1)
    assert counts == [3, 2]


def test_a_draw_of_fewer_documents_than_folds_keeps_them_whole(config, tmp_path, monkeypatch):
    parted = []

    def trained(loaded, parts, *others):
        parted.extend({one.document for one in part.train} & {one.document for one in part.held_out} for part in parts)
        return train_folds(loaded, parts, *others)

    rows = [replace(row, document=f"d{number % 4}") for number, row in enumerate(made_examples(24))]
    write_examples(rows, tmp_path / "data.json")
    monkeypatch.setattr("spantune.road.curve.train_folds", trained)
    four = with_settings(config, {"training.folds": 4})
    learning_curve([tmp_path / "data.json"], tmp_path / "curve", four, sizes=[16], seeds=1)
    assert parted == [set()] * 3  # of four documents one is held out


def test_a_new_head_and_texts_have_a_curve_without_a_start(tiny_model_folder, tmp_path):
    file = tmp_path / "texts.json"
    write_examples(made_texts(40), file)
    made = learning_curve([file], tmp_path / "curve", quick_config(tiny_model_folder, epochs=1), sizes=[20], seeds=1)
    assert made.curve.untuned is None
    assert made.curve.headline == "macro_f1"


def test_held_out_records_that_the_data_knows_are_warned_of(data, config, tmp_path):
    listener = Listener()
    learning_curve(data, tmp_path / "curve", config, eval_data=data, sizes=[8], seeds=1, watch=listener)
    assert any("40 of 40" in warning for warning in listener.warnings)


def test_previously_folds_that_training_refuses_were_taken_or_fell_over(config, data, tiny_model_folder, tmp_path):
    """Previously a curve did not look whether weights can be averaged."""
    texts = tmp_path / "texts.json"
    write_examples(made_texts(40), texts)
    for given, with_folds in (
        (data, quick_config(tiny_model_folder, folds=2)),
        ([texts], quick_config(tiny_model_folder, folds=2)),
        (data, with_settings(config, {"training.folds": 2, "training.method": "prompt"})),
    ):
        with pytest.raises(ConfigError, match=r"training\.folds = 2 with"):
            learning_curve(given, tmp_path / "curve", with_folds, sizes=[8])


def test_a_draw_from_one_document_is_divided_row_by_row(config, tmp_path):
    file = tmp_path / "one.json"
    context = "The revenue was 5. The note was 9."
    asked = [Example(f"q{n}", f"What was the {w} {n}?", context, (Span(v, context.index(v)),)) for n, (w, v) in
             enumerate([("revenue", "5"), ("note", "9")] * 10)]  # fmt: skip
    write_examples([*asked, *made_examples(10, seed=9)], file)
    held = tmp_path / "held.json"
    write_examples(made_examples(6, seed=8), held)
    with_folds = with_settings(config, {"training.folds": 2})
    assert learning_curve([file], tmp_path / "curve", with_folds, eval_data=[held], sizes=[3], seeds=3).curve.means


def test_on_the_command_line(data, config, tmp_path):
    settings = tmp_path / "config.yaml"
    settings.write_text(json.dumps(config.model_dump(mode="json")), encoding="utf-8")
    call = ["curve", str(data[0]), "--out", str(tmp_path / "curve"), "--config", str(settings), "--seeds", "1"]
    shown = CliRunner().invoke(app, [*call, "--sizes", "8,16"])
    assert shown.exit_code == 0, shown.output
    assert "records" in shown.output and "The points and their picture are in" in shown.output
    again = CliRunner().invoke(app, [*call, "--sizes", "8,16", "--json"])
    assert json.loads(again.stdout)["sizes"].keys() == {"8", "16"}
    wrong = CliRunner().invoke(app, [*call, "--sizes", "8;16"])
    assert isinstance(wrong.exception, ConfigError)


def test_a_draw_that_cannot_be_divided_is_left_out(tiny_model_folder, tmp_path):
    """Previously one draw whose labels all differ ended the whole curve."""
    file = tmp_path / "texts.json"
    texts = [TextExample(f"t{n}", f"Number {n} of members.", f"label {n % 8}") for n in range(40)]
    write_examples(texts, file)
    listener, config = Listener(), quick_config(tiny_model_folder, epochs=1)
    made = learning_curve([file], tmp_path / "curve", config, sizes=[2, 20], seeds=1, watch=listener)
    assert [point.records for point in made.curve.points] == [20]
    assert any(note.startswith("2 records, draw 1: left out: ") for note in listener.notes)
    with pytest.raises(DataError, match="no draw of 2 records can be divided") as caught:
        learning_curve([file], tmp_path / "none", config, sizes=[2], seeds=1)
    assert caught.value.next_move.startswith("ask for --sizes above 2")


def test_the_highest_seed_has_several_draws(data, config, tmp_path):
    """Previously the second draw of the highest seed was no seed any more, which NumPy refused."""
    highest = with_settings(config, {"training.seed": 2**32 - 1})
    assert len(learning_curve(data, tmp_path / "curve", highest, sizes=[8], seeds=2).curve.points) == 2


def test_a_point_of_another_shape_is_told(data, config, tmp_path):
    """Previously a point with a key that is not known ended in a traceback."""
    learning_curve(data, tmp_path / "curve", config, sizes=[8], seeds=1)
    file = tmp_path / "curve" / "curve.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    kept["points"][0]["colour"] = "red"
    file.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(RunError, match=r"points that cannot be read: .*colour"):
        learning_curve(data, tmp_path / "curve", config, sizes=[8], seeds=1)
