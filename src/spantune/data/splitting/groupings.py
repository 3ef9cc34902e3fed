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

Key = tuple[str, Hashable]

FIELD = "field:"
# Records made from one form (product sheets, tickets) are all near-duplicates of one another: to keep them together would leave
# nothing to hold out.
MOST = 0.5


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
    """Records of one document, or with one and the same context (or text), belong together."""
    contexts = _context_keys(records)
    documents = {row.document for row in records}
    if documents <= {None}:
        return Grouping(contexts, f"by identical {_what(records)}: the data names no documents")
    if len(documents) == 1:
        (name,) = documents
        said = f"by identical {_what(records)}: all records name one document, {name!r}, which says nothing"
        return Grouping(contexts, said)
    keys = [[*own, ("document", row.document)] if row.document else own for own, row in zip(contexts, records, strict=True)]
    return Grouping(keys, f"by document; records with an identical {_what(records)} stay together too")


def by_context(records: Sequence[Record]) -> Grouping:
    """Records with one and the same context (or text) belong together, whatever document they are from."""
    return Grouping(_context_keys(records), f"by identical {_what(records)}, whatever the document")


def by_near_duplicate(records: Sequence[Record]) -> Grouping:
    """Records of one document belong together, and those whose contexts (or texts) are nearly the same or parts of others."""
    documents = by_document(records)
    clustered = zip(documents.keys, cluster_of(records), strict=True)
    near = [[*own, ("cluster", number)] for own, number in clustered]
    return Grouping(near, f"{documents.sentence}; so do near-duplicates, and parts of one another")


def leak_proof(records: Sequence[Record]) -> Grouping:
    """By document and by near-duplicate, unless near-duplicates would join most of the records into one group."""
    documents, near = by_document(records), by_near_duplicate(records)
    before, after = Counter(documents.roots), Counter(near.roots)
    if len(after) == len(before):
        return documents
    largest = max(after.values())
    if largest > MOST * len(records) > max(before.values()):
        return Grouping(documents.keys, f"{documents.sentence}; near-duplicates do not: they join {largest} of {len(records)}")
    return Grouping(near.keys, f"{near.sentence}: {len(after)} groups instead of {len(before)}")


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
        keys.append(own if value is None else [*own, (FIELD, value)])
    told = f"; {without} records do not have it" if without else ""
    return Grouping(keys, f"by the field {name!r}; records with an identical {_what(records)} stay together too{told}")


def _context_keys(records: Sequence[Record]) -> list[list[Key]]:
    return [[("context", _text(row))] for row in records]


def _text(row: Record) -> str:
    return row.context if isinstance(row, Example) else row.text.strip()


def _what(records: Sequence[Record]) -> str:
    return "context" if not records or isinstance(records[0], Example) else "text"
