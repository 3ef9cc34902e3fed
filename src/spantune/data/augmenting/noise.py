"""In: a question and a random generator. Out: the question as a hurried person writes or says it, or None where it cannot be.

Does not know: contexts, answers, records. Nothing here touches a context, so no answer can move.
"""

import re
import unicodedata
from collections.abc import Callable
from random import Random

from spantune.data.augmenting.wording import UNSPACED

# What a finger beside the right key hits on a QWERTY keyboard. Layouts of other languages move a few of these letters; a
# wrong letter is a wrong letter all the same.
NEIGHBOURS = {
    key: row[max(0, at - 1) : at] + row[at + 1 : at + 2]
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for at, key in enumerate(row)
}
# Scripts that write a word as a line of letters, one code point each, so that a letter lost or swapped is a slip of the finger.
# In the others (Han, kana, Hangul, the scripts of India) it is another word, or a mark without its letter.
ALPHABETS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "HEBREW", "ARABIC")
WORDS_PER_TYPO = 8  # about one slip in a question of ten words: hurried, and still to be understood
SHORTEST_TYPO_WORD = 4  # in shorter words a slip more often makes another word than a misspelt one

QUESTION_MARKS = "?？؟⸮\u037e"
COMMAS = re.compile(r"(?<!\d)[,，、،]|[,，、،](?!\d)")  # the comma of 1,000 stays

FEWEST_SPOKEN_WORDS = 3
# Words of English questions that no other language written in Latin letters uses; whoever writes them understands the fillers.
ENGLISH = frozenset(["the", "what", "when", "where", "which", "who", "whose", "whom", "why", "how", "does", "did"])
ENGLISH_STARTS = ("What", "When", "Where", "Which", "Who", "Why", "How")
FILLERS = ("uh", "um", "er", "you know")
CORRECTIONS = ("no, I mean", "I mean", "no wait")


def typos(question: str, draw: Random) -> str | None:
    """One word in eight with a slip of the finger: a neighbouring key, two letters swapped, a letter dropped or doubled.

    Digits are never touched, and neither are scripts in which another letter is another word.

    >>> typos("When did the embargo begin?", Random(7))
    'When did the emargo begin?'
    >>> typos("石油禁运何时开始？", Random(1)) is None
    True
    """
    words = [found.span() for found in re.finditer(r"[^\W\d_]+", question) if _may_be_mistyped(question, *found.span())]
    if not words:
        return None
    slips = draw.sample(words, max(1, len(words) // WORDS_PER_TYPO))
    for start, end in sorted(slips, reverse=True):  # from the back, so that the places before stay right
        question = question[:start] + _mistyped(question[start:end], draw) + question[end:]
    return question


def case(question: str, _: Random) -> str | None:
    """Everything in small letters.

    >>> case("Who is Ada?", Random(1))
    'who is ada?'
    """
    lower = question.lower()
    return None if lower == question else lower


def punctuation(question: str, _: Random) -> str | None:
    """Without question marks and commas; the comma inside a number stays.

    >>> punctuation("In 1973, who paid 1,000 dollars?", Random(1))
    'In 1973 who paid 1,000 dollars'
    """
    bare = question.strip().rstrip(QUESTION_MARKS).rstrip().lstrip("¿")
    bare = COMMAS.sub("", bare)
    return bare if bare.strip() and bare != question.strip() else None


def disfluency(question: str, draw: Random) -> str | None:
    """As said aloud: a false start, said again; in English also a filler, or a wrong question word and its correction.

    A repeated start is heard in every language, so it is what questions in other languages get; what separates words must be
    white space. Fillers are words of a language: they go into questions that are English by their question words alone.

    >>> disfluency("Wann begann das Embargo?", Random(4))
    'Wann begann, wann begann das Embargo?'
    >>> disfluency("When did the embargo begin?", Random(6))
    'What, I mean, when did the embargo begin?'
    """
    words = question.split()
    if len(words) < FEWEST_SPOKEN_WORDS or UNSPACED.search(question):
        return None
    english = question.isascii() and not ENGLISH.isdisjoint(word.casefold() for word in words)
    return draw.choice(_WAYS_OF_ENGLISH if english else (_repeated,))(words, draw)


def _repeated(words: list[str], draw: Random) -> str:
    start = words[: draw.choice((1, 2))]
    head = " ".join(start).rstrip(",")
    return " ".join([head + ("، " if _is_arabic(head) else ", ") + _continued(words[0]), *words[1:]])


def _filled(words: list[str], draw: Random) -> str:
    spoken = [at for at in range(1, len(words)) if any(letter.isalnum() for letter in words[at])]
    at = draw.choice(spoken or [1])
    return " ".join([*words[: at - 1], words[at - 1].rstrip(",") + ",", draw.choice(FILLERS) + ",", *words[at:]])


def _corrected(words: list[str], draw: Random) -> str:
    wrong = draw.choice([start for start in ENGLISH_STARTS if start.casefold() != words[0].casefold()])
    return " ".join([f"{wrong},", f"{draw.choice(CORRECTIONS)},", _continued(words[0]), *words[1:]])


_WAYS_OF_ENGLISH: tuple[Callable[[list[str], Random], str], ...] = (_repeated, _filled, _corrected)


def _continued(word: str) -> str:
    """A first word that stands first no more; an abbreviation keeps its capitals."""
    word = word.lstrip("¿")
    return word[:1].lower() + word[1:] if word[1:] == word[1:].lower() and len(word) > 1 else word


def _is_arabic(text: str) -> bool:
    return any(unicodedata.name(letter, "").startswith("ARABIC") for letter in text)


def _may_be_mistyped(text: str, start: int, end: int) -> bool:
    """Whether a run of letters is a whole word of an alphabet, without marks that belong to its letters."""
    if end - start < SHORTEST_TYPO_WORD or any(_is_joined(text[at : at + 1]) for at in (start - 1, end) if at >= 0):
        return False
    return all(unicodedata.name(letter, "").startswith(ALPHABETS) for letter in text[start:end])


def _is_joined(character: str) -> bool:
    """Whether a character belongs to the letter before or after it: a combining mark, a joiner."""
    return bool(character) and unicodedata.category(character)[0] in "MC"


def _mistyped(word: str, draw: Random) -> str:
    """Another spelling of `word`; its first letter stays, as it mostly does when people slip."""
    at = draw.randrange(1, len(word))
    here, before = word[at], word[at - 1]
    spellings = [word[:at] + word[at + 1 :], word[: at + 1] + word[at:]]
    if at > 1 and here != before:
        spellings.append(word[: at - 1] + here + before + word[at + 1 :])
    if here in NEIGHBOURS:
        spellings.append(word[:at] + draw.choice(NEIGHBOURS[here]) + word[at + 1 :])
    return draw.choice(spellings)
