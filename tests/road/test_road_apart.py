"""What a choice is worth on records that had no part in it: nothing is won by luck, and what is true is kept."""

import random

import pytest
from conftest import WINDOWS, generally, quick

from spantune.config import Config, KeepConfig, ModelConfig
from spantune.data import Example, Span
from spantune.evaluation import score_answers
from spantune.inference import Answer
from spantune.road import train_run
from spantune.road.apart import PARTS, f1_apart
from spantune.road.keeping import SHARES, Mixed, best_share

OWN = 0.0
WORDS = "one two three four five six seven eight nine ten"


def scores(right):
    """Scores of questions whose answers have so many of ten right words each."""
    records = [Example(str(at), "Which?", WORDS, (Span(WORDS, 0),)) for at in range(len(right))]
    texts = [" ".join(WORDS.split()[:count]) for count in right]
    return score_answers(records, [Answer(str(at), text, 0, len(text), 1.0, 1.0, 0.0, 0.0) for at, text in enumerate(texts)])


def tried(by_share):
    return {share: {OWN: scores(right)} for share, right in by_share.items()}


def mean(values):
    return 100 * sum(values) / len(values)


def test_each_record_is_scored_with_what_the_others_choose():
    groups = ["a", "a", "b", "b"]
    # "a" alone likes the half, "b" alone likes all of it
    by_share = {0.0: [4, 4, 4, 4], 0.5: [9, 9, 4, 4], 1.0: [4, 4, 9, 9]}
    found = f1_apart(tried(by_share), OWN, groups, answered=True)
    assert found == pytest.approx([one.f1 for one in scores([4, 4, 4, 4]).per_question])


def test_a_share_that_all_parts_like_scores_as_it_does():
    by_share = {0.0: [4] * 30, 0.5: [8] * 30, 1.0: [6] * 30}
    found = f1_apart(tried(by_share), OWN, [str(at) for at in range(30)], answered=True)
    assert found == pytest.approx([one.f1 for one in scores([8] * 30).per_question])


def test_a_spread_is_chosen_by_the_others_too():
    groups = [str(at) for at in range(20)]
    by_spread = {0.0: scores([4] * 20), 1.0: scores([7] * 20)}
    assert f1_apart({1.0: by_spread}, OWN, groups, answered=False) == pytest.approx(
        [one.f1 for one in by_spread[1.0].per_question]
    )


def test_of_records_of_one_group_nothing_is_told():
    assert f1_apart(tried({0.0: [4, 4], 1.0: [9, 9]}), OWN, ["a", "a"], answered=True) is None


def test_where_training_wins_nothing_no_gain_is_seen_that_was_chosen_by_luck():
    """Previously the share that was chosen seemed to win some points where none did."""
    draw, chosen, apart = random.Random(7), [], []
    groups = [str(at // 2) for at in range(24)]
    for _ in range(60):
        start = [draw.randint(1, 9) for _ in groups]
        by_share = {0.0: start, **{share: [draw.choice([one, one, draw.randint(1, 9)]) for one in start] for share in SHARES}}
        measured = tried(by_share)
        best = best_share({share: by_spread[OWN] for share, by_spread in measured.items()}).share
        chosen.append(measured[best][OWN].f1 - measured[0.0][OWN].f1)
        apart.append(mean(f1_apart(measured, OWN, groups, answered=True)) - measured[0.0][OWN].f1)
    assert sum(chosen) / 60 > 2 > 1 > sum(apart) / 60


def test_scores_among_some_are_those_of_them_alone():
    whole, few = scores([1, 5, 9, 10]), scores([1, 5, 9, 10]).among([3, 0])
    assert [one.id for one in few.per_question] == ["3", "0"]
    assert few.f1 == pytest.approx(mean([whole.per_question[at].f1 for at in (0, 3)]))
    assert (few.count, few.exact_match, whole.among(range(4))) == (2, 50.0, whole)


@pytest.mark.parametrize(("share", "told"), [(0.5, [True]), (0.0, [])], ids=["half tuned", "as before training"])
def test_a_run_is_judged_better_by_what_other_documents_choose(reader_run, data_folder, tmp_path, monkeypatch, share, told):
    monkeypatch.setattr("spantune.road.settling.general_answers", generally(lambda: lambda settings: 80.0))
    monkeypatch.setattr(
        "spantune.road.settling.best_share", lambda found: Mixed(share, share, {one: 50 + one for one in found})
    )
    config = Config(
        model=ModelConfig(name=str(reader_run)), windows=WINDOWS, training=quick(epochs=1, spread=0.0), keep=KeepConfig()
    )
    given = {"data": [data_folder / "questions.json"], "eval_data": [data_folder / "held-out.json"]}
    made = train_run(out=tmp_path / "run", config=config, **given)
    assert made.facts.share == share
    told_of = [one["sentence"] for one in made.facts.judged["verdict"]["remarks"] if "the untuned model: F1" in one["sentence"]]
    assert ["that other documents choose" in one for one in told_of] == told
    assert (made.facts.judged["gain"] is None) == (not told)  # of the start over itself


def test_each_part_of_many_groups_is_left_out_once(monkeypatch):
    asked = []

    def seen(found):
        asked.append([one.id for one in found[0.0].per_question])
        return best_share(found)

    monkeypatch.setattr("spantune.road.apart.best_share", seen)
    right = [4] * (3 * PARTS)
    ids = {str(at) for at in range(len(right))}
    found = f1_apart(tried({0.0: right, 1.0: right}), OWN, sorted(ids), answered=True)
    left_out = [ids.difference(others) for others in asked]
    assert (len(found), [len(one) for one in left_out]) == (len(right), [3] * PARTS)
    assert set().union(*left_out) == ids
