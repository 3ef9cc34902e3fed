"""In: a text. Out: the pieces that two texts are compared by. Does not know: records, what is similar enough.

Texts are compared as sets of shingles (Broder, 1997, "On the resemblance and containment of documents"). A passage is cut
into runs of three words, a line (a question, a short text) into runs of five characters. In scripts that write no spaces
between words, a passage is cut into runs of characters too, so that every language is treated alike.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Sequence

from spantune.data import texts

# Chinese and Japanese (with their numbers and marks), Thai, Lao, Burmese, Khmer, Tibetan: scripts without spaces.
UNSPACED = (
    r"\u0e00-\u109f\u1780-\u17ff"
    r"\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and points that stand inside words but are no letters: Latin, Hebrew, Arabic, the scripts of India.
MARKS = r"\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
PASSAGE_WORDS = 3  # one changed word touches three shingles: of a paragraph of 120 words, J stays at 0.95
PASSAGE_CHARACTERS = 5  # about as much text as three words carry in those scripts, and as rare by chance
LINE_CHARACTERS = 5  # lets a question survive a typo, which would spoil most of its few runs of words
ANCHOR_WORDS, ANCHOR_CHARACTERS = 8, 16  # a run this long is hardly ever shared by two texts by chance
ANCHOR_WINDOW = 8  # one anchor at least in any eight runs: a shared piece of 15 words (23 characters) shares an anchor

_UNIT = re.compile(rf"[{UNSPACED}]|(?:[^\W{UNSPACED}]|[{MARKS}])+")
_ASCII_UNIT = re.compile(r"\w+", re.ASCII)  # the same for ASCII, in half the time
_UNSPACED = re.compile(rf"[{UNSPACED}]")


def evened(text: str) -> str:
    r"""The text without what copying changes: Unicode form and width (NFKC), letter case, runs of white space.

    Half of a surrogate pair becomes a question mark.

    >>> evened("ＡＤＡ\u00a0wrote\n it. ")
    'ada wrote it.'
    """
    return texts.evened(text if text.isascii() else text.encode(errors="replace").decode(), "NFKC")


def units(text: str) -> list[str]:
    """The words of a text, and the single characters of scripts without spaces; punctuation is left out.

    A text of nothing else is all its characters.

    >>> units("Ada's notes, 1843"), units("埃達 wrote 筆記")
    (['ada', 's', 'notes', '1843'], ['埃', '達', 'wrote', '筆', '記'])
    """
    even = evened(text)
    return (_ASCII_UNIT if even.isascii() else _UNIT).findall(even) or list(even)


def passage_shingles(text: str) -> frozenset[str]:
    """The runs of a long text; a text shorter than one run is one run.

    >>> sorted(passage_shingles("It was Ada who wrote it."))
    ['ada who wrote', 'it was ada', 'was ada who', 'who wrote it']
    """
    found = units(text)
    return frozenset(_runs(found, PASSAGE_CHARACTERS if _is_unspaced(found) else PASSAGE_WORDS))


def line_shingles(text: str) -> frozenset[str]:
    """The runs of a short text, over its letters and digits with one space between words.

    >>> sorted(line_shingles("Who is it?"))
    [' is i', ' who ', 'ho is', 'is it', 'o is ', 's it ', 'who i']
    """
    line = f" {' '.join(units(text))} "
    return frozenset(line[at : at + LINE_CHARACTERS] for at in range(max(1, len(line) - LINE_CHARACTERS + 1)))


def anchors(text: str) -> frozenset[int]:
    """Hashes of some long runs of a text, chosen so that two texts which share a long piece share a hash.

    Winnowing (Schleimer, Wilkerson and Aiken, 2003): the smallest hash of every `ANCHOR_WINDOW` runs that follow one
    another. CRC-32, the same on every machine.

    >>> piece = "she wrote the first program for a machine that was never built by anyone in her time"
    >>> len(anchors(piece) & anchors("Of Ada it is told that " + piece + ", and much more.")) > 0
    True
    """
    found = units(text)
    length = ANCHOR_CHARACTERS if _is_unspaced(found) else ANCHOR_WORDS
    hashes = [zlib.crc32(run.encode()) for run in _runs(found, length)]
    return frozenset(min(hashes[at : at + ANCHOR_WINDOW]) for at in range(max(1, len(hashes) - ANCHOR_WINDOW + 1)))


Shingler = Callable[[str], frozenset[str]]


def _runs(found: Sequence[str], length: int) -> Iterator[str]:
    for at in range(max(1, len(found) - length + 1)):
        yield " ".join(found[at : at + length])


def _is_unspaced(found: Sequence[str]) -> bool:
    """Whether most of a text is in scripts without spaces."""
    if max(found, default="") < "\u0e00":  # the first of these scripts
        return False
    return 2 * sum(_UNSPACED.match(unit) is not None for unit in found) > len(found)
