"""Where a model computes: what is chosen, what is refused, and that all of it is there."""

import pytest
import torch
from conftest import made_examples, made_texts, quick_config

import spantune
from spantune.errors import ConfigError, ModelError
from spantune.features import collate
from spantune.inference import Classifier, Reader, classifier, reader
from spantune.inference.backends import open_with
from spantune.models import devices, input_names, open_reader, score_windows, to_model_inputs
from spantune.models.devices import chosen_device, placed
from spantune.models.methods import METHODS
from spantune.road import evaluate_run, opening, train_run
from spantune.tasks import TASKS

META = torch.device("meta")  # tensors of a shape without numbers: stands for another place than the processor
BEFORE_THE_TEXT = [name for name, method in METHODS.items() if not method.merges]
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")


def a_machine_with(monkeypatch, cuda=0, mps=False):
    """Let PyTorch see so many GPUs of CUDA, and one of a Mac or none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


# -- what is chosen


@pytest.mark.parametrize(
    ("cuda", "mps", "named", "device"),
    [
        (0, False, None, "cpu"),
        (1, False, None, "cuda"),
        (2, False, "cuda:1", "cuda:1"),
        (2, False, "cuda", "cuda"),
        (1, False, "cpu", "cpu"),
        (0, True, None, "cpu"),
        (0, True, "mps", "mps"),
        (0, True, "mps:0", "mps:0"),
    ],
)
def test_a_gpu_is_taken_where_there_is_one_and_a_place_that_is_named(monkeypatch, cuda, mps, named, device):
    a_machine_with(monkeypatch, cuda, mps)
    assert chosen_device(named) == torch.device(device)


@pytest.mark.parametrize("named", ["abacus", "", "cuda:2", "cuda:-1", "mps", "xla", "meta", "gpu"])
def test_a_place_that_is_none_or_not_here_is_told_with_what_there_is(monkeypatch, named):
    a_machine_with(monkeypatch, cuda=2)
    with pytest.raises(ConfigError) as told:
        chosen_device(named)
    assert repr(named) in told.value.found
    assert told.value.expected == "cpu, or one of the 2 GPUs that PyTorch sees, cuda:0, cuda:1"


def test_a_run_that_is_opened_for_a_place_that_is_not_here_is_told_before_it_is_read(monkeypatch):
    a_machine_with(monkeypatch)
    for load in (Reader.load, Classifier.load, open_with):
        with pytest.raises(ConfigError, match="one of the 0 GPUs"):
            load("no-such-run", device="cuda")


# -- the model is there, and what it is given


@pytest.mark.parametrize(
    "open_run",
    [
        lambda run: Reader.load(run, device="cuda"),
        lambda run: Reader.load(run, device="cuda", precision="bf16"),
        lambda run: open_with(run, "torch", device="cuda"),
        lambda run: opening.opened(TASKS["answer"], run, "auto", always_answer=True, device="cuda"),
    ],
)
def test_a_reader_is_opened_where_it_was_asked_for(reader_run, monkeypatch, open_run):
    asked = []
    monkeypatch.setattr(reader, "chosen_device", lambda name: asked.append(name) or META)
    opened = open_run(reader_run)
    assert asked == ["cuda"]
    assert {one.device for one in (*opened.model.parameters(), *opened.model.buffers())} == {META}
    assert opened._halved is None or opened._halved.device == META  # a copy of it that computes elsewhere would not be used


def test_a_classifier_is_opened_where_it_was_asked_for(classifier_run, monkeypatch):
    asked = []
    monkeypatch.setattr(classifier, "chosen_device", lambda name: asked.append(name) or META)
    for opened in (Classifier.load(classifier_run), TASKS["classify"].open(classifier_run, "torch", device="cuda:1")):
        assert opened.model.device == META
    assert asked == [None, "cuda:1"]


def test_a_run_is_opened_on_a_gpu_by_every_command_that_answers(reader_run, data_folder, monkeypatch):
    """Previously a run that was opened stayed on the processor, whatever the machine had."""
    seen = []
    monkeypatch.setattr(reader, "placed", lambda model, device: seen.append(device) or model)
    a_machine_with(monkeypatch, cuda=1)
    evaluate_run(reader_run, [data_folder / "held-out.json"])
    assert seen == [torch.device("cuda")]


def test_a_pipeline_is_made_where_it_was_asked_for(reader_run, monkeypatch):
    a_machine_with(monkeypatch, cuda=2)
    seen = []
    monkeypatch.setattr("spantune.inference.drop_in.factory.placed", lambda model, device: seen.append(device) or model)
    for device in (None, 1, "cuda:1", torch.device("cuda", 0), -1, "cpu"):
        spantune.pipeline(model=str(reader_run), device=device)
    spantune.pipeline(model=(opened := Reader.load(reader_run, device="cpu")).model, tokenizer=opened.tokenizer)
    assert [str(one) for one in seen] == ["cuda", "cuda:1", "cuda:1", "cuda:0", "cpu", "cpu", "cpu"]


@pytest.mark.parametrize("method", ["full", *BEFORE_THE_TEXT])
def test_all_that_a_forward_pass_takes_is_where_the_model_is(method, data_folder, tiny_model_folder, tmp_path, monkeypatch):
    train_run([data_folder / "questions.json"], tmp_path / "run", quick_config(tiny_model_folder, method=method, epochs=1))
    monkeypatch.setattr(reader, "chosen_device", lambda _: META)
    opened = Reader.load(tmp_path / "run", precision="fp32")
    opened.model.set_attn_implementation("eager")
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)  # or masks are looked at for padding, and hold nothing
    batch = collate(windows := opened.encode(made_examples(3)), [0, 1, 2])
    with torch.inference_mode():
        outputs = opened.model(**to_model_inputs(batch, input_names(opened.model), opened.model.device))
    assert (outputs.start_logits.device, outputs.start_logits.shape) == (META, (3, int(windows.lengths.max())))


# -- no room


class Full:
    """A model that finds no room on a GPU."""

    def __init__(self, error):
        self.error, self.places = error, []
        self.weight = torch.zeros(1_000_000)

    def parameters(self):
        return [self.weight]

    def buffers(self):
        return []

    def to(self, device):
        self.places.append(str(device))
        if str(device) != "cpu":
            raise self.error
        return self


FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4.00 MiB.")
TOO_FULL_TO_BEGIN = RuntimeError("CUDA error: out of memory")


@pytest.mark.parametrize("error", [FULL, TOO_FULL_TO_BEGIN])
@pytest.mark.parametrize(("free", "told"), [(1_500_000, "cuda:0 has 2 MB free"), (None, "cuda:0 has no room for it")])
def test_a_gpu_without_room_is_told_with_what_it_would_take_and_leaves_the_model(monkeypatch, error, free, told):
    def free_memory(_):
        if free is None:
            raise RuntimeError("CUDA error: out of memory")
        return free

    monkeypatch.setattr(devices, "free_memory", free_memory)
    model = Full(error)
    with pytest.raises(ModelError) as raised:
        placed(model, torch.device("cuda:0"))
    assert raised.value.found == f"the model takes 4 MB, and {told}"
    assert 'device="cpu"' in raised.value.next_move
    assert model.places == ["cuda:0", "cpu"]


def test_another_error_of_the_gpu_stays_what_it_is():
    with pytest.raises(RuntimeError, match="unspecified launch failure"):
        placed(Full(RuntimeError("CUDA error: unspecified launch failure")), torch.device("cuda"))


# -- a real one


@on_a_gpu
def test_a_gpu_answers_as_the_processor_does(reader_run):
    here, there = Reader.load(reader_run, device="cpu", precision="fp32"), Reader.load(reader_run)
    assert there.model.device.type == "cuda"
    asked = made_examples(40, seed=3)
    for one, other in zip(here.answer_many(asked, top=3), there.answer_many(asked, top=3), strict=True):
        assert (one.text, one.start) == (other.text, other.start)
        assert one.probability == pytest.approx(other.probability, abs=1e-4)
        assert one.score == pytest.approx(other.score, abs=1e-3)


@on_a_gpu
def test_a_gpu_labels_as_the_processor_does(classifier_run):
    here, there = Classifier.load(classifier_run, device="cpu"), Classifier.load(classifier_run)
    assert there.model.device.type == "cuda"
    asked = made_texts(40, seed=3)
    for one, other in zip(here.predict_many(asked), there.predict_many(asked), strict=True):
        assert one.label == other.label
        assert one.probability == pytest.approx(other.probability, abs=1e-4)


# -- what is too much at once


def a_small_one(model, most):
    """The model on a device with memory for so many padded tokens in a pass. Gives those of each pass that was tried."""
    tried = []

    def check(_, given, named):
        tried.append(named["input_ids"].numel())
        if tried[-1] > most:
            raise torch.OutOfMemoryError

    model.register_forward_pre_hook(check, with_kwargs=True)
    return tried


def test_a_batch_that_the_device_has_no_memory_for_is_passed_by_halves_and_later_ones_are_smaller(windows, reader_run):
    """Previously the error of PyTorch reached the user, at 32,768 tokens on any GPU."""
    model = open_reader(str(reader_run))
    usual, done = list(score_windows(model, windows, at_once=200)), []
    tried = a_small_one(model, 60)
    found = list(score_windows(model, windows, done.append, at_once=200))
    scores = [
        {at: row for one in all_of_them for at, row in zip(one.indices, one.start, strict=True)}
        for all_of_them in (usual, found)
    ]
    assert set(scores[0]) == set(scores[1]) == set(range(len(windows)))
    for at, row in scores[1].items():
        length = min(len(row), len(scores[0][at]))
        assert abs(row[:length] - scores[0][at][:length]).max() < 1e-5
    assert sum(done) == len(windows)
    assert len([tokens for tokens in tried if tokens > 60]) <= 3  # 200, 100 and what padding may add


def test_no_memory_for_a_single_window_is_told(windows, reader_run):
    model = open_reader(str(reader_run))
    a_small_one(model, 5)
    with pytest.raises(ModelError, match="no memory left for one window of"):
        list(score_windows(model, windows))
    assert not model.training
