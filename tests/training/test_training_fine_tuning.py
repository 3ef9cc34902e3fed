import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import WINDOWS, made_examples, made_texts, quick, same_weights, tiny_reader
from transformers import BertForQuestionAnswering, Trainer

from spantune.config import TrainingConfig, WindowsConfig
from spantune.errors import ConfigError, EmptyDataError, OutputError, TrainingError, WindowError
from spantune.evaluation import score_answers
from spantune.features import collate, encode, encode_texts
from spantune.inference import Reader
from spantune.inference.reader import ReaderSettings
from spantune.training import Held, fine_tune
from spantune.training.composed import ComposedTrainer


@pytest.fixture
def still_model(wordpiece):
    """Without dropout, so that two ways through the same data can be compared."""
    return tiny_reader(wordpiece, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def scripted(*scores, loss=1.0, seen=None):
    """An `evaluate` that gives the scores one after the other, and notes the model's weights each time."""
    rest = iter(scores)

    def evaluate(model):
        if seen is not None:
            seen.append(copy.deepcopy(model.state_dict()))
        return Held(loss, {"exact_match": 0.0, "f1": next(rest)}, 50.0)

    return evaluate


def test_a_tiny_reader_learns(tiny_reader_model, wordpiece):
    held_out = made_examples(30, seed=9)
    windows = encode(made_examples(160), wordpiece, WINDOWS)
    reader = Reader(tiny_reader_model, wordpiece, ReaderSettings(WINDOWS, answer_length=8))
    untuned = score_answers(held_out, reader.answer_many(held_out)).f1
    result = fine_tune(
        tiny_reader_model, windows, TrainingConfig(epochs=6, learning_rate=3e-3, batch_size=16, precision="fp32")
    )
    tuned = score_answers(held_out, reader.answer_many(held_out)).f1
    assert tuned > untuned + 15
    losses = [epoch.training_loss for epoch in result.history.epochs]
    assert losses[-1] < losses[0] / 2
    assert result.windows == len(windows)
    assert not result.may_abstain


def test_a_tiny_classifier_learns(tiny_classifier_model, wordpiece):
    windows = encode_texts(made_texts(120), wordpiece, WINDOWS, tiny_classifier_model.config.label2id)
    result = fine_tune(
        tiny_classifier_model, windows, TrainingConfig(epochs=12, learning_rate=3e-3, batch_size=8, precision="fp32")
    )
    assert result.history.epochs[-1].training_loss < 0.2
    assert result.answer_length == 0


def test_two_batches_accumulated_are_one_batch_of_twice_the_size(still_model, windows):
    windows = windows.take(np.arange(16))
    other = copy.deepcopy(still_model)
    whole = fine_tune(still_model, windows, quick(epochs=1, batch_size=16))
    parts = fine_tune(other, windows, quick(epochs=1, batch_size=8, gradient_accumulation=2))
    assert parts.history.epochs[0].training_loss == pytest.approx(whole.history.epochs[0].training_loss, rel=1e-4)
    with torch.no_grad():  # a softmax does not see a shift: these biases have no gradient but rounding, which Adam blows up
        still_model.qa_outputs.bias.zero_()
        other.qa_outputs.bias.zero_()
    assert same_weights(still_model, other, 1e-5)


def test_the_same_seed_gives_the_same_weights_and_another_one_others(wordpiece, windows):
    models = []
    for seed in (1, 1, 2):
        model = tiny_reader(wordpiece)
        torch.manual_seed(99 * len(models))  # what was drawn before must not matter
        fine_tune(model, windows, quick(epochs=2, seed=seed))
        models.append(model)
    assert same_weights(models[0], models[1], 0.0)
    assert not same_weights(models[0], models[2], 1e-4)


def test_the_best_epoch_is_restored_and_training_stops_early(tiny_reader_model, windows):
    seen = []
    result = fine_tune(
        tiny_reader_model,
        windows,
        quick(epochs=6, early_stopping=2),
        evaluate=scripted(10.0, 30.0, 20.0, 25.0, 99.0, seen=seen),
    )
    assert [epoch.scores["f1"] for epoch in result.history.epochs] == [10.0, 30.0, 20.0, 25.0]
    assert (result.history.best_epoch, result.history.stopped_early) == (2, True)
    kept = tiny_reader_model.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in seen[1].items())
    assert not all(torch.equal(kept[name], value) for name, value in seen[3].items())
    assert result.history.epochs[0].held_out_loss == 1.0
    assert result.history.epochs[0].span_accuracy == 50.0


def test_no_patience_never_stops_and_of_equal_epochs_the_first_is_kept(tiny_reader_model, windows):
    seen = []
    result = fine_tune(
        tiny_reader_model, windows, quick(epochs=4, early_stopping=0), evaluate=scripted(5.0, 5.0, 4.0, 3.0, seen=seen)
    )
    assert (len(result.history.epochs), result.history.best_epoch, result.history.stopped_early) == (4, 1, False)
    assert all(torch.equal(tiny_reader_model.state_dict()[name], value) for name, value in seen[0].items())


