import json
import math
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.errors import RunError
from spantune.training.history import Epoch, History
from spantune.training.observations import RULES, observe, observed

NAN, INF = float("nan"), float("inf")


def an_epoch(number=1, training_loss=1.0, held_out_loss=None, **scores):
    return Epoch(number, training_loss, held_out_loss, scores, None, 3e-4, 9.5, 40.0)


def epochs(*rows):
    """Epochs from (training loss, held-out loss, F1) rows; an F1 of `None` means no score."""
    return [
        an_epoch(number, training, held_out, **({} if f1 is None else {"f1": f1}))
        for number, (training, held_out, f1) in enumerate(rows, start=1)
    ]


def trained(*rows, headline="f1"):
    history = History(headline=headline)
    for epoch in epochs(*rows):
        history = observed(history, epoch)
    return history


# -- history


number = st.floats(0, 1e6)
percent = st.floats(0, 100)
some_epoch = st.builds(
    Epoch,
    epoch=st.integers(1, 1000),
    training_loss=number,
    held_out_loss=st.none() | number,
    scores=st.dictionaries(st.sampled_from(["exact_match", "f1", "macro_f1"]), percent),
    span_accuracy=st.none() | percent,
    learning_rate=st.floats(0, 1),
    seconds=number,
    windows_per_second=number,
    observation=st.text(),
)
some_history = st.builds(
    History,
    epochs=st.lists(some_epoch, max_size=4).map(tuple),
    headline=st.sampled_from(["f1", "macro_f1"]),
    best_epoch=st.none() | st.integers(1, 1000),
    stopped_early=st.booleans(),
)


@given(some_history)
def test_a_history_survives_json(history):
    assert History.from_dict(json.loads(json.dumps(history.as_dict(), allow_nan=False))) == history


@pytest.mark.parametrize("broken", [NAN, INF, -INF])
def test_what_is_not_finite_becomes_null_in_json(broken):
    epoch = Epoch(1, broken, broken, {"f1": broken}, broken, broken, broken, broken)
    text = json.dumps(History((epoch,)).as_dict(), allow_nan=False)
    again = History.from_dict(json.loads(text)).epochs[0]
    assert math.isnan(again.training_loss) and math.isnan(again.scores["f1"]) and math.isnan(again.seconds)
    assert again.held_out_loss is None and again.span_accuracy is None


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda record: record.pop("headline"), "no 'headline'"),
        (lambda record: record["epochs"][0].pop("training_loss"), "no 'training_loss'"),
        (lambda record: record["epochs"][0].update(scores=3), "int"),
        (lambda record: record["epochs"][0].update(seconds="long"), "long"),
        (lambda record: record.update(epochs=7), "int"),
    ],
)
def test_a_damaged_history_says_what_is_wrong_and_what_to_do(damage, found):
    record = History((an_epoch(f1=50.0),)).as_dict()
    damage(record)
    with pytest.raises(RunError) as caught:
        History.from_dict(record)
    assert found in caught.value.found
    assert "history.json" in caught.value.expected
    assert "train again" in caught.value.next_move


def test_fields_of_later_versions_are_ignored():
    record = History((an_epoch(f1=50.0),)).as_dict() | {"new": 1}
    assert History.from_dict(record) == History((an_epoch(f1=50.0),))


def test_the_best_epoch_is_the_earliest_of_the_highest_and_skips_what_is_not_finite():
    history = trained((2, 2, NAN), (1, 1, 70.0), (0.9, 1, 71.0), (0.8, 1, 71.0), (0.7, 1, NAN))
    assert history.best_epoch == 3
    assert history.best is history.epochs[2]


def test_the_best_epoch_that_is_spoken_of_is_the_one_that_is_marked():
    history = trained((2, 1.7, 60.0), (1.5, 1.5, 60.0), (1.2, 1.4, 58.0), (1, 1.4, 58.8))
    assert history.best_epoch == 2
    assert observe(history.epochs, "f1") == "no better than the best epoch 2"


def test_of_equal_epochs_the_one_with_the_lower_held_out_loss_is_best():
    assert trained((2, 2, 70.0), (1, 1.5, 71.0), (0.9, 1.2, 71.0), (0.8, 1.3, 71.0)).best_epoch == 3
    assert trained((2, 2, 71.0), (1, NAN, 71.0), (0.9, 1, 70.999)).best_epoch == 1


def test_without_held_out_scores_no_epoch_is_best():
    history = trained((2, None, None), (1, None, None))
    assert history.best_epoch is None and history.best is None


def test_values_are_frozen_and_with_epoch_leaves_the_old_history_alone():
    history = History()
    longer = history.with_epoch(an_epoch(f1=1.0))
    assert history.epochs == () and len(longer.epochs) == 1
    with pytest.raises(FrozenInstanceError):
        longer.headline = "macro_f1"


# -- observations: one made-up history a rule, then the borders between rules

