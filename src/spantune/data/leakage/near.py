"""In: texts. Out: which of them are nearly the same, or parts of one another. Does not know: records.

Candidates come from MinHash signatures in bands (LSH) and from shared anchors; each is then verified on the whole sets of
shingles, so that no pair is told that is not one and its similarity is the real one. A pair just above the threshold can be
missed: 1 in 250 passages at 0.5 and 1 in 30,000 at 0.6; 1 in 600 lines at 0.8.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from spantune.data.leakage.shingles import Shingler, anchors, line_shingles, passage_shingles

Signature: TypeAlias = "array[int]"
"""A MinHash signature: `PERMUTATIONS` values of 16 bits."""

PERMUTATIONS = 128
SEED = 1
SLOT_BITS = 0xFFFF  # 16 of 32 bits: two unlike slots agree once in 65,536, and a signature weighs 256 bytes
CHUNK = 2_000  # texts whose shingles are held in memory at once

# All pairs of 10,000 texts made from one form are 50 million. So a band keeps the first 64 that agree in it, and a text is
# compared with the 32 that agree with it in most bands: a form that two texts share takes few bands, a real twin most.
BUCKET_KEPT, COMPARED = 64, 32
# A run of words that stands in more texts than this is a form (a licence, a disclaimer), no sign of one source.
ANCHOR_COMMON = 200
PARTS_COMPARED = 20  # the texts that share most anchors; a container shares nearly all of them

# Looked at in pairs of SQuAD, SQuADShifts, TAT-QA, FaQuAD, PolicyQA and CMRC: a part of the shorter text of 0.8 and more is a
# passage cut differently, or with its line breaks and case changed; 0.6 is a form with other numbers filled in.
PART_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Likeness:
    """How texts of one kind are compared: their shingles, the Jaccard similarity that counts, and the bands of the LSH."""

    shingles: Shingler
    threshold: float
    bands: int
    rows: int


# 0.5: between pairs of SQuAD's 4,368 paragraphs there is a gap from 0.33 to 0.5. Above it stand revisions and passages cut
# differently (and two sentences in which only the country differs); below it, forms filled in for two cities. One word in
# nine can be changed before a passage falls below it.
PASSAGES = Likeness(passage_shingles, 0.5, bands=42, rows=3)
# 0.8: "do you charge for transfers?" and "why do you charge for transfers?" are 0.86 alike; at 0.7 stand "when is …" and
# "where is …". "… in 1843?" and "… in 1845?" are 0.9 alike, so a near question alone touches nothing: the answer must agree.
LINES = Likeness(line_shingles, 0.8, bands=21, rows=6)


@dataclass(frozen=True, slots=True)
class Twin:
    """A text like the one asked about: its index, and how like it is, from 0 to 1."""

    index: int
    similarity: float


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """The size of what two sets share over the size of both together.

    >>> jaccard(frozenset("abc"), frozenset("bcd"))
    0.5
    """
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def contained(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of the smaller set that the other one holds.

    >>> contained(frozenset("abcdef"), frozenset("ab"))
    1.0
    """
    return len(one & other) / min(len(one), len(other))


def signatures(texts: Iterable[str], shingles: Shingler) -> list[Signature]:
    """The MinHash signature of each text: R-MinHash of the library rensa, cut to 16 bits a slot (b-bit minwise hashing).

    The same in every process: the library hashes without a secret, and the order within a set does not count.
    """
    from rensa import RMinHash  # 1 MB of Rust without dependencies; 12 times as fast as datasketch, which brings SciPy

    found: list[Signature] = []
    chunk: list[list[str]] = []

    def flush() -> None:
        rows = RMinHash.digest_matrix_from_token_sets(chunk, PERMUTATIONS, SEED).to_rows()
        found.extend(array("H", [slot & SLOT_BITS for slot in row]) for row in rows)
        chunk.clear()

    for text in texts:
        chunk.append(list(shingles(text)))
        if len(chunk) == CHUNK:
            flush()
    if chunk:
        flush()
    return found


def candidates(
    queries: Sequence[Signature], corpus: Sequence[Signature], likeness: Likeness, *, earlier: bool = False
) -> Iterator[tuple[int, list[int]]]:
    """For each query the signatures of the corpus that may be near: they agree in all rows of at least one band.

    Those that agree in most bands first, `COMPARED` of them at most. With `earlier`, only those of a lower index.
    """
    slices = [slice(start, start + likeness.rows) for start in range(0, likeness.bands * likeness.rows, likeness.rows)]
    bands = [(rows, _buckets(queries, corpus, rows)) for rows in slices]
    for number, signature in enumerate(queries):
        counts: Counter[int] = Counter()
        for rows, buckets in bands:
            counts.update(buckets.get(signature[rows].tobytes(), ()))
        agreeing = (item for item in counts.items() if not earlier or item[0] < number)
        if likeliest := sorted(agreeing, key=lambda item: (-item[1], item[0]))[:COMPARED]:
            yield number, [index for index, _ in likeliest]


def _buckets(queries: Sequence[Signature], corpus: Sequence[Signature], rows: slice) -> dict[bytes, list[int]]:
    """The signatures of the corpus by what they have in one band; only where a query has the same."""
    wanted = {signature[rows].tobytes() for signature in queries}
    found: dict[bytes, list[int]] = {}
    for index, signature in enumerate(corpus):
        if (key := signature[rows].tobytes()) in wanted:
            members = found.setdefault(key, [])
            if len(members) < BUCKET_KEPT:
                members.append(index)
    return {key: members for key, members in found.items() if queries is not corpus or len(members) > 1}