def test_of_equal_scores_the_lower_loss_is_kept_and_training_goes_on(tiny_reader_model, windows):
    """Previously the first epoch was kept of those that 16 questions could not tell apart, and training stopped early."""
    losses, seen = iter((2.0, 1.5, 1.2, 1.1, 1.3)), []

    def evaluate(model):
        seen.append(copy.deepcopy(model.state_dict()))
        return Held(next(losses), {"f1": 25.0})

    result = fine_tune(tiny_reader_model, windows, quick(epochs=5, early_stopping=2), evaluate=evaluate)
    assert (len(result.history.epochs), result.history.best_epoch) == (5, 4)
    assert all(torch.equal(tiny_reader_model.state_dict()[name], value) for name, value in seen[3].items())
    assert set(result.history.epochs[0].scores) == {"f1"}  # what decides is no score


def test_the_headline_names_the_score_that_decides(tiny_classifier_model, wordpiece):
    scores = iter([(90.0, 10.0), (80.0, 20.0)])

    def evaluate(_):
        accuracy, macro_f1 = next(scores)
        return Held(0.5, {"accuracy": accuracy, "macro_f1": macro_f1})

    windows = encode_texts(made_texts(8), wordpiece, WINDOWS, tiny_classifier_model.config.label2id)
    result = fine_tune(tiny_classifier_model, windows, quick(epochs=2), evaluate=evaluate, headline="macro_f1")
    assert result.history.best_epoch == 2


def test_without_evaluation_the_last_epoch_stays_and_nothing_is_left_on_disk(tiny_reader_model, windows, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = copy.deepcopy(tiny_reader_model.state_dict())
    result = fine_tune(tiny_reader_model, windows, quick(epochs=2))
    assert [epoch.epoch for epoch in result.history.epochs] == [1, 2]
    assert (result.history.best_epoch, result.history.stopped_early) == (None, False)
    assert result.history.epochs[-1].held_out_loss is None
    assert any(not torch.equal(before[name], value) for name, value in tiny_reader_model.state_dict().items())
    assert not tiny_reader_model.training
    assert list(tmp_path.iterdir()) == []


def test_the_history_tells_rate_seconds_and_windows_a_second(tiny_reader_model, windows):
    told = []
    result = fine_tune(tiny_reader_model, windows, quick(epochs=3, learning_rate=1e-3), on_epoch=told.append)
    assert [len(history.epochs) for history in told] == [1, 2, 3]
    assert told[-1].epochs == result.history.epochs
    for epoch in result.history.epochs:
        assert 0 < epoch.learning_rate <= 1e-3
        assert epoch.seconds > 0
        assert epoch.windows_per_second == pytest.approx(len(windows) / epoch.seconds)
        assert epoch.observation


def test_progress_counts_the_steps_and_the_start_tells_the_choices(tiny_reader_model, windows):
    steps, choices = [], []
    fine_tune(
        tiny_reader_model,
        windows,
        TrainingConfig(epochs=2, batch_size=8),
        progress=lambda done, total: steps.append((done, total)),
        on_start=choices.extend,
    )
    assert steps == [(done, 6) for done in range(7)]
    assert [choice.key for choice in choices] == ["training.learning_rate", "training.precision"]


def test_the_answer_length_is_learned_and_unanswerable_questions_are_noticed(tiny_reader_model, wordpiece):
    windows = encode(made_examples(12, unanswerable=0.5), wordpiece, WINDOWS)
    result = fine_tune(tiny_reader_model, windows, quick(epochs=1))
    assert result.answer_length == 30
    assert result.may_abstain


def test_no_window_left_is_told(tiny_reader_model, wordpiece):
    unlabelled = [replace(one, answers=None) for one in made_examples(4)]
    with pytest.raises(EmptyDataError, match="no window is left to train on") as caught:
        fine_tune(tiny_reader_model, encode(unlabelled, wordpiece, WINDOWS), quick())
    assert "spantune check" in caught.value.next_move
    with pytest.raises(EmptyDataError):
        fine_tune(tiny_reader_model, encode([], wordpiece, WINDOWS), quick())


def test_windows_longer_than_the_model_are_refused(tiny_reader_model, wordpiece):
    long = [replace(one, context=one.context + " and so on" * 100) for one in made_examples(2)]
    windows = encode(long, wordpiece, WindowsConfig(length=200, stride=16))
    with pytest.raises(WindowError, match="200 tokens for a bert model with 128 positions"):
        fine_tune(tiny_reader_model, windows, quick())


def test_what_was_lost_in_windowing_is_noted(tiny_reader_model, wordpiece):
    examples = made_examples(6)
    context = "In 2018 " + "members " * 90 + "began."
    whole = replace(examples[0], context=context, answers=(replace(examples[0].answers[0], text=context, start=0),))
    result = fine_tune(tiny_reader_model, encode([*examples, whole], wordpiece, WINDOWS), quick(epochs=1))
    assert any("fits into no window" in note and whole.id in note for note in result.notes)


@pytest.mark.parametrize(("name", "said"), [("nonsense", "nonsense is not supported"), ("wandb", "requires wandb")])
def test_the_trainer_is_the_engine_and_its_integrations_are_reached(tiny_reader_model, windows, name, said):
    """Previously an unknown one, or one that is not installed, ended in a traceback."""
    assert issubclass(ComposedTrainer, Trainer)
    with pytest.raises(ConfigError, match=said) as told:
        fine_tune(tiny_reader_model, windows, quick(report_to=(name,)))
    assert "pip" in told.value.next_move


def test_a_full_disk_while_a_checkpoint_is_written_is_told_with_the_way_on(tiny_reader_model, windows, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tiny_reader_model), "save_pretrained", full)
    with pytest.raises(OutputError, match="No space left") as caught:
        fine_tune(tiny_reader_model, windows, quick(epochs=1), checkpoints=tmp_path)
    assert "start again" in caught.value.next_move  # nothing was saved yet


