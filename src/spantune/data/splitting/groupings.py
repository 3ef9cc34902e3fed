"""In: records. Out: what belongs together: for each record the keys it shares with others. Does not know: sides, seeds.

How records belong together is a row of `GROUPINGS`, or a field that the records carry.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from spantune.data.leakage import clusters
from spantune.data.leakage.near import LINES, PASSAGES, joined
from spantune.data.records import Example, Record
from spantune.errors import ConfigError
from spantune.wording import counted, part_of

Key = tuple[str, Hashable]

FIELD = "field:"
# Records made from one form (product sheets, tickets) are all near-duplicates of one another: to keep them together would leave
# nothing to hold out.
MOST = 0.5
# Without documents a larger cluster may be left for training: what is held out by default, a fifth, is there beside it.
MOST_ALONE = 0.8
HANDFUL = 5  # of fewer groups, the seed decides what a score means


@dataclass(frozen=True, slots=True)
class Grouping:
    """For each record the keys it shares with the records it belongs to, and the sentence that says what a group is."""

    keys: list[list[Key]]
    sentence: str

    @property
    def roots(self) -> list[int]:
        """For each record the number of its group, after joining all that share a key.

        >>> Grouping([[("context", "a")], [], [("context", "a"), ("document", "x")], [("document", "x")]], "").roots
        [0, 1, 0, 0]
        """
        first_with: dict[Key, int] = {}
        pairs = [(first_with.setdefault(key, index), index) for index, own in enumerate(self.keys) for key in own]
        return joined(len(self.keys), pairs)


def by_document(records: Sequence[Record]) -> Grouping:
    """Records of one document, or with one and the same context (or text), belong together.

    A document name that says nothing is ignored: one of most records, or one that only says which file a record is from.
    """
    contexts, what = _context_keys(records), _what(records)
    documents = {row.document for row in records}
    if documents <= {None}:
        return Grouping(contexts, f"by identical {what}: the data names no documents")
    if len(documents) == 1:
        (name,) = documents
        return Grouping(contexts, f"by identical {what}: all records name one document, {name!r}, which says nothing")
    ignored, why = _silent(records)
    if documents - {None} <= ignored:
        return Grouping(contexts, f"by identical {what}: {why}")
    keys = [
        [*own, ("document", row.document)] if row.document and row.document not in ignored else own
        for own, row in zip(contexts, records, strict=True)
    ]
    but = f" ({why})" if why else ""
    return Grouping(keys, f"by document{but}; records with an identical {what} stay together too")


def by_context(records: Sequence[Record]) -> Grouping:
    """Records with one and the same context (or text) belong together, whatever document they are from."""
    return Grouping(_context_keys(records), f"by identical {_what(records)}, whatever the document")


def by_near_duplicate(records: Sequence[Record]) -> Grouping:
    """Records of one document belong together, and those whose contexts (or texts) are nearly the same or parts of others."""
    return _near(by_document(records), cluster_of(records))


def leak_proof(records: Sequence[Record]) -> Grouping:
    """By document and by near-duplicate; where that joins most of the records into one group, or all, by one of the two.

    By near-duplicate alone if that leaves enough to choose from, since no context leaks then; else by document alone.
    """
    documents, numbers = by_document(records), cluster_of(records)
    near = _near(documents, numbers)
    before, after = Counter(documents.roots), Counter(near.roots)
    if len(after) == len(before):
        return documents
    largest = max(after.values())
    if len(after) > 1 and not largest > MOST * len(records) > max(before.values()):
        return Grouping(near.keys, f"{near.sentence}: {len(after):,} groups instead of {len(before):,}")
    joins = f"{part_of(largest, len(records))} of the records into one group"
    alone = Grouping(
        _with_clusters(_context_keys(records), numbers),
        f"by identical {_what(records)}, near-duplicates and parts of one another; documents may be on both sides: kept "
        f"together too, they would join {joins}",
    )
    sizes = Counter(alone.roots)
    if len(sizes) >= HANDFUL and max(sizes.values()) <= MOST_ALONE * len(records):
        return alone
    return Grouping(documents.keys, f"{documents.sentence}; near-duplicates do not: they join {joins}")


def by_nothing(records: Sequence[Record]) -> Grouping:
    """Every record on its own: what most tools do, for comparison."""
    said = f"row by row: one {_what(records)} may be on both sides, so scores on them say how well a model remembers"
    return Grouping([[] for _ in records], said)


GROUPINGS: Mapping[str, Callable[[Sequence[Record]], Grouping]] = {
    "leak-proof": leak_proof,
    "document": by_document,
    "near-duplicate": by_near_duplicate,
    "context": by_context,
    "random": by_nothing,
}
# By document alone, 0 to 15% of FaQuAD's held-out questions (7% on average over 20 seeds) have their context, or a near one, in
# training too; this way none does. Of nine other sets it changes two, by one group; it takes 0.2 s for 250 paragraphs and 8 s
# for 20,000.
DEFAULT_GROUPING = "leak-proof"


def grouping_of(records: Sequence[Record], by: str) -> Grouping:
    """The grouping of a row of `GROUPINGS`, or of a field that the records carry: `field:NAME`, or its bare name.

    Raises `ConfigError` when there is neither.
    """
    if by in GROUPINGS:
        return GROUPINGS[by](records)
    name = by.removeprefix(FIELD)
    known = dict.fromkeys(name for row in records for name, _ in row.fields)
    if name not in known:
        fields = ", ".join(FIELD + one for one in known) or "the records carry no fields"
        raise ConfigError(
            f"cannot split by {by!r}",
            expected=f"one of {', '.join(GROUPINGS)}; or a field: {fields}",
            next_move="choose one of these",
        )
    return _by_field(records, name)


def cluster_of(records: Sequence[Record]) -> list[int]:
    """For each record the number of the cluster of near-duplicate or contained contexts (or texts) that its own is in."""
    of_texts: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(records):
        of_texts[_text(row)].append(index)
    texts = list(of_texts)
    found = [0] * len(records)
    likeness = PASSAGES if _what(records) == "context" else LINES
    for text, number in zip(texts, clusters(texts, likeness), strict=True):
        for index in of_texts[text]:
            found[index] = number
    return found


def _by_field(records: Sequence[Record], name: str) -> Grouping:
    keys: list[list[Key]] = []
    without = 0
    for row, own in zip(records, _context_keys(records), strict=True):
        value = dict(row.fields).get(name)
        without += value is None
        keys.append(own if value is None else [*own, (FIELD, _spoken(value))])
    told = f"; {counted(without, 'record')} {'does' if without == 1 else 'do'} not have it" if without else ""
    return Grouping(keys, f"by the field {name!r}; records with an identical {_what(records)} stay together too{told}")


def _spoken(value: object) -> str:
    """A field's value as one file or another may spell it: 3 of JSON is '3' in a table, and 3.0 where other cells are empty."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def _silent(records: Sequence[Record]) -> tuple[set[str], str]:
    """The document names that say nothing, and why: no name of one context is among them, to ignore it would change nothing."""
    contexts: dict[str, set[str]] = defaultdict(set)
    of_file: dict[str | None, set[str | None]] = defaultdict(set)
    for row in records:
        of_file[row.place.file if row.place else None].add(row.document)
        if row.document:
            contexts[row.document].add(_text(row))
    several = {name for name, own in contexts.items() if len(own) > 1}
    # Many files of a document each are documents; a few are data sets, each called by its name.
    if several and len(contexts) < HANDFUL and len(of_file) > 1 and all(len(own) == 1 for own in of_file.values()):
        return set(contexts), "all records of a file name one document, which says nothing beside the file"
    counts = Counter(row.document for row in records)
    most = next((name for name in several if counts[name] > MOST * len(records)), None)
    if most is None:
        return set(), ""
    return {most}, f"{most!r} is ignored: {part_of(counts[most], len(records))} of the records name it, which says nothing"


def _near(documents: Grouping, numbers: Sequence[int]) -> Grouping:
    sentence = f"{documents.sentence}; so do near-duplicates, and parts of one another"
    return Grouping(_with_clusters(documents.keys, numbers), sentence)


def _with_clusters(keys: Sequence[list[Key]], numbers: Sequence[int]) -> list[list[Key]]:
    return [[*own, ("cluster", number)] for own, number in zip(keys, numbers, strict=True)]


def _context_keys(records: Sequence[Record]) -> list[list[Key]]:
    return [[("context", _text(row))] for row in records]


def _text(row: Record) -> str:
    return row.context if isinstance(row, Example) else row.text.strip()


def _what(records: Sequence[Record]) -> str:
    return "context" if not records or isinstance(records[0], Example) else "text"
