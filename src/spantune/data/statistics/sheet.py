"""The data sheet: statistics and a check's account as one HTML page that needs nothing else: no network, no script.

In: `Statistics`, a check's report, records to show, what leaked. Out: the text of the page. Does not know: files, tokenizers.

The page forbids itself everything but its own style sheet (a Content-Security-Policy with the sheet's hash), so nothing in the
data can run or load, even if it were not escaped. It is escaped all the same: Jinja2's autoescape for markup, `visible` for
control characters, `<bdi>` against text that turns its surroundings around. Everything that grows with the data is cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from spantune.data.desk import Report
from spantune.data.records import Record
from spantune.data.statistics.account import Account, account_of
from spantune.data.statistics.distributions import Distribution
from spantune.data.statistics.drawing import Picture, bar_rows, histogram, positions
from spantune.data.statistics.facts import Counted, Lengths, Statistics
from spantune.data.statistics.showing import PICKED, show
from spantune.pages import rendered
from spantune.wording import counted, percent, shortened, visible

LABELS = 60  # of the labels shown, those with the most texts, and
RAREST = 10  # those with the fewest
WORDS = 15  # first words of questions
SENTENCES = 40  # that say what stands out
LONGEST_NAME = 120  # characters of a label, a title, a document's name
LONGEST_SENTENCE = 500


def data_sheet(
    statistics: Statistics,
    report: Report | None = None,
    examples: Iterable[Record] = (),
    remarks: Iterable[str] = (),
    title: str = "Data sheet",
) -> str:
    """The page for a person who wants to see what the data is like before training on it.

    In: statistics; optionally the `Report` of a check; records to show, of which the first `PICKED` are (`pick` chooses some
    that stand for all); what else stands out, such as leaks, in sentences. Out: HTML to be written as UTF-8, below 1 MB
    whatever the data. The same input gives the same bytes.
    """
    account = None if report is None else account_of(report)
    shown = [show(record) for record, _ in zip(examples, range(PICKED), strict=False)]
    values = {
        "title": shortened(title, LONGEST_NAME),
        "found": statistics,
        "account": account,
        "remarks": [shortened(one, LONGEST_SENTENCE) for one in _remarks(statistics, account, remarks)][:SENTENCES],
        "tables": tuple(_tables(statistics)),
        "pictures": tuple(_pictures(statistics)),
        "charts": tuple(_charts(statistics)),
        "labels": _labels(statistics),
        "examples": shown,
    }
    return rendered("spantune.data.statistics", "sheet", (visible, number, percent, counted), values)


def _remarks(found: Statistics, account: Account | None, others: Iterable[str]) -> Iterator[str]:
    yield from found.remarks
    if account is not None:
        yield from account.told
    yield from others


def _tables(found: Statistics) -> Iterator[tuple[str, str, Distribution]]:
    """Every distribution: of what, in which unit, the numbers."""
    for name, lengths in _lengths(found):
        if lengths:
            yield name, "characters", lengths.characters
            yield name, "words", lengths.words
        tokens = getattr(found.tokens, name.casefold(), None)
        if tokens:
            yield name, "tokens", tokens
    if found.questions:
        for name in ("questions_per_context", "answers_per_question", "contexts_per_document"):
            counts = getattr(found.questions, name)
            if counts:
                what, _, whole = name.partition("_per_")
                yield f"{what.capitalize()} per {whole}", "", counts


def _lengths(found: Statistics) -> Iterator[tuple[str, Lengths | None]]:
    if found.questions:
        yield "Contexts", found.questions.context_lengths
        yield "Questions", found.questions.question_lengths
        yield "Answers", found.questions.answer_lengths
    if found.texts:
        yield "Texts", found.texts.lengths


def _pictures(found: Statistics) -> Iterator[Picture]:
    for name, lengths in _lengths(found):
        if lengths:
            yield histogram(name, "words", lengths.words)
        tokens = getattr(found.tokens, name.casefold(), None)
        if tokens:
            yield histogram(name, "tokens", tokens)
    if found.questions and sum(found.questions.positions):
        yield positions(found.questions.positions)
    if found.questions and found.questions.questions_per_context:
        yield replace(
            histogram("Contexts", "questions about them", found.questions.questions_per_context), title="Questions per context"
        )


def _charts(found: Statistics) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Bar charts of what has names: their titles and rows."""
    facts = found.questions
    if facts is None:
        return
    if facts.kinds:
        yield f"What is asked for (question words of {facts.language})", bar_rows(facts.kinds, facts.questions)
    if facts.first_words:
        yield "First words of the questions", bar_rows(_named(facts.first_words[:WORDS]), facts.questions)
    if facts.answer_kinds:
        yield "What answers look like", bar_rows(facts.answer_kinds, facts.answers - facts.unaligned)


def _labels(found: Statistics) -> tuple[tuple[Any, ...], int, tuple[Any, ...]] | None:
    """Labels from the most frequent one, the number left out, and the rarest."""
    if found.texts is None or not found.texts.labels:
        return None
    rows = found.texts.labels
    texts = found.texts.texts - found.texts.unlabelled
    if len(rows) <= LABELS + RAREST:
        return bar_rows(_named(rows), texts), 0, ()
    ends = bar_rows(_named((*rows[:LABELS], *rows[-RAREST:])), texts)
    return ends[:LABELS], len(rows) - LABELS - RAREST, ends[LABELS:]


def _named(rows: Iterable[Counted]) -> Iterator[Counted]:
    return (Counted(shortened(row.name, LONGEST_NAME), row.count) for row in rows)


def number(value: float | None) -> str:
    """A count with separators, a mean with one decimal; a dash for what is not known.

    >>> number(12345), number(12.345), number(None)
    ('12,345', '12.3', '–')
    """
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
