"""What training does to what a model could before: measured, held on to, or taken back.

In: a model that could answer before it was trained, measured at several shares of its tuned weights; how general ability is
measured. Out: the share that is best on held-out records, or the largest one below it that forgets little; why.
Does not know: how the model was trained.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from spantune.data import Example
from spantune.data.general import probe
from spantune.evaluation import Gain, Scores, paired_gain, score_answers
from spantune.inference import Answer, Reader, ReaderSettings
from spantune.inference.again import agreed_at
from spantune.inference.consensus import CONSIDERED
from spantune.road.watch import Watch, counter
from spantune.training.together import dealt, merged

# The shares of the tuned weights that are tried (0 is the model as it was), and roughly the gain in points of F1 that each had
# on sets of questions other than those of the benchmark: on few questions what is seen is mostly luck, and this is not.
EXPECTED: Mapping[float, float] = MappingProxyType(
    {0.25: 3.0, 0.375: 4.5, 0.5: 5.5, 0.625: 5.5, 0.75: 5.5, 0.875: 5.0, 1.0: 4.0}
)
SHARES = tuple(EXPECTED)
QUARTERS = tuple(share for share in SHARES if share * 4 == round(share * 4))  # where each takes long to measure
SPREAD = 4.0  # how far, in points, a set may well be from what is expected


@dataclass(frozen=True, slots=True)
class Mixed:
    """The share of the tuned weights that a model gets, what each share scores on the held-out records looked at, and why.

    `wanted` is the share that these liked best; `share` is smaller where that one forgets too much.
    """

    share: float
    wanted: float
    scores: Mapping[float, float]

    @property
    def sentence(self) -> str:
        """What was chosen, in plain words."""
        told = ", ".join(f"{share:.0%} {score:.1f}" for share, score in sorted(self.scores.items()))
        if self.wanted == 0:
            return (
                f"no share of the tuned weights is better on the held-out records than none ({told}): the run keeps "
                "the model as it was before training. More labels may change that"
            )
        if self.share == 0:
            return (
                f"each share of the tuned weights that was tried costs more general ability than keep.forget allows ({told}): "
                "the run keeps the model as it was before training. --set keep.replay=1 forgets less, --set keep.forget=5 "
                "allows more"
            )
        allowed = f" instead of {self.wanted:.0%}, to forget less (a higher keep.forget allows more)"
        less = allowed if self.share < self.wanted else ""
        rest = ", the rest as before training" if self.share < 1 else ""
        return f"weights of the run: {self.share:.0%} tuned{less}{rest} (held-out scores by share: {told})"


def best_share(scores: Mapping[float, Scores]) -> Mixed:
    """The share that promises most, among those that score better than share 0; of equal ones the nearest to the start.

    `scores` holds, share by share, what the same records score. What a share promises is its gain in F1 over share 0 and what
    is expected of it, each weighed by how sure it is (the inverse of its squared error, as for two normal distributions): on
    hundreds of questions what is seen decides, on a few what is expected.
    """
    start = scores[0.0].per_question
    gains = {share: paired_gain(start, one.per_question) for share, one in scores.items() if share}
    promised = {
        share: gain.shrunk_to(Gain(EXPECTED.get(share, 0.0), SPREAD)).mean for share, gain in gains.items() if gain.mean > 0
    }
    wanted = min({0.0: 0.0, **promised}.items(), key=lambda item: (-item[1], item[0]))[0]
    return Mixed(wanted, wanted, {share: one.f1 for share, one in scores.items()})


def forgetting_little(mixed: Mixed, before: float, after: Callable[[float], float], forget: float) -> Mixed:
    """The largest share that is not above the chosen one and at which general ability falls by `forget` points at most.

    `after` measures it at a share; `before` is what it was. More of the tuned weights forget more, so that the share is found
    by halves, among those that score better than no training: on a few questions a smaller one may score worse.
    """
    shares = sorted(share for share, f1 in mixed.scores.items() if 0 < share <= mixed.share and f1 > mixed.scores[0.0])
    kept, at = 0.0, len(shares) - 1  # the chosen one first: mostly it forgets little
    low, high = 0, len(shares)
    while low < high:
        if before - after(shares[at]) <= forget:
            kept, low = shares[at], at + 1
        else:
            high = at
        at = (low + high) // 2
    return replace(mixed, share=kept)


@dataclass(frozen=True, slots=True)
class General:
    """What a model answers the general questions that ship, with the likely spans of each: read once, scored in many ways."""

    records: Sequence[Example]
    answers: Sequence[Answer]

    def f1(self, settings: ReaderSettings) -> float:
        """F1 in percent with the spread and the threshold of these settings."""
        chosen = [agreed_at(one, settings.spread, settings.refuses_above) for one in self.answers]
        return score_answers(self.records, chosen).f1


def general_answers(model: Any, tokenizer: Any, settings: ReaderSettings, watch: Watch, *, unanswerable: bool) -> General:
    """The model's answers to the general questions: to those that have an answer, or to all of them."""
    records = tuple(one for one in probe() if unanswerable or not one.is_impossible)
    mine = dealt(records)
    tick = counter(watch, "measuring general ability", len(mine))
    reader = Reader(model, tokenizer, settings, precision="auto")
    return General(records, tuple(merged(reader.answer_many(mine, top=CONSIDERED, progress=tick))))


def general_sentence(before: float, after: float, forget: float) -> tuple[str, bool]:
    """General ability in plain words, and whether it fell so far that something should be done.

    >>> general_sentence(78.0, 77.2, 1.5)
    ('general questions: F1 78.0 before training, 77.2 after', False)
    """
    text = f"general questions: F1 {before:.1f} before training, {after:.1f} after"
    if before - after <= forget:
        return text, False
    return f"{text}. What is not in the data is being forgotten: --set keep.replay=1 trains on more general questions too", True
