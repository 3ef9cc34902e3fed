"""One training, or several whose weights are averaged, and what comes out of it.

In: a model that is set up for training, and records that are held out. Out: an `Outcome`: the model, trained and mixed with
what it was, and what its held-out records score. Does not know: files of data, run folders, which settings were chosen and why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spantune.config import Config, with_settings
from spantune.data import Split
from spantune.evaluation.cases import groups_of
from spantune.features import select_windows
from spantune.inference.consensus import CONSIDERED
from spantune.models.methods import METHOD
from spantune.models.mixing import Weights, added, mix
from spantune.road.apart import f1_apart
from spantune.road.keeping import QUARTERS, SHARES, Mixed
from spantune.road.scene import Loaded, Scene
from spantune.road.settling import Choices, answers_already, by_spread, general_before, scores_of, settle
from spantune.road.watch import Hushed, Watch
from spantune.tasks import Measured
from spantune.training import FineTuned, averaged
from spantune.training.recipes import mixes
from spantune.wording import counted

SEEDS = 2**32  # NumPy takes no others
LOOKED_AT, LOOKED_THROUGH = 500, 3000  # held-out records, and about their windows, that are measured at each share


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished training. `scene` has the model as it is now, `measured` what its held-out records score, `untuned` what they
    scored before; `mixed` is `None` where the weights are the tuned ones, `general` where general ability was not measured.
    `chosen_among` is what all of the held-out records chose from; `None` where they chose nothing, or only a part of them did,
    which is too large for luck to matter.
    """

    result: FineTuned
    scene: Scene
    untuned: Measured
    measured: Measured
    mixed: Mixed | None
    general: Mapping[str, float] | None
    chosen_among: Choices | None = None

    @property
    def share(self) -> float:
        """How much of the weights is tuned."""
        return _share(self.mixed)

    def f1_apart(self) -> Sequence[float] | None:
        """F1 of each held-out record, 0 to 1, where share and spread are chosen without its document, if any were chosen."""
        if self.chosen_among is None:
            return None
        scene, choices = self.scene, self.chosen_among
        tried = {share: scores_of(by_spread(scene, one, choices.spreads)) for share, one in choices.by_share.items()}
        own, groups = scene.predictor.settings.spread, groups_of(scene.held_out).names
        return f1_apart(tried, own, groups, answered=answers_already(scene))


def train_once(scene: Scene, checkpoints: Path | None, *, resume: bool) -> Outcome:
    """Train, keep the best epoch, and mix it with the start where that could answer too."""
    looked = scene.part(LOOKED_AT, LOOKED_THROUGH) if _mixes(scene) or scene.agrees else scene
    whole = looked is scene
    spans = CONSIDERED if scene.agrees else 1
    untuned = scene.measure_chosen("measuring the untuned model", spans if whole else 1, share=0.0)
    before = general_before(scene)
    start = Weights.of(scene.model) if _mixes(scene) else None
    result = scene.fit(checkpoints, resume=resume)
    if start is None:
        by_share = {1.0: looked.measure_chosen("measuring the tuned model", spans)}
        settled = settle(looked, by_share, None, before)
    else:
        tuned = Weights.of(scene.model)
        by_share = {0.0: untuned} if whole else {}
        for share in SHARES if whole else (0.0, *SHARES):
            mix(scene.model, start, tuned, share)
            by_share[share] = looked.measure_chosen(f"measuring {share:.0%} tuned", spans, share=share)
        settled = settle(looked, by_share, (start, tuned), before)
    share = _share(settled.mixed)
    measured = settled.measured
    if not whole:
        agreeing = scene.agreeing(measured.spread)
        measured = agreeing.measure_chosen("measuring all of the held-out records", share=share)
    if share != 1:
        result = replace(result, adapter=None)  # an adapter of part of what the weights are would mislead
    if share == 0:
        result = replace(result, history=replace(result.history, best_epoch=None))  # no epoch's weights are there
    choices = settled.choices if whole else None
    return Outcome(result, scene, untuned.alone, measured.alone, settled.mixed, settled.general, choices)


