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
"""

import re
import string

_ARTICLES = re.compile(r"\b(a|an|the)\b")
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


def comparable_form(text: str) -> str:
    """Give the official form, or the first less normalised one that is not empty; '' only for an answer without text.

    The less normalised forms keep the articles, then the punctuation too. A form of one kind shares no word with a
    form of another kind (words without articles or punctuation; articles; punctuation), so comparing these forms adds
    no agreement that the official definition does not see.

    >>> comparable_form("The U.S."), comparable_form("The."), comparable_form(" !!! "), comparable_form(" ")
    ('us', 'the', '!!!', '')
    """
    lowered = text.lower()
    return normalise_answer(text) or _collapse(_without_punctuation(lowered)) or _collapse(lowered)


def _without_punctuation(text: str) -> str:
    return text.translate(_PUNCTUATION)


def _without_articles(text: str) -> str:
    return _ARTICLES.sub(" ", text)


def _collapse(text: str) -> str:
    return " ".join(text.split())
