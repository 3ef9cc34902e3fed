"""A model that could answer before: what training does to that is measured, mixed and, where it is no better, taken back."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from conftest import WINDOWS, generally, made_examples, quick, same_weights
from test_road_training import Listener

from spantune.cli import show
from spantune.config import Config, KeepConfig, ModelConfig
from spantune.data import check, read_files, write_examples
from spantune.data.general import probe, replay
from spantune.models import load_reader, open_reader
from spantune.models.mixing import Weights, mix
from spantune.road import train_run
from spantune.road.keeping import SHARES, Mixed, best_share, forgetting_little
from spantune.road.scene import Scene, load
from spantune.road.watch import Silent
from spantune.runs import known_from_training, read_facts

NOTHING_LEARNED = 1e-12  # a rate at which no answer changes, so that no share is better than none on any machine


def config_from(run, **keep):
    return Config(
        model=ModelConfig(name=str(run)),
        windows=WINDOWS,
        training=quick(),
        keep=KeepConfig(**{"probe": False, **keep}),
    )


def files(data_folder):
    return {"data": [data_folder / "questions.json"], "eval_data": [data_folder / "held-out.json"]}


def start_with(run, tmp_path, **facts):
    """A copy of a run to start from, that keeps these facts of itself."""
    start = shutil.copytree(run, tmp_path / "start")
    kept = json.loads((start / "spantune.json").read_text(encoding="utf-8"))
    (start / "spantune.json").write_text(json.dumps({**kept, **facts}), encoding="utf-8")
    return start


def scored(*f1s):
    """Scores of questions of which each has the F1 given, in percent."""
    rows = [SimpleNamespace(id=str(number), f1=f1 / 100) for number, f1 in enumerate(f1s)]
    return SimpleNamespace(f1=sum(f1s) / len(f1s), per_question=rows)


# -- the mixture


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        ({0.0: [50] * 9, 0.25: [52] * 9, 0.5: [55] * 9, 0.75: [54] * 9, 1.0: [51] * 9}, 0.5),
        ({0.0: [50] * 9, 0.25: [52] * 9, 0.5: [55] * 9, 0.75: [55] * 9, 1.0: [55] * 9}, 0.5),
        ({0.0: [50] * 9, 0.25: [50] * 9, 0.5: [50] * 9, 0.75: [49] * 9, 1.0: [50] * 9}, 0.0),
        ({0.0: [50] * 9, 0.25: [51] * 9, 0.5: [52] * 9, 0.75: [53] * 9, 1.0: [54] * 9}, 1.0),
        ({0.0: [0, 50, 50, 50], 0.5: [40, 50, 50, 50], 1.0: [100, 0, 50, 80]}, 0.5),  # few questions: what is expected counts
        ({0.0: [0, 50] * 99, 0.5: [10, 50] * 99, 1.0: [20, 50] * 99}, 1.0),  # many: what is seen
        ({0.0: [50, 50], 0.5: [50, 49], 1.0: [100, 10]}, 1.0),  # what is no better than the start is never taken
        ({0.0: [50], 0.5: [60], 1.0: [100]}, 0.5),  # one question says nothing
    ],
)
def test_the_share_that_promises_most_is_wanted_and_of_equal_ones_the_nearest_to_the_start(scores, wanted):
    mixed = best_share({share: scored(*f1s) for share, f1s in scores.items()})
    assert (mixed.wanted, mixed.share) == (wanted, wanted)
    assert mixed.scores == {share: pytest.approx(sum(f1s) / len(f1s)) for share, f1s in scores.items()}
    assert f"{wanted:.0%}" in mixed.sentence or wanted == 0.0


@pytest.mark.parametrize(
    ("general", "share", "said"),
    [
        ({1.0: 79.0}, 1.0, "100% tuned (held-out"),
        ({1.0: 78.5}, 1.0, "100% tuned (held-out"),
        (
            {1.0: 70.0, 0.875: 75.0, 0.75: 75.0, 0.625: 77.0, 0.5: 79.0, 0.375: 79.5},
            0.5,
            "50% tuned instead of 100%, to forget less (a higher keep.forget allows more), the rest",
        ),
        ({1.0: 70.0, 0.875: 78.6, 0.75: 78.7, 0.625: 79.0}, 0.875, "88% tuned instead of 100%"),
        (dict.fromkeys(SHARES, 70.0), 0.0, "more general ability than keep.forget allows"),
    ],
)
def test_a_smaller_share_is_taken_where_the_wanted_one_forgets_too_much(general, share, said):
    wanted = best_share({share: scored(*[50 + share] * 5) for share in (0.0, *SHARES)})
    measured = []

    def measure(share):
        measured.append(share)
        return general[share]

    mixed = forgetting_little(wanted, 80.0, measure, forget=1.5)
    assert (mixed.wanted, mixed.share) == (1.0, share)
    assert said in mixed.sentence
    assert len(measured) == len(set(measured)) <= 4


def test_a_smaller_share_that_is_no_better_than_no_training_is_passed_over():
    """Previously a run of 16 questions was kept at 62% tuned with F1 23.7 on them, where the model before had 27.6."""
    wanted = best_share({0.0: scored(50, 50), 0.25: scored(52, 52), 0.5: scored(49, 49), 0.75: scored(60, 60)})
    general = {0.75: 70.0, 0.5: 79.5, 0.25: 80.0}
    assert forgetting_little(wanted, 80.0, general.__getitem__, forget=1.5).share == 0.25
    assert forgetting_little(wanted, 80.0, {**general, 0.25: 70.0}.__getitem__, forget=1.5).share == 0.0


def test_the_ends_of_the_line_are_the_models_themselves_bit_for_bit(tiny_reader_model):
    start = Weights.of(tiny_reader_model)
    torch.manual_seed(1)
    tuned = Weights({name: torch.randn_like(one) for name, one in start.by_name.items()})
    for share, end in ((0.0, start), (1.0, tuned)):
        mix(tiny_reader_model, start, tuned, share)
        assert all(torch.equal(one, end.by_name[name]) for name, one in tiny_reader_model.named_parameters())


def test_the_part_that_is_measured_at_each_share_has_about_so_many_windows(reader_run):
    """Previously 276 questions about long papers, 7,500 windows, were read through at each of eight shares."""
    config = config_from(reader_run)
    records = made_examples(40, seed=3)
    whole = Scene.of(load(records, config, Silent()), records, records, config, Silent())
    assert whole.part(40, len(whole.held_windows)) is whole
    assert len(whole.part(10, 1000).held_out) == 10
    few = whole.part(40, len(whole.held_windows) // 4)
    assert (len(few.held_out), few.held_out[0], few.held_out[-1]) == (10, records[0], records[-1])
    assert len(whole.part(40, 0).held_out) == 1


def test_a_run_from_a_model_that_answers_tells_its_mixture(reader_run, data_folder, tmp_path):
    listener = Listener()
    made = train_run(out=tmp_path / "run", config=config_from(reader_run), watch=listener, **files(data_folder))
    stages = [stage for stage, *_ in listener.stages]
    assert [stage for stage in stages if "% tuned" in stage] == [f"measuring {share:.0%} tuned" for share in SHARES]
    assert not made.facts.new_head
    assert made.facts.scores["f1"] >= made.facts.untuned_scores["f1"]
    assert made.as_dict()["share_tuned"] == made.facts.share
    assert any(
        "held-out scores by share" in one or "as it was before training" in one for one in listener.notes + listener.warnings
    )


def test_a_training_that_makes_nothing_better_keeps_the_model_as_it_was(reader_run, data_folder, tmp_path):
    listener = Listener()
    config = config_from(reader_run)
    config = config.model_copy(update={"training": quick(learning_rate=NOTHING_LEARNED, epochs=1, spread=0.0)})
    made = train_run(out=tmp_path / "run", config=config, watch=listener, **files(data_folder))
    assert made.facts.share == 0.0
    assert made.facts.scores == made.facts.untuned_scores
    assert same_weights(open_reader(str(tmp_path / "run")), load_reader(str(reader_run)))
    assert any("as it was before training" in warning for warning in listener.warnings)


def test_previously_a_run_without_any_tuned_weight_told_which_epochs_were_kept(reader_run, data_folder, tmp_path, capsys):
    config = config_from(reader_run)
    config = config.model_copy(update={"training": quick(learning_rate=NOTHING_LEARNED, epochs=2, spread=0.0)})
    made = train_run(out=tmp_path / "run", config=config, **files(data_folder))
    assert (made.facts.share, made.history.best_epoch, made.as_dict()["history"]["best_epoch"]) == (0.0, None, None)
    show.trained(made)
    told = capsys.readouterr().out
    assert "this run, not tuned" in told
    assert "fine-tuned" not in told and "weights that were kept" not in told
    assert "The weights of epoch" not in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert (made.facts.judged["trained_on"], made.facts.judged["gain"]) == (None, None)  # of what is not in the run
    assert {remark["rule"] for remark in made.facts.judged["verdict"]["remarks"]} <= {"grade", "too few", "wording"}


def test_no_mixture_is_made_where_it_is_not_wanted_or_the_head_is_new(reader_run, tiny_model_folder, data_folder, tmp_path):
    for number, config in enumerate([config_from(reader_run, mix=False), config_from(tiny_model_folder)]):
        made = train_run(out=tmp_path / f"run{number}", config=config, **files(data_folder))
        assert made.facts.share == 1.0
        assert made.facts.new_head == bool(number)


def test_an_adapter_that_is_not_what_the_weights_are_is_left_out(reader_run, data_folder, tmp_path):
    config = config_from(reader_run)
    config = config.model_copy(update={"training": quick(method="lora", learning_rate=NOTHING_LEARNED, epochs=1)})
    made = train_run(out=tmp_path / "run", config=config, **files(data_folder))
    assert made.facts.share < 1.0
    assert not (tmp_path / "run" / "adapter").exists()


# -- general questions


def test_general_ability_is_told_before_and_after(reader_run, data_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("spantune.road.keeping.probe", lambda: probe()[:6] + probe()[-6:])
    listener = Listener()
    config = config_from(reader_run, probe=True, mix=False)
    made = train_run(out=tmp_path / "run", config=config, watch=listener, **files(data_folder))
    assert set(made.facts.general) == {"before", "after"}
    assert [stage for stage, *_ in listener.stages].count("measuring general ability") == 2
    assert any(one.startswith("general questions: F1") for one in listener.notes + listener.warnings)


@pytest.mark.parametrize("folds", [1, 3])
def test_general_ability_before_is_that_of_the_run_that_training_starts_from(
    reader_run, data_folder, tmp_path, monkeypatch, folds
):
    """Previously it was measured with the new limit of answers already, which hid what longer ones cost."""
    lengths = []

    def measured(model, tokenizer, settings, watch, **_):
        lengths.append(settings.answer_length)
        return SimpleNamespace(f1=lambda settings: 50.0)

    monkeypatch.setattr("spantune.road.settling.general_answers", measured)
    config = config_from(reader_run, probe=True)
    windows = config.windows.model_copy(update={"answer_length": 47})
    training = quick(epochs=1, folds=folds)
    given = {"data": [data_folder / "questions.json"]} if folds > 1 else files(data_folder)
    train_run(out=tmp_path / "run", config=config.model_copy(update={"windows": windows, "training": training}), **given)
    assert read_facts(reader_run).answer_length != 47
    assert lengths[0] == read_facts(reader_run).answer_length
    assert set(lengths[1:]) <= {47}


def test_general_ability_is_that_of_the_thresholds_that_are_used(reader_run, tmp_path, monkeypatch):
    """Previously it was measured with a threshold of 0 throughout, which neither the start nor the run has."""
    start = start_with(reader_run, tmp_path, may_abstain=True, threshold=-5.5)
    data, held_out = tmp_path / "data.jsonl", tmp_path / "held-out.jsonl"
    write_examples(made_examples(40, unanswerable=0.3), data, "jsonl")
    write_examples(made_examples(20, seed=5, unanswerable=0.3), held_out, "jsonl")
    asked = []

    def measured(model, tokenizer, settings, watch, *, unanswerable):
        return SimpleNamespace(
            f1=lambda settings: asked.append((unanswerable, settings.may_abstain, settings.threshold)) or 50.0
        )

    monkeypatch.setattr("spantune.road.settling.general_answers", measured)
    made = train_run([data], tmp_path / "run", config_from(start, probe=True), eval_data=[held_out])
    assert (asked[0], asked[-1]) == ((True, True, -5.5), (True, True, made.facts.threshold))
    assert made.facts.threshold not in (0.0, -5.5)


@pytest.fixture
def expected(monkeypatch):
    """The thresholds that were expected of what a training measured."""
    found = set()
    chosen_again = Scene.chosen_again
    monkeypatch.setattr(Scene, "chosen_again", lambda scene, one: found.add(one.expected) or chosen_again(scene, one))
    return found


@pytest.mark.parametrize("abstains", [True, False])
@pytest.mark.parametrize("folds", [1, 3])
def test_of_each_share_the_rest_of_the_start_s_threshold_is_expected(reader_run, tmp_path, expected, abstains, folds):
    """Previously a part whose training side has no question without an answer made 0 of what was expected of all parts."""
    start = start_with(reader_run, tmp_path, may_abstain=abstains, threshold=-5.5)
    records = made_examples(24, seed=3)
    data = tmp_path / "data.jsonl"
    alone = replace(records[0], id="without", question="Who knows?", answers=())
    write_examples([*records, alone, replace(alone, id="again", question="Who does?")], data, "jsonl")
    held_out = [data] if folds == 1 else []
    config = config_from(start)
    config = config.model_copy(update={"training": quick(folds=folds, epochs=1)})
    made = train_run([data], tmp_path / "run", config, eval_data=held_out)
    assert made.facts.may_abstain
    assert expected == ({-5.5 * (1 - share) for share in (0.0, *SHARES)} if abstains else {0.0})


def test_an_epoch_scores_what_the_run_scores_that_keeps_it(reader_run, tmp_path):
    """Previously epochs were measured at a threshold of 0, and the run at the one that was chosen."""
    data, held_out = tmp_path / "data.jsonl", tmp_path / "held-out.jsonl"
    write_examples(made_examples(40, unanswerable=0.3), data, "jsonl")
    write_examples(made_examples(20, seed=5, unanswerable=0.3), held_out, "jsonl")
    config = config_from(reader_run, mix=False)
    config = config.model_copy(update={"training": quick(epochs=2, spread=0.0)})
    made = train_run([data], tmp_path / "run", config, eval_data=[held_out])
    kept = next(one for one in made.history.epochs if one.epoch == made.history.best_epoch)
    assert kept.scores["f1"] == pytest.approx(made.facts.scores["f1"])


@pytest.mark.parametrize("forgotten", [1.0, 4.0, 100.0])
def test_what_is_told_of_general_ability_is_what_the_kept_share_leaves(
    reader_run, data_folder, tmp_path, monkeypatch, forgotten
):
    shares = [0.0]

    def mixed(model, start, tuned, share):
        shares.append(share)
        mix(model, start, tuned, share)

    def read():
        f1 = 80.0 - forgotten * shares[-1]
        return lambda settings: f1

    for room in ("outcome", "settling"):
        monkeypatch.setattr(f"spantune.road.{room}.mix", mixed)
    monkeypatch.setattr("spantune.road.settling.general_answers", generally(read))
    monkeypatch.setattr("spantune.road.settling.best_share", lambda scores: Mixed(1.0, 1.0, {one: 50 + one for one in scores}))
    made = train_run(out=tmp_path / "run", config=config_from(reader_run, probe=True), **files(data_folder))
    assert made.facts.share == {1.0: 1.0, 4.0: 0.375, 100.0: 0.0}[forgotten]
    assert made.facts.general == {"before": 80.0, "after": 80.0 - forgotten * made.facts.share}


@pytest.mark.parametrize("folds", [1, 2])
def test_held_out_records_that_the_start_was_trained_on_are_told(reader_run, data_folder, tmp_path, folds):
    """Previously nothing was said, and what the start remembered passed for a good score."""
    listener = Listener()
    config = config_from(reader_run)
    config = config.model_copy(update={"training": quick(epochs=1, folds=folds)})
    train_run([data_folder / "questions.json"], tmp_path / "run", config, watch=listener)
    (told,) = [one for one in listener.warnings if "which this one starts from" in one]
    assert str(reader_run) in told and "known from training" in told and "--eval-data" in told
    listener = Listener()
    train_run(out=tmp_path / "other", config=config_from(reader_run), watch=listener, **files(data_folder))
    assert not any("which this one starts from" in one for one in listener.warnings)


def test_a_run_knows_what_the_run_that_it_started_from_was_trained_on(reader_run, data_folder, tmp_path):
    """Previously it knew its own records alone: an evaluation on those of its start was silent."""
    train_run(
        [data_folder / "held-out.json"], tmp_path / "run", config_from(reader_run), eval_data=[data_folder / "questions.json"]
    )
    for file in ("questions.json", "held-out.json"):
        records = check(read_files([data_folder / file])).examples
        assert known_from_training(tmp_path / "run", records).touched_count == len(records)


def test_a_run_that_cannot_refuse_any_more_says_so(reader_run, data_folder, tmp_path):
    """Previously it answered whatever it was asked, and only a trace told why."""
    start = start_with(reader_run, tmp_path, may_abstain=True, threshold=-1.0)
    for number, (begun, told) in enumerate([(start, True), (reader_run, False)]):
        listener = Listener()
        train_run(out=tmp_path / f"run{number}", config=config_from(begun), watch=listener, **files(data_folder))
        assert any("the run always gives one" in one for one in listener.notes) == told


def test_general_questions_are_trained_on_beside_the_datas_own(reader_run, data_folder, tmp_path):
    listener = Listener()
    config = config_from(reader_run, replay=0.25, mix=False)
    made = train_run(out=tmp_path / "run", config=config, watch=listener, **files(data_folder))
    assert any("10 general questions are trained on beside 40" in note for note in listener.notes)
    assert made.facts.data["train"]["count"] == 40
    assert not made.facts.may_abstain
    plain = train_run(out=tmp_path / "plain", config=config_from(reader_run, mix=False), **files(data_folder))
    assert made.facts.answer_length == plain.facts.answer_length


def test_the_general_questions_are_whole_and_their_two_sets_share_no_passage():
    measured, again = probe(), replay(10_000, seed=1, unanswerable=True)
    assert (len(measured), len(again)) == (650, 1876)
    assert sum(one.is_impossible for one in again) == 376
    for one in (*measured, *again):
        assert all(one.context[span.start : span.end] == span.text for span in one.answers)
    passages = [{" ".join(one.context.split()) for one in rows} for rows in (measured, again)]
    assert not passages[0] & passages[1]
    assert len({one.id for one in (*measured, *again)}) == 2526


def test_the_same_seed_draws_the_same_general_questions():
    assert replay(20, seed=3, unanswerable=False) == replay(20, seed=3, unanswerable=False)
    assert replay(20, seed=3, unanswerable=False) != replay(20, seed=4, unanswerable=False)
    assert not any(one.is_impossible for one in replay(500, seed=3, unanswerable=False))
    assert any(one.is_impossible for one in replay(500, seed=3, unanswerable=True))
