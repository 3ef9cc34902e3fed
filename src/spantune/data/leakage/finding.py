"""In: test and training records. Out: what the test records have in common with the training records.

Does not know: files, models. How texts are compared is `near`'s.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from spantune.data.leakage.near import LINES, PASSAGES, Likeness, Twin, near_twins, part_twins
from spantune.data.leakage.report import LEAKS, ByKind, LeakReport
from spantune.data.leakage.shingles import evened
from spantune.data.records import Example, Record
from spantune.errors import DataError


def find_leaks(test: Iterable[Record], train: Iterable[Record]) -> LeakReport:
    """What a test set has in common with training data.

    In: records of one task each. Out: a `LeakReport`: exact and near-duplicate contexts (or texts), contexts that are parts
    of one another, questions asked before, answers and documents on both sides. Similarities are exact.

    >>> notes = "Ada Lovelace wrote the notes on the engine in 1843 and signed them with her initials only."
    >>> train = [Example("a", "Who wrote the notes?", notes)]
    >>> test = [Example("b", "When?", notes.replace("signed", "she signed")), Example("c", "Who?", "Nobody wrote anything.")]
    >>> report = find_leaks(test, train)
    >>> report.touched, report.counts["near_context"], report.pairs[0].similarity
    (frozenset({0}), 1, 0.722)

    Raises `DataError` for questions on one side and texts to classify on the other.
    """
    tests, trains = tuple(test), tuple(train)
    _check_task(tests, trains)
    by_kind = ByKind(tests, LEAKS)
    if tests and trains:
        _find_contexts(by_kind, tests, trains)
        if isinstance(tests[0], Example):
            _find_questions(by_kind, tests, trains)
            _find_answers(by_kind, tests, trains)
        _find_documents(by_kind, tests, trains)
    return by_kind.leaks(answered=sum(bool(answers_of(record)) for record in tests), similarity="exact")


def _check_task(tests: Sequence[Record], trains: Sequence[Record]) -> None:
    told = [_tasks_of(records) for records in (tests, trains)]
    if len(set(filter(None, told))) > 1 or any(" and " in one for one in told):
        raise DataError(
            f"test records for the {told[0] or 'no task'}, training records for the {told[1] or 'no task'}",
            expected="records of one task",
            next_move="give test and training data for the same task",
        )


def _tasks_of(records: Sequence[Record]) -> str:
    tasks = sorted({"'answer'" if isinstance(record, Example) else "'classify'" for record in records})
    return f"task{'s' * (len(tasks) > 1)} {' and '.join(tasks)}" if tasks else ""


def body(record: Record) -> str:
    """The text that a record is about: its context, or the text to classify."""
    return record.context if isinstance(record, Example) else record.text


def question(record: Record) -> str:
    """The evened question; a text to classify asks nothing."""
    return evened(record.question) if isinstance(record, Example) else ""


def answers_of(record: Record) -> frozenset[str]:
    """The evened texts of the reference answers; empty for the unanswerable, the unlabelled and the texts to classify."""
    spans = (record.answers or ()) if isinstance(record, Example) else ()
    return frozenset(filter(None, (evened(span.text) for span in spans)))


def likeness_of(records: Sequence[Record]) -> Likeness:
    """How the bodies of these records are compared: contexts as passages, texts to classify as lines."""
    return PASSAGES if records and isinstance(records[0], Example) else LINES


def bodies(records: Sequence[Record]) -> dict[str, list[int]]:
    """The different bodies, evened, and the indices of the records that have each."""
    exact: dict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        exact[body(record)].append(index)
    even: dict[str, list[int]] = defaultdict(list)
    for text, indices in exact.items():
        even[evened(text)].extend(indices)
    return even


def telling_documents(*sets: Sequence[Record]) -> frozenset[str]:
    """The names of documents, unless all records have one and the same, as when it is the name of the file."""
    names = {record.document for records in sets for record in records}
    return frozenset(name for name in names if name) if len(names) > 1 else frozenset()


def _titles(*sets: Sequence[Record]) -> frozenset[str]:
    """The names that tell one document from another; not the one name of a whole set with several contexts."""
    names = telling_documents(*sets)
    for records in sets:
        if len(bodies(records)) > 1 and len(own := {record.document for record in records}) == 1:
            names -= own
    return names


def _find_contexts(by_kind: ByKind, tests: Sequence[Record], trains: Sequence[Record]) -> None:
    of_tests, of_trains = bodies(tests), bodies(trains)
    documents = _titles(tests, trains)
    for text in (text for text in of_tests if text in of_trains):
        _same_context(by_kind, of_tests[text], tests, [trains[index] for index in of_trains[text]])
        _renamed(by_kind, of_tests[text], [trains[index] for index in of_trains[text]], documents)
    known = list(of_trains)
    new = [text for text in of_tests if text not in of_trains]
    near = near_twins(new, known, likeness_of(tests))
    rest = [text for number, text in enumerate(new) if number not in near]
    for kind, texts, found in (("near_context", new, near), ("contained_context", rest, part_twins(rest, known))):
        for number, twins in found.items():
            _add_twins(by_kind, kind, of_tests[texts[number]], trains[of_trains[known[twins[0].index]][0]], twins[0])
            others = [trains[index] for twin in twins for index in of_trains[known[twin.index]]]
            _renamed(by_kind, of_tests[texts[number]], others, documents)


def _same_context(by_kind: ByKind, indices: Sequence[int], tests: Sequence[Record], twins: Sequence[Record]) -> None:
    asked = {question(twin): twin for twin in twins}
    for index in indices:
        twin = asked.get(question(tests[index]))
        by_kind.add("same_record" if twin else "same_context", index, twin or twins[0], 1.0)


def _add_twins(by_kind: ByKind, kind: str, indices: Sequence[int], record: Record, twin: Twin) -> None:
    for index in indices:
        by_kind.add(kind, index, record, twin.similarity)


def _renamed(by_kind: ByKind, indices: Sequence[int], twins: Sequence[Record], documents: frozenset[str]) -> None:
    """The document under two titles: none of the twins has the title of the record, and both titles are known."""
    titles = {twin.document for twin in twins}
    other = next((twin for twin in twins if twin.document in documents), None)
    for index in indices:
        own = by_kind.records[index].document
        if other is not None and own in documents and own not in titles:
            by_kind.add("renamed_document", index, other)


def _find_questions(by_kind: ByKind, tests: Sequence[Record], trains: Sequence[Record]) -> None:
    of_trains: dict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(trains):
        of_trains[question(record)].append(index)
    left: dict[str, list[int]] = defaultdict(list)
    for index in by_kind.untouched():
        left[question(tests[index])].append(index)
    asked, known = list(left), list(of_trains)
    answered: dict[int, dict[str, int]] = {}
    for number, twins in near_twins(asked, known, LINES).items():
        for twin in twins:
            if twin.index not in answered:  # once a question: one may be asked of every document
                answered[twin.index] = _first_with(of_trains[known[twin.index]], trains)
        for index in left[asked[number]]:
            own = answers_of(tests[index])
            shared = ((twin, own & answered[twin.index].keys()) for twin in twins)
            same = next(((twin, min(answered[twin.index][one] for one in ones)) for twin, ones in shared if ones), None)
            twin, at = same or (twins[0], of_trains[known[twins[0].index]][0])
            by_kind.add("same_question_and_answer" if same else "same_question", index, trains[at], twin.similarity)


def _first_with(indices: Sequence[int], trains: Sequence[Record]) -> dict[str, int]:
    """By answer the first of these records that has it."""
    first: dict[str, int] = {}
    for index in indices:
        for answer in answers_of(trains[index]):
            first.setdefault(answer, index)
    return first


def _find_answers(by_kind: ByKind, tests: Sequence[Record], trains: Sequence[Record]) -> None:
    known = {answer: record for record in trains for answer in answers_of(record)}
    for index, record in enumerate(tests):
        if twin := next((known[answer] for answer in sorted(answers_of(record)) if answer in known), None):
            by_kind.add("answer_in_training", index, twin)


def _find_documents(by_kind: ByKind, tests: Sequence[Record], trains: Sequence[Record]) -> None:
    documents = telling_documents(tests, trains)
    known = {record.document: record for record in trains if record.document in documents}
    for index, record in enumerate(tests):
        if record.document in known:
            by_kind.add("same_document", index, known[record.document])
