"""Model cards, each to the letter: what is written for fixed facts is the file that is kept for them.

After a change that is meant, `python tests/runs/test_runs_card_kept.py` writes the files anew; read what differs.
"""

from pathlib import Path

import pytest

from spantune.runs.card import CardFacts, model_card
from spantune.training.history import Epoch, History

KEPT = Path(__file__).parent / "fixtures"
EPOCHS = (
    Epoch(1, 3.4, 2.1, {"exact_match": 38.2, "f1": 47.9}, 36.0, 3e-4, 101.5, 41.3, "first epoch"),
    Epoch(2, 1.8, 1.7, {"exact_match": 52.4, "f1": 64.8}, 50.1, 0.0, 102.5, 41.3, "still improving"),
)
CARDS = {
    "answers": CardFacts(
        name="policy-reader",
        task="answer",
        base_model="bert-base-uncased",
        train_count=12_800,
        held_out_count=3_200,
        data_names=["policyqa.json.gz", "more.csv"],
        seed=13,
        data_fingerprints={"train": "9f2c", "held_out": "01ab"},
        config={"windows": {"length": 256, "stride": 64}, "training": {"learning_rate": None, "batch_size": 16}},
        versions={"python": "3.11.7", "torch": "2.13.0"},
        scores={"exact_match": 31.25004, "f1": 55.5},
        untuned_scores={"exact_match": 1.25},
        history=History(EPOCHS, best_epoch=2),
        picture="my curves.png",
    ),
    "answers-of-folds": CardFacts(
        name="small_data",
        task="answer",
        base_model="embedded",
        train_count=1_300,
        held_out_count=1_300,
        data_names=["questions.json"],
        seed=7,
        scores={"f1": 71.256},
        untuned_scores={"f1": 73.5},
        history=History(EPOCHS),
        touched=1_200,
        without_touched={"f1": 40.125, "exact_match": float("nan")},
        folds=5,
        share=0.75,
        mixed=True,
    ),
    "answers-of-folds-whole": CardFacts("whole", "answer", "org/model", 9, 9, ["a"], 1, scores={"f1": 1.0}, folds=2),
    "answers-of-a-mixture": CardFacts(
        name="mixed",
        task="answer",
        base_model="C:\\models\\mine",
        base_is_folder=True,
        train_count=80,
        held_out_count=20,
        data_names=["a | b.json"],
        seed=1,
        config={"windows": {"length": "long"}},
        scores={"f1": 50.0},
        touched=3,
        share=0.5,
        mixed=True,
    ),
    "answers-of-nothing-kept": CardFacts(
        "kept", "answer", "embedded", 16, 16, ["a"], 1, scores={"f1": 50.0}, folds=4, share=0.0, mixed=True
    ),
    "answers-part-of-the-way": CardFacts(
        "part",
        "answer",
        "embedded",
        80,
        20,
        ["a"],
        1,
        scores={"f1": 50.0},
        share=0.5,
        mixed=True,
        history=History(EPOCHS, best_epoch=2),
    ),
    "answers-that-agree": CardFacts(
        "agreed", "answer", "org/model", 80, 20, ["a"], 1, scores={"f1": 50.0}, spread=0.75, spread_chosen=True
    ),
    "labels": CardFacts(
        name="cards",
        task="classify",
        base_model="embedded",
        train_count=2_000,
        held_out_count=500,
        data_names=["texts.csv"],
        seed=13,
        config={"windows": {"length": 64}},
        scores={"accuracy": 91.0, "macro_f1": 90.5},
    ),
    "labels-of-a-mixture": CardFacts("m", "classify", "a", 9, 2, ["b"], 3, scores={"accuracy": 91.0}, share=0.25, mixed=True),
    "labels-of-folds": CardFacts("f", "classify", "a", 9, 9, ["b"], 3, scores={"accuracy": 91.0}, folds=3),
    "nothing-known": CardFacts("", "classify", "../mine", 1, 0, [], 0, scores={"f1": float("inf")}, history=History()),
}


@pytest.mark.parametrize("card", CARDS)
def test_a_card_is_the_one_that_is_kept(card):
    assert model_card(CARDS[card]) == (KEPT / f"card-{card}.md").read_text(encoding="utf-8")


def test_a_card_speaks_of_nothing_that_was_not_there():
    """Previously a classifier's card told of a threshold for 'no answer', and one without scores of what they are on."""
    assert "threshold" not in model_card(CARDS["labels"])
    assert "The scores are on" not in model_card(CARDS["nothing-known"])


def test_every_card_that_is_kept_is_compared():
    assert {path.name for path in KEPT.glob("card-*.md")} == {f"card-{card}.md" for card in CARDS}


if __name__ == "__main__":
    for name, facts in CARDS.items():
        (KEPT / f"card-{name}.md").write_text(model_card(facts), encoding="utf-8")
