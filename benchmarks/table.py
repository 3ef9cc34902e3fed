"""The table in Markdown, made of the results' files and nothing else; and the pages that quote it.

python benchmarks/table.py            write benchmarks/results/table.md and what stands between the markers of the pages
python benchmarks/table.py --check    fail where a page says something else than the results
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import machine

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGES = (HERE.parent / "README.md", HERE.parent / "docs" / "performance.md")
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

Results = dict[str, dict[str, Any]]

HEAD = "| what | against | goal | measured | rate here | rate there |\n|---|---|---|---|---|---|\n"


def of_folder(folder: Path) -> str:
    """The table of the results in a folder; a part that has no file has no row."""
    found = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))}
    return rendered(found)


def rendered(found: Results) -> str:
    """The table, the machine below it, and what is missing."""
    rows = [line for part, lines in LINES.items() if part in found and _is_ours(found[part]) for line in lines(found[part])]
    parts = [one for part, one in found.items() if part in LINES and _is_ours(one)]
    if not parts:
        return "No results yet: `make bench` measures them.\n"
    machines = dict.fromkeys(machine.sentence(one["machine"]) for one in parts)
    texts = dict.fromkeys(one["texts"] for one in parts)
    rounds = max(one.get("rounds", 0) for one in parts)
    notes = [
        f"Medians of {rounds} rounds in which the sides took turns; in brackets the least and the most." if rounds else "",
        f"Texts: {'; '.join(texts)}.",
        *(f"Machine: {one}." for one in machines),
    ]
    return HEAD + "\n".join(rows) + "\n\n" + "  \n".join(note for note in notes if note) + "\n"


def _is_ours(one: dict[str, Any]) -> bool:
    """Whether `bench.py` wrote the result: it is the one who describes the machine so."""
    return isinstance(one.get("machine"), dict) and "texts" in one


def _row(what: str, against: str, goal: str, measured: str, here: str = "", there: str = "") -> str:
    return f"| {' | '.join((what, against, goal, measured, here, there))} |"


def _times(one: dict[str, float], unit: str = "×") -> str:
    return f"**{_number(one['median'])}{unit}** ({_number(one['least'])} to {_number(one['most'])})"


def _number(value: float) -> str:
    """At most three digits that mean something.

    >>> _number(1234.5), _number(12.345), _number(2.0), _number(0.123)
    ('1,234', '12.3', '2', '0.123')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _rate(one: dict[str, float], unit: str) -> str:
    return f"{_number(one['median'])} {unit}"


def _against(what: str, goals: dict[str, str]) -> Callable[[dict[str, Any]], Iterator[str]]:
    """A line for each peer: `goals` says at least and reach-for; a peer that was not there is told as missing."""

    def lines(one: dict[str, Any]) -> Iterator[str]:
        for peer, times in one["times_faster_than"].items():
            rates = one["rates"]
            here, there = _rate(rates["spantune"], one["unit"]), _rate(rates[peer], one["unit"])
            yield _row(what, peer, goals.get(peer, ""), _times(times), here, there)
        for peer in one.get("missing", ()):
            yield _row(what, peer, goals.get(peer, ""), "missing: its environment was not made")

    return lines


def _windows(one: dict[str, Any]) -> Iterator[str]:
    share = {name: 100 * value for name, value in one["share_of_the_raw_rate"].items()}
    here, there = (f"{_number(one['questions'] / one[key])} questions/s" for key in ("encode_seconds", "raw_tokenizer_seconds"))
    yield _row("tokenising and windowing", "the raw tokenizer's rate", "85 %, 95 %", _times(share, " %"), here, there)


def _startup(one: dict[str, Any]) -> Iterator[str]:
    goals = {"spantune --help": "0.3 s, 0.15 s", "first answer": "4 s, 2.5 s"}
    for command, goal in goals.items():
        if command in one["median_seconds"]:
            least, most = one["spread_seconds"][command]
            bare = f"bare Python {_number(one['median_seconds']['python -c pass'])} s"
            measured = {"median": one["median_seconds"][command], "least": least, "most": most}
            yield _row(f"cold start: {command}", "", goal, _times(measured, " s"), "", bare)


def _memory(one: dict[str, Any]) -> Iterator[str]:
    before = f"{one['imports']['peak_megabytes']:,} MB are imports"
    training, answering = one["training"], one["answering"]
    what = f"peak memory, training at {training['tokens']} tokens, batch {training['batch_size']}"
    yield _row(what, "", "below 3,000 MB", f"**{training['peak_megabytes']:,} MB**", "", before)
    yield _row("peak memory, answering", "", "below 700 MB", f"**{answering['peak_megabytes']:,} MB**", "", before)


def _roofline(one: dict[str, Any]) -> Iterator[str]:
    peaks = " / ".join(f"{value:,} {name}" for name, value in one["peak_gflops"].items())
    for work, told in one["achieved"].items():
        shares = " / ".join(f"{value} % of {name}" for name, value in told["percent_of_peak"].items())
        left = f"{told['left']}× are left to the bf16 peak"
        measured = f"**{told['gflops']} GFLOP/s**: {shares}"
        yield _row(f"operations, {work}", f"the matrix-product peak, {peaks} GFLOP/s", "", measured, left)


def _gpu(one: dict[str, Any]) -> Iterator[str]:
    what, peer, goal = "training on a GPU, base size", "Trainer, bf16, dynamic padding", "2×"
    if "missing" in one:
        yield _row(what, peer, goal, f"missing: {one['missing']}")
        return
    rates = one["rates"]
    here, there = _rate(rates["spantune"], one["unit"]), _rate(rates["Trainer"], one["unit"])
    yield _row(what, f"{peer} ({one['device']})", goal, _times(one["times_faster_than"]["Trainer"]), here, there)


LINES: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "training": _against("training", {"recipe": "12×, 20×", "tuned recipe": "3×, 5×"}),
    "answering": _against("answering single passages", {"pipeline fp32": "5×, 9×", "pipeline bf16": "3.5×, 6×"}),
    "passages": _against("answering, 100 passages a question", {"Haystack reader": "12×, 20×"}),
    "evaluating": _against("decoding and scoring, logits given", {"utils_qa": "30×, 100×"}),
    "windows": _windows,
    "startup": _startup,
    "memory": _memory,
    "roofline": _roofline,
    "gpu": _gpu,
}


def quoted(page: str, table: str, begin: str = BEGIN, end: str = END) -> str:
    r"""The page with the table between its markers; a page without them stays as it is.

    >>> print(quoted(f"Fast:\n{BEGIN}\nold\n{END}\nEnd.", "new"))
    Fast:
    <!-- bench: begin -->
    new
    <!-- bench: end -->
    End.
    """
    before, begins, rest = page.partition(begin)
    _, ends, after = rest.partition(end)
    return f"{before}{begin}\n{table.strip()}\n{end}{after}" if begins and ends else page


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    table = of_folder(RESULTS)
    pages = {page: quoted(page.read_text(encoding="utf-8"), table) for page in PAGES if page.exists()}
    wanted = {RESULTS / "table.md": table, **pages}
    stale = [file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if not check:
        for file in stale:
            file.write_text(wanted[file], encoding="utf-8")
    print(json.dumps({"stale" if check else "written": [file.name for file in stale]}))
    if check and stale:
        sys.exit(1)


if __name__ == "__main__":
    main()
