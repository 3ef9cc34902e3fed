"""How long `spantune check` takes and how much memory, on one core: SQuAD's size as JSON, and a million records as JSON Lines.

    python benchmarks/checking.py [--questions 88000] [--records 1000000] [--repeats 3]

One record in ten is wrong: its start is off, its answer is absent or ambiguous. Everything that is found is written to files
as `--fix` does.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from made_up import PEAK, WORDS

QUESTIONS_OF_A_CONTEXT = 4
CHILD = f"""{PEAK}
import json, sys
from spantune.data import check_files
report = check_files([sys.argv[1]], fix=sys.argv[2])
print(json.dumps({{"peak_mb": round(peak(), 1), "read": report.read, "kept": report.kept, "repaired": report.repaired,
                   "quarantined": report.quarantined, "dropped": report.dropped}}))
"""


def contexts(draw: random.Random) -> Iterator[str]:
    """Contexts of SQuAD's length, about 120 words and 700 characters, each with a number of its own."""
    number = 0
    while True:
        yield f"report{number} " + " ".join(draw.choices(WORDS, k=119))
        number += 1


def paragraphs(count: int) -> Iterator[dict[str, Any]]:
    """Paragraphs with their questions, until `count` questions are made."""
    draw = random.Random(0)
    made = 0
    for context in contexts(draw):
        questions = []
        for _ in range(min(QUESTIONS_OF_A_CONTEXT, count - made)):
            start = 0 if draw.random() < 0.9 else draw.randrange(1, 200)
            text = context[: context.index(" ")] if draw.random() < 0.97 else "nowhere"
            answer = {"text": text, "answer_start": start}
            questions.append({"id": str(made), "question": " ".join(draw.choices(WORDS, k=10)) + "?", "answers": [answer]})
            made += 1
        yield {"context": context, "qas": questions}
        if made >= count:
            return


def write_squad(file: Path, count: int) -> None:
    """SQuAD JSON, fifty paragraphs an article."""
    made = list(paragraphs(count))
    articles = [{"title": f"t{at}", "paragraphs": made[at : at + 50]} for at in range(0, len(made), 50)]
    file.write_text(json.dumps({"version": "1.1", "data": articles}), encoding="utf-8")


def write_lines(file: Path, count: int) -> None:
    """Flat JSON Lines: every record carries its context."""
    with file.open("w", encoding="utf-8") as lines:
        for paragraph in paragraphs(count):
            for question in paragraph["qas"]:
                lines.write(json.dumps({**question, "context": paragraph["context"]}) + "\n")


def measured(file: Path, repeats: int) -> dict[str, Any]:
    """Median wall-clock seconds of whole processes held on one core, their peak memory, and the account."""
    seconds, told = [], {}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as out:
            began = time.perf_counter()
            child = [sys.executable, "-c", CHILD, str(file), out]
            told = json.loads(subprocess.run(child, check=True, capture_output=True, text=True, preexec_fn=on_one_core).stdout)
            seconds.append(time.perf_counter() - began)
    return {"seconds": round(statistics.median(seconds), 2), "megabytes_read": round(file.stat().st_size / 2**20, 1), **told}


def on_one_core() -> None:
    """Hold this process on the first core that it may use."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=88_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        squad, lines = Path(folder, "squad.json"), Path(folder, "lines.jsonl")
        write_squad(squad, given.questions)
        found = {"squad_json": measured(squad, given.repeats)}
        write_lines(lines, given.records)
        found["jsonl"] = measured(lines, 1)
    print(json.dumps({"cores": 1, "repeats": given.repeats, **found}, indent=2))


if __name__ == "__main__":
    main()
