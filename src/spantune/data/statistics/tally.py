"""In: records, one at a time. Out: Statistics. Does not know: files, tokenizers.

Memory is bounded by the number of different lengths and labels, and some hundred bytes a record for what has to be told
apart (contexts, questions): records themselves are not kept.
"""

from array import array
from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from spantune.data.records import Example, Record, TextExample
from spantune.data.statistics.answers import Answers, Sizes
from spantune.data.statistics.distributions import distribution
from spantune.data.statistics.facts import Counted, QuestionFacts, Statistics, TextFacts
from spantune.data.statistics.measured import TokenMeasures
from spantune.data.statistics.question_words import QuestionKinds
from spantune.data.statistics.remarks import remarks_on
from spantune.data.statistics.words import ANSWER_KINDS, first_word
from spantune.data.texts import evened, short_hash

FIRST_WORDS_TOLD = 30
FIRST_WORDS_KEPT = 50_000  # different first words; in data where all differ (ids for questions) none of them is telling


def statistics(records: Iterable[Record], tokens: TokenMeasures | None = None) -> Statistics:
    """Count what a person should know of the records.

    In: questions or texts, in any number (they pass by once); what a tokenizer measured on them, if one did. Out:
    `Statistics`. Nothing is raised: answers that do not stand where they should are counted as such.

    >>> told = statistics([Example("1", "Who wrote it?", "It was Ada.")])
    >>> told.questions.kinds, told.questions.context_lengths.words.median
    ((Counted(name='who', count=1),), 3)
    """
    tally = Tally()
    for record in records:
        tally.add(record)
    return tally.told(tokens)


class Tally:
    """Statistics of records that pass by: `add` each, then ask what is `told`."""

    def __init__(self) -> None:
        self._questions = _Questions()
        self._texts = _Texts()

    def add(self, record: Record) -> None:
        """Count one record."""
        if isinstance(record, Example):
            self._questions.add(record)
        else:
            self._texts.add(record)

    @property
    def different(self) -> int:
        """How many different contexts, or texts, there were so far."""
        return self._questions.different or self._texts.different

    def told(self, tokens: TokenMeasures | None = None) -> Statistics:
        """The statistics of all records so far."""
        asked, labelled = self._questions.count, self._texts.count
        questions = self._questions.told() if asked or not labelled else None
        texts = self._texts.told() if labelled else None
        return Statistics(
            records=asked + labelled,
            task="answer" if questions else "classify",
            questions=questions,
            texts=texts,
            tokens=tokens,
            remarks=remarks_on(questions, texts),
        )


class _Questions:
    """Everything counted of questions."""

    def __init__(self) -> None:
        self.count = 0
        self._contexts = Sizes()
        self._questions = Sizes()
        self._answers = Answers()
        self._kinds = QuestionKinds()
        self._first_words: Counter[str] = Counter()
        self._references: Counter[int] = Counter()
        self._unlabelled = 0
        self._asked = array("Q")  # a hash a question; sorted at the end, it tells which are asked twice
        self._read = array("Q")  # the context of each question, likewise
        self._seen: set[int] = set()
        self._pairs: set[int] = set()
        self._shown: Counter[int] = Counter()  # contexts of each document
        self._last: tuple[str, int] = ("", text_hash(""))

    def add(self, record: Example) -> None:
        self.count += 1
        context = self._context(record)
        self._read.append(context)
        self._asked.append(text_hash(f"{context} {evened(record.question, 'NFC')}"))
        self._questions.add(record.question)
        self._kinds.add(record.question)
        word = first_word(record.question)
        if word and (word in self._first_words or len(self._first_words) < FIRST_WORDS_KEPT):
            self._first_words[word] += 1
        if record.answers is None:
            self._unlabelled += 1
        else:
            self._references[len(record.answers)] += 1
            self._answers.add(record.context, record.answers)

    def _context(self, record: Example) -> int:
        """The hash of the record's context, which is measured when it is met for the first time."""
        text, known = self._last
        if record.context != text:
            known = text_hash(record.context)
            self._last = (record.context, known)
        if known not in self._seen:
            self._seen.add(known)
            self._contexts.add(record.context)
        if record.document is not None:
            document = text_hash(record.document)
            pair = hash((document, known))
            if pair not in self._pairs:
                self._pairs.add(pair)
                self._shown[document] += 1
        return known

    @property
    def different(self) -> int:
        return len(self._seen)

    def told(self) -> QuestionFacts:
        language, kinds = self._kinds.told()
        answers = self._answers
        return QuestionFacts(
            questions=self.count,
            unlabelled=self._unlabelled,
            unanswerable=self._references[0],
            answers=answers.count,
            contexts=len(self._seen),
            documents=len(self._shown),
            repeated=_repeated(self._asked),
            unaligned=answers.unaligned,
            again=answers.again,
            cut_words=answers.cut_words,
            whole_context=answers.whole_context,
            positions=tuple(answers.positions),
            answers_per_question=distribution(self._references),
            questions_per_context=distribution(Counter(sum(1 for _ in same) for _, same in groupby(sorted(self._read)))),
            contexts_per_document=distribution(Counter(self._shown.values())),
            agreement=answers.agreement(),
            language=language,
            kinds=_counted(kinds),
            first_words=_counted(self._first_words)[:FIRST_WORDS_TOLD],
            answer_kinds=tuple(Counted(kind, answers.kinds[kind]) for kind in ANSWER_KINDS) if answers.kinds else (),
            context_lengths=self._contexts.told(),
            question_lengths=self._questions.told(),
            answer_lengths=answers.sizes.told(),
        )


class _Texts:
    """Everything counted of texts to classify."""

    def __init__(self) -> None:
        self.count = 0
        self._unlabelled = 0
        self._labels: Counter[str] = Counter()
        self._sizes = Sizes()
        self._texts = array("Q")
        self._labelled = array("Q")  # a hash of each labelled text
        self._pairs = array("Q")  # and one of it with its label

    def add(self, record: TextExample) -> None:
        self.count += 1
        self._sizes.add(record.text)
        text = text_hash(evened(record.text, "NFC"))
        self._texts.append(text)
        if record.label is None:
            self._unlabelled += 1
        else:
            self._labels[record.label] += 1
            self._labelled.append(text)
            self._pairs.append(text_hash(f"{text} {record.label}"))

    @property
    def different(self) -> int:
        return len(set(self._texts))

    def told(self) -> TextFacts:
        labels = _counted(self._labels)
        repeated = _repeated(self._texts)
        return TextFacts(
            texts=self.count,
            unlabelled=self._unlabelled,
            labels=labels,
            imbalance=labels[0].count / labels[-1].count if labels else None,
            repeated=repeated,
            contradicting=len(set(self._pairs)) - len(set(self._labelled)),  # a text with n labels is there n times
            lengths=self._sizes.told(),
        )


def text_hash(text: str) -> int:
    """64 bits of a text's hash, the same on every machine."""
    return int.from_bytes(short_hash(text), "big")


def _repeated(hashes: "array[int]") -> int:
    return len(hashes) - len(set(hashes))


def _counted(counts: Counter[str]) -> tuple[Counted, ...]:
    """By falling count, then by name: the same order whatever the order of the records."""
    rows = (Counted(name, count) for name, count in counts.items() if count)
    return tuple(sorted(rows, key=lambda row: (-row.count, row.name)))
