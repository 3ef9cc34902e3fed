"""Make the files that ship as the embedded reader from the runs that trained it, whose weights are averaged.

    python reader/pack.py POOL RUN [RUN ...]

In: the folder of the pool that was trained on, and those of runs of `--set training.method=lora` from `embedded-encoder` that
differ in their seeds. Out: in `src/spantune/embedded` the adapter in 16 bits and of a rank that fits into 8 MB with all that
stands beside it, settings and history of the first run, hashes of what was trained on, threshold and calibration fitted to
the probe; in `src/spantune/data/general` the pool's probe and replay; what the smaller adapter lost as JSON on standard
output. Does not know: how they were trained.
"""

import argparse
import gzip
import hashlib
import json
import re
import subprocess
import sys
from array import array
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from hashes import text_hashes
from safetensors.torch import load_file, save_file
from torch import Tensor

from spantune import Example, Reader, score_answers
from spantune.data import Record, check, read_files, sketch
from spantune.data.general import HOME as GENERAL
from spantune.embedded import EMBEDDED, READER_FOLDER
from spantune.evaluation import best_threshold, fit_calibration
from spantune.models import ENCODER

LIMIT = 8_000_000  # bytes of everything in the folder
ROOM = 60_000  # of these for the card, which is written when the scores are known
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
FILES = (
    "adapter_model.safetensors",
    "adapter_config.json",
    "spantune.json",
    "history.json",
    "trained-on.sketch",
    "trained-on.hashes",
)


def main() -> None:
    """Hash, average, shrink, write, seal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pool", type=Path, help="the folder that reader/pool.py wrote")
    parser.add_argument("runs", type=Path, nargs="+", metavar="run", help="the folder of a finished run")
    given = parser.parse_args()
    target = READER_FOLDER
    trained_on = check(read_files([given.pool / "train.jsonl"])).examples
    (target / "trained-on.sketch").write_bytes(_bare_sketch(trained_on))
    (target / "trained-on.hashes").write_bytes(text_hashes(trained_on))
    for name in ("spantune.json", "history.json"):
        (target / name).write_bytes((given.runs[0] / name).read_bytes())
    for name in ("probe", "replay"):
        packed = gzip.compress((given.pool / f"{name}.jsonl").read_bytes(), mtime=0)
        (GENERAL / f"{name}.jsonl.gz").write_bytes(packed)
    configs = [_adapter_config(run) for run in given.runs]
    updates, heads = averaged(given.runs)
    others = sum((target / name).stat().st_size for name in FILES[2:]) + ROOM + len(json.dumps(configs[0]))
    rank = min(sum(int(one["r"]) for one in configs), _rank_that_fits(updates, heads, LIMIT - others))
    lost = _write_adapter(updates, heads, configs[0], rank, target)
    digest = hashlib.sha256((target / FILES[0]).read_bytes()).hexdigest()
    _seal(target / "__init__.py", digest)
    _write_threshold(target, given.pool / "probe.jsonl")
    told = {"rank": rank, "bytes": sum((target / name).stat().st_size for name in FILES), "sha256": digest}
    print(json.dumps({**told, "lost_share_of_the_updates": lost}, indent=2))


def _bare_sketch(records: Sequence[Record]) -> bytes:
    """What recognises the training records again; without the signatures for near-duplicates, which would take 4 MB."""
    whole = sketch(records)
    bare = replace(whole, contexts=array("Q"), signatures=array("H"), anchors=array("I"), bounds=array("I"))
    return bare.to_bytes()


def _adapter_config(run: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((run / "adapter" / FILES[1]).read_text(encoding="utf-8"))
    return config


def averaged(runs: Sequence[Path]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The mean over the runs of what each layer was changed by, as float64 matrices; and of everything else, as it is.

    Fine-tunings of one model that differ in their seeds end in one basin: the mean of their weights answers better than any of
    them (Wortsman et al., 2022, "model soups", arXiv:2203.05482).
    """
    updates: dict[str, Tensor] = {}
    heads: dict[str, Tensor] = {}
    for run in runs:
        tensors = load_file(run / "adapter" / FILES[0])
        config = _adapter_config(run)
        scale = float(config["lora_alpha"]) / float(config["r"]) / len(runs)
        for name in sorted(tensors):
            if name.endswith(DOWN):
                layer = name.removesuffix(DOWN)
                change = scale * (tensors[layer + UP].double() @ tensors[name].double())
                updates[layer] = updates[layer] + change if layer in updates else change
            elif not name.endswith(UP):
                part = tensors[name].double() / len(runs)
                heads[name] = heads[name] + part if name in heads else part
    return updates, heads


