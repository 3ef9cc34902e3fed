"""In: numbers, and texts from outside. Out: how they are shown to people, safely. Does not know: markup, terminals."""

import re
import unicodedata

JOINERS = "\u200c\u200d"  # invisible, but part of the spelling of Persian, Hindi and emoji
_UNSEEN = re.compile(r"[^\S \n]|[^\w\s!-~]|[\x00-\x1f\x7f]")  # what may be invisible: spaces of all kinds, signs, controls


def counted(number: int, noun: str) -> str:
    """A number and what it counts.

    >>> counted(1, "token"), counted(1024, "window")
    ('1 token', '1,024 windows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(share: float) -> str:
    """A share with one decimal; what would round to nothing or to all says so.

    >>> percent(0.4321), percent(0.0001), percent(0.0), percent(0.99999)
    ('43.2%', '<0.1%', '0%', '>99.9%')
    """
    if share in (0, 1):
        return f"{share:.0%}"
    return "<0.1%" if share < 0.001 else ">99.9%" if share > 0.999 else f"{share:.1%}"


def part_of(part: int, whole: int) -> str:
    """A part, the whole, and the share.

    >>> part_of(1, 8)
    '1 of 8 (12.5%)'
    """
    return f"{part:,} of {whole:,} ({percent(part / whole)})"


def visible(text: str) -> str:
    r"""`text` with every character that could steer a terminal or a page shown as its escape; line feeds stay.

    These are control characters, those that embed, override or isolate a direction, other invisible ones and halves of
    surrogate pairs.

    >>> print(visible("a\x1b[2Jb\u202ec\nd"))
    a\x1b[2Jb\u202ec
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


def first_line(error: BaseException) -> str:
    r"""The first line of what an error says that is not blank, or its kind where it says nothing.

    >>> first_line(ValueError("\n  no vocabulary\nin a.json")), first_line(MemoryError())
    ('no vocabulary', 'MemoryError')
    """
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def reason_of(error: BaseException) -> str:
    """What the system says of an error of its own, without the path that our sentence names already; else the first line.

    >>> reason_of(FileNotFoundError(2, "No such file or directory", "a.json"))
    'No such file or directory'
    """
    return (error.strerror if isinstance(error, OSError) else None) or first_line(error)


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
