"""In: the facts of questions or texts. Out: what stands out in them, in sentences. Does not know: records."""

from collections.abc import Iterator

from spantune.data.statistics.facts import QuestionFacts, TextFacts
from spantune.wording import part_of, percent

FIFTHS = 5
BIASED_FROM = 0.4  # share of the answers in one fifth of their contexts; without a bias it would be 0.2
FEWEST_FOR_A_BIAS = 50  # answers; among fewer, chance alone gives a fifth twice its share now and then
FEW_TEXTS = 10  # texts of a class below which neither learning nor a score of it can be relied on
UNEVEN_FROM = 10  # largest class over smallest: accuracy then says little of the small ones
REPEATED_FROM = 0.01  # share of questions or texts that are there twice


def remarks_on(questions: QuestionFacts | None, texts: TextFacts | None) -> tuple[str, ...]:
    """What stands out, the gravest first."""
    return (*(_on_questions(questions) if questions else ()), *(_on_texts(texts) if texts else ()))


def _on_questions(facts: QuestionFacts) -> Iterator[str]:
    if facts.unaligned:
        unaligned = part_of(facts.unaligned, facts.answers)
        yield f"{unaligned} answers are not at their start in the context: spantune check aligns them"
    if facts.cut_words:
        yield f"{part_of(facts.cut_words, facts.answers)} answers begin or end inside a word"
    yield from _bias(facts)
    if facts.again > 0.2 * facts.answers > 0:
        yield (
            f"{part_of(facts.again, facts.answers)} answers occur in their context more than once: make sure that the one that "
            "answers the question is marked"
        )
    if facts.repeated > REPEATED_FROM * facts.questions:
        yield f"{part_of(facts.repeated, facts.questions)} questions ask their context what was asked before"
    if facts.questions and facts.unlabelled == facts.questions:
        yield "no question has an answer: this data is for prediction only"


def _bias(facts: QuestionFacts) -> Iterator[str]:
    total = sum(facts.positions)
    width = len(facts.positions) // FIFTHS
    fifths = [sum(facts.positions[at * width : (at + 1) * width]) for at in range(FIFTHS)]
    most = max(range(FIFTHS), key=lambda at: fifths[at])
    if total >= FEWEST_FOR_A_BIAS and fifths[most] >= BIASED_FROM * total:
        place = ("first", "second", "middle", "fourth", "last")[most]
        yield (
            f"{percent(fifths[most] / total)} of the answers begin in the {place} fifth of their context: a model can learn "
            "the place instead of the question"
        )


def _on_texts(facts: TextFacts) -> Iterator[str]:
    if facts.contradicting:
        yield f"{facts.contradicting:,} texts are there again with another label"
    small = [row for row in facts.labels if row.count < FEW_TEXTS]
    if small:
        noun = "label has" if len(small) == 1 else "labels have"
        yield f"{len(small):,} {noun} fewer than {FEW_TEXTS} texts: too few to learn them or to measure them"
    if facts.imbalance is not None and facts.imbalance >= UNEVEN_FROM:
        yield (
            f"the largest class has {facts.imbalance:.0f} texts for one of the smallest: look at macro F1, which counts every "
            "class alike, rather than at accuracy"
        )
    if facts.repeated > REPEATED_FROM * facts.texts:
        yield f"{part_of(facts.repeated, facts.texts)} texts occurred before"