def _rank_that_fits(updates: dict[str, Tensor], heads: dict[str, Tensor], room: int) -> int:
    """The largest rank, a multiple of 4, whose 16-bit matrices and heads take at most `room` bytes with their header."""
    a_rank = sum(sum(update.shape) for update in updates.values())
    header = 200 * (2 * len(updates) + len(heads))
    return (room - header - 2 * sum(head.numel() for head in heads.values())) // (2 * a_rank) // 4 * 4


def _write_adapter(
    updates: dict[str, Tensor], heads: dict[str, Tensor], config: dict[str, Any], rank: int, target: Path
) -> float:
    """The best adapter of this rank: the largest singular values of each update (Eckart and Young, 1936). Gives the loss."""
    made = {name: head.half().contiguous() for name, head in heads.items()}
    before = lost = 0.0
    for name, update in updates.items():
        left, sizes, right = torch.linalg.svd(update, full_matrices=False)
        roots = sizes[:rank].sqrt()
        made[name + UP] = (left[:, :rank] * roots).half().contiguous()
        made[name + DOWN] = (roots[:, None] * right[:rank]).half().contiguous()
        before += update.square().sum().item()
        lost += (update - made[name + UP].double() @ made[name + DOWN].double()).square().sum().item()
    save_file(made, target / FILES[0], metadata={"format": "pt"})
    (target / FILES[0]).chmod(0o644)
    kept = {**config, "r": rank, "lora_alpha": rank, "base_model_name_or_path": ENCODER}
    (target / FILES[1]).write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return lost / before


def _write_threshold(target: Path, probe: Path) -> None:
    """Tune the threshold for "no answer" on the probe, its two kinds of question weighing the same: nobody knows the user's.

    A process of its own reads the adapter: the hash that this one knows is that of the adapter before.
    """
    code = "import json, sys; from pack import balanced; print(json.dumps(balanced(sys.argv[1])))"
    call = [sys.executable, "-c", code, str(probe.resolve())]
    told = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent).stdout
    facts = {**json.loads((target / "spantune.json").read_text(encoding="utf-8")), **json.loads(told)}
    facts["data"]["scores_without_touched"] = None  # those of the threshold before
    (target / "spantune.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def balanced(probe: str) -> dict[str, Any]:
    """The threshold that gives the embedded reader the best mean of both kinds' F1 on a file; its scores, its calibration."""
    records = [one for one in check(read_files([probe])).examples if isinstance(one, Example)]
    reader = Reader.load(EMBEDDED)
    answers = tuple(reader.always_answering().answer_many(records))
    nulls = [answer.no_answer_score for answer in reader.answer_many(records)]
    f1s = [question.f1 for question in score_answers(records, answers).per_question]
    rows = list(zip(nulls, f1s, [not one.is_impossible for one in records], strict=True))
    with_answer, without = [row for row in rows if row[2]], [row for row in rows if not row[2]]
    scores, weights, labels = zip(*with_answer * len(without), *without * len(with_answer), strict=True)
    threshold = best_threshold(scores, weights, labels).value
    reached: dict[str, Any] = dict(score_answers(records, reader.with_threshold(threshold).answer_many(records)).as_dict())
    shown = {name: float(reached[name]) for name in ("exact_match", "f1", "precision", "recall")}
    return {"threshold": threshold, "scores": shown, "calibration": _calibration(records, reader.with_threshold(threshold))}


def _calibration(records: Sequence[Example], reader: Reader) -> dict[str, Any]:
    """How often answers with such a probability are right, and refusals, where half of the questions have an answer."""
    answers = tuple(reader.calibrated(None).answer_many(records))
    right = [bool(one.exact_match) for one in score_answers(records, answers).per_question]
    rows = [
        (one.probability, hit, bool(one.text), record.id, record.is_impossible)
        for one, hit, record in zip(answers, right, records, strict=True)
    ]
    with_answer, without = [row for row in rows if not row[4]], [row for row in rows if row[4]]
    said, hits, answered, names, _ = zip(*with_answer, *without * round(len(with_answer) / len(without)), strict=True)
    return asdict(fit_calibration(said, hits, answered, names).calibration)


def _seal(file: Path, digest: str) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r'READER_SHA256 = "[0-9a-f]*"', f'READER_SHA256 = "{digest}"', text), encoding="utf-8")


if __name__ == "__main__":
    main()
