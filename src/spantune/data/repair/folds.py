r"""In: a text. Out: a Layer in which what differs only in form (white space, Unicode form, case, quotes …) is alike.

Does not know: answers, which folds go together.

>>> spaces("a\r\n\u00a0b").text, compatible("ﬁn １").text, quotes("“a”—b").text, letters("İSTANBUL ẞ").text
('a b', 'fin 1', '"a"-b', 'istanbul ss')
"""

import html
import re
import unicodedata
from functools import cache, partial
from typing import Literal

from spantune.data.repair.layers import Layer, rewritten, unchanged

_SPACES = re.compile(r"\s{2,}|[^\S ]")  # every run but the single space, which needs no rewriting
_ALL_SPACES = re.compile(r"\s+")
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_MARKUP = re.compile("[&<>]")
_LINE_END = re.compile("\r\n?|\n")
_LINE_FEED = re.compile("\n")
_PAIRED_QUOTES = re.compile("''|``|-{2,3}|…")  # the Penn Treebank's quotes, the typewriter's dash
_PLAIN = {
    **dict.fromkeys("‘’‚‛′ʹʻʼˈ`´＇", "'"),
    **dict.fromkeys("“”„‟″«»「」〝〞〟＂", '"'),
    **dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"),
}
_TYPOGRAPHIC = re.compile(f"[{''.join(_PLAIN)}]")
_COMPATIBLE = frozenset({"<compat>", "<wide>", "<narrow>", "<initial>", "<medial>", "<final>", "<isolated>", "<font>"})
"""Decompositions that keep the meaning: ligatures, widths, letter shapes. Not <super>, <sub>, <circle>, <fraction>:
10² is not 102."""
_LAST_LETTER = 0x20000  # beyond lie Han characters and tags, which neither decompose into such forms nor join


def spaces(text: str) -> Layer:
    """Runs of white space, line ends and no-break spaces among them, are one space."""
    return Layer(_SPACES.sub(" ", text), text, _SPACES, lambda run: " ")


def no_spaces(text: str) -> Layer:
    """White space is nothing."""
    return Layer("".join(text.split()), text, _ALL_SPACES, lambda run: "")


def visible(text: str) -> Layer:
    """Soft hyphens, byte order marks, joiners, zero-width spaces and direction marks are nothing."""
    return unchanged(text) if text.isascii() else rewritten(text, _INVISIBLE, lambda mark: "")


def unescaped(text: str) -> Layer:
    """HTML entities are the characters they stand for."""
    return rewritten(text, _ENTITY, html.unescape) if "&" in text else unchanged(text)


def escaped(text: str) -> Layer:
    """`&`, `<` and `>` are HTML entities."""
    return rewritten(text, _MARKUP, lambda sign: html.escape(sign, quote=False))


def quotes(text: str) -> Layer:
    """Typographic quotes and dashes are those of a typewriter."""
    plain = text if text.isascii() else _TYPOGRAPHIC.sub(lambda sign: _PLAIN[sign[0]], text)
    return rewritten(plain, _PAIRED_QUOTES, lambda pair: {"'": '"', "`": '"', "-": "-", "…": "..."}[pair[0]])


def letters(text: str) -> Layer:
    """Capitals are small letters; the four letters i of Turkish are one."""
    if text.isascii():
        return unchanged(text.lower())
    plain = text.replace("İ", "i").replace("ı", "i")  # Turkish has I and i twice; casefold() would make two of İ
    return Layer(plain.casefold(), plain, _growing_capitals(), str.casefold)


def line_feeds(text: str) -> Layer:
    """Line ends are LF."""
    return rewritten(text, _LINE_END, lambda end: "\n") if "\r" in text else unchanged(text)


def carriage_returns(text: str) -> Layer:
    """Line ends are CRLF; a text that has some already stays."""
    return unchanged(text) if "\r" in text else rewritten(text, _LINE_FEED, lambda end: "\r\n")


def composed(text: str) -> Layer:
    """Letters and their marks are in Unicode's composed form, NFC."""
    return _normalised(text, "NFC")


def decomposed(text: str) -> Layer:
    """Letters and their marks are in Unicode's decomposed form, NFD."""
    return _normalised(text, "NFD")


def compatible(text: str) -> Layer:
    """Ligatures, full-width and half-width characters and letter shapes are the plain characters."""
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return unchanged(text)
    return rewritten(text, _compatible_pattern(), lambda letter: unicodedata.normalize("NFKC", letter))


def joins(character: str) -> bool:
    r"""Whether a character belongs to the one before it: a combining mark, the second or third part of a Hangul syllable.

    >>> joins("\u0301"), joins("a"), joins("\u1161")
    (True, False, True)
    """
    return not character.isascii() and (unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff")


def _normalised(text: str, form: Literal["NFC", "NFD"]) -> Layer:
    if text.isascii() or unicodedata.is_normalized(form, text):
        return unchanged(text)
    return Layer(unicodedata.normalize(form, text), text, _clusters(), partial(unicodedata.normalize, form))


# These tables ask Unicode about 100,000 characters, so they are made when a text first needs them (some 30 ms each).
@cache
def _clusters() -> re.Pattern[str]:
    """A character with what joins it. An ASCII character alone is left out: it has one form."""
    joining = _class_of([chr(code) for code in range(0x300, _LAST_LETTER) if joins(chr(code))])
    return re.compile(rf"[^\x00-\x7f][{joining}]*|[\x00-\x7f](?=[^\x00-\x7f])[{joining}]+")


@cache
def _compatible_pattern() -> re.Pattern[str]:
    characters = map(chr, range(0x80, _LAST_LETTER))
    return re.compile(f"[{_class_of([c for c in characters if unicodedata.decomposition(c).split(' ')[0] in _COMPATIBLE])}]")


@cache
def _growing_capitals() -> re.Pattern[str]:
    """The characters that casefold() makes longer; it makes none shorter."""
    return re.compile(f"[{_class_of([chr(code) for code in range(0x80, _LAST_LETTER) if len(chr(code).casefold()) > 1])}]")


def _class_of(characters: list[str]) -> str:
    """The inside of a character class: ranges, so that it is small and quick."""
    ranges: list[list[str]] = []
    for character in characters:
        if ranges and ord(character) == ord(ranges[-1][1]) + 1:
            ranges[-1][1] = character
        else:
            ranges.append([character, character])
    return "".join(f"{re.escape(first)}-{re.escape(last)}" for first, last in ranges)
