"""In: texts. Out: their words, and texts evened out for comparison. Does not know: records."""

import re
import unicodedata

from spantune.data import texts

# Han, kana, Thai, Lao, Khmer, Burmese: scripts that put no white space between words.
UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+")


def evened(text: str) -> str:
    """A text without differences of Unicode form (NFKC), case and white space, nor marks at its ends.

    >>> evened(" Ｔhe  Tower, ")
    'the tower'
    """
    even = texts.evened(text, "NFKC")
    first = next((at for at, letter in enumerate(even) if letter.isalnum()), 0)
    last = next((at for at in range(len(even), first, -1) if even[at - 1].isalnum()), len(even))
    return even[first:last]


def words_of(text: str) -> frozenset[str]:
    """The different words of a text, evened out; for scripts without white space, pairs of neighbouring characters.

    >>> sorted(words_of("The tower, the Tower!")), sorted(words_of("石油危机"))
    (['the', 'tower'], ['危机', '油危', '石油'])
    """
    even = unicodedata.normalize("NFKC", text).casefold()
    runs = UNSPACED.findall(even)
    pairs = {run[at : at + 2] for run in runs for at in range(max(1, len(run) - 1))}
    spaced = {evened(word) for word in UNSPACED.sub(" ", even).split()}
    return frozenset(word for word in pairs | spaced if any(letter.isalnum() for letter in word))
