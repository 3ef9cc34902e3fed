"""How a reader reads, as values."""

import math
from dataclasses import dataclass, field

from spantune.confidence import Calibration
from spantune.config import WindowsConfig
from spantune.errors import ConfigError

ANSWER_LENGTH = 30  # tokens; the usual limit where the training data has not taught another


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How a reader reads: its windows, when it says that there is no answer, how sure it is to be.

    `answer_length` is in tokens. With `may_abstain`, "no answer" is given when `no_answer_score` is above `threshold`;
    a reader that never saw an unanswerable question always answers. With a `calibration`, answers carry a confidence; with
    `least_confidence` above 0 those that are less sure are not given, whatever "no answer" scores. `spread` is how much the
    other likely spans have a say in which one is given (`consensus.most_agreed`); 0 gives the one with the highest score.
    """

    windows: WindowsConfig = field(default_factory=WindowsConfig)
    answer_length: int = ANSWER_LENGTH
    may_abstain: bool = False
    threshold: float = 0.0
    calibration: Calibration | None = None
    least_confidence: float = 0.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a threshold or a spread that is no number, or a spread below 0."""
        for name, value, least in (("threshold", self.threshold, -math.inf), ("spread", self.spread, 0.0)):
            if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value < least:
                raise ConfigError(
                    f"the {name} {value!r}",
                    expected="a number" if least < 0 else "a number from 0 on",
                    next_move=f"leave it as the run has it, or give a {name} like those that spantune train tells",
                )

    @property
    def refuses_above(self) -> float:
        """The `no_answer_score` above which the first span is not given; infinite for a reader that always gives it.

        >>> ReaderSettings(threshold=1.5).refuses_above, ReaderSettings(may_abstain=True, threshold=1.5).refuses_above
        (inf, 1.5)
        """
        return self.threshold if self.may_abstain else math.inf

    @property
    def abstains(self) -> bool:
        """Whether some questions may get no answer.

        >>> ReaderSettings().abstains, ReaderSettings(least_confidence=0.5).abstains
        (False, True)
        """
        return self.may_abstain or self.least_confidence > 0
