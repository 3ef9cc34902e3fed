"""In: records. Out: short hashes that say whether two records, or two whole sets, are the same.

Does not know: files, ids.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache

from spantune.data.records import Example, Record
from spantune.data.texts import evened

HASH_LENGTH = 16  # hex digits, 64 bits: among a million records a chance collision is one in 37 million


def record_hash(record: Record) -> str:
    r"""The hash of what a record asks: question and context, or text. Ids, answers and labels do not count.

    Unicode form (NFC), letter case and runs of white space are evened out first, so that the same question exported
    twice is found. 16 hexadecimal digits, the same on every machine.

    >>> one = Example("a", "Who wrote it?", "Ada wrote it.")
    >>> record_hash(one) == record_hash(Example("b", "who  wrote it?", "Ada wrote it.\n"))
    True
    """
    if isinstance(record, Example):
        parts = b"answer" + _normal_digest(record.question) + _normal_digest(record.context)
    else:
        parts = b"classify" + _normal_digest(record.text)
    return hashlib.sha256(parts).hexdigest()[:HASH_LENGTH]


def fingerprint(records: Iterable[Record]) -> str:
    """The hash of a whole set: texts to the letter, answers, labels, documents; neither order nor ids count.

    >>> rows = [Example("a", "Who?", "Ada."), Example("b", "When?", "Ada.")]
    >>> fingerprint(rows) == fingerprint(reversed(rows))
    True
    """
    total = hashlib.sha256()
    for digest in sorted(_exact_digest(record) for record in records):
        total.update(digest)
    return total.hexdigest()[:HASH_LENGTH]


def fingerprint_in_order(records: Iterable[Record]) -> str:
    """The hash of records one after another, 64 hexadecimal digits: work on the same ones in another order goes on elsewhere.

    >>> rows = [Example("a", "Who?", "Ada."), Example("b", "When?", "Ada.")]
    >>> fingerprint_in_order(rows) == fingerprint_in_order(reversed(rows))
    False
    """
    total = hashlib.sha256()
    for record in records:
        total.update(_exact_digest(record))
    return total.hexdigest()


def _exact_digest(record: Record) -> bytes:
    if isinstance(record, Example):
        answers = None if record.answers is None else [[span.text, span.start] for span in record.answers]
        head, body = json.dumps(["answer", record.question, answers, record.document]), record.context
    else:
        head, body = json.dumps(["classify", record.label, record.document]), record.text
    return hashlib.sha256(head.encode() + _text_digest(body)).digest()


@lru_cache(maxsize=256)  # the questions of one passage follow one another
def _normal_digest(text: str) -> bytes:
    return _text_digest(evened(text, "NFC"))


@lru_cache(maxsize=256)
def _text_digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
