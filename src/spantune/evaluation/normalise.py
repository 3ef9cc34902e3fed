"""In: the text of an answer. Out: the form in which answers are compared. Does not know: records, scores.

`normalise_answer` is the normalisation of the official SQuAD 1.1 and 2.0 evaluation scripts, which are written for
English. It turns answers such as "A", "The" or "!!!" into nothing, and then the scripts, which do not agree with each
other here, call things equal that are not. `comparable_form` guards against that. What becomes of a question (exact
match / F1):

    prediction   references        SQuAD 1.1   SQuAD 2.0   here
    A            A                 1 / 0       1 / 1       1 / 1
    The          A                 1 / 0       1 / 1       0 / 0
    (empty)      A                 1 / 0       1 / 1       0 / 0
    A            A; vitamin A      1 / 0       0 / 0       1 / 1
    (empty)      (unanswerable)                1 / 1       1 / 1
    The          (unanswerable)                1 / 1       1 / 1

The guard decides only where the prediction *and* a reference with text both normalise to nothing. Every other question
scores exactly as the official scripts have it, and `Scores.guarded` counts those that the guard decided.

That is `en` of `LANGUAGES`. The other rows keep their articles, since "the", "a" and "an" are words like any other there, and
remove the punctuation of all scripts:

    other    as English, with the articles
    zh, ja   every Chinese or Japanese character is a word, as CMRC 2018 (arXiv:1810.07366) and DRCD (arXiv:1806.00920) count
             them; F1 compares bags of these, where CMRC compares the longest common part
    ar       as other, without the marks above and below letters and without tatweel
"""

import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType

from spantune.errors import EvaluationError

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc"))
_ARTICLE_WORDS = frozenset(("a", "an", "the"))
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> str:
    """Lower the case, remove ASCII punctuation and English articles, collapse white space: the official definition.

    Source: `normalize_answer` of the SQuAD evaluation scripts (Rajpurkar et al. 2016, arXiv:1606.05250, and 2018,
    arXiv:1806.03822).

    >>> normalise_answer("The  U.S. Senate,")
    'us senate'
    >>> normalise_answer("A")
    ''
    """
    words = _without_punctuation(text.lower())
    if words.isascii() and words.isprintable():
        # Nothing but spaces parts the words of such a text now, so the slower expression would find no more articles.
        return " ".join([word for word in words.split() if word not in _ARTICLE_WORDS])
    return _collapse(_without_articles(words))


def comparable_form(text: str, language: str = "en") -> str:
    """Give the official form, or the first less normalised one that is not empty; '' only for an answer without text.

    The less normalised forms keep the articles, then the punctuation too. A form of one kind shares no word with a
    form of another kind (words without articles or punctuation; articles; punctuation), so comparing these forms adds
    no agreement that the official definition does not see.

    >>> comparable_form("The U.S."), comparable_form("The."), comparable_form(" !!! "), comparable_form(" ")
    ('us', 'the', '!!!', '')
    """
    lowered = text.lower()
    return LANGUAGES[language](text) or _collapse(_without_punctuation(lowered)) or _collapse(lowered)


def normalise_other(text: str) -> str:
    """Lower the case, remove punctuation of any script, collapse white space; articles stay.

    >>> normalise_other("Die „Alte“ Brücke.")
    'die alte brücke'
    """
    return _collapse(_only_words(unicodedata.normalize("NFC", text.lower())))


def normalise_by_character(text: str) -> str:
    """As `normalise_other`, with every Chinese or Japanese character a word of its own.

    >>> normalise_by_character("《北京》2008年")
    '北 京 2008 年'
    """
    return _collapse(_CHARACTER.sub(r" \g<0> ", _only_words(unicodedata.normalize("NFKC", text.lower()))))


def normalise_arabic(text: str) -> str:
    """As `normalise_other`, without vowel marks and tatweel, which writers set or leave out as they like.

    >>> normalise_arabic("مُحَمَّد") == normalise_arabic("محمد")
    True
    """
    return _collapse(_only_words(_ARABIC_MARKS.sub("", unicodedata.normalize("NFC", text.lower()))))


_CHARACTER = re.compile("[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_ARABIC_MARKS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0640]")

LANGUAGES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "en": normalise_answer,
        "other": normalise_other,
        "zh": normalise_by_character,
        "ja": normalise_by_character,
        "ar": normalise_arabic,
    }
)


_CALLED = {"cn": "zh", "zho": "zh", "chi": "zh", "jp": "ja", "jpn": "ja", "ara": "ar", "eng": "en"}


def scored_by(language: str) -> str:
    """The row of `LANGUAGES` for a language code: its own, or `other`. Raises `EvaluationError` for what is no code.

    >>> scored_by("zh"), scored_by("de"), scored_by("en-US")
    ('zh', 'other', 'en')
    """
    language = re.split("[-_]", language.lower())[0]
    language = _CALLED.get(language, language)
    if language in LANGUAGES:
        return language
    if not re.fullmatch("[a-z]{2,3}", language):
        raise EvaluationError(
            f"the language {language!r}",
            expected=f"a code such as de or fr, or one of {', '.join(LANGUAGES)}",
            next_move="give the code of two letters that names the language of the answers",
        )
    return "other"


def _only_words(text: str) -> str:
    """Without punctuation: ASCII's is removed, as the official scripts do, and so are apostrophes; other signs part words."""
    text = _without_punctuation(text.translate(_APOSTROPHES))
    if text.isascii():
        return text
    return "".join(" " if unicodedata.category(one)[0] in "PS" else one for one in text)


def _without_punctuation(text: str) -> str:
    return text.translate(_PUNCTUATION)


def _without_articles(text: str) -> str:
    return _ARTICLES.sub(" ", text)


def _collapse(text: str) -> str:
    return " ".join(text.split())