def near_twins(queries: Sequence[str], corpus: Sequence[str], likeness: Likeness) -> dict[int, list[Twin]]:
    """For each query that has near-duplicates in the corpus: these, the nearest first. Keys are indices of queries."""
    if not queries or not corpus:
        return {}
    may_be = candidates(signatures(queries, likeness.shingles), signatures(corpus, likeness.shingles), likeness)
    compare = _comparer(queries, corpus, likeness.shingles, jaccard)
    found = ((number, _best((compare(number, other) for other in others), likeness.threshold)) for number, others in may_be)
    return {number: twins for number, twins in found if twins}


def near_pairs(texts: Sequence[str], likeness: Likeness) -> list[tuple[int, int, float]]:
    """The pairs of near-duplicates within one set, with their similarity; the lower index first.

    >>> near_pairs(["she wrote the notes on it in 1843", "unlike", "and she wrote the notes on it in 1843"], PASSAGES)
    [(0, 2, 0.8571428571428571)]
    """
    signed = signatures(texts, likeness.shingles)
    compare = _comparer(texts, texts, likeness.shingles, jaccard)
    # Every text asks for those before it: a bucket keeps its first ones, so no pair is lost by asking one way only.
    told = (
        (other, number, compare(number, other).similarity)
        for number, others in candidates(signed, signed, likeness, earlier=True)
        for other in others
    )
    return sorted(pair for pair in told if pair[2] >= likeness.threshold)


def part_twins(queries: Sequence[str], corpus: Sequence[str]) -> dict[int, list[Twin]]:
    """For each query that is a part of a text of the corpus, or holds one: these; similarity is the share of the shorter one.

    Found from about 15 words (23 characters in scripts without spaces) on.
    """
    index = AnchorIndex([anchors(text) for text in corpus])
    compare = _comparer(queries, corpus, passage_shingles, contained)
    found = {}
    for number, query in enumerate(queries):
        sharing = index.sharing(anchors(query))[:PARTS_COMPARED]
        if parts := _best((compare(number, other) for other, _ in sharing), PART_SHARE):
            found[number] = parts
    return found


def part_pairs(texts: Sequence[str]) -> list[tuple[int, int, float]]:
    """The pairs within one set of which one text holds the other, with the share of the shorter one; the lower index first."""
    anchored = [anchors(text) for text in texts]
    index = AnchorIndex(anchored)
    compare = _comparer(texts, texts, passage_shingles, contained)
    sharing = {
        (min(number, other), max(number, other))
        for number, own in enumerate(anchored)
        for other, _ in index.sharing(own)[: PARTS_COMPARED + 1]  # itself is the first of them
        if other != number
    }
    told = ((one, other, compare(one, other).similarity) for one, other in sorted(sharing))
    return [pair for pair in told if pair[2] >= PART_SHARE]


class AnchorIndex:
    """Sets of anchors that can be asked which of them share some."""

    def __init__(self, anchored: Sequence[Iterable[int]]) -> None:
        self._with: Mapping[int, list[int]] = defaultdict(list)
        for index, own in enumerate(anchored):
            for anchor in own:
                self._with[anchor].append(index)

    def sharing(self, own: Iterable[int]) -> list[tuple[int, int]]:
        """Indices and how many anchors they share with `own`, most first; anchors that are too common do not count."""
        postings = (self._with.get(anchor, ()) for anchor in own)
        counts = Counter(index for posting in postings if len(posting) <= ANCHOR_COMMON for index in posting)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def clusters(texts: Sequence[str], likeness: Likeness = PASSAGES) -> list[int]:
    """For each text the number of its cluster: texts that are near-duplicates or parts of one another, directly or by others.

    >>> part = "she wrote the first program for a machine that was never built by anyone in her own time"
    >>> clusters([part, "Nobody wrote anything about it.", "Of Ada it is told that " + part + "."])
    [0, 1, 0]
    """
    # In the order of their content, so that what a full bucket leaves out does not depend on the order of the rows.
    order = sorted(range(len(texts)), key=lambda index: texts[index])
    ordered = [texts[index] for index in order]
    pairs = [(one, other) for one, other, _ in near_pairs(ordered, likeness)]
    pairs += [(one, other) for one, other, _ in part_pairs(ordered)]
    return joined(len(texts), ((order[one], order[other]) for one, other in pairs))


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` things the lowest index among those it is linked with, directly or through others (union-find).

    >>> joined(5, [(1, 3), (3, 4)])
    [0, 1, 2, 1, 1]
    """
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    return [root(index) for index in range(count)]


def _best(twins: Iterable[Twin], threshold: float) -> list[Twin]:
    return sorted((twin for twin in twins if twin.similarity >= threshold), key=lambda twin: (-twin.similarity, twin.index))


def _comparer(
    queries: Sequence[str],
    corpus: Sequence[str],
    shingles: Shingler,
    measure: Callable[[frozenset[str], frozenset[str]], float],
) -> Callable[[int, int], Twin]:
    """Compares a query with a text of the corpus, by their indices; the shingles last made are kept, not those of all."""
    of_query = lru_cache(maxsize=64)(lambda index: shingles(queries[index]))
    of_corpus = lru_cache(maxsize=4096)(lambda index: shingles(corpus[index]))
    return lambda query, other: Twin(other, measure(of_query(query), of_corpus(other)))
