"""`train_run`: from files to a finished run, or to a folder as clean as before."""

import json
import shutil
from dataclasses import replace

import pytest
from conftest import made_examples, made_texts, quick_config
from torch.nn.modules.module import register_module_forward_pre_hook

from spantune.config import with_settings
from spantune.data import ReadAs, Span, TextExample, read_examples, write_examples
from spantune.errors import ConfigError, DataError, EmptyDataError, ModelError, OutputError, RunError, WindowError
from spantune.inference import Classifier, Reader
from spantune.road import Silent, evaluate_run, train_run
from spantune.runs import load_run, read_facts


class Listener(Silent):
    """Keeps what it is told; raises where a test wants an interruption."""

    def __init__(self, interrupt=None):
        self.notes, self.warnings, self.stages, self.epochs, self.interrupt = [], [], [], [], interrupt

    def note(self, text):
        self.notes.append(text)

    def warn(self, text):
        self.warnings.append(text)

    def progress(self, stage, done, total):
        assert 0 <= done <= total
        if not self.stages or self.stages[-1][0] != stage:
            self.stages.append((stage, done, total))
        self.stages[-1] = (stage, done, total)
        if self.interrupt and self.interrupt(stage, done, total):
            raise KeyboardInterrupt

    def epoch(self, history):
        self.epochs.append(history.epochs[-1])


def at(stage, done):
    return lambda *told: told[:2] == (stage, done)


@pytest.fixture
def config(tiny_model_folder):
    return quick_config(tiny_model_folder)


def test_a_run_is_trained_and_told_on_held_out_data_of_its_own(data_folder, config, tmp_path):
    listener = Listener()
    files = [data_folder / "questions.json"], [data_folder / "held-out.json"]
    made = train_run(
        files[0], tmp_path / "run", with_settings(config, {"training.spread": 0.0}), eval_data=files[1], watch=listener
    )
    assert (made.facts.data["train"]["count"], made.facts.data["held_out"]["count"]) == (40, 12)
    assert made.facts.data["split"] == "held out: held-out.json"
    assert [one.id for one in made.held_out] == [f"hq{number}" for number in range(12)]
    assert [epoch.epoch for epoch in listener.epochs] == [1, 2]
    assert [stage for stage, *_ in listener.stages] == [
        "reading",
        "loading the model",
        "looking for leaks",
        "cutting windows",
        "measuring the untuned model",
        "training",
        "measuring held-out",
        "training",
        "measuring held-out",
        "training",
        "measuring the tuned model",
        "asking training questions again",
    ]
    assert all(done == total for stage, done, total in listener.stages if stage != "training")
    assert listener.warnings == []
    assert any("40 records, read as squad (json)" in note for note in listener.notes)
    assert made.predictor.answer("What was the note?", "The note was 7.").text
    assert Reader.load(made.folder).settings == made.predictor.settings
    json.dumps(made.as_dict(), allow_nan=False)
    assert made.facts == read_facts(made.folder)
    assert made.facts.scores == pytest.approx(dict(made.facts.scores) | dict(made.history.best.scores))


@pytest.mark.parametrize(("method", "warned"), [("prompt", True), ("lora", False)])
def test_a_method_that_disappoints_on_small_encoders_is_warned_of_with_its_figures(
    method, warned, data_folder, tiny_model_folder, tmp_path
):
    listener = Listener()
    config = quick_config(tiny_model_folder, method=method, epochs=1)
    train_run([data_folder / "questions.json"], tmp_path / "run", config, watch=listener)
    assert any("prompt, which learns little on small encoders" in one for one in listener.warnings) == warned


def test_without_held_out_data_documents_are_held_out_and_it_says_so(data_folder, config, tmp_path):
    listener = Listener()
    made = train_run([data_folder / "questions.json"], tmp_path / "run", config, watch=listener)
    assert "8 of 40 records held out" in made.facts.data["split"]
    assert made.facts.data["split"] in listener.notes
    assert (made.facts.data["train"]["count"], made.facts.data["held_out"]["count"]) == (32, 8)


