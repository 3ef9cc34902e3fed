"""The scores against two independent implementations: torchmetrics, and SQuAD 1.1 and 2.0 written out here."""

import json
import random
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantune.data.records import Example, Span
from spantune.evaluation import exact_match, score_answers, token_f1
from spantune.evaluation.metrics import match

PAIRS = 10_000
VOCABULARY = """
    Paris France capital river Seine of in is and the The a A an An don't O'Neill state-of-the-art U.S. N.A.T.O.
    1889 1,234.5 $3.50 50% 3rd (1967–68) “quoted” naïve Zürich ÅNGSTRÖM İstanbul Straße 東京 大阪市 Москва ميلادي देवनागरी
    e\u0301tude co\u00adoperate zero\u200bwidth — … – € x² ½ ﬁn
"""
WORDS = [*VOCABULARY.split(), "no\u00a0break"]
NOISE: tuple[Callable[[list[str], random.Random], list[str]], ...] = (
    lambda words, rng: words,
    lambda words, rng: ["the", *words],
    lambda words, rng: [*words, rng.choice(WORDS)],
    lambda words, rng: words[: rng.randint(1, len(words))],
    lambda words, rng: words[rng.randrange(len(words)) :],
    lambda words, rng: rng.sample(words, len(words)),
    lambda words, rng: [word.upper() for word in words],
    lambda words, rng: [word + rng.choice([",", ".", "!", "–", "'s", ""]) for word in words],
    lambda words, rng: words + words,
    lambda words, rng: [rng.choice(WORDS) for _ in words],
)


def generated_pairs(count: int, seed: int) -> Iterator[tuple[str, list[str]]]:
    """Predictions and one to five references each, made from each other by the noise that real answers show."""
    rng = random.Random(seed)
    for _ in range(count):
        truth = [rng.choice(WORDS) for _ in range(rng.choice([1, 1, 2, 2, 3, 4, 6, 10]))]
        texts = []
        for _ in range(1 + rng.choice([1, 1, 3, 5])):
            words = truth
            for _ in range(rng.randint(0, 2)):
                words = rng.choice(NOISE)(words, rng)
            texts.append(rng.choice([" ", " ", "  ", "\n"]).join(words))
        prediction, *references = texts
        yield ("" if rng.random() < 0.02 else prediction), references


def official_form(text: str) -> str:
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(?:the|an|a)\b", " ", kept).split())


def official_pair(prediction: str, reference: str, *, empty_agree: bool) -> tuple[float, float]:
    """Exact match and F1 of one pair; SQuAD 2.0 lets two empty answers agree, SQuAD 1.1 has F1 0 for them."""
    said, wanted = official_form(prediction), official_form(reference)
    exact, left, shared = float(said == wanted), wanted.split(), 0
    if not said or not wanted:
        return exact, (exact if empty_agree else 0.0)
    for word in said.split():
        if word in left:
            left.remove(word)
            shared += 1
    precision, recall = shared / len(said.split()), shared / len(wanted.split())
    return exact, (2 * precision * recall / (precision + recall) if shared else 0.0)


def squad_1(prediction: str, references: list[str]) -> tuple[float, float]:
    pairs = [official_pair(prediction, reference, empty_agree=False) for reference in references]
    return max(exact for exact, _ in pairs), max(f1 for _, f1 in pairs)


def squad_2(prediction: str, references: list[str]) -> tuple[float, float]:
    wanted = [reference for reference in references if official_form(reference)] or [""]
    pairs = [official_pair(prediction, reference, empty_agree=True) for reference in wanted]
    return max(exact for exact, _ in pairs), max(f1 for _, f1 in pairs)


def ours(prediction: str, references: list[str]) -> tuple[float, float]:
    return exact_match(prediction, references), token_f1(prediction, references)


def is_guarded(prediction: str, references: list[str]) -> bool:
    return not official_form(prediction) and any(r.strip() and not official_form(r) for r in references)


