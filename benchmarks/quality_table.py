"""What `quality.py` measured, as tables in docs/recipes.md and a picture beside it, losses as plainly as gains.

python benchmarks/quality_table.py            write the page and the picture
python benchmarks/quality_table.py --check    fail where the page says something else than the results

In: benchmarks/results/quality.jsonl. A row is shown when all ways of it are measured. Does not know: models.
"""

import argparse
import json
import math
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from table import quoted

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "quality.jsonl"
PAGE, PICTURE = HERE.parent / "docs" / "recipes.md", HERE.parent / "docs" / "quality.png"
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"
UNTRAINED, ENCODER, READER, OURS = "untrained", "recipe", "recipe from the reader", "spantune"
TRAINED = (ENCODER, READER, OURS)
LINES = {ENCODER: ("#CC79A7", "D", ":"), READER: ("#0072B2", "s", "--"), OURS: ("#009E73", "o", "-")}
NAMES = {"policyqa": "PolicyQA", "covid_qa": "COVID-QA", "tatqa_spans": "TAT-QA spans", "friendsqa": "FriendsQA"}

NOTHING = "No row is complete yet: `benchmarks/quality.py` measures them.\n"

Row = Mapping[str, Any]
Key = tuple[str, str]  # the set, the size as text
Cells = Mapping[Key, Mapping[str, Mapping[int, Row]]]  # by set and size, way, seed


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    given = parser.parse_args()
    rows = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()] if RESULTS.is_file() else []
    text = PAGE.read_text(encoding="utf-8")
    made = quoted(text, rendered(rows) if rows else NOTHING, BEGIN, END)
    if given.check:
        if made != text:
            sys.exit(f"{PAGE} says something else than {RESULTS}: run python benchmarks/quality_table.py")
        return
    PAGE.write_text(made, encoding="utf-8")
    if rows:
        draw(cells_of(rows), PICTURE)


