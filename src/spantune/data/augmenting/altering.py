"""In: an example and a random generator. Out: the example with its question turned so that the context answers it no more.

What people who write unanswerable questions do (Rajpurkar et al., 2018: negation, antonym, entity swap), done by rule: one
number, one name or one word of the question becomes another, and everything else still fits the context. A question altered
so may still be answered by chance; `altered` looks at what can be told, the rest is noise. Does not know: other records.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType

from spantune.data.augmenting.noise import ENGLISH
from spantune.data.augmenting.wording import evened
from spantune.data.records import Example

NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
NAME = re.compile(r"(?<![\w'’])[A-Z][\w'’-]*[a-z][\w'’-]*(?:\s+[A-Z][\w'’-]*[a-z][\w'’-]*)*")
SENTENCE_START = re.compile(r"(?:^|[.!?\n]\s*)$")
SUBJECT_ASKED = re.compile(
    r"(?:Who|What|Which [a-z]+) (?:was|were|is|are|has|have|had|can|could|will|would|should)\b(?! not\b)"
)

_PAIRS = (
    "first last|largest smallest|biggest smallest|highest lowest|most least|more fewer|oldest youngest|longest shortest|"
    "before after|earlier later|early late|above below|north south|northern southern|east west|eastern western|"
    "increase decrease|increased decreased|increasing decreasing|rise fall|rose fell|win lose|won lost|start end|"
    "started ended|begin end|began ended|open close|opened closed|born buried|male female|men women|king queen|"
    "father mother|son daughter|brother sister|husband wife|maximum minimum|major minor|positive negative|internal external|"
    "inside outside|upper lower|left right|old new|rich poor|strong weak|good bad|best worst|better worse|high low|"
    "large small|long short|public private|domestic foreign|allowed forbidden|accepted rejected|joined left|"
    "arrived departed|buy sell|bought sold|gained lost|supported opposed|agreed disagreed|alive dead|winter summer|"
    "always never|all none|inner outer|top bottom|common rare|similar different|include exclude|included excluded|"
    "advantage disadvantage|advantages disadvantages|cause prevent|caused prevented|causes prevents|legal illegal"
)
ANTONYMS: Mapping[str, str] = MappingProxyType(
    {word: other for pair in _PAIRS.split("|") for word, other in (pair.split(), pair.split()[::-1])}
)


def altered(example: Example, draw: Random) -> Example | None:
    """The question with one number, name or word turned into another, on its own context, and without an answer.

    A number or a name is taken from the context's others, so that the new question still sounds as if it were about the
    text. `None` for unanswerable questions, and where nothing in the question can be turned. Antonyms and negation are
    English; numbers and names work in every language that writes names with a capital.

    >>> from spantune.data.records import Span
    >>> ada = Example("1", "Who wrote it in 1843?", "Ada wrote it in 1843. Charles built it in 1837.", (Span("Ada", 0),))
    >>> altered(ada, Random(1)).question, altered(ada, Random(1)).answers
    ('Who wrote it in 1837?', ())
    """
    if not example.answers:
        return None
    for way in (*draw.sample(TURNS, len(TURNS)), _negated):  # negation last: it can be done to most questions, and is all alike
        question = way(example, draw)
        if question is not None and evened(question) != evened(example.question):
            return replace(example, question=question, answers=())
    return None


def _other_number(example: Example, draw: Random) -> str | None:
    return _swapped(example, draw, NUMBER, lambda text, found: len(found) == len(text))


def _other_name(example: Example, draw: Random) -> str | None:
    return _swapped(example, draw, NAME, lambda text, found: len(found.split()) <= len(text.split()) + 1)


def _swapped(example: Example, draw: Random, kind: re.Pattern[str], fits: Callable[[str, str], bool]) -> str | None:
    """The question with one match of `kind` that the context holds too replaced by another match in the context."""
    question, context = example.question, example.context
    taken = [found for found in kind.finditer(question) if found.start() and found.group() in context]
    if not taken:
        return None
    chosen = draw.choice(taken)
    known = evened(question + " " + " ".join(span.text for span in example.answers or ()))
    others = sorted(
        {
            found.group()
            for found in kind.finditer(context)
            if not SENTENCE_START.search(context[max(0, found.start() - 3) : found.start()])
            and fits(chosen.group(), found.group())
            and evened(found.group()) not in known
        }
    )
    if not others:
        return None
    return question[: chosen.start()] + draw.choice(others) + question[chosen.end() :]


def _antonym(example: Example, draw: Random) -> str | None:
    words = [found for found in re.finditer(r"[a-z]+", example.question) if found.group() in ANTONYMS]
    if not words or not _is_english(example.question):
        return None
    chosen = draw.choice(words)
    return example.question[: chosen.start()] + ANTONYMS[chosen.group()] + example.question[chosen.end() :]


def _negated(example: Example, _: Random) -> str | None:
    """Where the question asks for a subject: "Who was chosen?" becomes "Who was not chosen?"."""
    found = SUBJECT_ASKED.match(example.question)
    if found is None or not _is_english(example.question):
        return None
    return example.question[: found.end()] + " not" + example.question[found.end() :]


def _is_english(question: str) -> bool:
    return question.isascii() and not ENGLISH.isdisjoint(question.casefold().split())


TURNS: tuple[Callable[[Example, Random], str | None], ...] = (_other_number, _other_name, _antonym)
