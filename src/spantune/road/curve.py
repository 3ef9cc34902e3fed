"""`learning_curve`: how good a model gets with ever more of the data, and what more labels would give."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spantune.config import Config, with_settings
from spantune.data import ReadAs, Split, count_groups, fingerprint, folds, split, write_text
from spantune.errors import ConfigError, DataError, RunError
from spantune.evaluation import LearningCurve, Point, doubling
from spantune.models import has_new_head
from spantune.road.curve_picture import save_curve
from spantune.road.outcome import LOOKED_AT, LOOKED_THROUGH, SEEDS, Outcome, train_folds, train_once
from spantune.road.profile import profile_of
from spantune.road.scene import Loaded, Scene, load
from spantune.road.sides import check_folds, held_apart, leaks_told, read_given
from spantune.road.started import differing, read_started
from spantune.road.watch import Silent, Watch
from spantune.runs.folder import written
from spantune.training import choose
from spantune.wording import first_line

POINTS, PICTURE = "curve.json", "curve.png"
FOLDS = 2  # instead of the four that a training of few records takes: a curve is made of many trainings
FEWEST = 2  # records to divide
STAGE = "records trained on"
WRITTEN, ANOTHER = "the points that an earlier spantune curve wrote", "remove the file, or choose another --out"


@dataclass(frozen=True, slots=True)
class Curve:
    """A measured learning curve: where its files are, and what it says of `more` labels."""

    folder: Path
    curve: LearningCurve
    held_out: int
    more: int

    @property
    def sentence(self) -> str:
        """What to do, and why."""
        return ": ".join(self.curve.advice(self.more))

    def as_dict(self) -> dict[str, Any]:
        """The curve as JSON can carry it."""
        curve, (advice, why) = self.curve, self.curve.advice(self.more)
        return {
            "folder": str(self.folder),
            "headline": curve.headline,
            "held_out": self.held_out,
            "untuned": curve.untuned,
            "sizes": {str(size): {"mean": mean, "spread": curve.spreads[size]} for size, mean in curve.means.items()},
            "points": [asdict(point) for point in curve.points],
            "estimate": asdict(curve.estimate(self.more)) if curve.is_known else None,
            "advice": advice,
            "why": why,
        }


def learning_curve(
    data: Sequence[str | Path],
    out: str | Path,
    config: Config | None = None,
    *,
    eval_data: Sequence[str | Path] = (),
    sizes: Sequence[int] = (),
    seeds: int = 3,
    more: int = 200,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Curve:
    """Train on 16, 32, 64, … records and on all of them, `seeds` times each with other draws; measure on one held-out side.

    Every training goes by the recipe, as `train_run` does, but with two folds where that takes more (as many as are set, if a
    draw has the documents), and without looking at general ability: what `keep.forget` would take back is not taken back
    here. `out` is a folder for the points, as JSON, and their picture; points that it holds of the same data and settings are
    not measured again.

    A draw that cannot be divided, as one of labels that all differ, is told and left out.

    Raises the errors of `train_run`, `ConfigError` for sizes or seeds that cannot be, `RunError` for points of other data,
    `DataError` where no draw is left.
    """
    config, watch, folder = config or Config(), watch or Silent(), Path(out)
    given = read_given(data, eval_data, config, read_as, watch)
    sides = held_apart(given, config, watch)
    pool, held_out = sides.train, sides.held_out
    wanted = _sizes(sizes, seeds, more, len(pool))
    leaks_told(pool, held_out, watch)
    loaded = load(pool, config, watch)
    if (config.training.folds or 1) > 1:
        check_folds(loaded, config, held_out_given=False)
    file = _File(folder / POINTS, config.model_dump(mode="json"), fingerprint(pool), fingerprint(held_out))
    known = file.read()
    if known is None:
        known = _untuned(loaded, pool, held_out, config), ()
        file.write(*known)
    untuned, points = known
    cells = [(size, seed) for size in wanted for seed in range(seeds)]
    done, total, left_out = 0, sum(size for size, _ in cells), 0
    for size, seed in cells:
        watch.progress(STAGE, done, total)
        if (size, seed) not in {(point.records, point.seed) for point in points}:
            made = _point(pool, held_out, size, seed, config)
            if isinstance(made, Point):
                points = (*points, made)
                file.write(untuned, points)
            left_out += isinstance(made, DataError)
            watch.note(f"{size:,} records, draw {seed + 1}: {_told(made)}")
        done += size
    watch.progress(STAGE, total, total)
    if left_out == len(cells):
        raise DataError(
            f"no draw of {' or '.join(map(str, wanted))} records can be divided into records to train on and held-out ones",
            expected="draws with two groups of records or more, of one label where records have labels",
            next_move=f"ask for --sizes above {wanted[-1]}, or add records",
        )
    curve = LearningCurve(tuple(one for one in points if (one.records, one.seed) in cells), untuned, loaded.task.headline)
    with written(folder):
        save_curve(curve, more, folder / PICTURE)
    return Curve(folder, curve, len(held_out), more)


def _sizes(sizes: Sequence[int], seeds: int, more: int, most: int) -> list[int]:
    """The sizes in order. Raises `ConfigError` for what cannot be drawn, all mistakes at once."""
    wrong = ", ".join(str(size) for size in sizes if not FEWEST <= size <= most)
    checks = (
        (most < FEWEST, f"{most} records that are not held out", "give more data"),
        (wrong, f"the sizes {wrong}, of {most} records that are not held out", "leave sizes away: 16, 32, 64, … and all"),
        (seeds < 1, f"{seeds} draws", "give for example --seeds 3"),
        (more < 1, f"{more} more labels", "give for example --more 200"),
    )
    if mistakes := [(found, remedy) for wrong_so, found, remedy in checks if wrong_so]:
        raise ConfigError(
            " and ".join(found for found, _ in mistakes),
            expected=f"sizes of {FEWEST} to {max(most, FEWEST)} records, one draw of each or more, one more label or more",
            next_move="; ".join(remedy for _, remedy in mistakes),
        )
    return sorted(set(sizes)) or list(doubling(most))


def _point(pool: Sequence[Any], held_out: Sequence[Any], size: int, seed: int, config: Config) -> Point | DataError:
    """One training on a random draw, scored on the held-out records; or why the draw cannot be divided."""
    config = with_settings(config, {"training.seed": (config.training.seed + seed) % SEEDS, "keep.probe": False})
    drawn = tuple(random.Random(config.training.seed).sample(list(pool), size))
    began = time.perf_counter()
    loaded = load(pool, config, Silent())
    chosen = choose(config, profile_of(drawn, loaded, config)).config
    if config.training.folds is None:
        chosen = with_settings(chosen, {"training.folds": min(FOLDS, chosen.training.folds or 1)})
    try:
        parts = _divided(drawn, chosen)
    except DataError as error:
        return error
    outcome = _trained(loaded, parts, chosen)
    seconds = time.perf_counter() - began
    predictor = loaded.task.tuned(outcome.scene.predictor, outcome.measured)
    return Point(size, seed, _score(loaded, predictor, held_out), round(seconds, 1))


def _told(made: Point | DataError) -> str:
    return f"{made.score:.1f} in {made.seconds:.0f} s" if isinstance(made, Point) else f"left out: {made.found}"


def _divided(drawn: Sequence[Any], config: Config) -> tuple[Split, ...]:
    """Folds, or one division; row by row where the draw has one group. Raises `DataError` where that does not help."""
    count, seed = config.training.folds or 1, config.training.seed
    if count > 1:
        documents = count_groups(drawn)
        if documents > 1:
            return folds(drawn, min(count, documents), seed=seed)
        return folds(drawn, min(count, len(drawn)), by="random", seed=seed)
    try:
        return (split(drawn, held_out=config.held_out, seed=seed),)
    except DataError:
        return (split(drawn, held_out=config.held_out, by="random", seed=seed),)


def _trained(loaded: Loaded, parts: Sequence[Split], config: Config) -> Outcome:
    if len(parts) > 1:
        return train_folds(loaded, parts, config, Silent())
    return train_once(Scene.of(loaded, parts[0].train, parts[0].held_out, config, Silent()), None, resume=False)


def _untuned(loaded: Loaded, pool: Sequence[Any], held_out: Sequence[Any], config: Config) -> float | None:
    """What the model scores before training; `None` where its head is new. The pool chooses its threshold."""
    if has_new_head(loaded.model):
        return None
    scene = Scene.of(loaded, pool, pool, with_settings(config, {"keep.replay": 0.0}), Silent())
    few = scene.part(LOOKED_AT, LOOKED_THROUGH)
    return _score(loaded, loaded.task.tuned(few.predictor, few.measure("measuring the untuned model", share=0.0)), held_out)


def _score(loaded: Loaded, predictor: Any, held_out: Sequence[Any]) -> float:
    scores: dict[str, Any] = dict(loaded.task.score(held_out, loaded.task.predict(predictor, held_out, None, None)).as_dict())
    return float(scores[loaded.task.headline])


@dataclass(frozen=True, slots=True)
class _File:
    """The points measured so far, with what they were measured on."""

    path: Path
    config: dict[str, Any]
    pool: str
    held_out: str

    def read(self) -> tuple[float | None, tuple[Point, ...]] | None:
        """What the untuned model scores, and the points; `None` without a file. Raises `RunError` for those of other data."""
        if not self.path.is_file():
            return None
        found = read_started(
            self.path,
            "",
            expected=WRITTEN,
            next_move=ANOTHER,
        )
        if others := differing(found, self._started_with()):
            raise RunError(
                f"{self.path} holds points of other data or settings ({others} differ)",
                expected="the same data and settings, whose missing points are measured, or a new --out",
                next_move="choose another --out, or remove the file",
            )
        try:
            return found["untuned"], tuple(Point(**point) for point in found["points"])
        except (KeyError, TypeError) as error:
            raise RunError(
                f"{self.path} holds points that cannot be read: {first_line(error)}", expected=WRITTEN, next_move=ANOTHER
            ) from None

    def write(self, untuned: float | None, points: Sequence[Point]) -> None:
        """Replace the file. Raises `OutputError`."""
        record = {**self._started_with(), "untuned": untuned, "points": [asdict(point) for point in points]}
        with written(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.path, json.dumps(record, indent=2) + "\n")

    def _started_with(self) -> dict[str, Any]:
        return {"config": self.config, "pool": self.pool, "held_out": self.held_out}
