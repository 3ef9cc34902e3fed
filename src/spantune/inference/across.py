"""The best answers to one question across many contexts, such as the passages that a search has found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from spantune.data.records import Example
from spantune.errors import DataError
from spantune.inference.answers import Answer
from spantune.inference.choosing import CLOSE
from spantune.inference.settings import ReaderSettings


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, and which context it quotes: `answer.text == contexts[context][answer.start:answer.end]`.

    `answer.probability` is the share within that context; contexts are compared by `merit`, in logits.
    """

    context: int
    answer: Answer
    merit: float


def one_a_context(asked: Example, contexts: Sequence[str]) -> list[Example]:
    """The question about every context that holds something; the id says which. Raises `DataError` for one that is no text.

    >>> [one.id for one in one_a_context(Example("", "When?", ""), ["In 2019.", "  ", "In 1973."])]
    ['0', '2']
    """
    for number, context in enumerate(contexts):
        if not isinstance(context, str):
            raise DataError(
                f"context {number} is a {type(context).__name__}",
                expected="a sequence of texts",
                next_move="give every context as a string",
            )
    return [Example(str(number), asked.question, text) for number, text in enumerate(contexts) if text.strip()]


def ranked(answers: Iterable[Answer], settings: ReaderSettings, top: int) -> tuple[Found, ...]:
    """The `top` best answers to `one_a_context`, best first; contexts without an answer are left out, equal texts stay.

    The probabilities of a context's spans sum up to one, whatever nonsense the context is, so they compare nothing between
    contexts; logits do, for all contexts are read by the same head. A reader that may abstain has learnt to score "no answer"
    high where there is none, and its contexts are compared by how far the span is above that (Clark and Gardner, 2018).
    """
    given = [answer for answer in answers if answer.text]
    found = [
        Found(int(answer.id), answer, -answer.no_answer_score if settings.may_abstain else answer.score) for answer in given
    ]
    return tuple(sorted(found, key=lambda one: (-one.merit, one.context))[: max(top, 1)])


def close_merits(found: Sequence[Found], top: int) -> set[int]:
    """The contexts, of all of them ranked, that a little noise in the scores could move within the `top` first or into them."""
    reaching = [one for at, one in enumerate(found) if at < top or found[top - 1].merit - one.merit < CLOSE]
    near = [pair for pair in pairwise(reaching) if pair[0].merit - pair[1].merit < CLOSE]
    return {one.context for pair in near for one in pair}
