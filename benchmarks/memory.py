"""Peak memory of training and of answering, each in a process of its own, from the start of Python to the end.

    python benchmarks/memory.py RUN [--steps 3] [--questions 500]

Training is the embedded reader on windows of exactly 384 tokens, 32 of them a step. Answering is the reader in the folder RUN.
`imports` is what Python and the libraries take before any of that.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from made_up import PEAK

HERE = Path(__file__).resolve().parent

WORK = {
    "imports": "import spantune; spantune.fine_tune, spantune.Reader",
    "training": """
from made_up import squad_like
from spantune import Example, Span, encode, fine_tune, load_config, load_reader, load_tokenizer
import numpy as np
model, size = sys.argv[2], int(sys.argv[3])
config = load_config(overrides=["training.epochs=1", "training.negatives=null", "training.batch_size=32"])
words = " ".join(one.context for one in squad_like(60))
rows = [Example(str(at), "Which word begins it?", f"{at} " + words[:9000], (Span(str(at), 0),)) for at in range(8 * size)]
windows = encode(rows, load_tokenizer("embedded"), config.windows)
full = np.flatnonzero(windows.lengths == config.windows.length)[: size * config.training.batch_size]
assert len(full) == size * config.training.batch_size
fine_tune(load_reader("embedded-encoder"), windows.take(full), config.training)
told = {"windows": len(full), "tokens": config.windows.length, "batch_size": config.training.batch_size}
""",
    "answering": """
from made_up import squad_like
from spantune import Reader
told = {"questions": sum(1 for _ in Reader.load(sys.argv[2]).answer_many(squad_like(int(sys.argv[3]))))}
""",
}


def peak_of(work: str, *arguments: str) -> dict[str, Any]:
    """The peak of one piece of work in megabytes, and what it tells of itself."""
    code = f"import json, sys\nsys.path.insert(0, sys.argv[1])\ntold = {{}}\n{WORK[work]}\n{PEAK}\n"
    code += 'print(json.dumps({"peak_megabytes": round(peak()), **told}))'
    child = [sys.executable, "-c", code, str(HERE), *arguments]
    found = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return told


def measure(run: str, steps: int, questions: int) -> dict[str, Any]:
    """All three."""
    return {
        "imports": peak_of("imports"),
        "training": peak_of("training", "embedded", str(steps)),
        "answering": peak_of("answering", run, str(questions)),
    }


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--questions", type=int, default=500)
    given = parser.parse_args()
    print(json.dumps(measure(given.run, given.steps, given.questions), indent=2))


if __name__ == "__main__":
    main()
