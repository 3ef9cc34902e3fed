"""Hash the texts of data files, to prove that what was trained on and what is measured on have nothing in common.

    python reader/hashes.py OUT DATA...

In: data files. Out: OUT, sorted hashes of 8 bytes each: of every context, and of every question with its context. Case, Unicode
form and white space do not count. Does not know: which files are whose.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from spantune.data import Example, Record, TextExample, read_files, record_hash


def main() -> None:
    """Read, hash, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("data", type=Path, nargs="+", help="files of questions")
    given = parser.parse_args()
    given.out.write_bytes(text_hashes(read_files(given.data).records))


def text_hashes(records: Iterable[Record]) -> bytes:
    """The hashes of all contexts and of all questions with their contexts, each once, sorted."""
    rows = [one for one in records if isinstance(one, Example)]
    contexts = {record_hash(TextExample("", one)) for one in {one.context for one in rows}}
    return b"".join(map(bytes.fromhex, sorted(contexts | {record_hash(one) for one in rows})))


if __name__ == "__main__":
    main()
