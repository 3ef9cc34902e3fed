"""In: records, shares, a seed. Out: the records and altered copies of some of them. Does not know: files, models.

What a copy can be is a row of AUGMENTATIONS. What is drawn for a record follows from the seed, the row and the record's own
content, so neither the order of the rows in a file nor the other shares change it.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from types import MappingProxyType
from typing import Any

from spantune.config import AugmentConfig
from spantune.data.augmenting.altering import altered
from spantune.data.augmenting.crops import crop, removed
from spantune.data.augmenting.noise import case, disfluency, punctuation, typos
from spantune.data.augmenting.passages import Pool, distractor, unanswerable
from spantune.data.fingerprints import record_hash
from spantune.data.problems import excerpt
from spantune.data.records import Example, Record
from spantune.errors import UnalignedSpanError

Make = Callable[[Example, Random, Pool], Example | None]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """One way to alter a question or its context. `make` gives `None` where it cannot be done."""

    sentence: str
    make: Make


@dataclass(frozen=True, slots=True)
class Augmented:
    """The records as they were, in their order, then the copies; what was made and what could not be, row by row.

    `skipped` counts the records that were drawn for a copy of which none could be made, `unfit` the texts to classify and the
    questions without labels, which are never drawn.
    """

    records: tuple[Any, ...] = field(repr=False)  # of Example or TextExample: what was given decides
    made: Mapping[str, int]
    skipped: Mapping[str, int]
    unfit: int = 0

    def sentences(self) -> tuple[str, ...]:
        """What was done, in plain words; empty when nothing was asked for."""
        said = [
            f"augmentation: {self.made[name]} of {self.made[name] + self.skipped[name]} copies made by {name}"
            + (", the others cannot be" if self.skipped[name] else "")
            for name in AUGMENTATIONS
            if self.made[name] or self.skipped[name]
        ]
        if self.unfit:
            said.append(f"augmentation: {self.unfit} records are no labelled questions, so no copies of them are made")
        return tuple(said)

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON can carry them; without the records themselves."""
        return {"records": len(self.records), "made": dict(self.made), "skipped": dict(self.skipped), "unfit": self.unfit}


def augment(records: Iterable[Record], settings: AugmentConfig | None = None, seed: int = 13) -> Augmented:
    """Add altered copies of questions to training records, so that every answer is still at its place.

    In: records as `check` gives them, the training side only: a copy of a held-out question in training is a leak. Each
    share in `settings` is the chance of each record to get a copy by that row. A copy's id is that of its record with '~'
    and the row's name. Texts to classify and questions without labels are never copied.

    Raises `UnalignedSpanError` for a reference that is not at its start in the context.

    >>> from spantune.data.records import Span
    >>> ada = Example("1", "Who wrote it, and when?", "It rained. Ada wrote it in 1843.", (Span("Ada", 11),))
    >>> result = augment([ada], AugmentConfig(punctuation=1.0, crop=1.0))
    >>> [(one.id, one.question, one.context) for one in result.records[1:]]  # doctest: +NORMALIZE_WHITESPACE
    [('1~punctuation', 'Who wrote it and when', 'It rained. Ada wrote it in 1843.'),
     ('1~crop', 'Who wrote it, and when?', 'Ada wrote it in 1843.')]
    """
    rows = tuple(records)
    shares = {name: share for name, share in (settings or AugmentConfig()) if share > 0}
    if not shares:
        return Augmented(rows, _counts(Counter()), _counts(Counter()))
    examples = [row for row in rows if isinstance(row, Example) and row.answers is not None]
    pool = Pool(examples)
    made, skipped, copies = Counter[str](), Counter[str](), []
    ids = {row.id for row in rows}
    for example in examples:
        _check_spans(example)
        content = record_hash(example)
        for name, share in shares.items():
            draw = Random(hashlib.sha256(f"{seed}\n{name}\n{content}".encode()).digest())
            if draw.random() >= share:
                continue
            copy = AUGMENTATIONS[name].make(example, draw, pool)
            (skipped if copy is None else made)[name] += 1
            if copy is not None:
                copies.append(replace(copy, id=_free_id(f"{example.id}~{name}", ids)))
    return Augmented((*rows, *copies), _counts(made), _counts(skipped), len(rows) - len(examples))


def _on_question(alter: Callable[[str, Random], str | None]) -> Make:
    """A row that alters the question alone."""

    def make(example: Example, draw: Random, _: Pool) -> Example | None:
        question = alter(example.question, draw)
        return None if question is None else replace(example, question=question)

    return make


AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType(
    {
        "typos": Augmentation("the question with slips of the finger, about one word in eight", _on_question(typos)),
        "case": Augmentation("the question in small letters", _on_question(case)),
        "punctuation": Augmentation("the question without question marks and commas", _on_question(punctuation)),
        "disfluency": Augmentation("the question as said aloud, with a false start or a filler", _on_question(disfluency)),
        "crop": Augmentation(
            "a part of the context: whole sentences, all references among them", lambda example, draw, _: crop(example, draw)
        ),
        "distractor": Augmentation("the context beside a passage of another document that holds no answer", distractor),
        "unanswerable": Augmentation("the question asked of a similar passage that does not answer it", unanswerable),
        "altered": Augmentation(
            "the question with a number, a name or a word turned into another, so that its context answers it no more",
            lambda example, draw, _: altered(example, draw),
        ),
        "removed": Augmentation(
            "the context without the sentences that hold the answer, so that the question has none",
            lambda example, draw, _: removed(example, draw),
        ),
    }
)


def _check_spans(example: Example) -> None:
    for span in example.answers or ():
        if span.start is None or example.context[span.start : span.end] != span.text:
            raise UnalignedSpanError(
                f"the answer {excerpt(span.text)} of {excerpt(example.id)} is not at its start, {span.start}",
                expected="answers that equal their slices of the context",
                next_move="pass the records through check() first, and augment those of its report",
            )


def _free_id(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with '#2', '#3', … where another record has it; what is given is taken from then on."""
    unique, number = wanted, 2
    while unique in taken:
        unique, number = f"{wanted}#{number}", number + 1
    taken.add(unique)
    return unique


def _counts(counter: Counter[str]) -> Mapping[str, int]:
    return MappingProxyType({name: counter[name] for name in AUGMENTATIONS})
