"""In: training records. Out: a Sketch of them, small enough to be kept with a run, and what test records share with it.

Does not know: files, runs. A sketch holds hashes and MinHash signatures, no text: about 450 bytes for each different context.
"""

import hashlib
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from spantune.data.leakage.finding import answers_of, bodies, body, likeness_of, question
from spantune.data.leakage.near import PERMUTATIONS, AnchorIndex, Signature, candidates, signatures
from spantune.data.leakage.report import LEAKS, ByKind, LeakReport
from spantune.data.leakage.shingles import anchors, evened
from spantune.data.records import Record
from spantune.data.texts import short_hash
from spantune.errors import UnreadableDataError

MAGIC = b"SPANTUNE"
VERSION = 1  # of the layout, the shingles and the anchors: another one would compare unlike with unlike
HEAD = struct.Struct("<8sHHIIIII")  # magic, version, version of the MinHash, then the lengths of the five lists
SEAL = hashlib.sha256().digest_size
PART_ANCHORS, PART_ANCHOR_SHARE = 3, 0.5  # one changed word in 15 spoils half the anchors; three are not shared by chance


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is kept of training records: hashes of what they ask and of their contexts, signatures, anchors.

    `anchors` holds those of all contexts after one another; `bounds` says where those of each context end.
    """

    minhash: int
    records: "array[int]" = field(repr=False)
    asked: "array[int]" = field(repr=False)
    contexts: "array[int]" = field(repr=False)
    signatures: "array[int]" = field(repr=False)
    anchors: "array[int]" = field(repr=False)
    bounds: "array[int]" = field(repr=False)

    def to_bytes(self) -> bytes:
        """The sketch as bytes, the same on every machine; the last 32 are a SHA-256 of the others."""
        lists = (self.records, self.asked, self.contexts, self.signatures, self.anchors, self.bounds)
        lengths = (len(self.records), len(self.asked), len(self.contexts), len(self.anchors), len(self.bounds))
        content = HEAD.pack(MAGIC, VERSION, self.minhash, *lengths) + b"".join(map(_to_little_endian, lists))
        return content + hashlib.sha256(content).digest()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Sketch":
        """The sketch that `to_bytes` wrote. Raises `UnreadableDataError` for anything else, and for another version."""
        version, minhash, lengths = _head(content)
        if (version, minhash) != (VERSION, _minhash_version()):
            raise _unreadable(
                f"a sketch of version {version} with MinHash {minhash}",
                f"version {VERSION} with MinHash {_minhash_version()}",
                "train again with this version, or compare with the training data itself",
            )
        records, asked, contexts, anchored, bounds = lengths
        sizes = (("Q", records), ("Q", asked), ("Q", contexts), ("H", contexts * PERMUTATIONS), ("I", anchored), ("I", bounds))
        expected = HEAD.size + sum(array(code).itemsize * length for code, length in sizes) + SEAL
        if len(content) != expected or hashlib.sha256(content[:-SEAL]).digest() != content[-SEAL:]:
            raise _unreadable(
                f"{len(content)} bytes that do not match what is said at their head",
                f"{expected} bytes and their hash",
                "copy the run again: the file was cut or changed",
            )
        made = cls(minhash, *_lists(content, sizes))
        if bounds != contexts or any(one > other for one, other in pairwise((0, *made.bounds, anchored))):
            raise _unreadable("a sketch whose lists do not fit together", "a sketch written by to_bytes", "train again")
        return made

    def anchored(self) -> list[Sequence[int]]:
        """The anchors of each context."""
        return [self.anchors[start:end] for start, end in pairwise((0, *self.bounds))]


def sketch(records: Iterable[Record]) -> Sketch:
    """Keep of training records what it takes to recognise them later. Neither the order of the records nor ids count.

    >>> from spantune.data.records import Example
    >>> made = sketch([Example("a", "Who?", "Ada wrote it.")])
    >>> len(made.contexts), Sketch.from_bytes(made.to_bytes()) == made
    (1, True)
    """
    rows = tuple(records)
    texts = sorted(bodies(rows))
    anchored = [sorted(anchors(text)) for text in texts]
    bounds = array("I", [0])
    for own in anchored:
        bounds.append(bounds[-1] + len(own))
    return Sketch(
        minhash=_minhash_version(),
        records=array("Q", sorted({_record_digest(row) for row in rows})),
        asked=array("Q", sorted({digest for row in rows for digest in _asked_digests(row)})),
        contexts=array("Q", map(_digest, texts)),
        signatures=array("H", [slot for one in signatures(texts, likeness_of(rows).shingles) for slot in one]),
        anchors=array("I", [anchor for own in anchored for anchor in own]),
        bounds=bounds[1:],
    )


def joined(one: Sketch, other: Sketch) -> Sketch:
    """What recognises the records of both: of a model, and of the one that its training started from.

    >>> from spantune.data.records import Example
    >>> ada, eve = Example("a", "Who?", "Ada wrote it."), Example("b", "Who?", "Eve read it.")
    >>> both = joined(sketch([ada, eve]), sketch([eve]))
    >>> len(both.contexts), find_leaks_in_sketch([ada, eve], both).touched_count
    (2, 2)
    """
    known = set(one.contexts)
    new = [at for at, digest in enumerate(other.contexts) if digest not in known]
    of_other = other.anchored()
    anchored = [*one.anchored(), *(of_other[at] for at in new)]
    signed = [slot for at in new for slot in other.signatures[at * PERMUTATIONS : (at + 1) * PERMUTATIONS]]
    return Sketch(
        minhash=one.minhash,
        records=array("Q", sorted({*one.records, *other.records})),
        asked=array("Q", sorted({*one.asked, *other.asked})),
        contexts=array("Q", [*one.contexts, *(other.contexts[at] for at in new)]),
        signatures=array("H", [*one.signatures, *signed]),
        anchors=array("I", [anchor for own in anchored for anchor in own]),
        bounds=array("I", accumulate(map(len, anchored))),
    )


def find_leaks_in_sketch(test: Iterable[Record], sketch: Sketch) -> LeakReport:
    """What a test set has in common with training data of which only a sketch is left.

    Tells the kinds that touch a score: same records, contexts, and questions with their answers (to the letter), by their
    hashes; near-duplicate contexts by estimates: a Jaccard similarity of 0.5 is estimated with a standard error of 0.044, so a
    pair near the threshold may fall on either side of it; contained ones by shared anchors, from about 40 words on.
    Which training record it was is not known.

    >>> from spantune.data.records import Example
    >>> kept = sketch([Example("a", "Who?", "Ada wrote it.")])
    >>> find_leaks_in_sketch([Example("b", "When?", "ada wrote it.")], kept).counts["same_context"]
    1
    """
    tests = tuple(test)
    by_kind = ByKind(tests, LEAKS)
    records, contexts, asked = set(sketch.records), set(sketch.contexts), set(sketch.asked)
    for index, record in enumerate(tests):
        if _record_digest(record) in records:
            by_kind.add("same_record", index, None, 1.0)
    of_tests = bodies(tests)
    for text, indices in of_tests.items():
        if _digest(text) in contexts:
            _add_all(by_kind, "same_context", indices, 1.0)
    new = [text for text in of_tests if _digest(text) not in contexts]
    near = _nearest(tests, new, sketch)
    index_of_anchors = AnchorIndex(sketch.anchored())
    for number, text in enumerate(new):
        if number in near:
            _add_all(by_kind, "near_context", of_tests[text], near[number])
        elif share := _part_share(anchors(text), index_of_anchors, sketch):
            _add_all(by_kind, "contained_context", of_tests[text], share)
    for index in by_kind.untouched():
        if any(digest in asked for digest in _asked_digests(tests[index])):
            by_kind.add("same_question_and_answer", index, None, 1.0)
    return by_kind.leaks(answered=sum(bool(answers_of(record)) for record in tests), similarity="estimated")


def _nearest(tests: Sequence[Record], texts: Sequence[str], sketch: Sketch) -> dict[int, float]:
    """The estimated similarity with the nearest training context, for those texts that have one near enough."""
    likeness = likeness_of(tests)
    signed = [sketch.signatures[at : at + PERMUTATIONS] for at in range(0, len(sketch.signatures), PERMUTATIONS)]
    found = {}
    own = signatures(texts, likeness.shingles)
    for number, others in candidates(own, signed, likeness):
        best = max(_agreeing(own[number], signed[other]) for other in others)
        if best >= likeness.threshold:
            found[number] = best
    return found


def _agreeing(one: Signature, other: Signature) -> float:
    return sum(map(int.__eq__, one, other)) / PERMUTATIONS


def _part_share(own: frozenset[int], index: AnchorIndex, sketch: Sketch) -> float | None:
    """The share of the shorter text's anchors that the longer one has, if it is large enough."""
    starts = (0, *sketch.bounds)
    for other, shared in index.sharing(own)[:1]:
        share = shared / min(len(own), starts[other + 1] - starts[other])
        if shared >= PART_ANCHORS and share >= PART_ANCHOR_SHARE:
            return min(share, 1.0)
    return None


