"""Training in several processes: the gradients of one, each window once, held-out data merged, one that ends ends all."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import several
import torch
from conftest import WINDOWS, made_examples, made_texts, quick, tiny_bert_config, tiny_reader
from resuming import by_weights
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast, TrainerCallback, TrainingArguments

from spantune.config import Config
from spantune.errors import StoppedError, TrainingError
from spantune.features import encode, encode_texts
from spantune.models import input_names
from spantune.models.methods import prepare
from spantune.tasks import TASKS
from spantune.training import fine_tune, newest_checkpoint, together
from spantune.training.composed import Collator, ComposedTrainer, LengthOrder, WindowNumbers, collator, objective_of

WINDOWS_TRAINED = 21  # batches of 5, the last of one window: of several processes only one has it


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory, wordpiece):
    folder = tmp_path_factory.mktemp("tokenizer")
    wordpiece.save_pretrained(folder)
    return str(folder)


def _plain(tokenizer):
    """A model that draws nothing at random while it is trained."""
    return tiny_reader(tokenizer, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


class _Gradients(TrainerCallback):
    def __init__(self):
        self.found = []

    def on_pre_optimizer_step(self, args, state, control, **now):
        grads = {name.removeprefix("module."): one.grad for name, one in now["model"].named_parameters()}
        self.found.append({name: None if one is None else one.clone().numpy() for name, one in grads.items()})


def gradients(tokenizer, folder, accumulation, method):
    """The gradients before each step of an epoch, the weights after it, and the losses that were logged."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer)
    windows = encode(made_examples(WINDOWS_TRAINED), tokenizer, WINDOWS)
    torch.manual_seed(0)
    model = prepare(_plain(tokenizer), quick(method=method)).model
    seen = _Gradients()
    trainer = ComposedTrainer(
        model=model,
        args=TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=5,
            gradient_accumulation_steps=accumulation,
            optim="sgd",  # AdamW divides by the size of a gradient: those that are nothing but rounding would count in full
            learning_rate=0.1,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            ddp_find_unused_parameters=False,
        ),
        data_collator=collator(windows, input_names(model), 2),
        train_dataset=WindowNumbers(len(windows)),
        windows=windows,
        measure=None,
        callbacks=[seen],
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return seen.found, {name: one.detach().numpy() for name, one in model.named_parameters()}, losses


def _furthest(some, others):
    assert some.keys() == others.keys()
    assert all((some[name] is None) == (others[name] is None) for name in some)
    return max(np.abs(some[name] - others[name]).max() for name in some if some[name] is not None)


