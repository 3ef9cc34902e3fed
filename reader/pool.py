"""Make the files that the embedded reader is trained and probed on, from public data.

    python reader/pool.py BASE OUT

In: a folder BASE with four files of SQuAD's shape: `squad_train_v1` and `squad_train_v2` (CC BY-SA 4.0), and
`squadshifts_new_wiki` and `squadshifts_reddit` (CC BY 4.0), each `.json` or `.json.gz`. Out: in OUT `train.jsonl`,
`probe.jsonl` (500 answerable and 150 unanswerable questions from documents that training never sees) and `replay.jsonl` (a
sample of the training questions, which ships so that users can train on it again), and what they hold as JSON on standard
output. Does not know: models.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from spantune.config import AugmentConfig
from spantune.data import Example, check, find_leaks, read_files, record_hash
from spantune.data.augmenting import augment
from spantune.data.writing import write_examples

SOURCES = ("squad_train_v1", "squad_train_v2", "squadshifts_new_wiki", "squadshifts_reddit")
SEED = 13

# The one article with unanswerable questions that the probe takes whole; the other one stays in training.
PROBE_ARTICLE = "The_Legend_of_Zelda:_Twilight_Princess"
PROBE_UNANSWERABLE = 150
PROBE_ANSWERABLE = {"squad_train_v1": 250, "squadshifts_new_wiki": 125, "squadshifts_reddit": 125}
# SQuAD 1.1 comes without titles, its passages in the order of their articles: a run of so many neighbours is held out whole.
NEIGHBOURS = 60

# Shares of the answerable questions that get an unanswerable copy: asked of the most similar other passage, or turned.
MADE_UNANSWERABLE = AugmentConfig(unanswerable=0.12, altered=0.12)
REPLAYED = 1500  # answerable questions; the embedded reader is mostly tuned on fewer questions than these
REPEATS = 3  # copies of each question that a person wrote to be unanswerable: there are 188 of them beside 33,000 others


def main() -> None:
    """Read, hold out, add, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path, help="the folder with the four files")
    parser.add_argument("out", type=Path, help="the folder to write to")
    given = parser.parse_args()
    records = {source: _read(given.base, source) for source in SOURCES}
    records["squad_train_v2"] = _new_in(records["squad_train_v2"], records["squad_train_v1"])
    probe, barred = _probe(records)
    apart = [one for rows in records.values() for one in rows if _passage(one) not in barred]
    train = find_leaks(apart, probe).untouched(apart)
    added = _unanswerables(train)
    given.out.mkdir(parents=True, exist_ok=True)
    write_examples([*train, *added], given.out / "train.jsonl", "jsonl")
    write_examples(probe, given.out / "probe.jsonl", "jsonl")
    replay = _replay(train, added)
    write_examples(replay, given.out / "replay.jsonl", "jsonl")
    told = {"train": train, "made_unanswerable": added, "probe": probe, "replay": replay}
    print(json.dumps({name: _told(rows) for name, rows in told.items()}, indent=2))


def _read(base: Path, source: str) -> list[Example]:
    """The repaired records of one file, each with an id that says where it comes from."""
    file = next((path for path in (base / f"{source}.json", base / f"{source}.json.gz") if path.is_file()), None)
    if file is None:
        raise SystemExit(f"{base} has no {source}.json or {source}.json.gz; expected the files {', '.join(SOURCES)}")
    report = check(read_files([file]))
    return [replace(one, id=f"{source}/{one.id}", place=None) for one in report.examples if isinstance(one, Example)]


def _new_in(later: Sequence[Example], earlier: Sequence[Example]) -> list[Example]:
    """The records of `later` that ask what none of `earlier` asks: the two parts of SQuAD overlap."""
    known = {record_hash(one) for one in earlier}
    return [one for one in later if record_hash(one) not in known]


def _probe(records: dict[str, list[Example]]) -> tuple[list[Example], set[str]]:
    """Questions from whole articles or runs of neighbours, and all the passages of these, none of which is trained on."""
    draw = random.Random(SEED)
    article = [one for one in records["squad_train_v2"] if one.document == PROBE_ARTICLE]
    chosen = draw.sample([one for one in article if one.is_impossible], PROBE_UNANSWERABLE)
    barred = {_passage(one) for one in article}
    for source, wanted in PROBE_ANSWERABLE.items():
        groups = _groups(records[source], barred)
        draw.shuffle(groups)
        taken: list[Example] = []
        while len(taken) < wanted:
            taken += groups.pop()
        chosen += draw.sample(taken, wanted)
        barred |= {_passage(one) for one in taken}
    return chosen, barred


def _groups(records: Sequence[Example], known: set[str]) -> list[list[Example]]:
    """The records by article where articles are named, by runs of neighbouring passages where they are not."""
    places = {passage: at for at, passage in enumerate(dict.fromkeys(_passage(one) for one in records))}
    named = len({one.document for one in records}) > 1
    groups: dict[object, list[Example]] = {}
    for one in records:
        if one.answers and _passage(one) not in known:
            groups.setdefault(one.document if named else places[_passage(one)] // NEIGHBOURS, []).append(one)
    return [rows for _, rows in sorted(groups.items(), key=lambda item: str(item[0]))]


def _unanswerables(train: Sequence[Example]) -> list[Example]:
    """Unanswerable copies. Without documents, the most similar passage may be a neighbour in the same article: a hard one."""
    bare = [replace(one, document=None) for one in train]
    made = augment(bare, MADE_UNANSWERABLE, SEED).records[len(bare) :]
    written = [one for one in train if one.is_impossible]
    again = [replace(one, id=f"{one.id}~{number}") for number in range(1, REPEATS) for one in written]
    return [*made, *again]


def _replay(train: Sequence[Example], added: Sequence[Example]) -> list[Example]:
    """A sample of what is trained on; of the unanswerable ones those that people wrote, and as many altered by rule."""
    draw = random.Random(SEED)
    written = [one for one in train if one.is_impossible]
    altered = [one for one in added if one.id.endswith("~altered")]
    chosen = draw.sample([one for one in train if one.answers], REPLAYED) + written + draw.sample(altered, len(written))
    return [replace(one, id=f"general/{one.id}", document=None) for one in chosen]


def _passage(example: Example) -> str:
    return " ".join(example.context.split())


def _told(records: Iterable[Example]) -> dict[str, int]:
    counts = Counter((one.id.partition("/")[0], "unanswerable" if one.is_impossible else "answerable") for one in records)
    return {f"{source}, {kind}": count for (source, kind), count in sorted(counts.items())}


if __name__ == "__main__":
    main()
