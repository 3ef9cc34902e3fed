"""Whether `spantune.pipeline` answers as the pipeline of transformers 4.57 did: the same questions to both, setting by setting.

    python benchmarks/parity.py MODEL DATA [--questions 2000]

MODEL is a folder with a question-answering head, DATA a file of questions. The peer's environment is the one that
`benchmarks/peers/make.py` makes. Prints a JSON object: for each setting the share of questions with the same answer text and
place, the largest difference of the scores of equal answers, and some of those that differ.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import spantune

HERE = Path(__file__).resolve().parent
PEER = HERE.parent / ".peers" / "transformers457" / "bin" / "python"
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"top_k": 3, "handle_impossible_answer": True},
    {"align_to_words": False, "max_answer_len": 30},
    {"max_seq_len": 96, "doc_stride": 32, "top_k": 3},
)
SHOWN = 12


def main() -> None:
    """Ask both and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--questions", type=int, default=2000)
    given = parser.parse_args()
    examples = list(spantune.read_examples(given.data).records)
    step = max(1, len(examples) // given.questions)
    rows = [(one.question, one.context) for one in examples[::step] if isinstance(one, spantune.Example)][: given.questions]
    theirs = asked_of_peer(given.model, rows)
    ask = spantune.pipeline("question-answering", model=given.model)
    report = []
    for number, setting in enumerate(SETTINGS):
        began = time.perf_counter()
        ours = ask([{"question": question, "context": context} for question, context in rows], **setting)
        seconds = time.perf_counter() - began
        found = compared(rows, ours, theirs["answers"][number])
        report.append({"setting": setting, **found, "times_faster": round(theirs["seconds"][number] / seconds, 2)})
    print(json.dumps({"questions": len(rows), "settings": report}, indent=2, ensure_ascii=False))


def asked_of_peer(model: str, rows: list[tuple[str, str]]) -> dict[str, Any]:
    """The answers and seconds of the real pipeline, setting by setting."""
    with tempfile.TemporaryDirectory() as folder:
        asked, out = Path(folder) / "asked.json", Path(folder) / "out.json"
        asked.write_text(json.dumps({"questions": rows, "settings": SETTINGS}), encoding="utf-8")
        subprocess.run([PEER, HERE / "peers" / "answers457.py", model, asked, out], check=True)
        told: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return told


def compared(rows: list[tuple[str, str]], ours: list[Any], theirs: list[Any]) -> dict[str, Any]:
    """How many first answers and whole lists are the same, and how far the scores of the same answers are apart."""
    first = whole = 0
    apart, differing = 0.0, []
    for (question, context), mine, other in zip(rows, ours, theirs, strict=True):
        mine, other = (one if isinstance(one, list) else [one] for one in (mine, other))
        first += bool(mine and other) and _place(mine[0]) == _place(other[0])
        alike = [_place(one) for one in mine] == [_place(one) for one in other]
        whole += alike
        at = {_place(one): one["score"] for one in other}
        apart = max([apart, *(abs(one["score"] - at[_place(one)]) for one in mine if _place(one) in at)])
        if not alike:
            differing.append({"question": question, "ours": mine, "theirs": other, "context_length": len(context)})
    return {
        "same_first_answer": round(first / len(rows), 5),
        "same_whole_list": round(whole / len(rows), 5),
        "largest_score_difference": float(f"{apart:.2g}"),
        "differing": len(differing),
        "some": differing[:SHOWN],
    }


def _place(answer: dict[str, Any]) -> tuple[str, int, int]:
    return answer["answer"], answer["start"], answer["end"]


if __name__ == "__main__":
    main()