@pytest.mark.parametrize(("count", "accumulation", "method"), [(2, 1, "full"), (3, 2, "full"), (2, 1, "lora")])
def test_gradients_are_those_of_one_process(tokenizer_folder, tmp_path, count, accumulation, method):
    ((alone, weights, losses),) = several.run(1, gradients, tokenizer_folder, str(tmp_path / "1"), accumulation, method)
    assert len(alone) == -(-5 // accumulation)
    for steps, after, logged in several.run(count, gradients, tokenizer_folder, str(tmp_path / "n"), accumulation, method):
        assert len(steps) == len(alone)
        assert max(_furthest(mine, theirs) for mine, theirs in zip(steps, alone, strict=True)) <= 1e-6
        assert _furthest(after, weights) <= 1e-6
        assert logged == pytest.approx(losses, rel=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_each_window_counts_once_an_epoch(wordpiece, count, size):
    windows = encode(made_examples(WINDOWS_TRAINED), wordpiece, WINDOWS)
    names = frozenset({"input_ids", "attention_mask"})
    collators = [Collator(windows, names, size, objective_of(windows), rank, count) for rank in range(count)]
    order = list(LengthOrder(windows.lengths, 5, seed=3))
    found = []
    for begin in range(0, len(order), 5):
        batch = order[begin : begin + 5]
        dealt = [part for one in collators for part in one(batch)["parts"]]
        assert sum(part["share"] for part in dealt) == pytest.approx(count)
        counting = [part for part in dealt if part["share"]]
        assert all(part["share"] == pytest.approx(count * len(part["input_ids"]) / len(batch)) for part in counting)
        found += [
            row[kept.bool()].tolist() for p in counting for row, kept in zip(p["input_ids"], p["attention_mask"], strict=True)
        ]
    wanted = [windows.input_ids[windows.bounds[at] : windows.bounds[at + 1]].tolist() for at in range(len(windows))]
    assert sorted(found) == sorted(wanted)


def measured(tokenizer, task_name, threads=(1, 1, 1)):
    """What the held-out data says, and how many pieces progress told of."""
    together.join()
    torch.set_num_threads(threads[int(os.environ["RANK"])])
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer)
    task, ticks = TASKS[task_name], []
    if task_name == "answer":
        records = made_examples(150, unanswerable=0.3)
        windows, model = encode(records, tokenizer, WINDOWS), tiny_reader(tokenizer)
    else:
        records = made_texts(800)
        windows = encode_texts(records, tokenizer, WINDOWS, {"no": 0, "yes": 1})
        torch.manual_seed(0)
        labels = {"id2label": {0: "no", 1: "yes"}, "label2id": {"no": 0, "yes": 1}}
        model = BertForSequenceClassification(tiny_bert_config(tokenizer, **labels))
    config = Config(windows=WINDOWS)
    found = task.measure(task.predictor(model, tokenizer, config, windows), windows, records, config, ticks.append)
    return found, sum(ticks), len(windows), len(ticks)


@pytest.mark.parametrize("task", TASKS)
def test_held_out_data_is_measured_in_shares_and_merged_exactly(tokenizer_folder, task):
    ((alone, ticked, count, batches),) = several.run(1, measured, tokenizer_folder, task)
    assert batches >= 4, "too few batches to share"
    assert ticked == count
    for found, ticked_here, _, mine in several.run(3, measured, tokenizer_folder, task):
        assert found == alone  # to the last bit
        assert ticked_here == count
        assert mine < batches


@pytest.mark.parametrize("task", TASKS)
def test_processes_with_other_numbers_of_threads_cut_the_same_batches(tokenizer_folder, task):
    """Previously their shares overlapped and left gaps: some texts were never scored, and counted all the same."""
    ((alone, _, _, _),) = several.run(1, measured, tokenizer_folder, task)
    (found, *_), (theirs, *_) = several.run(2, measured, tokenizer_folder, task, (1, 8))
    assert found == theirs
    assert found.scores == alone.scores


def trained(tokenizer, folder, settings, resume, slow, broken):
    """What `fine_tune` gives in each process; `broken`: the one whose loss becomes no number."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer)
    windows = encode(made_examples(24), tokenizer, WINDOWS)
    model = tiny_reader(tokenizer)
    if broken is not None and int(os.environ["RANK"]) == broken:
        model.qa_outputs.register_forward_hook(lambda module, given, gave: gave * float("nan") if module.training else gave)
    steps = []

    def progress(done, total):
        steps.append(done)
        (Path(folder).parent / f"reached-{os.environ['RANK']}").write_text(str(done))
        time.sleep(slow)

    result = fine_tune(
        model, windows, quick(**settings), evaluate=by_weights, checkpoints=Path(folder), resume=resume, progress=progress
    )
    return {name: one.numpy() for name, one in result.model.state_dict().items()}, result.history.best_epoch, steps[-1]


def _checkpoints(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


def _wait_for_step(tmp_path, rank, step):
    file = tmp_path / f"reached-{rank}"
    until = time.monotonic() + several.PATIENCE
    while time.monotonic() < until and not (file.exists() and int(file.read_text() or 0) >= step):
        time.sleep(0.01)
    assert time.monotonic() < until


def _alike(outcomes):
    (weights, best, _), *others = outcomes
    assert all(best == theirs for _, theirs, _ in others)
    assert all(_furthest(weights, theirs) == 0 for theirs, _, _ in others)


@pytest.mark.parametrize("method", ["full", "unfreeze"])
def test_all_processes_end_with_the_same_model_and_one_set_of_checkpoints(tokenizer_folder, tmp_path, method):
    folder = _checkpoints(tmp_path)
    settings = {"epochs": 3, "early_stopping": 0, "method": method}
    outcomes = several.run(2, trained, tokenizer_folder, str(folder), settings, False, 0, None)
    _alike(outcomes)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        {f"checkpoint-{min(3 * outcomes[0][1], 6)}", "checkpoint-9"}
    )
    assert newest_checkpoint(folder).passed_over == ()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_process_that_is_killed_ends_the_others_with_a_reason_and_any_number_goes_on(tokenizer_folder, tmp_path, count):
    folder = _checkpoints(tmp_path)
    settings = {"epochs": 4, "early_stopping": 0, "save_steps": 2}
    children, results = several.start(2, trained, tokenizer_folder, str(folder), settings, False, 0.1, None)
    _wait_for_step(tmp_path, 1, 5)
    os.kill(children[1].pid, signal.SIGKILL)
    (_, error), _ = several.finish(children, results, expected=1)
    assert isinstance(error, TrainingError)
    assert str(error).startswith("process 0 of 2 lost the others: ")
    assert "--resume" in error.next_move
    found = newest_checkpoint(folder)
    assert int(found.folder.name.rpartition("-")[2]) >= 4
    outcomes = several.run(count, trained, tokenizer_folder, str(folder), settings, True, 0, None)
    _alike(outcomes)
    assert outcomes[0][2] == 12


def test_a_resume_inside_an_epoch_goes_on_with_its_order_to_the_same_bytes(tokenizer_folder, tmp_path):
    """Previously two processes went on with the order of the first epoch: some windows counted twice, others never."""
    settings = {"epochs": 3, "early_stopping": 0, "save_steps": 1}
    folder, other = tmp_path / "a" / "checkpoints", tmp_path / "b" / "checkpoints"
    for one in (folder, other):
        one.mkdir(parents=True)
    whole = several.run(2, trained, tokenizer_folder, str(folder), settings, False, 0, None)
    children, results = several.start(2, trained, tokenizer_folder, str(other), settings, False, 0.1, None)
    _wait_for_step(tmp_path / "b", 1, 5)
    os.kill(children[0].pid, signal.SIGTERM)
    stopped = [error for _, error in several.finish(children, results)]
    step = int(newest_checkpoint(other).folder.name.rpartition("-")[2])
    assert all(isinstance(error, StoppedError) for error in stopped)
    assert step in (5, 7, 8), "inside an epoch of three steps; 6 ends one"
    again = several.run(2, trained, tokenizer_folder, str(other), settings, True, 0, None)
    _alike([*whole, *again])


@pytest.mark.parametrize("asked", [0, 1])
def test_a_signal_to_one_process_stops_all_of_them_after_the_same_step(tokenizer_folder, tmp_path, asked):
    folder = _checkpoints(tmp_path)
    settings = {"epochs": 30, "early_stopping": 0}
    children, results = several.start(2, trained, tokenizer_folder, str(folder), settings, False, 0.05, None)
    _wait_for_step(tmp_path, asked, 4)
    os.kill(children[asked].pid, signal.SIGTERM)
    errors = [error for _, error in several.finish(children, results)]
    assert all(isinstance(error, StoppedError) for error in errors), errors
    assert errors[0].found == errors[1].found
    step = int(newest_checkpoint(folder).folder.name.rpartition("-")[2])
    assert f"stopped by SIGTERM after step {step} of 90" in errors[0].found


def test_a_loss_that_is_no_number_in_one_process_ends_all_of_them(tokenizer_folder, tmp_path):
    folder = _checkpoints(tmp_path)
    outcome = several.finish(*several.start(2, trained, tokenizer_folder, str(folder), {}, False, 0, 1))
    for _, error in outcome:
        assert isinstance(error, TrainingError)
        assert "the loss is nan at step 1 of 6" in error.found


def _told_by_the_first():
    together.join()

    def fail():
        raise StoppedError("it is full", expected="room", next_move="make some")

    told = together.first_does(lambda: f"said by {os.environ['RANK']}")
    items = together.dealt("abcdefg")
    again = "".join(together.merged(items))
    try:
        together.first_does(fail)
    except StoppedError as error:
        return told, again, together.gathered(os.environ["RANK"]), error.found
    return None


def test_what_the_first_process_finds_or_fails_at_all_of_them_hear():
    assert several.run(3, _told_by_the_first) == [("said by 0", "abcdefg", ["0", "1", "2"], "it is full")] * 3
