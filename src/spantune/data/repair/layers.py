"""In: a text and a way to rewrite it. Out: a Layer: the rewritten text, and the way back to places in the first one.

Does not know: answers. What is rewritten as one piece stays one piece: no place inside it leads back.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

Edit = tuple[int, int, int, int]
"""One piece whose length changed: its start and end in the new text, its start and end in the text before."""


@dataclass(frozen=True)
class Layer:
    """A rewritten text, the text before, and the pieces that were rewritten: what matches `pattern`, by `replace`.

    The way back is worked out when it is first asked for: most texts are searched and nothing is found in them.
    """

    text: str
    before: str
    pattern: re.Pattern[str] | None = None
    replace: Callable[[str], str] = str

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """The pieces whose length changed, in their order."""
        edits: list[Edit] = []
        grown = 0  # by how much the new text is longer so far
        for match in self.pattern.finditer(self.before) if self.pattern else ():
            old, new = match.group(), self.replace(match.group())
            if old == new or len(old) == len(new) == 1:  # one for one moves nothing
                continue
            start, end = match.span()
            edits.append((start + grown, start + grown + len(new), start, end))
            grown += len(new) - len(old)
        return tuple(edits)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where the edits start in the new text, to search in."""
        return tuple(edit[0] for edit in self.edits)

    def start_before(self, place: int) -> int | None:
        """Where a span that starts at `place` starts in the text before; `None` inside a rewritten piece.

        >>> layer = rewritten("a&amp;b", re.compile("&amp;"), lambda entity: "&")
        >>> layer.text, layer.start_before(2), layer.end_before(2)
        ('a&b', 6, 6)
        """
        return self._before(place, bisect_right(self.starts, place) - 1)

    def end_before(self, place: int) -> int | None:
        """Where a span that ends at `place` ends in the text before. What was deleted there does not belong to it."""
        return self._before(place, bisect_left(self.starts, place) - 1)

    def _before(self, place: int, index: int) -> int | None:
        if index < 0:
            return place
        start, end, start_before, end_before = self.edits[index]
        if place == start < end:
            return start_before
        return end_before + place - end if place >= end else None


def rewritten(text: str, pattern: re.Pattern[str], replace: Callable[[str], str]) -> Layer:
    """The text with every match of `pattern` replaced, and the way back."""
    return Layer(pattern.sub(lambda match: replace(match.group()), text), text, pattern, replace)


def unchanged(text: str) -> Layer:
    """The text as it is."""
    return Layer(text, text)


@dataclass(frozen=True, slots=True)
class Folded:
    """A text after several layers, each written over the one before."""

    layers: tuple[Layer, ...]

    @property
    def text(self) -> str:
        """The text of the last layer."""
        return self.layers[-1].text

    def start_in_source(self, place: int | None) -> int | None:
        """Where a span of the folded text starts in the source; `None` where it would start inside a piece."""
        for layer in reversed(self.layers):
            place = None if place is None else layer.start_before(place)
        return place

    def end_in_source(self, place: int | None) -> int | None:
        """Where a span of the folded text ends in the source; `None` where it would end inside a piece."""
        for layer in reversed(self.layers):
            place = None if place is None else layer.end_before(place)
        return place


Fold = Callable[[str], Layer]


def fold(text: str, folds: tuple[Fold, ...]) -> Folded:
    """Apply folds, one after the other."""
    layers: list[Layer] = []
    for one in folds:
        layers.append(one(layers[-1].text if layers else text))
    return Folded(tuple(layers))


@lru_cache(maxsize=64)  # questions of one context follow each other; a few contexts in all forms are remembered
def folded_context(context: str, of: tuple[Fold, ...]) -> Folded:
    """The context in a form; forms that begin alike share their first layers."""
    before = folded_context(context, of[:-1]).layers if len(of) > 1 else ()
    return Folded((*before, of[-1](before[-1].text if before else context)))