def train_folds(loaded: Loaded, parts: Sequence[Split], config: Config, watch: Watch) -> Outcome:
    """Train once for each part, without it, and measure it; average the weights, and mix them with the start.

    Every record is trained on and every record is measured, by a model that did not see it. With few records that tells more
    than one split does, of which luck decides what a fifth of them say. The average itself saw all of them: what it scores on
    new ones is, if anything, a little better.
    """
    records = tuple(record for part in parts for record in part.held_out)
    pool = loaded.task.pool
    assert pool is not None  # the recipe divides no others
    whole = Scene.of(loaded, records, records, with_settings(config, {"keep.replay": 0.0}), Hushed(watch))
    whole = replace(whole, watch=watch)
    spans = CONSIDERED if whole.agrees else 1
    untuned = whole.measure_chosen("measuring the untuned model", spans, share=0.0)
    before = general_before(whole)
    start = Weights.of(loaded.model)
    mixing, dear = _mixes(whole), _dear(whole, len(parts))
    found: dict[float, list[Measured]] = {share: [] for share in ((QUARTERS if dear else SHARES) if mixing else (1.0,))}
    if dear:
        passes = f"{counted(len(whole.held_windows), 'window')} of {counted(len(records), 'record')}"
        watch.note(f"to measure all {passes} takes long beside training: they are measured after the last epoch alone")
    results: list[FineTuned] = []
    mean: Weights | None = None
    for number, part in enumerate(parts, 1):
        watch.note(f"training {number} of {len(parts)}: {len(part.held_out)} of {len(records)} records are held out")
        scene = Scene.of(loaded, part.train, part.held_out, _reseeded(config, number), Hushed(watch) if results else watch)
        results.append(scene.fit(None, keep="last", measured=not dear, stage=f"training {number} of {len(parts)}"))
        tuned = Weights.of(loaded.model)
        for share in found:
            mix(loaded.model, start, tuned, share)
            found[share].append(scene.measure(f"measuring {share:.0%} tuned", spans, share=share))
        mean = added(mean, tuned, number)
        mix(loaded.model, start, tuned, 0.0)
    assert mean is not None
    by_share = {0.0: untuned} if mixing else {}
    expecting = loaded.task.expecting
    by_share |= {share: whole.chosen_again(pool(expecting(whole.predictor, share), records, of)) for share, of in found.items()}
    result = replace(
        results[0],
        history=averaged([one.history for one in results]),
        config=results[0].config.model_copy(update={"seed": config.training.seed}),
        windows=sum(one.windows for one in results),
        answer_length=whole.predictor.settings.answer_length,
        may_abstain=whole.predictor.settings.may_abstain,
        adapter=None,
    )
    if not mixing:
        mix(loaded.model, start, mean, 1.0)
    settled = settle(whole, by_share, (start, mean) if mixing else None, before)
    return Outcome(result, whole, untuned.alone, settled.measured.alone, settled.mixed, settled.general, settled.choices)


def _dear(whole: Scene, folds: int) -> bool:
    """Whether to measure the records left out takes more than a third as long as an epoch of training on the others.

    So it is where contexts have many windows: all of them are read to find an answer, and few of them are trained on. A
    window takes three times as long to train on as to read.
    """
    if whole.task.name != "answer":
        return False
    training = whole.config.training
    trained = len(select_windows(whole.held_windows, training.negatives, training.seed).indices) * (folds - 1)
    return len(whole.held_windows) > trained


def _share(mixed: Mixed | None) -> float:
    return 1.0 if mixed is None else mixed.share


def _mixes(scene: Scene) -> bool:
    """Whether the tuned weights are to be mixed with those before: only where these answer too."""
    return mixes(scene.config, scene.config.training.method or METHOD) and answers_already(scene)


def _reseeded(config: Config, number: int) -> Config:
    """Each training draws its own order, dropout and general questions; the first one those of a single training."""
    return with_settings(config, {"training.seed": (config.training.seed + number - 1) % SEEDS})
