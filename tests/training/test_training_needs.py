"""Memory that would run out: seen before the first step, met by smaller parts, told where that is not enough."""

from pathlib import Path

import pytest
import torch
from conftest import quick, same_weights
from resuming import killed_at

from spantune.models import memory
from spantune.training import fine_tune, needs
from spantune.training.needs import BESIDE, Needs


@pytest.fixture
def seen(monkeypatch):
    """What was measured, and how many windows were passed at once."""
    found = []
    needs_of = needs.needs_of

    def watched(trainer, model):
        made = needs_of(trainer, model)
        found.append((made, trainer.data_collator))
        return made

    monkeypatch.setattr(needs, "needs_of", watched)
    return found


def free(monkeypatch, amount):
    monkeypatch.setattr(needs, "free_memory", lambda _: amount)


def test_what_a_step_keeps_grows_with_the_model_and_shrinks_with_what_learns(seen, new_model, windows):
    for options, config in (
        ({}, quick(epochs=1)),
        ({"num_hidden_layers": 4}, quick(epochs=1)),
        ({}, quick(epochs=1, method="head")),
    ):
        fine_tune(new_model(**options), windows, config)
    plain, deep, head = (one for one, _ in seen)
    assert 1.7 < deep.window / plain.window < 2.3
    assert head.window < plain.window / 10
    assert plain.fixed == 3 * sum(one.nbytes for one in new_model().parameters())
    assert head.fixed == 3 * sum(one.nbytes for one in new_model().qa_outputs.parameters())


def test_looking_ahead_changes_no_weight(seen, new_model, windows, monkeypatch):
    looked, blind = new_model(), new_model()
    fine_tune(looked, windows, quick(epochs=1))
    assert len(seen) == 1
    monkeypatch.setattr(needs, "needs_of", lambda *_: Needs(0, 0, None))
    fine_tune(blind, windows, quick(epochs=1))
    assert same_weights(looked, blind)


def test_where_memory_is_short_fewer_windows_are_passed_at_once_and_the_batch_stays(seen, new_model, windows, monkeypatch):
    """Dropout is drawn part by part, so that it is off where losses are compared."""
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    said = []
    roomy = fine_tune(new_model(**still), windows, quick(epochs=1), say=said.append)
    assert not said
    found, collator = seen[0]
    assert collator.size == 8
    free(monkeypatch, found.at(2) + 1)
    tight = fine_tune(new_model(**still), windows, quick(epochs=1), say=said.append)
    assert seen[1][1].size == 2
    assert said[0].startswith("2 windows are passed at once, not 8, and batches stay: training takes about 0.3 GB")
    assert tight.history.epochs[0].training_loss == pytest.approx(roomy.history.epochs[0].training_loss, abs=1e-4)


def test_what_will_not_fit_is_told_before_the_first_step_with_what_takes_less(new_model, windows, monkeypatch):
    free(monkeypatch, BESIDE // 2)
    said, steps = [], []
    fine_tune(new_model(), windows, quick(epochs=1), say=said.append, progress=lambda done, _: steps.append((done, len(said))))
    assert "the system may end it. training.method=lora" in said[0]
    assert (0, 0) in steps and (1, 1) in steps


def test_a_resume_passes_as_many_windows_at_once_as_before(seen, new_model, windows, monkeypatch, tmp_path):
    """Or its sums would round differently, and it would not come to the weights of a training that was never stopped."""
    straight, resumed = new_model(), new_model()
    config = quick(epochs=3)
    free(monkeypatch, BESIDE + 1)
    fine_tune(straight, windows, config)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(new_model(), windows, config, checkpoints=tmp_path, progress=killed_at(4))
    free(monkeypatch, 10**12)
    fine_tune(resumed, windows, config, checkpoints=tmp_path, resume=True)
    assert seen[-1][1].size == 1
    assert same_weights(straight, resumed)


def test_fitting_halves_down_to_one():
    assert [Needs(0, 10**9, BESIDE + n * 10**9).fitting(8) for n in (11, 9, 4, 1, 0)] == [8, 4, 2, 1, 1]
    assert Needs(10**15, 1, None).fitting(8) == 8


GROUPS = {"memory.max": "8000", "memory.current": "5000", "memory.stat": "anon 4000\ninactive_file 1500\n"}


def test_free_memory_is_what_the_machine_and_the_container_leave(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert memory.free_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal: 90 kB\nMemAvailable: 10 kB\n")
    assert memory.free_memory() == 10_240
    for name, content in GROUPS.items():
        (tmp_path / name).write_text(content)
    assert memory.free_memory() == 4500
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_memory() == 10_240
    assert memory.free_memory(torch.device("cpu")) == 10_240


def test_free_memory_of_this_machine_is_known():
    if Path("/proc/meminfo").exists():
        assert memory.free_memory() > 1e6