@pytest.mark.parametrize("own", [False, True])
def test_texts_go_the_same_road(data_folder, config, tmp_path, own):
    write_examples(made_texts(10, seed=5), tmp_path / "held-out.json")
    eval_data = [tmp_path / "held-out.json"] if own else []
    made = train_run([data_folder / "texts.json"], tmp_path / "run", config, eval_data=eval_data)
    assert made.facts.task == "classify"
    assert made.facts.labels == ("no", "yes")
    assert made.facts.scores.keys() == {"accuracy", "macro_f1"}
    assert made.history.headline == "macro_f1"
    assert Classifier.load(made.folder).predict("It speaks of France.").label in {"no", "yes"}


def test_several_files_are_one_set(tmp_path, config):
    write_examples(made_examples(12), tmp_path / "a.json")
    write_examples([replace(one, document=f"b{one.document}") for one in made_examples(12, seed=4)], tmp_path / "b.json")
    made = train_run([tmp_path / "a.json", tmp_path / "b.json"], tmp_path / "run", config)
    assert made.facts.data["train"]["count"] + made.facts.data["held_out"]["count"] == 24


def test_a_threshold_is_tuned_kept_and_told_where_questions_have_no_answer(tmp_path, config):
    write_examples(made_examples(40, unanswerable=0.3), tmp_path / "train.json")
    write_examples(made_examples(20, seed=5, unanswerable=0.4), tmp_path / "held.json")
    listener = Listener()
    made = train_run([tmp_path / "train.json"], tmp_path / "run", config, eval_data=[tmp_path / "held.json"], watch=listener)
    assert made.facts.may_abstain
    assert made.facts.threshold == made.predictor.settings.threshold != 0.0
    assert Reader.load(made.folder).settings.threshold == made.facts.threshold
    assert any("drawn from the expected 0.000 to what" in note for note in listener.notes)


def test_a_tuned_threshold_chooses_again_without_running_the_model(tmp_path, config):
    """Previously the held-out records went through the model a second time for it."""
    write_examples(made_examples(40, unanswerable=0.3), tmp_path / "train.json")
    write_examples(made_examples(20, seed=5, unanswerable=0.4), tmp_path / "held.json")
    listener = Listener()
    calls = []
    hook = register_module_forward_pre_hook(lambda module, _: calls.append(type(module).__name__))
    try:
        made = train_run(
            [tmp_path / "train.json"], tmp_path / "run", config, eval_data=[tmp_path / "held.json"], watch=listener
        )
    finally:
        hook.remove()
    assert made.facts.threshold != 0.0
    steps = next(total for stage, _, total in listener.stages if stage == "training")
    looked = 1  # at the longest window, to see what memory a step takes
    measured = 4 * 2  # untuned, after each of two epochs, tuned: each two batches of the 20 windows
    verified = 4 * 2  # the saved model beside the one that was saved, that beside itself, on 16 windows: two batches each
    asked = 4  # the training questions once more, to see whether they were learned: 40 windows
    assert sum(name.endswith("ForQuestionAnswering") for name in calls) == looked + steps + measured + verified + asked
    again = evaluate_run(tmp_path / "run", [tmp_path / "held.json"])
    assert {name: again.scores.as_dict()[name] for name in made.facts.scores} == pytest.approx(dict(made.facts.scores))


# -- what makes a result worth less is told


def test_training_records_among_the_held_out_are_warned_of(data_folder, config, tmp_path):
    """Previously only `evaluate` warned; the scores of a training on its own data went unremarked into the card."""
    listener = Listener()
    write_examples([*made_examples(40)[:3], *made_examples(6, seed=5)], tmp_path / "held.json")
    held = [tmp_path / "held.json"]
    made = train_run([data_folder / "questions.json"], tmp_path / "run", config, eval_data=held, watch=listener)
    (warning,) = [one for one in listener.warnings if "known from training" in one]
    assert warning.startswith("3 of 9 test records (33.3%)")
    apart = made.facts.data["scores_without_touched"]
    assert made.facts.data["touched"] == 3 and apart.keys() == made.facts.scores.keys()
    honest = evaluate_run(tmp_path / "run", held).untouched
    assert apart["f1"] == pytest.approx(honest.f1)
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert "3 of the 9 held-out records are about texts that the training data has too" in card


