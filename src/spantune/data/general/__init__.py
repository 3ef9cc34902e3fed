"""In: nothing. Out: general questions that ship with the package: some to measure a model on, others to train it on again.

Does not know: what is done with them. ATTRIBUTION.md beside this file names their authors and licences. No passage of the one
set is in the other; the embedded reader was trained on those of `replay`, never on those of `probe`.
"""

import random
from functools import cache
from pathlib import Path

from spantune.data.reading import read_examples
from spantune.data.records import Example

HOME = Path(__file__).parent


@cache
def probe() -> tuple[Example, ...]:
    """500 questions with an answer and 150 without, on encyclopedia articles and comments, in English.

    >>> len(probe()), sum(one.is_impossible for one in probe())
    (650, 150)
    """
    return _read("probe")


def replay(count: int, seed: int, *, unanswerable: bool) -> tuple[Example, ...]:
    """`count` questions drawn at random, or all there are, of the kinds that the training data has.

    The ids begin with "general/", so that they meet none of the user's.

    >>> [one.id.partition("/")[0] for one in replay(2, seed=1, unanswerable=False)]
    ['general', 'general']
    """
    fitting = [one for one in _read("replay") if unanswerable or not one.is_impossible]
    return tuple(random.Random(seed).sample(fitting, min(count, len(fitting))))


@cache
def _read(name: str) -> tuple[Example, ...]:
    return tuple(one for one in read_examples(HOME / f"{name}.jsonl.gz").records if isinstance(one, Example))
