"""In: reference answers and their contexts, one question at a time. Out: what is counted of them. Does not know: files.

`Sizes` counts the lengths of any texts.
"""

from collections import Counter
from itertools import combinations

from spantune.data.records import Span
from spantune.data.repair.words import cuts_word
from spantune.data.statistics.distributions import distribution
from spantune.data.statistics.facts import Agreement, Lengths
from spantune.data.statistics.words import answer_kind, count_words

POSITIONS = 20  # parts of a context: fine enough to see a bias, coarse enough to mean something for 500 answers
COMPARED = 8  # references of a question that are compared pair by pair: hundreds would take for ever and add nothing
MILLION = 1_000_000  # shares are added up as whole millionths, so that the sum does not depend on the order of the records


class Sizes:
    """Lengths of texts of one kind."""

    def __init__(self) -> None:
        self._characters: Counter[int] = Counter()
        self._words: Counter[int] = Counter()

    def add(self, text: str) -> None:
        """Count one text."""
        self._characters[len(text)] += 1
        self._words[count_words(text)] += 1

    def told(self) -> Lengths | None:
        """The lengths so far; `None` without a text."""
        characters, words = distribution(self._characters), distribution(self._words)
        return Lengths(characters, words) if characters and words else None


class Answers:
    """Everything counted of reference answers."""

    def __init__(self) -> None:
        self.count = self.unaligned = self.again = self.cut_words = self.whole_context = 0
        self.positions = [0] * POSITIONS
        self.kinds: Counter[str] = Counter()
        self.sizes = Sizes()
        self._compared = self._identical = self._overlap = 0

    def add(self, context: str, answers: tuple[Span, ...]) -> None:
        """Count the references of one question."""
        for answer in answers:
            self.count += 1
            self.sizes.add(answer.text)
            start = answer.start
            if start is None or start < 0 or not answer.text or not context.startswith(answer.text, start):
                self.unaligned += 1
            else:
                self._place(context, answer, start)
        if len(answers) > 1:
            self._compare(answers[:COMPARED])

    def _place(self, context: str, answer: Span, start: int) -> None:
        text = answer.text
        self.kinds[answer_kind(text, context, start)] += 1
        self.cut_words += cuts_word(context, answer)
        self.again += context.find(text) != start or context.find(text, start + 1) >= 0
        places = len(context) - len(text) + 1
        if places == 1:
            self.whole_context += 1
        else:
            self.positions[start * POSITIONS // places] += 1

    def _compare(self, answers: tuple[Span, ...]) -> None:
        self._compared += 1
        self._identical += len({" ".join(one.text.casefold().split()) for one in answers}) == 1
        shares = [_shared(*pair) for pair in combinations(answers, 2)]
        self._overlap += sum(shares) // len(shares)

    def agreement(self) -> Agreement | None:
        """How far references agree; `None` where no question has two."""
        if not self._compared:
            return None
        return Agreement(self._compared, self._identical, self._overlap / self._compared / MILLION)


def _shared(one: Span, other: Span) -> int:
    """Characters that two references share among those that either has, in millionths."""
    if one.start is None or other.start is None:
        return MILLION if one.text == other.text else 0
    either = max(one.end, other.end) - min(one.start, other.start)
    both = max(0, min(one.end, other.end) - max(one.start, other.start))
    return MILLION * both // min(either, len(one.text) + len(other.text)) if either and both else 0
