"""Time and peak memory against the number of questions, on one processor core and on two.

    python benchmarks/scaling.py RUN [--questions 1000 10000 100000] [--answered 300 1000] [--picture FILE.png]

Checking, windowing and answering, each size in a process of its own that is held on so many cores. Answering is measured at
`--answered` questions: at 100,000 it would take longer than all the rest, and its memory does not depend on their number.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import say
from made_up import PEAK

HERE = Path(__file__).resolve().parent

WORK = {
    "check": """
from spantune import check
rows = squad_like(size)
began, before = time.perf_counter(), peak()
assert len(check(rows).examples) == size
""",
    "encode": """
from spantune import encode, load_config, load_tokenizer
rows, tokenizer, config = squad_like(size), load_tokenizer("embedded"), load_config().windows
began, before = time.perf_counter(), peak()
assert len(encode(rows, tokenizer, config)) >= size
""",
    "answer": """
import torch
torch.set_num_threads(cores)
from spantune import Reader
rows, reader = squad_like(size), Reader.load(sys.argv[4])
for one in reader.answer_many(rows[:32]): pass
began, before = time.perf_counter(), peak()
assert sum(1 for _ in reader.answer_many(rows)) == size
""",
}


def one(work: str, size: int, cores: int, run: str) -> dict[str, Any]:
    """Seconds and megabytes of one piece of work at one size."""
    code = "import json, os, sys, time\nsys.path.insert(0, sys.argv[1])\nsize, cores = int(sys.argv[2]), int(sys.argv[3])\n"
    code += f"os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])\n{PEAK}\n"
    code += f"from made_up import squad_like\n{WORK[work]}\nseconds = time.perf_counter() - began\n"
    code += (
        'print(json.dumps({"seconds": round(seconds, 3), "peak_megabytes": round(peak()), "megabytes_before": round(before)}))'
    )
    child = [sys.executable, "-c", code, str(HERE), str(size), str(cores), run]
    limits = dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS"), str(cores))
    found = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **limits})
    told: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    say(f"  {work}, {size} questions, {cores} cores: {told['seconds']} s, {told['peak_megabytes']} MB")
    return {"work": work, "questions": size, "cores": cores, **told}


def measure(run: str, questions: Sequence[int], answered: Sequence[int]) -> dict[str, Any]:
    """Every piece of work at every size."""
    most = min(2, len(os.sched_getaffinity(0)))
    sizes = {"check": questions, "encode": questions, "answer": answered}
    return {
        "points": [one(work, size, cores, run) for work, some in sizes.items() for size in some for cores in range(1, most + 1)]
    }


def draw(points: Sequence[dict[str, Any]], file: Path) -> None:
    """Seconds and megabytes against the number of questions, both axes logarithmic: a slope of one is linear."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    for number, work in enumerate(WORK):
        for cores, style in ((1, "--"), (2, "-")):
            some = [one for one in points if one["work"] == work and one["cores"] == cores]
            for axis, key in zip(axes, ("seconds", "peak_megabytes"), strict=True):
                if some:
                    label, filled = f"{work}, {cores} core{'s' * (cores > 1)}", f"C{number}" if cores > 1 else "white"
                    across, up = [point["questions"] for point in some], [point[key] for point in some]
                    axis.plot(across, up, style, marker="o", color=f"C{number}", markerfacecolor=filled, label=label)
    for axis, title in zip(axes, ("seconds", "peak memory of the process, MB"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="questions", title=title)
        axis.grid(alpha=0.3, which="both")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8, handlelength=3)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def main() -> None:
    """Measure, draw, and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--questions", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--answered", type=int, nargs="+", default=[300, 1000])
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    found = measure(given.run, given.questions, given.answered)
    if given.picture:
        draw(found["points"], given.picture)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