def rendered(rows: Sequence[Row]) -> str:
    """The table by set and size, and what it comes to."""
    cells = cells_of(rows)
    lines = [
        "| set | questions | seeds | before | recipe, encoder | recipe, reader | **spantune** | gain | "
        "general: before | recipe, reader | **spantune** | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for key, ways in _whole(cells).items():
        name = key[0]
        start = _start(cells, key)
        both = {way: f"{_mean(ways[way], 'exact_match'):.1f} / {_mean(ways[way], 'f1'):.1f}" for way in TRAINED}
        gain = _mean(ways[OURS], "f1") - _mean(ways[READER], "f1")
        general = {way: _mean(ways[way], "general_f1") for way in TRAINED}
        count = round(_mean(ways[OURS], "questions"))
        lines.append(
            f"| {NAMES.get(name, name)} | {count:,} | {len(ways[OURS])} | {start['exact_match']:.1f} / {start['f1']:.1f} | "
            f"{both[ENCODER]} | {both[READER]} | **{both[OURS]}** | {gain:+.1f} | {start['general_f1']:.1f} | "
            f"{general[READER]:.1f} | **{general[OURS]:.1f}** | {_mean(ways[OURS], 'seconds'):.0f} |"
        )
    picture = f"![F1 by the number of questions]({PICTURE.name})"
    return "\n".join([*lines, "", *(f"- {said}" for said in summary(cells)), "", picture]) + "\n"


def summary(cells: Cells) -> list[str]:
    """The goals, and what was reached."""
    whole = _whole(cells)
    if not whole:
        return ["nothing is complete yet"]
    gains = {key: _mean(ways[OURS], "f1") - _mean(ways[READER], "f1") for key, ways in whole.items()}
    over_start = {key: _mean(ways[OURS], "f1") - _start(cells, key)["f1"] for key, ways in whole.items()}
    forgotten = {key: _start(cells, key)["general_f1"] - _mean(ways[OURS], "general_f1") for key, ways in whole.items()}
    by_recipe = {key: _start(cells, key)["general_f1"] - _mean(ways[READER], "general_f1") for key, ways in whole.items()}
    gain = _with_range(list(gains.values()))
    least, most = min(over_start, key=lambda key: over_start[key]), max(forgotten, key=lambda key: forgotten[key])
    return [
        f"gain over the recipe from the same reader, mean of {len(gains)} rows: **{gain} F1** (goal: 3)",
        f"worst against the reader before training: {over_start[least]:+.1f} F1, {_where(least)} (goal: no worse than -0.5)",
        f"most general ability lost: {forgotten[most]:.1f} F1, {_where(most)} (goal: at most 1.5); by the recipe from the "
        f"reader {max(by_recipe.values()):.1f}",
    ]


def cells_of(rows: Sequence[Row]) -> Cells:
    """The rows by set and size, way, and seed, sizes in order."""
    cells: dict[Key, dict[str, dict[int, Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in sorted(rows, key=lambda row: (list(NAMES).index(row["data"]) if row["data"] in NAMES else 99, _order(row))):
        size = "all" if row["size"] is None else str(row["size"])
        cells[row["data"], size][row["way"]][row["seed"]] = row
    return {key: _compared(key, ways, cells) for key, ways in cells.items()}


def _compared(key: Key, ways: Mapping[str, Mapping[int, Row]], cells: Cells) -> Mapping[str, Mapping[int, Row]]:
    """The ways with the seeds that all of them have: others would compare one split with another."""
    if key[1] == "0":
        return ways
    before = cells.get((key[0], "0"), {}).get(UNTRAINED, {})
    common = set(before).intersection(*(set(ways.get(way, {})) for way in TRAINED))
    return {way: {seed: row for seed, row in own.items() if seed in common} for way, own in ways.items() if common}


def _whole(cells: Cells) -> Cells:
    """The cells that all ways were measured for."""
    return {key: ways for key, ways in cells.items() if key[1] != "0" and all(ways.get(way) for way in TRAINED)}


def _start(cells: Cells, key: Key) -> dict[str, float]:
    """What the reader scores before training, on the splits of this cell."""
    before = {seed: row for seed, row in cells[key[0], "0"][UNTRAINED].items() if seed in cells[key][OURS] or key[1] == "0"}
    return {score: _mean(before, score) for score in ("exact_match", "f1", "general_f1")}


def draw(cells: Cells, path: Path) -> None:
    """F1 by the number of questions, a panel for each set; every seed is a dot. "Before" is asked what the others are asked."""
    names = [name for name in dict.fromkeys(name for name, _ in cells) if (name, "0") in cells]
    figure = Figure(figsize=(3.4 * max(1, len(names)), 3.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    for place, name in enumerate(names, 1):
        axes = figure.add_subplot(1, len(names), place)
        whole = {key: ways for key, ways in _whole(cells).items() if key[0] == name}
        x, before = [_mean(ways[OURS], "questions") for ways in whole.values()], [_start(cells, key)["f1"] for key in whole]
        axes.plot(x, before, ":", marker="_", color="#D55E00", label="before training")
        for way, (colour, marker, dash) in LINES.items():
            own = [ways[way] for (of, size), ways in cells.items() if of == name and size != "0" and way in ways]
            if own:
                x = [_mean(seeds, "questions") for seeds in own]
                axes.plot(x, [_mean(seeds, "f1") for seeds in own], dash, marker=marker, color=colour, label=way)
                for seeds in own:
                    axes.plot([row["questions"] for row in seeds.values()], [row["f1"] for row in seeds.values()], ".",
                              color=colour, alpha=0.4)  # fmt: skip
        axes.set_xscale("log")
        asked = {
            _mean(seeds, "questions")
            for (of, size), ways in cells.items()
            if of == name and size != "0"
            for seeds in ways.values()
        }
        axes.set_xticks(sorted(asked), [f"{count:g}" for count in sorted(asked)])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_title(NAMES.get(name, name))
        axes.set_xlabel("training questions")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("F1 on other documents, percent")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8, frameon=False)
    figure.savefig(path)


def _with_range(gains: Sequence[float]) -> str:
    """Their mean, with how far it may be off in 19 of 20 cases, by how the gains differ among themselves.

    >>> _with_range([1.0]), _with_range([1.0, 2.0, 6.0])
    ('+1.0', '+3.0 ± 3.0')
    """
    mean = f"{fmean(gains):+.1f}"
    return mean if len(gains) == 1 else f"{mean} ± {1.96 * stdev(gains) / math.sqrt(len(gains)):.1f}"


def _order(row: Row) -> int:
    return 10**9 if row["size"] is None else int(row["size"])


def _mean(seeds: Mapping[int, Row], score: str) -> float:
    return fmean(float(row[score]) for row in seeds.values())


def _where(key: Key) -> str:
    return f"{NAMES.get(key[0], key[0])} with {key[1]}"


if __name__ == "__main__":
    main()
