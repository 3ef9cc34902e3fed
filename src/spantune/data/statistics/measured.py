"""The lengths that only a tokenizer can tell, as plain values; `spantune.features.measure_tokens` fills them in.

In: nothing. Out: TokenMeasures, WindowRow, Advice. Does not know: tokenizers.
"""

from dataclasses import dataclass

from spantune.data.statistics.distributions import Distribution


@dataclass(frozen=True, slots=True)
class WindowRow:
    """What windows of `length` tokens, `stride` of them shared by neighbours, would make of the data.

    `windows`: how many there would be of the `examples`, `tokens` in all of them together. `in_one`: examples that fit into
    one window. `lost_answers`, `lost_examples`, `cut_questions`, `cut_texts`: as `spantune.encode` counts them in `.lost`.
    `cost`: arithmetic of one pass over all windows, in tokens: a window of n tokens costs n + n^2 / 6h in a model that is
    h wide, the second part being attention.
    """

    length: int
    stride: int
    examples: int
    windows: int
    tokens: int
    in_one: int
    lost_answers: int = 0
    lost_examples: int = 0
    cut_questions: int = 0
    cut_texts: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Advice:
    """A setting by its dotted name, the value that this data asks for, and why."""

    key: str
    value: int
    reason: str


@dataclass(frozen=True, slots=True)
class TokenMeasures:
    """Lengths in tokens, and what windows of several lengths would do to the data.

    `contexts` (each counted once), `questions`, `answers` (from the token that holds the first character to the one that
    holds the last), `texts` (to classify): `None` where there are none. `measured` of the `examples` were looked at; fewer
    than all only where a caller drew a sample, and the counts in `rows` are then those of the sample. `rows` go by rising
    length; `advised` is one of them.
    """

    tokenizer: str
    examples: int
    measured: int
    contexts: Distribution | None = None
    questions: Distribution | None = None
    answers: Distribution | None = None
    texts: Distribution | None = None
    rows: tuple[WindowRow, ...] = ()
    advised: WindowRow | None = None
    advice: tuple[Advice, ...] = ()
