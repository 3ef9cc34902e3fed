"""What is kept of a training: a share of its weights, and a spread to choose answers with.

In: held-out records measured at each share of the tuned weights, and those weights. Out: the model with the share that
promises most and forgets little, and what it scores with the spread that it is given with; why. Does not know: how the
model was trained, files, run folders.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from spantune.evaluation import Scores
from spantune.inference import ReaderSettings
from spantune.models import has_new_head
from spantune.models.mixing import Weights, mix
from spantune.road.agreeing import SPREADS, best_spread, expected_of
from spantune.road.keeping import General, Mixed, best_share, forgetting_little, general_answers, general_sentence
from spantune.road.scene import Scene
from spantune.runs.reading import facts_of_start
from spantune.tasks import Measured


@dataclass(frozen=True, slots=True)
class Choices:
    """The shares of the weights that could have been taken, as they were measured, and the spreads to take them with."""

    by_share: Mapping[float, Measured]
    spreads: Sequence[float]


@dataclass(frozen=True, slots=True)
class Settled:
    """What is kept of a training: a share of its weights, and what the records looked at score at it, with a spread."""

    mixed: Mixed | None
    measured: Measured
    general: Mapping[str, float] | None
    choices: Choices | None


@dataclass(frozen=True, slots=True)
class Before:
    """General ability before training, in percent, and how the model chose its answers then."""

    settings: ReaderSettings
    f1: float


def settle(
    scene: Scene, by_share: Mapping[float, Measured], ends: tuple[Weights, Weights] | None, before: Before | None
) -> Settled:
    """Choose the share, leave the model with it, choose the spread, and tell why.

    Without the weights of both `ends` there is one share, at which the model is already.
    """
    tried = _Tried(scene, by_share, ends, before)
    share, mixed = 1.0, None
    if ends is not None:
        mixed = best_share(scores_of(by_share))
        if before is not None:
            mixed = forgetting_little(mixed, before.f1, tried.delivered_after, scene.config.keep.forget)
        share = mixed.share
        mix(scene.model, *ends, share)
        (scene.watch.note if share else scene.watch.warn)(mixed.sentence)
    chosen = tried.delivered(share)
    for sentence in chosen.sentences:
        scene.watch.note(sentence)
    told = None if before is None else {"before": before.f1, "after": tried.delivered_after(share)}
    _tell_general(scene, told)
    if share == 0 and chosen.measured.spread == by_share[share].spread:
        return Settled(mixed, chosen.measured, told, None)  # it is the model before training, whatever others would choose
    most = share if mixed is not None and share < mixed.wanted else 1.0  # what forgets too much cannot be chosen
    possible = {one: each for one, each in by_share.items() if one <= most}
    spreads = [one for one in SPREADS if one not in chosen.passed_over] if scene.agrees else []
    return Settled(mixed, chosen.measured, told, Choices(possible, spreads) if spreads or len(possible) > 1 else None)


@dataclass(frozen=True, slots=True)
class _Delivered:
    """A share of the weights, measured with the spread it would be given with; which spreads forget too much; what is told."""

    measured: Measured
    passed_over: tuple[float, ...] = ()
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tried:
    """The shares of a training, and what is found out about those that are looked at: the model is asked once at each."""

    scene: Scene
    by_share: Mapping[float, Measured]
    ends: tuple[Weights, Weights] | None
    before: Before | None
    general: dict[float, General] = field(default_factory=dict)
    ready: dict[float, _Delivered] = field(default_factory=dict)

    def delivered(self, share: float) -> _Delivered:
        """This share with the spread that it would be given with."""
        if share not in self.ready:
            self.ready[share] = self._agreed(share) if self.scene.agrees else _Delivered(self.by_share[share])
        return self.ready[share]

    def delivered_after(self, share: float) -> float:
        """General ability of that: a spread may win back some of what a share forgets."""
        return self._after(share, self.delivered(share).measured)

    def _agreed(self, share: float) -> _Delivered:
        """With the spread that promises most, of those that score no less than no training and keep enough of general ability.

        That is asked of the one that promises most first: where it is the one there is, general ability need not be measured.
        """
        kept, first = self.by_share[share], self.by_share[min(self.by_share)]
        measured = by_spread(self.scene, kept, SPREADS)
        floor, expected = first.held.scores["f1"], expected_of(share, answered=answers_already(self.scene))
        scores, own = scores_of(measured), kept.spread
        passed_over: list[float] = []
        while (agreed := best_spread(scores, own, floor, expected)).spread != own:
            if self._keeps_enough(share, measured[agreed.spread], kept):
                break
            passed_over.append(agreed.spread)
            del scores[agreed.spread]
        sentences = [agreed.sentence] if agreed.spread != own else []
        if passed_over:
            told = ", ".join(f"{spread:g}" for spread in passed_over)
            sentences.insert(0, f"passed over for what they cost of general ability: training.spread = {told}")
        return _Delivered(measured[agreed.spread], tuple(passed_over), tuple(sentences))

    def _keeps_enough(self, share: float, measured: Measured, kept: Measured) -> bool:
        """Where too much is forgotten already, a spread must not cost more."""
        if self.before is None:
            return True
        allowed = self.before.f1 - self.scene.config.keep.forget
        return self._after(share, measured) >= min(allowed, self._after(share, kept))

    def _after(self, share: float, measured: Measured) -> float:
        """General ability at a share, with answers chosen as this measurement says."""
        settings = _settings_of(self.scene, measured)
        if self.before is not None and share == 0 and settings == self.before.settings:
            return self.before.f1
        if share not in self.general:
            if self.ends is not None:
                mix(self.scene.model, *self.ends, share)
            self.general[share] = _general(self.scene, settings)
        return self.general[share].f1(settings)


def by_spread(scene: Scene, measured: Measured, spreads: Iterable[float]) -> dict[float, Measured]:
    """The measurement as it is, and as it would be with each of these spreads."""
    own = measured.spread
    return {own: measured, **{spread: scene.agreed_again(measured, spread) for spread in spreads if spread != own}}


def scores_of(measured: Mapping[float, Measured]) -> dict[float, Scores]:
    """Of measured answers, what they score; of labels nothing is mixed and nothing agrees."""
    return {at: one.scores for at, one in measured.items() if isinstance(one.scores, Scores)}


def answers_already(scene: Scene) -> bool:
    """Whether the model could answer before training."""
    return scene.task.name == "answer" and not has_new_head(scene.model)


def _settings_of(scene: Scene, measured: Measured) -> ReaderSettings:
    """How a reader chooses its answers that is made as this measurement says."""
    settings: ReaderSettings = scene.predictor.settings
    return replace(settings, spread=measured.spread, threshold=measured.threshold)


def _general(scene: Scene, settings: ReaderSettings) -> General:
    abstains = scene.predictor.settings.may_abstain  # questions without an answer count where the data has such
    return general_answers(scene.model, scene.tokenizer, settings, scene.watch, unanswerable=abstains)


def general_before(scene: Scene) -> Before | None:
    """General ability as it was, with answers chosen as the model did then, and no longer: to allow more costs some of it.

    `None` where it is not to be measured, or there is none.
    """
    if not (scene.config.keep.probe and answers_already(scene)):
        return None
    settings = replace(scene.predictor.settings, spread=0.0)  # training.spread says nothing of what was before
    if (facts := facts_of_start(scene.config.model.name)) is not None:
        settings = replace(settings, answer_length=facts.answer_length, spread=facts.spread)
        if settings.may_abstain:
            settings = replace(settings, may_abstain=facts.may_abstain, threshold=facts.threshold)
    return Before(settings, _general(scene, settings).f1(settings))


def _tell_general(scene: Scene, general: Mapping[str, float] | None) -> None:
    if general is not None:
        sentence, fallen = general_sentence(general["before"], general["after"], scene.config.keep.forget)
        (scene.watch.warn if fallen else scene.watch.note)(sentence)
