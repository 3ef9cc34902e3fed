"""What training does to what a model could before: measured, held on to, or taken back.

In: a model that could answer before it was trained, as it was then and as it is now; how held-out records are measured.
Out: the mixture of the two that held-out records like best, and general ability before and after.
Does not know: how the model was trained.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spantune.data.general import probe
from spantune.evaluation import score_answers
from spantune.inference import Reader
from spantune.models.mixing import Weights, mix
from spantune.road.watch import Watch, counter
from spantune.tasks import Measured

SHARES = (0.25, 0.5, 0.75, 1.0)  # of the tuned weights; 0 is the model as it was
FORGOTTEN = 1.5  # points of F1 on the general questions; with 650 of them, less cannot be told from chance


@dataclass(frozen=True, slots=True)
class Mixed:
    """The share of the tuned weights that the model now has, and what each share scores on the held-out records looked at."""

    share: float
    scores: Mapping[float, float]
    measured: Measured

    @property
    def sentence(self) -> str:
        """What was chosen, in plain words."""
        told = ", ".join(f"{share:.0%} {score:.1f}" for share, score in sorted(self.scores.items()))
        if self.share == 0:
            return (
                f"no share of the tuned weights is better on the held-out records than none ({told}): the run keeps the model "
                "as it was before training. More labels may change that"
            )
        return f"weights of the run: {self.share:.0%} tuned, the rest as before training (held-out scores by share: {told})"


def best_mixture(model: Any, start: Weights, untuned: Measured, measure: Callable[[float], Measured], headline: str) -> Mixed:
    """Leave `model`, now tuned, with the mixture that scores best; of equal scores with the one nearest to the start.

    `untuned` is what the start scores on the same records that `measure`, told the share, measures the model with.
    """
    tuned = Weights.of(model)
    found = {0.0: untuned}
    for share in SHARES:
        mix(model, start, tuned, share)
        found[share] = measure(share)
    scores = {share: float(one.held.scores[headline]) for share, one in found.items()}
    best = min(scores, key=lambda share: (-scores[share], share))
    mix(model, start, tuned, best)
    return Mixed(best, scores, found[best])


def general_f1(model: Any, tokenizer: Any, settings: Any, watch: Watch) -> float:
    """F1 in percent on the general questions that ship; those without an answer count where the model may abstain."""
    records = tuple(one for one in probe() if settings.may_abstain or not one.is_impossible)
    tick = counter(watch, "measuring general ability", len(records))
    reader = Reader(model, tokenizer, settings, precision="auto")
    return score_answers(records, reader.answer_many(records, progress=tick)).f1


def general_sentence(before: float, after: float) -> tuple[str, bool]:
    """General ability in plain words, and whether it fell so far that something should be done.

    >>> general_sentence(78.0, 77.2)
    ('general questions: F1 78.0 before training, 77.2 after', False)
    """
    text = f"general questions: F1 {before:.1f} before training, {after:.1f} after"
    if before - after <= FORGOTTEN:
        return text, False
    return f"{text}. What is not in the data is being forgotten: --set keep.replay=0.5 trains on general questions too", True
