"""In: questions, one at a time. Out: what they ask for, by their question words, in the language they are in.

Does not know: records. The language is the one whose words are found in the most questions; none where that is fewer than
half of them, because guessing at a language would invent types.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from spantune.data.statistics.words import UNSPACED

KNOWN_FROM = 0.5  # share of the questions that must hold a question word of a language
_LOOKED_AT = 1_000  # characters of a question that are searched

# Kind: words, separated by commas. A word of two parts counts before its first part; "^" is at the start of a question only.
WORDS: Final = {
    "English": {
        "how many, how much": "how many, how much",
        "how": "how",
        "what": "what, what's",
        "which": "which",
        "who": "who, whom, whose, who's",
        "when": "when",
        "where": "where",
        "why": "why",
        "yes or no": "^is, ^are, ^was, ^were, ^do, ^does, ^did, ^can, ^could, ^has, ^have, ^had, ^will, ^would, ^should, ^may",
    },
    "German": {
        "how many, how much": "wie viele, wie viel, wieviel, wieviele",
        "how": "wie",
        "what": "was, worin, woraus, wodurch, womit, wofür, wogegen, worauf, wovon, wozu, woran",
        "which": "welche, welcher, welches, welchem, welchen",
        "who": "wer, wem, wen, wessen",
        "when": "wann",
        "where": "wo, wohin, woher",
        "why": "warum, weshalb, wieso",
        "yes or no": "^ist, ^sind, ^war, ^waren, ^hat, ^haben, ^kann, ^können, ^wird, ^werden, ^gibt",
    },
    "French": {
        "how many, how much": "combien",
        "how": "comment",
        "what": "qu'est, que, quoi",
        "which": "quel, quelle, quels, quelles, lequel, laquelle",
        "who": "qui",
        "when": "quand",
        "where": "où",
        "why": "pourquoi",
        "yes or no": "^est, ^sont",
    },
    "Spanish": {
        "how many, how much": "cuánto, cuánta, cuántos, cuántas",
        "how": "cómo",
        "what": "qué",
        "which": "cuál, cuáles",
        "who": "quién, quiénes",
        "when": "cuándo",
        "where": "dónde, adónde",
        "why": "por qué",
    },
    "Portuguese": {
        "how many, how much": "quanto, quanta, quantos, quantas",
        "how": "como",
        "what": "que, quê",
        "which": "qual, quais",
        "who": "quem",
        "when": "quando",
        "where": "onde, aonde",
        "why": "por que, por quê, porque",
    },
    "Italian": {
        "how many, how much": "quanto, quanta, quanti, quante",
        "how": "come",
        "what": "cosa, che",
        "which": "quale, quali, qual",
        "who": "chi",
        "when": "quando",
        "where": "dove",
        "why": "perché",
    },
    "Dutch": {
        "how many, how much": "hoeveel",
        "how": "hoe",
        "what": "wat",
        "which": "welke, welk",
        "who": "wie, wiens",
        "when": "wanneer",
        "where": "waar, waarheen",
        "why": "waarom",
    },
    "Norwegian or Danish": {
        "how many, how much": "hvor mange, hvor mye, hvor meget",
        "how": "hvordan",
        "what": "hva, hvad",
        "which": "hvilken, hvilket, hvilke",
        "who": "hvem",
        "when": "når, hvornår",
        "where": "hvor",
        "why": "hvorfor",
    },
    "Arabic": {
        "how many, how much": "كم",
        "how": "كيف",
        "what": "ما, ماذا",
        "which": "أي, اي, أية",
        "who": "من, لمن",
        "when": "متى",
        "where": "أين, اين",
        "why": "لماذا",
        "yes or no": "^هل",
    },
    "Hindi": {
        "how many, how much": "कितने, कितना, कितनी",
        "how": "कैसे, कैसा, कैसी",
        "what": "क्या",
        "which": "कौन सा, कौन सी, कौन से, कौनसा, कौनसी, कौनसे, किस, किन",
        "who": "कौन, किसने, किसे, किसके, किसकी, किसका, किसको",
        "when": "कब",
        "where": "कहाँ, कहां",
        "why": "क्यों",
    },
    "Chinese": {
        "how many, how much": "多少, 几, 幾, 多大, 多长, 多久, 多高, 多远",
        "how": "怎么, 怎樣, 怎样, 如何",
        "what": "什么, 什麼, 何种, 何事",
        "which": "哪个, 哪些, 哪个, 哪種, 哪种, 哪一, 哪家, 哪支, 哪项, 哪位",
        "who": "谁, 誰, 何人",
        "when": "何时, 何時, 什么时候, 哪年, 哪一年, 哪天",
        "where": "哪里, 哪裡, 哪儿, 何处, 何地",
        "why": "为什么, 為什麼, 为何",
    },
}


def _table() -> dict[str, tuple[tuple[str, str], ...]]:
    table: dict[str, tuple[tuple[str, str], ...]] = {}
    for language, kinds in WORDS.items():
        for kind, words in kinds.items():
            for word in words.split(", "):
                table[word] = (*table.get(word, ()), (language, kind))
    return table


_KINDS: Final = _table()
_UNSPACED_WORDS: Final = "|".join(sorted((word for word in _KINDS if re.match(f"[{UNSPACED}]", word)), key=len, reverse=True))
# A word keeps its combining marks, without which Hindi's vowels would cut it; letters of unspaced scripts are no such words.
_WORD = re.compile(f"{_UNSPACED_WORDS}|(?:(?![{UNSPACED}])[\\w\u0300-\u036f\u0900-\u097f'’])+")


class QuestionKinds:
    """Counts, for every language at once, what the questions ask for; which language it is shows at the end."""

    def __init__(self) -> None:
        self.asked = 0
        self._found: dict[str, Counter[str]] = {language: Counter() for language in WORDS}

    def add(self, question: str) -> None:
        """Count one question by the first question word in it."""
        self.asked += 1
        seen: set[str] = set()
        for language, kind in _hits(question[:_LOOKED_AT]):
            if language not in seen:
                seen.add(language)
                self._found[language][kind] += 1

    def told(self) -> tuple[str | None, Counter[str]]:
        """The language and how many questions are of which kind, 'other' included; none and nothing where it is unknown.

        >>> kinds = QuestionKinds()
        >>> for question in ("How many died?", "In which year?", "Name the king."): kinds.add(question)
        >>> kinds.told()
        ('English', Counter({'how many, how much': 1, 'which': 1, 'other': 1}))
        """
        language = max(WORDS, key=lambda one: self._found[one].total())
        found = self._found[language]
        if not self.asked or found.total() < KNOWN_FROM * self.asked:
            return None, Counter()
        rest = self.asked - found.total()
        return language, found + Counter({"other": rest} if rest else {})


def _hits(question: str) -> Iterator[tuple[str, str]]:
    words = _WORD.findall(question.casefold().replace("’", "'"))
    for at, word in enumerate(words):
        if at == 0:
            yield from _KINDS.get(f"^{word}", ())
        pair = f"{word} {words[at + 1]}" if at + 1 < len(words) else ""
        yield from _KINDS.get(pair, ())
        yield from _KINDS.get(word, ())
        if "'" in word:
            yield from _KINDS.get(word.partition("'")[0], ())
