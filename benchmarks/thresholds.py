"""What a tuned threshold and a calibration are worth on questions without answers: the run's, beside none.

    spantune predict RUN DATA --out predictions.jsonl
    python benchmarks/thresholds.py RUN DATA predictions.jsonl

Prints the official scores with the run's threshold for "no answer", with a threshold of 0 and always answering, and how far
probabilities and confidences are from the truth. The model need not run again: a prediction keeps its best span and its scores.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from spantune import check, read_examples, score_answers
from spantune.data import Example
from spantune.evaluation.calibration import reliability
from spantune.evaluation.cases import Given
from spantune.runs import read_facts


def main() -> None:
    """Read, score, print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("data", type=Path)
    parser.add_argument("predictions", type=Path)
    given = parser.parse_args()
    print(json.dumps(measure(given.run, given.data, given.predictions), indent=2))


def measure(run: str, data: Path, predictions: Path) -> dict[str, Any]:
    """Scores by threshold, calibration errors of what the run's own threshold answers."""
    facts = read_facts(run)
    records = [one for one in check(read_examples(data)).examples if isinstance(one, Example)]
    rows = {row["id"]: row for row in map(json.loads, predictions.read_text(encoding="utf-8").splitlines())}
    told: dict[str, Any] = {}
    for name, threshold in (("threshold 0", 0.0), ("the run's threshold", facts.threshold), ("always answering", float("inf"))):
        answers = [_at(rows[record.id], threshold) for record in records]
        scores = score_answers(records, answers)
        told[name] = {"threshold": threshold if threshold != float("inf") else None, **scores.as_dict()}
        if threshold == facts.threshold and facts.calibration is not None:
            right = [bool(one.exact_match) for one in scores.per_question]
            said = [one.probability or 0.0 for one in answers]
            sure = [facts.calibration.confidence(p, answered=bool(one.text)) for p, one in zip(said, answers, strict=True)]
            fits = {"probability": reliability(said, right), "confidence": reliability([one or 0.0 for one in sure], right)}
            told["calibration error"] = {name: round(fit.ece, 4) for name, fit in fits.items()}
    return told


def _at(row: dict[str, Any], threshold: float) -> Given:
    best = row["alternatives"][0] if row["alternatives"] else None
    if best is None or row["no_answer_score"] > threshold:
        return Given(row["id"], "", probability=row["no_answer_probability"])
    return Given(row["id"], best["text"], best["start"], best["probability"])


if __name__ == "__main__":
    main()
