"""How fast files are read into rows, and what memory that takes above a bare interpreter, for each format.

    python benchmarks/reading.py [--records 100000] [--formats jsonl csv …]

Records of SQuAD's proportions are written to temporary files, and each is read in a process of its own (Linux tells its
peak). A line that is too long is read as well: 1,000 megabytes of it, inside gzip.
"""

import argparse
import csv
import gzip
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from made_up import PEAK, WORDS

FIELDS = ("id", "question", "context", "answer", "answer_start")

READ = f"""{PEAK}
import json, sys, time
from spantune.data.files import open_rows
from spantune.data.rows import Row
before, began, rows, problems = peak(), time.perf_counter(), 0, 0
try:
    for row in open_rows(sys.argv[1]).rows:
        rows += isinstance(row, Row)
        problems += not isinstance(row, Row)
except Exception as error:
    print(error, file=sys.stderr)
print(json.dumps({{"rows": rows, "problems": problems, "seconds": round(time.perf_counter() - began, 2),
                   "megabytes_above_bare": round(peak() - before, 1)}}))
"""


def made_up(records: int) -> Iterator[dict[str, Any]]:
    """Records of about 120 words."""
    draw = random.Random(0)
    for number in range(records):
        words = draw.choices(WORDS, k=120)
        at = draw.randrange(117)
        yield {
            "id": f"{number:08d}",
            "question": " ".join(draw.choices(WORDS, k=10)) + "?",
            "context": " ".join(words),
            "answer": " ".join(words[at : at + 3]),
            "answer_start": len(" ".join(words[:at])) + (at > 0),
        }


def write_jsonl(path: Path, records: int) -> None:
    """JSON Lines, gzipped where the name says so."""
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        file.writelines(json.dumps(record) + "\n" for record in made_up(records))


def write_json(path: Path, records: int) -> None:
    """One JSON list."""
    path.write_text(json.dumps(list(made_up(records))))


def write_table(path: Path, records: int) -> None:
    """CSV, or TSV by the name."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, FIELDS, delimiter="\t" if path.suffix == ".tsv" else ",")
        table.writeheader()
        table.writerows(made_up(records))


def write_txt(path: Path, records: int) -> None:
    """A label and a text a line."""
    with path.open("w") as file:
        file.writelines(f"{number % 6} {record['context']}\n" for number, record in enumerate(made_up(records)))


def write_parquet(path: Path, records: int) -> None:
    """Parquet, in row groups as pyarrow makes them."""
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(made_up(records))), path)


def write_excel(path: Path, records: int) -> None:
    """One sheet."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(FIELDS)
    for record in made_up(records):
        sheet.append(list(record.values()))
    book.save(path)


def write_long_line(path: Path, records: int) -> None:
    """A record, a line of 1,000 megabytes, a record."""
    good = json.dumps(next(made_up(1))).encode() + b"\n"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(good)
        for _ in range(1000):
            file.write(b"x" * 10**6)
        file.write(b"\n" + good)


WRITERS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "jsonl": (".jsonl", write_jsonl),
    "jsonl.gz": (".jsonl.gz", write_jsonl),
    "json": (".json", write_json),
    "csv": (".csv", write_table),
    "tsv": (".tsv", write_table),
    "txt": (".txt", write_txt),
    "parquet": (".parquet", write_parquet),
    "excel": (".xlsx", write_excel),
    "long_line": (".jsonl.gz", write_long_line),
}


def measured(folder: Path, name: str, records: int) -> dict[str, Any]:
    """Write one file and read it in a fresh process, so that memory is that of the reading alone."""
    suffix, write = WRITERS[name]
    path = folder / f"data{suffix}"
    write(path, records)
    run = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    megabytes = path.stat().st_size / 1e6
    path.unlink()
    figures = json.loads(run.stdout)
    return {
        "megabytes": round(megabytes, 1),
        **figures,
        "rows_a_second": round(figures["rows"] / max(figures["seconds"], 0.01)),
    }


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--formats", nargs="+", choices=WRITERS, default=list(WRITERS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = {name: measured(Path(folder), name, given.records) for name in given.formats}
    print(json.dumps({"records": given.records, **figures}, indent=2))


if __name__ == "__main__":
    main()
