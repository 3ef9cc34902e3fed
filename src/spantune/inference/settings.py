"""How a reader reads, as values."""

from dataclasses import dataclass, field

from spantune.config import WindowsConfig

ANSWER_LENGTH = 30  # tokens; the usual limit where the training data has not taught another


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How a reader reads: its windows, and when it says that there is no answer.

    `answer_length` is in tokens. With `may_abstain`, "no answer" is given when `no_answer_score` is above `threshold`;
    a reader that never saw an unanswerable question always answers.
    """

    windows: WindowsConfig = field(default_factory=WindowsConfig)
    answer_length: int = ANSWER_LENGTH
    may_abstain: bool = False
    threshold: float = 0.0
