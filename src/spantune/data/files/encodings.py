"""In: a file's first bytes, or the name of an encoding. Out: the codec to read it with, and, where it fails, which may fit.

Does not know: paths, formats. Only marks and certain patterns are recognised; everything else is told with how the text would
read under the likeliest encodings, for a person to choose: a guess that is wrong once in a hundred spoils offsets silently.
"""

import codecs
import difflib
import re
import unicodedata
from collections.abc import Mapping
from encodings.aliases import aliases
from typing import IO

from spantune.data.problems import excerpt
from spantune.errors import ConfigError, UnreadableDataError

BYTE_ORDER_MARKS = (  # the longer ones first: UTF-32's little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UNMARKED = (  # JSON and headers of tables begin with two ASCII characters (RFC 4627, section 3); UTF-8 has no NUL there
    (re.compile(rb"[\t\n\r -~]\0\0\0[\t\n\r -~]\0\0\0", re.DOTALL), "utf-32-le"),
    (re.compile(rb"\0\0\0[\t\n\r -~]\0\0\0[\t\n\r -~]", re.DOTALL), "utf-32-be"),
    (re.compile(rb"[\t\n\r -~]\0[\t\n\r -~]\0", re.DOTALL), "utf-16-le"),
    (re.compile(rb"\0[\t\n\r -~]\0[\t\n\r -~]", re.DOTALL), "utf-16-be"),
)
NOT_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
NOT_FOR_FILES = NOT_TEXT | {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"}
"""Codecs of Python for something else than text files."""

CANDIDATES: Mapping[str, tuple[int, int] | None] = {
    "cp1252": None,
    "gb18030": (0xB0, 0xD7),
    "shift_jis": (0x88, 0x97),
    "big5": (0xA4, 0xC6),
    "cp949": (0xB0, 0xC8),
    "euc_jp": (0xB0, 0xCF),
    "cp1251": None,
    "cp1256": None,
    "cp1250": None,
    "cp1253": None,
    "cp1254": None,
    "cp1255": None,
    "koi8_r": None,
    "mac_roman": None,
    "latin1": None,
}
"""Encodings worth a try; for those of East Asia, the lead bytes under which the characters in daily use stand."""

PREVIEWS = 4  # candidates shown: enough to hold the right one, few enough to compare
SAMPLE = 4096  # bytes from the offending one on that a candidate must decode and is judged by


def named_codec(name: str) -> str:
    """The codec of that name. Raises `ConfigError` for one that does not exist, or decodes no text files.

    >>> named_codec("Latin-1"), named_codec("UTF8")
    ('iso8859-1', 'utf-8')
    """
    try:
        "".encode(name)  # unlike `lookup`, refuses what is no text encoding, such as base64
        found = codecs.lookup(name).name
    except (LookupError, ValueError, TypeError):
        found = "undefined"
    if found.replace("-", "_") not in NOT_FOR_FILES:
        return found
    known = [alias for alias, codec in aliases.items() if codec not in NOT_FOR_FILES] + ["latin1", "utf_8"]
    close = difflib.get_close_matches(str(name).lower().replace("-", "_"), known, n=3, cutoff=0.6)
    raise ConfigError(
        f"no encoding is called {excerpt(str(name))}",
        expected="the name of an encoding, such as utf-8, cp1252, latin1, cp1251, shift_jis or gb18030",
        next_move=f"did you mean {' or '.join(close)}?" if close else "correct the name, or leave it out for UTF-8",
    )


def codec_of(head: bytes, forced: str | None = None) -> str:
    r"""The codec to read a file with, by its first bytes. A byte order mark is believed before a forced encoding.

    >>> codec_of(b"id,text"), codec_of(b"i\0d\0"), codec_of(b"id", "cp1252"), codec_of(b"\xff\xfei\0", "cp1252")
    ('utf-8', 'utf-16-le', 'cp1252', 'utf-16')
    """
    marked = next((codec for mark, codec in BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if marked:
        return marked
    unmarked = next((codec for pattern, codec in UNMARKED if pattern.match(head)), None)
    if forced in ("utf-16", "utf-32"):  # these two names ask for a mark
        return unmarked if unmarked and unmarked.startswith(forced) else f"{forced}-le"
    return forced or unmarked or "utf-8"


def undecodable(file: str, stream: IO[bytes], codec: str) -> UnreadableDataError:
    """The error that tells the first byte of `stream` that does not decode, with its place and what the text may be in."""
    decoder = codecs.getincrementaldecoder(codec)()
    offset, line, before = 0, 1, b""
    while True:
        chunk = stream.read(2**16)
        state = decoder.getstate()
        try:
            line += decoder.decode(chunk, final=not chunk).count("\n")
        except UnicodeDecodeError as error:
            at = error.start - len(state[0])  # in the chunk; below 0 where the character began in the chunk before
            decoder.setstate(state)
            line += decoder.decode(chunk[: max(at, 0)]).count("\n")
            data = before[-64:] + chunk + stream.read(SAMPLE)
            return _told(file, codec, offset + at, line, data, at + len(before[-64:]))
        if not chunk:
            return UnreadableDataError(
                f"{file} was changed while it was read: a byte that did not decode as {codec} does now",
                expected="a file that nobody writes to",
                next_move="wait until it is written, and try again",
            )
        offset, before = offset + len(chunk), chunk


def _told(file: str, codec: str, offset: int, line: int, data: bytes, at: int) -> UnreadableDataError:
    named = "UTF-8" if codec.startswith("utf-8") else codec
    left = data[max(0, at - 20) : at].lstrip(bytes(range(0x80, 0xC0))) if named == "UTF-8" else data[max(0, at - 20) : at]
    around = (left + data[at : at + 20]).decode(codec.removesuffix("-sig"), "backslashreplace")
    shown = excerpt(around).replace("\\\\x", "\\x")  # what the decoding escaped is not escaped again
    found = f"{file} is not {named}: byte 0x{data[at]:02x} at offset {offset}, line {line}, in {shown}"
    if named == "UTF-8" and _mostly_utf8(data[at : at + SAMPLE]):
        return UnreadableDataError(
            found,
            expected="a text in UTF-8",
            next_move=f"correct line {line}, which is damaged: what follows it is UTF-8; or export the file again",
        )
    previews = likeliest(data, at)
    told = ", ".join(f"--encoding {name} reads {text}" for name, text in previews.items())
    return UnreadableDataError(
        found,
        expected=f"a text in {named}",
        next_move=(f"name the encoding that makes it readable: {told}" if told else "export the file again, as UTF-8"),
    )


def _mostly_utf8(sample: bytes) -> bool:
    """Whether more characters beyond ASCII are whole than broken."""
    text = sample[: sample.rfind(b"\n") + 1 or None].decode(errors="replace")
    beyond = sum(letter > "\x7f" for letter in text)
    return beyond > 2 * text.count("\ufffd")


def likeliest(data: bytes, at: int) -> dict[str, str]:
    """How the bytes around `at` read under the encodings that fit what follows best, the best first.

    >>> likeliest("Où était la clé?".encode("cp1252"), 1)["cp1252"]
    "'Où était la clé?'"
    """
    start = at
    while start > max(0, at - 32) and data[start - 1] >= 0x80:  # two bytes of another encoding may look like UTF-8
        start -= 1
    while start > max(0, at - 16) and data[start - 1] < 0x80 and data[start - 1] != 0x0A:  # ASCII is ASCII in all of them
        start -= 1
    scored: dict[str, tuple[float, str, str]] = {}
    for name, frequent in CANDIDATES.items():
        try:
            text = codecs.getincrementaldecoder(name)().decode(data[start : at + SAMPLE])
        except UnicodeDecodeError:
            continue
        if all(text != other for _, other, _ in scored.values()):
            scored[name] = (_plausibility(text, name, frequent), text, excerpt(text[:32].partition("\n")[0].strip()))
    best = sorted(scored, key=lambda name: -scored[name][0])[:PREVIEWS]
    return {name: scored[name][2] for name in best if scored[name][0] > 0.5 * scored[best[0]][0]}


def _plausibility(text: str, name: str, frequent: tuple[int, int] | None) -> float:
    """The share of the words with letters beyond ASCII that look like words; other signs beyond ASCII count against it."""
    words = [word for word in re.findall(r"[^\W\d_]+", text) if not word.isascii()]
    odd = sum(unicodedata.category(sign) in ("Cc", "Co", "Cn", "So", "Sm", "No", "Lm") for sign in text if sign > "\x7f")
    good = sum(_looks_like_a_word(word, name, frequent) for word in words)
    return (good + 0.01) / (len(words) + odd + 0.01)


def _looks_like_a_word(word: str, name: str, frequent: tuple[int, int] | None) -> float:
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in word}
    if scripts <= {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}:
        return sum(_is_frequent(letter, name, frequent) for letter in word) / len(word) if frequent else 0.0
    one_script = len(scripts - {"MODIFIER", "FEMININE", "MASCULINE"}) == 1
    foreign = len(word) > 1 and scripts == {"LATIN"} and not any(letter.isascii() for letter in word)
    return float(one_script and not foreign and not re.search(r"[^\W\d_A-ZÀ-ÞА-Я][A-ZÀ-ÞА-ЯЁ]", word))


def _is_frequent(letter: str, name: str, frequent: tuple[int, int]) -> bool:
    encoded = letter.encode(name)
    return len(encoded) == 2 and (frequent[0] <= encoded[0] <= frequent[1] or "\u3040" <= letter <= "\u30ff")