@pytest.fixture
def double_precision() -> Iterator[None]:
    """torchmetrics computes in torch's default type, whose single precision is no yardstick to 1e-9."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("double_precision")
def test_ten_thousand_generated_pairs_score_as_in_torchmetrics() -> None:
    from torchmetrics.functional.text.squad import squad

    # Where the guard decides we differ on purpose; the metric tests say how.
    pairs = [pair for pair in generated_pairs(PAIRS + 500, seed=20160616) if not is_guarded(*pair)][:PAIRS]
    predictions = [{"id": str(i), "prediction_text": text} for i, (text, _) in enumerate(pairs)]
    targets = [
        {"id": str(i), "answers": {"text": references, "answer_start": [0] * len(references)}}
        for i, (_, references) in enumerate(pairs)
    ]
    assert len(pairs) == PAIRS
    # Hundreds, not one mean of all: so that two mistakes can hardly cancel out.
    for first in range(0, PAIRS, 100):
        theirs = squad(predictions[first : first + 100], targets[first : first + 100])
        scores = score_answers(*as_records(pairs[first : first + 100]))
        assert scores.exact_match == pytest.approx(theirs["exact_match"].item(), abs=1e-9)
        assert scores.f1 == pytest.approx(theirs["f1"].item(), abs=1e-9)


def as_records(pairs: list[tuple[str, list[str]]]) -> tuple[list[Example], list[SimpleNamespace]]:
    examples = [
        Example(str(i), "?", "c", answers=tuple(Span(reference) for reference in references))
        for i, (_, references) in enumerate(pairs)
    ]
    return examples, [SimpleNamespace(id=str(i), text=text) for i, (text, _) in enumerate(pairs)]


def test_generated_pairs_score_as_in_squad_1_and_2_one_by_one() -> None:
    compared = 0
    for prediction, references in generated_pairs(PAIRS, seed=20180611):
        if not is_guarded(prediction, references):
            compared += 1
            assert ours(prediction, references) == pytest.approx(squad_1(prediction, references), abs=1e-9)
            assert ours(prediction, references) == pytest.approx(squad_2(prediction, references), abs=1e-9)
    assert compared > 0.95 * PAIRS


def test_no_answer_groups_are_those_of_squad_2() -> None:
    rng = random.Random(7)
    pairs = [
        (rng.choice(["", prediction]), references if rng.random() < 0.5 else [])
        for prediction, references in generated_pairs(2_000, seed=7)
    ]
    pairs = [pair for pair in pairs if not is_guarded(*pair)]
    scores = score_answers(*as_records(pairs)).as_dict()

    for prefix, members in {
        "HasAns": [pair for pair in pairs if pair[1]],
        "NoAns": [pair for pair in pairs if not pair[1]],
    }.items():
        expected = [squad_2(*pair) for pair in members]
        assert scores[f"{prefix}_total"] == len(members) > 500
        assert scores[f"{prefix}_exact"] == pytest.approx(100 * sum(e for e, _ in expected) / len(members), abs=1e-9)
        assert scores[f"{prefix}_f1"] == pytest.approx(100 * sum(f for _, f in expected) / len(members), abs=1e-9)
    everyone = [squad_2(*pair) for pair in pairs]
    assert scores["exact_match"] == pytest.approx(100 * sum(e for e, _ in everyone) / len(pairs), abs=1e-9)
    assert scores["f1"] == pytest.approx(100 * sum(f for _, f in everyone) / len(pairs), abs=1e-9)


TEXT = st.lists(st.sampled_from(["a", "The", "an", "b", "B.", "c", "!", "-", "é"]), max_size=4).map(" ".join) | st.text(
    max_size=12
)


@given(TEXT, st.lists(TEXT, max_size=3))
def test_only_guarded_questions_may_differ_from_squad_2(prediction: str, references: list[str]) -> None:
    assert match(prediction, references).guarded or ours(prediction, references) == pytest.approx(
        squad_2(prediction, references), abs=1e-9
    )


@given(TEXT, st.lists(TEXT.filter(str.strip), min_size=1, max_size=3))
def test_only_guarded_questions_may_differ_from_squad_1(prediction: str, references: list[str]) -> None:
    assert match(prediction, references).guarded == is_guarded(prediction, references)
    assert is_guarded(prediction, references) or ours(prediction, references) == pytest.approx(
        squad_1(prediction, references), abs=1e-9
    )


@pytest.mark.parametrize(
    ("prediction", "references", "one", "two", "here"),
    [
        ("A", ["A"], (1, 0), (1, 1), (1, 1)),
        ("The", ["A"], (1, 0), (1, 1), (0, 0)),
        ("", ["A"], (1, 0), (1, 1), (0, 0)),
        ("A", ["A", "vitamin A"], (1, 0), (0, 0), (1, 1)),
        ("", [], None, (1, 1), (1, 1)),
        ("The", [], None, (1, 1), (1, 1)),
    ],
)
def test_the_table_of_differences_is_true(
    prediction: str,
    references: list[str],
    one: tuple[float, float] | None,
    two: tuple[float, float],
    here: tuple[float, float],
) -> None:
    """Previously (in the official scripts) gold "A" was lost, and the two scripts did not agree on the score."""
    assert one is None or squad_1(prediction, references) == one
    assert squad_2(prediction, references) == two
    assert ours(prediction, references) == here


@pytest.mark.usefixtures("double_precision")
def test_real_predictions_score_as_in_torchmetrics() -> None:
    """The 338 answers that a fine-tuned reader gave to the questions of the demo."""
    from torchmetrics.functional.text.squad import squad

    rows = json.loads((Path(__file__).parent / "fixtures" / "real_predictions.json").read_text(encoding="utf-8"))
    theirs = squad(
        [{"id": row["id"], "prediction_text": row["prediction"]} for row in rows],
        [{"id": row["id"], "answers": {"text": row["references"], "answer_start": [0]}} for row in rows],
    )
    scores = score_answers(*as_records([(row["prediction"], row["references"]) for row in rows]))
    assert scores.count == 338
    assert scores.exact_match == pytest.approx(theirs["exact_match"].item(), abs=1e-9)
    assert scores.f1 == pytest.approx(theirs["f1"].item(), abs=1e-9)
