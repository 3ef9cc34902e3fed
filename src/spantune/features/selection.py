"""Which windows to train on: all that hold an answer, and a few of those that do not."""

from dataclasses import dataclass

import numpy as np

from spantune.features.windows import Integers, Windows
from spantune.wording import counted


@dataclass(frozen=True, slots=True)
class Selection:
    """The windows chosen for training, by index, and how many were left out for which reason."""

    indices: Integers
    unclear: int
    surplus: int
    unlabelled: int

    def sentences(self) -> tuple[str, ...]:
        """What was left out, in plain words; empty when nothing was."""
        said = []
        if self.surplus:
            said.append(f"{counted(self.surplus, 'window')} without the answer left out, see training.negatives")
        if self.unclear:
            shown = "a part of an answer, or its text at an unlabelled place,"
            said.append(f"{counted(self.unclear, 'window')} showing {shown} left out")
        if self.unlabelled:
            windows = counted(self.unlabelled, "window")
            said.append(f"{windows} of questions that have no label, or lost their answer in windowing, left out")
        return tuple(said)


def select_windows(windows: Windows, negatives: int | None, seed: int) -> Selection:
    """Choose the windows to train on.

    - Every window that holds a reference answer is kept.
    - Of a question's windows without its answer at most `negatives` are kept (`None` keeps all), drawn by `seed`: a long
      document gives dozens of them, and they would drown the one that teaches something.
    - An unanswerable question keeps at least one window.
    - Windows that show a part of an answer, or its text at an unlabelled place, teach neither way and are left out.
    - Windows of a question that has answers, but lost all of them to windowing, are left out: "no answer" is not true of it.
    """
    holds = windows.holds_answer
    usable = np.diff(windows.span_bounds) > 0
    answered = np.zeros(windows.size, dtype=bool)
    answered[windows.example[holds]] = True
    unclear = usable & windows.unclear & ~holds
    negative = usable & ~holds & ~unclear
    kept = holds | (negative & _drawn(windows.example, negative, answered, negatives, seed))
    return Selection(
        indices=np.flatnonzero(kept),
        unclear=int(unclear.sum()),
        surplus=int((negative & ~kept).sum()),
        unlabelled=int((~usable).sum()),
    )


def _drawn(example: Integers, negative: Integers, answered: Integers, most: int | None, seed: int) -> Integers:
    """(windows,) bool: the negative windows drawn, at most `most` of each example, but at least one if unanswerable."""
    drawn = np.zeros(len(example), dtype=bool)
    if most is None:
        return negative
    positions = np.flatnonzero(negative)
    order = positions[np.lexsort((np.random.default_rng(seed).random(len(positions)), example[positions]))]
    owners = example[order]
    first = np.concatenate(([0], np.flatnonzero(np.diff(owners)) + 1)) if len(owners) else np.zeros(0, dtype=np.int64)
    rank = np.arange(len(owners)) - np.repeat(first, np.diff(np.concatenate((first, [len(owners)]))))
    allowed = np.where(answered[owners], most, max(most, 1))
    drawn[order[rank < allowed]] = True
    return drawn