RISES = "held-out loss rises while F1 still improves: growing over-confident"
STUCK = "training loss does not fall: nothing is being learned; try another learning rate, or check the data"
OBSERVED = {
    "first epoch": [(2.0, 1.5, 60)],
    "still improving": [(2.0, 1.5, 60), (1.0, 1.2, 65)],
    "held-out F1 fell once, which may be chance": [(2.0, 1.5, 60), (1.0, 1.2, 65), (0.7, 1.3, 63)],
    "held-out F1 fell twice: overfitting": [(2.0, 1.5, 65), (1.0, 1.7, 63), (0.5, 1.9, 62)],
    "held-out F1 fell 3 times running: overfitting": [(2, 1.5, 65), (1, 1.7, 63), (0.5, 1.9, 62), (0.3, 2.1, 61)],
    RISES: [(2.0, 1.5, 60), (1.0, 1.7, 65)],
    "no better than the best epoch 2": [(2.0, 1.5, 60), (1.0, 1.2, 70), (0.7, 1.3, 66), (0.5, 1.4, 67)],
    "held-out F1 is flat (within 0.5)": [(2.0, 1.5, 60), (1.0, 1.2, 60.4)],
    "training loss is not finite: the learning rate is too high": [(2.0, 1.5, 60), (NAN, 1.2, 65)],
    "held-out loss is not finite: the learning rate is too high": [(2.0, 1.5, 60), (1.0, INF, 65)],
    STUCK: [(5.9, 5.9, 4.0), (5.9, 5.9, 4.2)],
}


@pytest.mark.parametrize(("said", "rows"), OBSERVED.items(), ids=lambda value: value if isinstance(value, str) else "")
def test_each_rule_says_its_sentence(said, rows):
    assert observe(epochs(*rows), "f1") == said


def test_every_rule_has_a_meaning_and_a_history_above():
    assert all(rule.__doc__ for rule in RULES)
    assert len(OBSERVED) >= len(RULES)


BORDERS = [
    ("a loss of infinity in the first epoch", [(INF, 1.5, 60)], "training loss is not finite: the learning rate"),
    ("two falls within the noise are flat", [(2, 1, 70), (1, 1, 69.8), (0.5, 1, 69.6)], "held-out F1 is flat"),
    ("two small falls add up", [(2, 1, 70), (1, 1, 69.7), (0.5, 1, 69.4)], "held-out F1 fell twice: overfitting"),
    ("two falls, the training loss up as well", [(1, 1, 70), (0.5, 1, 68), (0.6, 1, 66)], "no better than the best"),
    ("a new best by little, the held-out loss up", [(2, 1, 70), (1, 1.2, 70.2)], RISES),
    ("an equal score", [(2, 1, 70), (1, 1, 70)], "held-out F1 is flat"),
    ("a stuck loss while the score gains", [(2.0, 1, 60), (2.0, 1, 65)], "still improving"),
    ("a stuck loss that is small already", [(0.01, 0.1, 99.0), (0.01, 0.1, 99.0)], "held-out F1 is flat"),
    ("a loss that grows", [(2.0, 2, 10), (4.0, 4, 1)], "training loss does not fall"),
    ("the score lost in an earlier epoch", [(2.0, 1.5, NAN), (1.0, 1.2, 65)], "still improving"),
]


@pytest.mark.parametrize(("case", "rows", "start"), BORDERS, ids=[case for case, _, _ in BORDERS])
def test_the_borders_between_rules(case, rows, start):
    assert observe(epochs(*rows), "f1").startswith(start)


WITHOUT_SCORES = [
    ([(2.0, 1.5, None), (1.0, 1.2, None)], "still improving"),
    ([(2.0, 1.5, None), (1.0, 1.7, None)], "held-out loss rose once, which may be chance"),
    ([(2.0, 1.5, None), (1.0, 1.7, None), (0.5, 1.9, None)], "held-out loss rose twice: overfitting"),
    ([(2.0, 1.5, None), (1.0, 1.5, None)], "held-out loss is flat (within 1%)"),
    ([(2.0, None, None), (1.0, None, None)], "still improving"),
    ([(2.0, None, None), (1.0, None, None), (1.0, None, None)], "training loss is flat (within 1%)"),
    ([(2.0, None, None), (1.0, None, None), (1.5, None, None)], "training loss rose once, which may be chance"),
    ([(2.0, None, None), (2.0, None, None)], STUCK),
    ([(NAN, None, None), (2.0, None, None)], "still improving"),
]


@pytest.mark.parametrize(("rows", "said"), WITHOUT_SCORES)
def test_without_scores_the_loss_is_judged(rows, said):
    assert observe(epochs(*rows), "f1") == said


def test_the_headline_is_named_in_words():
    history = [an_epoch(1, 2.0, macro_f1=80.0), an_epoch(2, 1.0, macro_f1=75.0)]
    assert observe(history, "macro_f1") == "held-out macro-F1 fell once, which may be chance"


def test_no_epoch_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="at least one epoch"):
        observe([], "f1")


def test_observed_adds_the_epoch_with_its_observation():
    history = trained((2.0, 1.5, 60), (1.0, 1.2, 65))
    assert [epoch.observation for epoch in history.epochs] == ["first epoch", "still improving"]
    assert history == replace(history, best_epoch=2)


loss = st.floats(0, 20) | st.sampled_from([NAN, INF])


@given(st.lists(st.tuples(loss, st.none() | loss, st.none() | percent | st.just(NAN)), min_size=1, max_size=6))
def test_there_is_something_to_say_about_any_history(rows):
    assert observe(epochs(*rows), "f1")


def test_the_trace_itself_loads_neither_torch_nor_matplotlib():
    """The room's `__init__`, which brings in the Trainer, is replaced by an empty one that knows only the folder."""
    code = """
import sys, types, spantune
room = sys.modules["spantune.training"] = types.ModuleType("spantune.training")
room.__path__ = [spantune.__path__[0] + "/training"]
import spantune.training.curves, spantune.training.observations
print([name for name in ("torch", "transformers", "matplotlib") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
