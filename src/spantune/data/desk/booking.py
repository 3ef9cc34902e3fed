"""In: one raw record after the other. Out: the Entry of each. Does not know: files, sums, what is done with an entry.

What must be remembered of records gone by (ids, labels of texts) is kept as hashes, so that a million records fit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest

from spantune.data.desk.choices import Choice, Choices, applied
from spantune.data.desk.entries import CHOSEN, GRAVITY, REMOVED, Entry, Outcome, Repair, Told
from spantune.data.desk.outlook import Outlook, file_of, wrong_start
from spantune.data.problems import Flaw, Problem, excerpt, record_problem, text_doubt, text_flaw
from spantune.data.records import Example, Place, Record, Span, TextExample
from spantune.data.repair import Alignment, align, cuts_word, repair_flaw, unaligned_flaw, unslipped
from spantune.data.rows import Made

AS_GIVEN = "as_given"
LOCATED = "located"
EXACT = "exact"


@dataclass(frozen=True, slots=True)
class _Checked:
    """One record after its check: what is told of it, what was changed; answers found without a start, and cut ones."""

    record: Record
    told: tuple[Told, ...] = ()
    repairs: tuple[Repair, ...] = ()
    located: int = 0
    cut: int = 0


class Desk:
    """Books one record after the other. `outlooks` says what is known of each file; `choices` what a person decided."""

    def __init__(self, outlooks: dict[str, Outlook], choices: Choices | None = None) -> None:
        self.outlooks = outlooks
        self.choices = choices or Choices({})
        self._first: dict[int, Place | None] = {}
        self._last_number: dict[int, int] = {}
        self._contents: set[int] = set()
        self._label_of: dict[int, str] = {}

    def book(self, made: Made) -> Entry:
        """What becomes of this record. Never raises on bad data."""
        entry = self._booked(made)
        if entry.before is None or not (entry.outcome == "quarantined" or entry.removed):
            return entry
        choice = self.choices.take(entry.before)
        if choice is None:
            return entry
        decided = _completed(entry, choice) if entry.removed else self._decided(entry, choice)
        if decided is None:
            self.choices.give_back(entry.before)
        return decided or entry

    def _booked(self, made: Made) -> Entry:
        record, read = made.record, tuple(Told(problem) for problem in made.problems)
        if record is None:
            first = made.problems[0]
            return Entry("dropped", first.code, first.file, None, None, read)
        flaw = _unusable(record)
        if flaw is None and made.usable:
            flaw = self._repeated(record)
        if flaw:
            return _out(record, "dropped", (*read, Told(record_problem(record, flaw))))
        doubts = tuple(Told(record_problem(record, doubt)) for doubt in _doubts(record))
        if doubts or not made.usable:
            return _out(record, "quarantined", (*read, *doubts))
        checked = self._checked(record)
        if any(one.problem.outcome == "quarantined" for one in checked.told):
            return _out(record, "quarantined", (*read, *checked.told))
        named = self._named(checked.record)
        told = (*read, *checked.told, *named.told)
        repairs = (*_read_repairs(made.problems, record), *checked.repairs, *named.repairs)
        outcome: Outcome = "repaired" if told else "kept"
        reason = told[0].problem.code if told else LOCATED if checked.located else AS_GIVEN
        return Entry(outcome, reason, file_of(record), named.record, record, told, repairs, checked.located, checked.cut)

    def _decided(self, entry: Entry, choice: Choice) -> Entry | None:
        """A quarantined record, as a person decided; None for a choice that the record cannot take."""
        assert entry.before is not None
        before = entry.before
        if choice.word == "drop":
            flaw = Flaw("dropped_by_choice", "dropped", f"{entry.reason}; a person chose 'drop'", "a choice", "nothing")
            return _out(before, "dropped", (Told(record_problem(before, flaw)),))
        record = self._kept(before) if choice.word == "keep" else applied(before, choice)
        if record is None:
            return None
        named = self._named(record)
        flaw = Flaw(CHOSEN, "repaired", f"{entry.reason}; a person chose {choice.told}", "a choice", "nothing")
        told = (Told(record_problem(before, flaw)), *named.told)
        repairs = (*_chosen_repairs(before, record), *named.repairs)
        return Entry("repaired", flaw.code, entry.file, named.record, before, told, repairs)

    def _kept(self, record: Record) -> Record | None:
        """The record that a person wants to keep as it is, its answers aligned; None where they cannot be."""
        if isinstance(record, TextExample):
            return record
        checked = self._checked(record)
        return None if any(one.problem.outcome == "quarantined" for one in checked.told) else checked.record

    def _checked(self, record: Record) -> _Checked:
        outlook = self.outlooks.get(file_of(record), Outlook())
        if isinstance(record, TextExample):
            flaw = self._label_flaw(record, outlook)
            return _Checked(record, (Told(record_problem(record, flaw)),) if flaw else ())
        return _check_example(record, outlook)

    # --- what is remembered ---------------------------------------------------------------------------------------

    def _repeated(self, record: Record) -> Flaw | None:
        """Whether the same record, id and all, was met before; remembers it if not."""
        content = hash(_content(record))
        if content in self._contents:
            return Flaw(
                "duplicate_record",
                "dropped",
                f"the same record as {self._first.get(hash(record.id)) or 'one before'}, id {excerpt(record.id)}",
                "each record once",
                "nothing; the first one is used",
            )
        self._contents.add(content)
        return None

    def _named(self, record: Record) -> _Checked:
        """The record under an id of its own: a second 'x' becomes 'x#2'."""
        if self._is_new(record.id, record.place):
            return _Checked(record)
        number = self._last_number.get(hash(record.id), 1) + 1
        while not self._is_new(f"{record.id}#{number}", record.place):
            number += 1
        self._last_number[hash(record.id)] = number
        unique = f"{record.id}#{number}"
        flaw = Flaw(
            "duplicate_id",
            "repaired",
            f"id {excerpt(record.id)} is also the id of another record, {self._first.get(hash(record.id)) or 'one before'}",
            "an id of its own",
            f"nothing; it goes by {excerpt(unique)} now",
        )
        repair = Repair(record.id, record.place, flaw.code, "id", record.id, unique)
        return _Checked(replace(record, id=unique), (Told(record_problem(record, flaw)),), (repair,))

    def _is_new(self, name: str, place: Place | None) -> bool:
        """Whether no record before went on under this id; it is taken from now on."""
        before = len(self._first)
        self._first.setdefault(hash(name), place)
        return len(self._first) > before

    def _label_flaw(self, record: TextExample, outlook: Outlook) -> Flaw | None:
        if record.label is None:
            return _label_missing(record) if outlook.labelled else None
        first = self._label_of.setdefault(hash(record.text), record.label)
        if first == record.label:
            return None
        return Flaw(
            "conflicting_labels",
            "quarantined",
            f"{excerpt(record.text)} has the label {excerpt(record.label)}, and before it {excerpt(first)}",
            "one label for one text",
            "keep the label that is right",
        )


def _completed(entry: Entry, choice: Choice) -> Entry | None:
    """A record that lost references, with those that a person chose in their place, if any."""
    record = entry.record
    assert isinstance(record, Example)  # texts have no references
    if applied(record, choice) is None:
        return None
    flaw = Flaw(CHOSEN, "repaired", f"{REMOVED}; a person chose {choice.told}", "a choice", "nothing")
    repairs = tuple(Repair(record.id, record.place, flaw.code, "answer", None, span) for span in choice.spans)
    return replace(
        entry,
        record=replace(record, answers=tuple(dict.fromkeys((*(record.answers or ()), *choice.spans)))),
        told=(*entry.told, Told(record_problem(record, flaw))),
        repairs=(*entry.repairs, *repairs),
    )


def _out(record: Record, outcome: Outcome, told: tuple[Told, ...]) -> Entry:
    """A record that does not go on, for the gravest of its flaws."""
    gravest = min((one.problem for one in told), key=lambda problem: GRAVITY.index(problem.outcome))
    return Entry(outcome, gravest.code, file_of(record), None, record, told)


def _check_example(record: Example, outlook: Outlook) -> _Checked:
    """Align every reference. The good ones stay; a record is quarantined when none is good."""
    spans: list[Span] = []
    bad: list[tuple[Span, Flaw]] = []
    told: list[Told] = []
    repairs: list[Repair] = []
    located = cut = 0
    for given in record.answers or ():
        alignment = align(record.context, given, outlook.cause)
        if alignment.code == EXACT and cuts_word(record.context, given):
            whole = unslipped(record.context, given, outlook.slip) if outlook.slip else None
            alignment = alignment if whole is None else Alignment(whole, "cut_word", "repaired")
            cut += whole is None
        if alignment.span is None:
            bad.append((given, unaligned_flaw(record.context, given, alignment)))
            continue
        spans.append(alignment.span)
        located += alignment.code == LOCATED
        if alignment.outcome == "repaired":
            told.append(_told(record, given, repair_flaw(given, alignment), alignment.span))
            repairs.append(Repair(record.id, record.place, alignment.code, "answer", given, alignment.span))
    if not (bad or repairs or located):
        return _Checked(record, cut=cut)
    if bad and not spans:
        return _Checked(record, tuple(_told(record, given, flaw) for given, flaw in bad))
    for given, flaw in bad:
        told.append(_told(record, given, _removed(flaw, len(spans))))
        repairs.append(Repair(record.id, record.place, REMOVED, "answer", given, None))
    return _Checked(replace(record, answers=tuple(spans)), tuple(told), tuple(repairs), located, cut)


def _told(record: Example, given: Span, flaw: Flaw, found: Span | None = None) -> Told:
    """A problem with an answer; where its start was wrong, with the causes that lead to the span that was found."""
    wrong = wrong_start(record.context, given, found)
    return Told(record_problem(record, flaw), None if wrong is None else wrong.causes)


def _removed(flaw: Flaw, left: int) -> Flaw:
    return replace(
        flaw,
        code=REMOVED,
        outcome="repaired",
        found=f"{flaw.code}: {flaw.found}; it was removed, {left} other{'s' if left > 1 else ''} stayed",
    )


def _read_repairs(told: Iterable[Problem], record: Record) -> tuple[Repair, ...]:
    """The values that reading itself changed: not all it tells of is one."""
    changes = ((problem.code, problem.changed) for problem in told if problem.changed is not None)
    return tuple(
        Repair(
            record.id, record.place, code, one.field, one.old, Span(one.new) if one.field == "answer" and one.new else one.new
        )
        for code, one in changes
    )


def _chosen_repairs(before: Record, after: Record) -> tuple[Repair, ...]:
    if isinstance(before, TextExample) or isinstance(after, TextExample):
        old, new = getattr(before, "label", None), getattr(after, "label", None)
        return (Repair(before.id, before.place, CHOSEN, "label", old, new),)
    pairs = list(zip_longest(before.answers or (), after.answers or ())) or [(None, None)]
    return tuple(Repair(before.id, before.place, CHOSEN, "answer", old, new) for old, new in pairs)


def _label_missing(record: TextExample) -> Flaw:
    return Flaw(
        "label_missing",
        "quarantined",
        f"no label for {excerpt(record.text)}",
        "a label, as the other texts of this file have",
        "fill in the label, or move the texts to predict to a file of their own",
    )


def _unusable(record: Record) -> Flaw | None:
    """A record made by hand may lack what reading guarantees."""
    if isinstance(record, TextExample):
        return text_flaw(record.text, "text")
    return text_flaw(record.question, "question") or text_flaw(record.context, "context")


def _doubts(record: Record) -> tuple[Flaw, ...]:
    """What a person should look at before the record is used."""
    names = ("text",) if isinstance(record, TextExample) else ("question", "context")
    return tuple(flaw for name in names if (flaw := text_doubt(getattr(record, name), name)))


def _content(record: Record) -> tuple[object, ...]:
    """What makes two records of one id the same record; where they were read does not."""
    if isinstance(record, Example):
        spans = tuple((span.text, str(span.start)) for span in record.answers or ())  # hash(-1) is hash(-2)
        return (record.id, record.question, record.context, record.answers is None, spans)
    return (record.id, record.text, record.label)
