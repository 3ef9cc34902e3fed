"""One training, or several whose weights are averaged, and what comes out of it.

In: a model that is set up for training, and records that are held out. Out: an `Outcome`: the model, trained and mixed with
what it was, and what its held-out records score. Does not know: files of data, run folders, which settings were chosen and why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spantune.config import Config, with_settings
from spantune.data import Split
from spantune.evaluation import Scores
from spantune.models import has_new_head
from spantune.models.methods import METHOD
from spantune.models.mixing import Weights, added, mix
from spantune.road.keeping import SHARES, Mixed, best_share, forgetting_little, general_f1, general_sentence
from spantune.road.scene import Loaded, Scene
from spantune.road.watch import Hushed, Watch
from spantune.runs import read_facts
from spantune.runs.reading import is_run
from spantune.tasks import Measured
from spantune.training import FineTuned, averaged
from spantune.training.recipes import mixes

LOOKED_AT = 500  # held-out records that are measured at each share


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished training. `scene` has the model as it is now, `measured` what its held-out records score, `untuned` what they
    scored before; `mixed` is `None` where the weights are the tuned ones, `general` where general ability was not measured.
    """

    result: FineTuned
    scene: Scene
    untuned: Measured
    measured: Measured
    mixed: Mixed | None
    general: Mapping[str, float] | None

    @property
    def share(self) -> float:
        """How much of the weights is tuned."""
        return 1.0 if self.mixed is None else self.mixed.share


def train_once(scene: Scene, checkpoints: Path | None, *, resume: bool) -> Outcome:
    """Train, keep the best epoch, and mix it with the start where that could answer too."""
    untuned = scene.measure_chosen("measuring the untuned model")
    before = _general_before(scene)
    start = Weights.of(scene.model) if _mixes(scene) else None
    result = scene.fit(checkpoints, resume=resume)
    if start is None:
        measured = scene.measure_chosen("measuring the tuned model")
        return Outcome(result, scene, untuned, measured, None, _since(before, scene))
    looked, tuned = scene.part(LOOKED_AT), Weights.of(scene.model)
    whole = looked is scene
    by_share = {0.0: untuned} if whole else {}
    for share in SHARES if whole else (0.0, *SHARES):
        mix(scene.model, start, tuned, share)
        by_share[share] = looked.measure_chosen(f"measuring {share:.0%} tuned")
    mixed = _settled(scene, start, tuned, by_share, before)
    final = by_share[mixed.share] if whole else scene.measure_chosen("measuring the mixture")
    if mixed.share != 1:
        result = replace(result, adapter=None)  # an adapter of part of what the weights are would mislead
    return Outcome(result, scene, untuned, final, mixed, mixed.general)


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
    untuned = whole.measure_chosen("measuring the untuned model")
    before = _general_before(whole)
    start = Weights.of(loaded.model)
    found: dict[float, list[Measured]] = {share: [] for share in (SHARES if _mixes(whole) else (1.0,))}
    results: list[FineTuned] = []
    mean: Weights | None = None
    for number, part in enumerate(parts, 1):
        watch.note(f"training {number} of {len(parts)}: {len(part.held_out)} of {len(records)} records are held out")
        scene = Scene.of(loaded, part.train, part.held_out, _reseeded(config, number), Hushed(watch) if results else watch)
        results.append(scene.fit(None, keep="last", stage=f"training {number} of {len(parts)}"))
        tuned = Weights.of(loaded.model)
        for share in found:
            mix(loaded.model, start, tuned, share)
            found[share].append(scene.measure(f"measuring {share:.0%} tuned"))
        mean = added(mean, tuned, number)
        mix(loaded.model, start, tuned, 0.0)
    assert mean is not None
    by_share = {0.0: untuned}
    by_share |= {share: whole.chosen_again(pool(whole.predictor, records, of)) for share, of in found.items()}
    result = replace(
        results[0],
        history=averaged([one.history for one in results]),
        config=results[0].config.model_copy(update={"seed": config.training.seed}),
        windows=sum(one.windows for one in results),
        answer_length=whole.predictor.settings.answer_length,
        may_abstain=whole.predictor.settings.may_abstain,
        adapter=None,
    )
    if not _mixes(whole):
        mix(loaded.model, start, mean, 1.0)
        return Outcome(result, whole, untuned, by_share[1.0], None, _since(before, whole))
    mixed = _settled(whole, start, mean, by_share, before)
    return Outcome(result, whole, untuned, by_share[mixed.share], mixed, mixed.general)


def _settled(scene: Scene, start: Weights, tuned: Weights, measured: Mapping[float, Measured], before: float | None) -> Mixed:
    """Choose the share, leave the model with it, and tell why."""

    def after(share: float) -> float:
        mix(scene.model, start, tuned, share)
        return _general(scene)

    mixed = best_share({share: one.scores for share, one in measured.items() if isinstance(one.scores, Scores)})
    if before is not None:
        mixed = forgetting_little(mixed, before, after, scene.config.keep.forget)
    mix(scene.model, start, tuned, mixed.share)
    (scene.watch.note if mixed.share else scene.watch.warn)(mixed.sentence)
    _tell_general(scene, mixed.general)
    return mixed


def _mixes(scene: Scene) -> bool:
    """Whether the tuned weights are to be mixed with those before: only where these answer too."""
    return mixes(scene.config, scene.config.training.method or METHOD) and _answers(scene)


def _answers(scene: Scene) -> bool:
    """Whether the model could answer before training."""
    return scene.task.name == "answer" and not has_new_head(scene.model)


def _general(scene: Scene) -> float:
    return general_f1(scene.model, scene.tokenizer, scene.predictor.settings, scene.watch)


def _general_before(scene: Scene) -> float | None:
    """General ability as it was, with answers no longer than the model gave then: to allow longer ones costs some of it.

    `None` where it is not to be measured, or there is none.
    """
    if not (scene.config.keep.probe and _answers(scene)):
        return None
    settings, start = scene.predictor.settings, scene.config.model.name
    if is_run(start):
        settings = replace(settings, answer_length=read_facts(start).answer_length)
    return general_f1(scene.model, scene.tokenizer, settings, scene.watch)


def _since(before: float | None, scene: Scene) -> Mapping[str, float] | None:
    """General ability before and now, told; `None` where it was not measured before."""
    if before is None:
        return None
    general = {"before": before, "after": _general(scene)}
    _tell_general(scene, general)
    return general


def _tell_general(scene: Scene, general: Mapping[str, float] | None) -> None:
    if general is not None:
        sentence, fallen = general_sentence(general["before"], general["after"], scene.config.keep.forget)
        (scene.watch.warn if fallen else scene.watch.note)(sentence)


def _reseeded(config: Config, number: int) -> Config:
    """Each training draws its own order, dropout and general questions; the first one those of a single training."""
    return with_settings(config, {"training.seed": config.training.seed + number - 1})
