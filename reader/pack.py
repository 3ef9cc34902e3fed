"""Make the files that ship as the embedded reader from the run that trained it.

    python reader/pack.py RUN POOL

In: the folder of a run of `--set training.method=lora` from `embedded-encoder`, and that of the pool it was trained on. Out: in
`src/spantune/embedded` the adapter in 16 bits and of a rank that fits into 8 MB with all that stands beside it, settings,
history, hashes of what was trained on, threshold and calibration fitted to the probe; in `src/spantune/data/general` the pool's
probe and replay; what the smaller adapter lost as JSON on standard output. Does not know: how it was trained.
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
    """Hash, shrink, write, seal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of the finished run")
    parser.add_argument("pool", type=Path, help="the folder that reader/pool.py wrote")
    given = parser.parse_args()
    target = READER_FOLDER
    trained_on = check(read_files([given.pool / "train.jsonl"])).examples
    (target / "trained-on.sketch").write_bytes(_bare_sketch(trained_on))
    (target / "trained-on.hashes").write_bytes(text_hashes(trained_on))
    for name in ("spantune.json", "history.json"):
        (target / name).write_bytes((given.run / name).read_bytes())
    for name in ("probe", "replay"):
        packed = gzip.compress((given.pool / f"{name}.jsonl").read_bytes(), mtime=0)
        (GENERAL / f"{name}.jsonl.gz").write_bytes(packed)
    tensors = load_file(given.run / "adapter" / FILES[0])
    config = json.loads((given.run / "adapter" / FILES[1]).read_text(encoding="utf-8"))
    others = sum((target / name).stat().st_size for name in FILES[2:]) + ROOM + len(json.dumps(config))
    rank = min(int(config["r"]), _rank_that_fits(tensors, LIMIT - others))
    lost = _write_adapter(tensors, config, rank, target)
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


def _rank_that_fits(tensors: dict[str, Tensor], room: int) -> int:
    """The largest rank, a multiple of 4, whose 16-bit matrices and heads take at most `room` bytes with their header."""
    a_rank = sum(tensor.numel() // min(tensor.shape) for name, tensor in tensors.items() if name.endswith((DOWN, UP)))
    heads = sum(tensor.numel() for name, tensor in tensors.items() if not name.endswith((DOWN, UP)))
    header = 200 * len(tensors)
    return (room - header - 2 * heads) // (2 * a_rank) // 4 * 4


def _write_adapter(tensors: dict[str, Tensor], config: dict[str, Any], rank: int, target: Path) -> float:
    """The best adapter of this rank: the largest singular values of each update (Eckart and Young, 1936). Gives the loss."""
    scale = float(config["lora_alpha"]) / float(config["r"])
    made = {name: tensor.half().contiguous() for name, tensor in tensors.items() if not name.endswith((DOWN, UP))}
    before = lost = 0.0
    for name in sorted(name.removesuffix(DOWN) for name in tensors if name.endswith(DOWN)):
        update = scale * (tensors[name + UP].double() @ tensors[name + DOWN].double())
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
