"""In: a text from outside. Out: the same text, unable to steer a page, and cut to a length. Does not know: markup."""

import re
import unicodedata

JOINERS = "\u200c\u200d"  # invisible, but part of the spelling of Persian, Hindi and emoji
_UNSEEN = re.compile(r"[^\S \n]|[^\w\s!-~]|[\x00-\x1f\x7f]")  # what may be invisible: spaces of all kinds, signs, controls


def visible(text: str) -> str:
    r"""`text` with every character that could steer a page shown as its escape; line feeds stay.

    These are control characters, those that embed, override or isolate a direction, other invisible ones and halves of
    surrogate pairs.

    >>> print(visible("a\x00b\u202ec\nd"))
    a\x00b\u202ec
    d
    """
    return _UNSEEN.sub(lambda found: _escape(found[0]) if _steers(found[0]) else found[0], text)


def shortened(text: str, most: int) -> str:
    """`text`, or its head and its tail with the number of characters left out between them.

    >>> shortened("x" * 1_000 + "end", 12), shortened("short", 12)
    ('xxxxxx … 991 characters … xxxend', 'short')
    """
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters … {text[-half:]}"


def direction(text: str) -> str:
    """The direction of the first letter that has one: pieces of a text are laid out in the direction of the whole.

    >>> direction("1. Paris"), direction("باريس")
    ('ltr', 'rtl')
    """
    classes = (unicodedata.bidirectional(character) for character in text)
    return "rtl" if next((one for one in classes if one in {"L", "R", "AL"}), "L") != "L" else "ltr"


def _steers(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cf":  # the number signs of Arabic (class AN) are visible, the joiners are spelling; the rest is neither
        return character not in JOINERS and unicodedata.bidirectional(character) != "AN"
    return category in {"Cc", "Cs", "Zl", "Zp"} and character != "\n"


def _escape(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii") if ord(character) > 127 else repr(character)[1:-1]
