"""In: a text. Out: how many words it has, its first word, what kind of answer it is. Does not know: records.

Words are counted the same way in every language: pieces between white space that hold a letter or digit; and in scripts
written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each letter is one, since only a dictionary could
tell the words apart.
"""

import re
import unicodedata
from itertools import takewhile
from typing import Final

# Letters only: vowel signs and tones of Thai, Lao, Khmer and Burmese belong to the letter before them.
UNSPACED: Final = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u1000-\u102a\u103f\u1050-\u1055"
    "\u1780-\u17b3\u3005-\u3007\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_UNSPACED = re.compile(f"[{UNSPACED}]")
_WORD = re.compile(r"\w\S*")  # from the first letter or digit of a piece to its end: one match a piece, in linear time
_OPENING = re.compile(r"[^\w]*")
_ENDS_SENTENCE = re.compile(r"[.!?。！？؟।…][\"'”’»«)\]）」』]*\Z")
_BEGINS_SENTENCE = re.compile(r"(?:\A|[.!?。！？؟।…:\n][\"'“‘«»(\[（「『]*)\s*[\"'“‘«»(\[（「『]*\Z")
_LONGEST_FIRST = 40  # characters of a first word that are looked at: twice the longest question word of any language here
_NEAR = 40  # characters before an answer in which the end of the sentence before must stand
_JUDGED_BY = 1_000  # characters of an answer that say what kind it is
_SHORTEST_SENTENCE = 4  # words: "No." and "5." are not what is meant by an answer that is a whole sentence


def count_words(text: str) -> int:
    """How many words a text has.

    >>> count_words("The cat — it sat."), count_words("黑豹队防守 308分。"), count_words("¿Qué?")
    (4, 7, 1)
    """
    if text.isascii():
        return len(_WORD.findall(text))
    spaced, letters = _UNSPACED.subn(" ", text)
    return letters + len(_WORD.findall(spaced))


def first_word(question: str) -> str:
    """The first word in small letters; the first two letters in scripts without spaces; '' where there is none.

    >>> first_word("¿Qué es?"), first_word("«What's new?»"), first_word("黑豹队是谁？"), first_word("...")
    ('qué', "what's", '黑豹', '')
    """
    text = unicodedata.normalize("NFC", question[: 4 * _LONGEST_FIRST])
    opening = _OPENING.match(text)
    text = text[opening.end() if opening else 0 :]
    if _UNSPACED.match(text):
        return text[: 1 + bool(_UNSPACED.match(text, 1))]
    return "".join(takewhile(_spells, text[:_LONGEST_FIRST])).rstrip("'’").casefold()


def _spells(character: str) -> bool:
    return character in "'’" or unicodedata.category(character)[0] in "LNM"


def answer_kind(text: str, context: str, start: int) -> str:
    """What an answer looks like: a row of `ANSWER_KINDS`. `start` is where it stands in its context.

    >>> context = "It rose 5.2 %. Ada Lovelace wrote it down."
    >>> [answer_kind(text, context, context.index(text)) for text in ("5.2 %", "Ada Lovelace", "wrote it", context[15:])]
    ['number', 'capitalised', 'other', 'sentence']
    """
    head = text[:_JUDGED_BY]
    letters = any(map(str.isalpha, head))
    digits = any(map(str.isdigit, head))
    if digits and not letters:
        return "number"
    if _is_sentence(text, context, start):
        return "sentence"
    if digits:
        return "with number"
    words = head.split()
    return "capitalised" if letters and all(_is_capitalised(word) for word in words) else "other"


ANSWER_KINDS: Final = {
    "number": "digits and signs, no letter",
    "sentence": "a whole sentence of its context, of four words or more",
    "with number": "words with a digit among them",
    "capitalised": "every word begins with a capital, as names do",
    "other": "anything else",
}


def _is_sentence(text: str, context: str, start: int) -> bool:
    end = start + len(text)
    closed = _ENDS_SENTENCE.search(text.rstrip()[-8:]) or _ENDS_SENTENCE.match(context[end : end + 1])
    if not closed or count_words(text) < _SHORTEST_SENTENCE:
        return False
    low = max(start - _NEAR, 0)
    before = context[low:start]
    return bool(_BEGINS_SENTENCE.search(before if low == 0 else "x" + before))


def _is_capitalised(word: str) -> bool:
    first = next((one for one in word if one.isalpha()), "")
    return first.isupper() or first.istitle()