def test_a_reckless_learning_rate_is_warned_of(data_folder, tiny_model_folder, tmp_path):
    listener = Listener()
    train_run(
        [data_folder / "texts.json"],
        tmp_path / "run",
        quick_config(tiny_model_folder, learning_rate=1e-2, epochs=1),
        watch=listener,
    )
    assert "training.learning_rate is 0.01" in listener.warnings[0]
    assert "overwrite what the model learned" in listener.warnings[0]


def test_records_that_were_repaired_or_set_aside_are_warned_of(config, tmp_path):
    listener = Listener()
    records = list(made_examples(20))
    records[3] = replace(records[3], answers=(Span(records[3].answers[0].text, records[3].answers[0].start + 1),))
    records[4] = replace(records[4], answers=(Span("no such text", 0),))
    write_examples(records, tmp_path / "q.json")
    made = train_run([tmp_path / "q.json"], tmp_path / "run", config, watch=listener)
    assert made.facts.data["train"]["count"] + made.facts.data["held_out"]["count"] == 19
    assert any("1 records repaired, 1 set aside, 0 dropped of 20" in warning for warning in listener.warnings)


def test_held_out_labels_that_training_lacks_are_warned_of(data_folder, config, tmp_path):
    listener = Listener()
    write_examples([*made_texts(8, seed=5), TextExample("m", "It speaks of Mars.", "perhaps")], tmp_path / "held.json")
    made = train_run([data_folder / "texts.json"], tmp_path / "run", config, eval_data=[tmp_path / "held.json"], watch=listener)
    (warning,) = [one for one in listener.warnings if "labels that no training record has" in one]
    assert warning.startswith("1 of 9")
    assert made.facts.scores["accuracy"] < 100


def test_early_stopping_closes_its_bar(data_folder, tiny_model_folder, tmp_path):
    listener = Listener()
    config = quick_config(tiny_model_folder, epochs=20, early_stopping=1, learning_rate=1e-9)
    made = train_run([data_folder / "texts.json"], tmp_path / "run", config, watch=listener)
    assert made.history.stopped_early
    _, done, total = [told for told in listener.stages if told[0] == "training"][-1]
    assert done == total


# -- failures leave nothing half-written


BAD = {  # training data, held-out data, error
    "no file": (["nowhere"], [], DataError),
    "no held-out file": (["questions"], ["nowhere"], DataError),
    "no label": (["unlabelled"], [], EmptyDataError),
    "no held-out label": (["questions"], ["unlabelled"], EmptyDataError),
    "one document": (["one"], [], DataError),
    "one label": (["one-label"], [], DataError),
    "held-out data of the other task": (["questions"], ["texts"], RunError),
    "training data of two tasks": (["questions", "texts"], [], DataError),
}


@pytest.fixture
def files(data_folder, tmp_path):
    write_examples([replace(one, answers=None) for one in made_examples(6)], tmp_path / "unlabelled.json")
    write_examples(made_examples(1), tmp_path / "one.json")
    write_examples([replace(one, label="yes") for one in made_texts(8)], tmp_path / "one-label.json")
    shared = ("questions", "texts")
    return lambda names: [(data_folder if name in shared else tmp_path) / f"{name}.json" for name in names]


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("there", [False, True])
def test_bad_data_leaves_the_place_as_it_was(files, config, tmp_path, case, there):
    data, eval_data, kind = BAD[case]
    out = tmp_path / "run"
    if there:
        out.mkdir()
    with pytest.raises(kind) as caught:
        train_run(files(data), out, config, eval_data=files(eval_data))
    assert caught.value.expected
    assert caught.value.next_move
    assert out.exists() is there
    assert not there or list(out.iterdir()) == []


def test_settings_and_models_that_do_not_fit_leave_nothing(data_folder, config, tmp_path):
    data = [data_folder / "questions.json"]
    long = config.model_copy(update={"windows": config.windows.model_copy(update={"length": 256})})
    tight = config.model_copy(update={"windows": config.windows.model_copy(update={"length": 20, "stride": 20})})
    other = config.model_copy(update={"task": "classify"})
    nowhere = config.model_copy(update={"model": config.model.model_copy(update={"name": str(tmp_path / "no-model")})})
    for wrong, kind in ((long, WindowError), (tight, WindowError), (other, RunError), (nowhere, ModelError)):
        with pytest.raises(kind):
            train_run(data, tmp_path / "run", wrong)
        assert not (tmp_path / "run").exists()