def _add_all(by_kind: ByKind, kind: str, indices: Iterable[int], similarity: float) -> None:
    for index in indices:
        by_kind.add(kind, index, None, similarity)


def _record_digest(record: Record) -> int:
    return _digest(f"{question(record)}\n{evened(body(record))}")


def _asked_digests(record: Record) -> Iterator[int]:
    return (_digest(f"{question(record)}\n{answer}") for answer in answers_of(record))


def _digest(text: str) -> int:
    return int.from_bytes(short_hash(text), "little")


def _minhash_version() -> int:
    from rensa import RMinHash

    return int(RMinHash.ALGORITHM_VERSION)


def _head(content: bytes) -> tuple[int, int, tuple[int, ...]]:
    if len(content) < HEAD.size + SEAL or not content.startswith(MAGIC):
        raise _unreadable(f"{len(content)} bytes that are no sketch", "a sketch written by to_bytes", "train again")
    _, version, minhash, *lengths = HEAD.unpack_from(content)
    return version, minhash, tuple(lengths)


def _lists(content: bytes, sizes: Iterable[tuple[str, int]]) -> "Iterator[array[int]]":
    at = HEAD.size
    for code, length in sizes:
        values = array(code)
        end = at + values.itemsize * length
        values.frombytes(content[at:end])
        if sys.byteorder == "big":
            values.byteswap()
        at = end
        yield values


def _to_little_endian(values: "array[int]") -> bytes:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def _unreadable(found: str, expected: str, next_move: str) -> UnreadableDataError:
    return UnreadableDataError(found, expected=expected, next_move=next_move)
