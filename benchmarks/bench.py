"""The table that the README quotes: spantune beside its peers, and what it takes of the machine.

    python benchmarks/bench.py [--data SQUAD] [--run RUN] [--out benchmarks/results] [--only PART …] [--quick] [--without-peers]

Each part is written to RESULTS/PART.json as soon as it is measured, and the table to RESULTS/table.md. Without `--data` the
questions are made up to SQuAD's proportions; without `--run` a reader is first trained on the package's demo data. A peer whose
environment is not there (`benchmarks/peers/make.py` makes it) is a gap that the table tells. `--quick` takes toy sizes: it
shows that everything runs, and nothing else.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import evaluating
import gpu as on_gpu
import machine
import memory
import roofline
import scaling
import speed
import startup
import table
import windows
from machine import say
from made_up import questions_of, write_rows

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how much of it. The sizes are chosen so that all of it takes about twenty minutes on two cores."""

    data: str | None
    run: str
    folder: Path
    out: Path
    peers: bool = True
    rounds: int = 3
    trained: int = 360
    plain_steps: int = 6
    asked: int = 360
    questions: int = 3
    passages: int = 100
    evaluated: int = 1000
    encoded: int = 20_000
    starts: int = 7
    scaled: tuple[int, ...] = (1000, 10_000, 100_000)
    answered: tuple[int, ...] = (300, 1000)
    tokens: int = 8192
    memory_questions: int = 500
    steps: int = 3
    gpu: on_gpu.Sizes = on_gpu.BASE

    def quick(self) -> "Plan":
        """The same at toy size."""
        small = replace(self, rounds=1, trained=10, plain_steps=1, asked=6, questions=1, passages=4, evaluated=12, encoded=50)
        return replace(small, starts=1, scaled=(50,), answered=(4,), tokens=256, memory_questions=4, gpu=on_gpu.TOY)

    def rows(self, count: int) -> str:
        """A file of that many questions, which every side reads."""
        file = self.folder / f"rows-{count}.json"
        if not file.exists():
            write_rows(questions_of(self.data, count), file)
        return str(file)


def _training(plan: Plan) -> dict[str, Any]:
    return speed.training(plan.rows(plan.trained), plan.plain_steps, plan.rounds)


def _answering(plan: Plan) -> dict[str, Any]:
    return speed.answering(plan.rows(plan.asked), plan.run, plan.rounds, peers=plan.peers)


def _passages(plan: Plan) -> dict[str, Any]:
    sizes = {"questions": plan.questions, "passages": plan.passages}
    return speed.passages(plan.rows(plan.passages), plan.run, sizes, plan.rounds, peers=plan.peers)


def _scaling(plan: Plan) -> dict[str, Any]:
    found = scaling.measure(plan.run, plan.scaled, plan.answered)
    scaling.draw(found["points"], plan.out / "scaling.png")
    return found


def _roofline(plan: Plan) -> dict[str, Any]:
    """The peaks, and what training and answering reached of them in the parts measured before this one."""
    rates = {}
    for part, passes in (("training", 3), ("answering", 1)):
        file = plan.out / f"{part}.json"
        if file.exists():
            told = json.loads(file.read_text(encoding="utf-8"))
            rate = told["rates"]["spantune"]["median"]
            if told["unit"] == "questions/s":
                rate *= told["windows"] / told["count"]
            rates[part] = (rate, told["lengths"], passes)
    return roofline.achieved(roofline.measure(plan.tokens, 5), rates)


PARTS: dict[str, Callable[[Plan], dict[str, Any]]] = {
    "startup": lambda plan: startup.measure(plan.starts, plan.run),
    "windows": lambda plan: windows.measure(plan.data, plan.encoded, plan.rounds),
    "training": _training,
    "answering": _answering,
    "passages": _passages,
    "evaluating": lambda plan: evaluating.measure(plan.run, plan.data, plan.evaluated, plan.rounds),
    "memory": lambda plan: memory.measure(plan.run, plan.steps, plan.memory_questions),
    "roofline": _roofline,
    "scaling": _scaling,
    "gpu": lambda plan: on_gpu.measure(plan.gpu),
}


def trained_reader(folder: Path) -> str:
    """A reader fine-tuned for one epoch on the demo data: whether it answers well is not measured here."""
    from spantune import demo_data, load_config, train_run

    say("training a reader on the demo data, to answer with")
    settings = ["recipe=plain", "training.epochs=1", "keep.mix=false", "keep.probe=false"]
    train_run([demo_data()], folder, load_config(overrides=settings))
    return str(folder)


def main() -> None:
    """Measure what was asked for; print every figure as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a file of questions, such as SQuAD's")
    parser.add_argument("--run", help="the folder of a finished run, to answer with")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trained", type=int, default=360, help="questions to train on")
    parser.add_argument("--asked", type=int, default=360, help="questions to answer")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--without-peers", action="store_true", help="leave out the peers that have environments of their own")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = given.run or trained_reader(folder / "run")
        sizes = {"rounds": given.rounds, "trained": given.trained, "asked": given.asked}
        plan = Plan(given.data, run, folder, given.out, peers=not given.without_peers, **sizes)
        plan = plan.quick() if given.quick else plan
        told = {part: _part(part, plan) for part in PARTS if part in given.only}
    (given.out / "table.md").write_text(table.of_folder(given.out), encoding="utf-8")
    print(json.dumps(told, indent=2))


def _part(name: str, plan: Plan) -> dict[str, Any]:
    say(f"{name}:")
    began = time.perf_counter()
    texts = Path(plan.data).name if plan.data else "made up to SQuAD's proportions"
    found = {**PARTS[name](plan), "machine": machine.describe(), "texts": texts}
    (plan.out / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    say(f"{name}: {time.perf_counter() - began:.0f} s in all")
    return found


if __name__ == "__main__":
    main()