def test_a_folder_in_the_way_is_told_before_anything_is_read(reader_run, config, tmp_path):
    with pytest.raises(RunError, match="finished run"):
        train_run([tmp_path / "nowhere.json"], reader_run, config)


def test_a_full_disk_at_the_end_keeps_the_checkpoints_for_a_resume(data_folder, config, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    out, data = tmp_path / "run", [data_folder / "texts.json"]
    with monkeypatch.context() as patched:
        patched.setattr("spantune.runs.folder.save_curves", full)
        with pytest.raises(OutputError, match="No space left"):
            train_run(data, out, config)
    assert [path.name for path in out.iterdir()] == ["checkpoints"]
    made = train_run(data, out, config, resume=True)
    assert [epoch.epoch for epoch in made.history.epochs] == [1, 2]
    assert not (out / "checkpoints").exists()


# -- interrupted, and gone on with


@pytest.mark.parametrize("stage", [("measuring the untuned model", 8), ("training", 0), ("training", 2)])
def test_an_interruption_before_the_first_checkpoint_leaves_nothing(data_folder, config, tmp_path, stage):
    with pytest.raises(KeyboardInterrupt):
        train_run([data_folder / "questions.json"], tmp_path / "run", config, watch=Listener(at(*stage)))
    assert not (tmp_path / "run").exists()


@pytest.fixture
def interrupted(data_folder, tiny_model_folder, tmp_path):
    """A run that was stopped in its second epoch of three."""
    config = quick_config(tiny_model_folder, epochs=3, early_stopping=0)
    with pytest.raises(KeyboardInterrupt):
        train_run([data_folder / "questions.json"], tmp_path / "run", config, watch=Listener(at("training", 6)))
    return tmp_path / "run", config


def test_resume_goes_on_and_comes_to_the_same_result(interrupted, data_folder, tmp_path):
    out, config = interrupted
    half = out / "checkpoints" / "checkpoint-9"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    straight = train_run([data_folder / "questions.json"], tmp_path / "straight", config)
    listener = Listener()
    made = train_run([data_folder / "questions.json"], out, config, resume=True, watch=listener)
    assert [epoch.epoch for epoch in listener.epochs] == [2, 3]
    assert [epoch.epoch for epoch in made.history.epochs] == [1, 2, 3]
    assert [epoch.scores for epoch in made.history.epochs] == [epoch.scores for epoch in straight.history.epochs]
    assert made.facts.scores == straight.facts.scores
    assert not (out / "checkpoints").exists()
    context = "The note was 12. The points was 3."
    assert made.predictor.answer("What was the note?", context).score == pytest.approx(
        straight.predictor.answer("What was the note?", context).score, abs=1e-5
    )


def test_a_half_written_checkpoint_is_swept_when_a_run_fails(data_folder, config, tmp_path):
    """Previously whatever lay in `checkpoints` stayed there, and was taken for something to go on from."""
    out = tmp_path / "run"

    def interrupt(stage, done, _):
        if (stage, done) == ("training", 6):
            half = out / "checkpoints" / "checkpoint-6"
            half.mkdir()
            (half / "model.safetensors").write_bytes(b"half")
            return True
        return False

    with pytest.raises(KeyboardInterrupt):
        train_run([data_folder / "questions.json"], out, config, watch=Listener(interrupt))
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["checkpoint-4", "started-with.json"]


def test_a_run_that_was_interrupted_is_not_begun_anew_by_accident(interrupted, data_folder):
    out, config = interrupted
    with pytest.raises(RunError, match="interrupted run") as caught:
        train_run([data_folder / "questions.json"], out, config)
    assert "--resume" in caught.value.next_move
    assert (out / "checkpoints" / "checkpoint-4").is_dir()


def test_resume_with_other_data_or_settings_is_refused_and_keeps_the_checkpoints(interrupted, data_folder, tmp_path):
    out, config = interrupted
    faster = config.model_copy(update={"training": config.training.model_copy(update={"learning_rate": 5e-4})})
    write_examples(made_examples(30), tmp_path / "other.json")
    questions = data_folder / "questions.json"
    with pytest.raises(RunError, match=r"training.learning_rate \(0.001, now 0.0005\) differ"):
        train_run([questions], out, faster, resume=True)
    with pytest.raises(RunError, match="train and held-out differ"):
        train_run([tmp_path / "other.json"], out, config, resume=True)
    with pytest.raises(RunError, match="train and held-out differ"):
        train_run([questions], out, config, resume=True, eval_data=[data_folder / "held-out.json"])
    assert (out / "checkpoints" / "checkpoint-4").is_dir()
    assert train_run([questions], out, config, resume=True).history.epochs


def test_a_run_can_be_resumed_from_another_place(interrupted, data_folder, tmp_path):
    out, config = interrupted
    moved = shutil.move(out, tmp_path / "elsewhere")
    made = train_run([data_folder / "questions.json"], moved, config, resume=True)
    assert [epoch.epoch for epoch in made.history.epochs] == [1, 2, 3]


def test_the_same_records_in_another_order_are_other_data(interrupted, data_folder, tmp_path):
    """Previously the fingerprint, which has no order, let them pass, and a resumed run trained on some of them twice."""
    out, config = interrupted
    turned = tmp_path / "turned.json"
    write_examples(list(reversed(read_examples(data_folder / "questions.json").records)), turned)
    with pytest.raises(RunError, match="differ from those of the interrupted run"):
        train_run([turned], out, config, resume=True)


def test_a_kill_while_the_finished_files_are_moved_in_does_not_bar_the_way(interrupted, data_folder):
    """Previously the folder then held files that --resume took for somebody else's."""
    out, config = interrupted
    (out / "README.md").write_text("half of a run", encoding="utf-8")
    (out / "checkpoints" / "moving-in.txt").write_text("README.md\nspantune.json\n", encoding="utf-8")
    made = train_run([data_folder / "questions.json"], out, config, resume=True)
    assert "half of a run" not in (made.folder / "README.md").read_text(encoding="utf-8")


def test_resume_without_a_run_is_told(data_folder, config, tmp_path):
    with pytest.raises(RunError, match="nothing to resume"):
        train_run([data_folder / "questions.json"], tmp_path / "run", config, resume=True)
    assert not (tmp_path / "run").exists()


def test_the_share_held_out_is_a_setting(data_folder, config, tmp_path):
    made = train_run([data_folder / "texts.json"], tmp_path / "run", config.model_copy(update={"held_out": 0.5}))
    assert made.facts.data["held_out"]["count"] in (19, 20, 21)  # label by label


def test_a_wrong_shape_is_told(data_folder, config, tmp_path):
    with pytest.raises((ConfigError, DataError)):
        train_run([data_folder / "questions.json"], tmp_path / "run", config, read_as=ReadAs("circle"))
    assert not (tmp_path / "run").exists()


def test_a_run_whose_head_is_lost_on_the_way_fails_and_leaves_nothing(data_folder, config, tmp_path, monkeypatch):
    def without_head(folder, task):
        loaded = load_run(folder, task)
        loaded.model.qa_outputs.reset_parameters()
        return loaded

    monkeypatch.setattr("spantune.road.scene.load_run", without_head)
    with pytest.raises(RunError, match="does not answer as before when it is read again"):
        train_run([data_folder / "questions.json"], tmp_path / "run", config)
    assert not (tmp_path / "run" / "spantune.json").exists()


@pytest.mark.parametrize("size", ["WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"])
def test_half_of_what_a_launcher_sets_is_refused_before_anything_is_written(size, data_folder, config, tmp_path, monkeypatch):
    """Previously each process of torchrun claimed the folder, and the slower one lost its checkpoints."""
    monkeypatch.setenv(size, "2")
    with pytest.raises(RunError, match=rf"{size} = 2 without .*RANK, LOCAL_RANK, MASTER_ADDR"):
        train_run([data_folder / "questions.json"], tmp_path / "run", config)
    assert not (tmp_path / "run").exists()