def test_an_error_of_the_evaluation_is_not_taken_for_a_full_disk(tiny_reader_model, windows):
    def broken(_):
        raise RuntimeError("my own mistake")

    with pytest.raises(RuntimeError, match="my own mistake"):
        fine_tune(tiny_reader_model, windows, quick(epochs=1), evaluate=broken)


def test_a_loss_that_is_no_number_ends_the_training_and_says_what_to_do(tiny_reader_model, windows):
    """Previously it trained on to the end, on weights that were no numbers any more."""
    with torch.no_grad():
        tiny_reader_model.qa_outputs.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match="the loss is nan at step 1 of 3") as caught:
        fine_tune(tiny_reader_model, windows, quick(epochs=1))
    assert "lower training.learning_rate (now 0.001)" in caught.value.next_move


@pytest.mark.parametrize("checkpoints", [True, False])
def test_the_best_epoch_before_a_loss_that_is_no_number_is_kept(tiny_reader_model, windows, tmp_path, checkpoints):
    """Previously the history said that training stopped since the score no longer improved."""
    said, after, scores = [], [], iter([40.0, 30.0, 20.0])

    def measured(model):
        after.append({name: one.clone() for name, one in model.state_dict().items()})
        return Held(1.0, {"f1": next(scores)})

    def poisoned(done, _):
        if done == 2 * 3 + 1:  # a step of the third epoch is done
            with torch.no_grad():
                tiny_reader_model.qa_outputs.weight.fill_(float("inf"))

    result = fine_tune(
        tiny_reader_model,
        windows,
        quick(epochs=3),
        evaluate=measured,
        progress=poisoned,
        say=said.append,
        checkpoints=tmp_path if checkpoints else None,
    )
    assert said == [
        "the loss is nan at step 8 of 9: training stopped there, and the best epoch before it is kept; "
        "lower training.learning_rate (now 0.001)"
    ]
    assert (result.history.best_epoch, len(result.history.epochs), result.history.stopped_early) == (1, 2, False)
    assert all(torch.equal(one, after[0][name]) for name, one in result.model.state_dict().items())


def test_checkpoints_are_said_to_be_kept_where_there_are_some(tiny_reader_model, windows, tmp_path):
    """Previously they were said to be kept where none had been made."""
    with torch.no_grad():
        tiny_reader_model.qa_outputs.bias.fill_(float("nan"))
    with pytest.raises(TrainingError) as caught:
        fine_tune(tiny_reader_model, windows, quick(epochs=1), checkpoints=tmp_path)
    assert "checkpoints from before are kept" not in caught.value.next_move


def test_a_gradient_that_is_no_number_changes_no_weight(tiny_reader_model, windows):
    """A finite loss can have such a gradient; a checkpoint made after that step would hold nothing but nan."""
    before = {name: one.clone() for name, one in tiny_reader_model.state_dict().items()}
    weight = tiny_reader_model.qa_outputs.weight
    hook = weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match=r"the gradient is (nan|inf) at step 1 of 3"):
        fine_tune(tiny_reader_model, windows, quick(epochs=1))
    hook.remove()
    assert all(torch.equal(one, before[name]) for name, one in tiny_reader_model.state_dict().items())


def test_a_model_trained_in_bf16_answers_in_fp32_afterwards(tiny_reader_model, windows):
    """Previously the model in memory went on in bf16, and gave other probabilities than the run that was saved from it."""
    result = fine_tune(tiny_reader_model, windows, quick(precision="bf16"))
    saved = BertForQuestionAnswering(result.model.config)
    saved.load_state_dict(result.model.state_dict())
    batch = {name: torch.from_numpy(array) for name, array in collate(windows, np.arange(4)).items() if name != "candidates"}
    with torch.inference_mode():
        in_memory, reloaded = result.model(**batch), saved.eval()(**batch)
    assert in_memory.start_logits.dtype == torch.float32
    assert torch.equal(in_memory.start_logits, reloaded.start_logits)


def test_the_precision_is_ours_whatever_accelerate_was_configured_with(new_model, windows, monkeypatch):
    """Previously `accelerate launch` overruled training.precision=fp32, and the run said fp32 all the same."""
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    seen, model = [], new_model()
    model.qa_outputs.register_forward_hook(lambda module, given, gave: seen.append(gave.dtype))
    fine_tune(model, windows, quick(epochs=1))
    assert set(seen) == {torch.float32}
