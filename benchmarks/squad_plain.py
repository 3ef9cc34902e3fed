"""Decoding and scoring of extractive question answering in plain Python: the yardstick of spantune's own.

In: examples and features as dicts, logits as NumPy rows. Out: answers, their n-best lists, exact match and F1. Does not know:
spantune.

Written for this comparison alone, from what is published. `answers_of` follows `postprocess_qa_predictions` of `utils_qa.py` in
Transformers' question-answering examples, which is the choice of an answer of Devlin et al. 2019 (arXiv:1810.04805, section
4.2): the 20 best starts by the 20 best ends of every feature, answers of 30 tokens at most, the best 20 of a question, a
softmax over those. `scored` follows the official script of SQuAD 1.1 (Rajpurkar et al. 2016, arXiv:1606.05250), question by
question with the best of its references; where there is none, the empty answer is the reference, as in SQuAD 2.0.
"""

import collections
import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

N_BEST = 20
LONGEST = 30
WIDTH = 384  # tokens that the recipe pads every feature to
NOTHING = (0, 0)  # offsets of "no answer"


def answers_of(
    examples: Sequence[Mapping[str, Any]],
    features: Sequence[Mapping[str, Any]],
    starts: Any,
    ends: Any,
    *,
    abstains: bool = False,
    threshold: float = 0.0,
) -> tuple[dict[str, str], dict[str, list[dict[str, Any]]]]:
    """The answer to every question by its id, and its n-best list.

    `examples`: `id` and `context`. `features`, in the order of the logits: `example`, the index of its example, and
    `offset_mapping`, for each token two code points of the context, None outside it. `starts`, `ends`: (features, 384).
    `abstains`: SQuAD 2.0, where "" wins when it beats the best span by more than `threshold`.
    """
    of_example: dict[int, list[int]] = collections.defaultdict(list)
    for at, feature in enumerate(features):
        of_example[feature["example"]].append(at)
    answers, lists = {}, {}
    for number, example in enumerate(examples):
        found: list[dict[str, Any]] = []
        null: dict[str, Any] | None = None
        for at in of_example[number]:
            nothing = _span(NOTHING, starts[at], ends[at], 0, 0)
            if null is None or null["score"] > nothing["score"]:
                null = nothing
            found += _spans(starts[at], ends[at], features[at]["offset_mapping"])
        listed = _n_best(example["context"], found, null if abstains else None)
        answers[example["id"]] = _chosen(listed, null, threshold) if abstains and null is not None else listed[0]["text"]
        lists[example["id"]] = [
            {key: float(value) if isinstance(value, np.floating) else value for key, value in one.items()} for one in listed
        ]
    return answers, lists


def _spans(starts: Any, ends: Any, offsets: Sequence[Any]) -> list[dict[str, Any]]:
    start_indexes = np.argsort(starts)[-1 : -N_BEST - 1 : -1].tolist()
    end_indexes = np.argsort(ends)[-1 : -N_BEST - 1 : -1].tolist()
    spans = []
    for start in start_indexes:
        for end in end_indexes:
            if (
                start >= len(offsets)
                or end >= len(offsets)
                or offsets[start] is None
                or len(offsets[start]) < 2
                or offsets[end] is None
                or len(offsets[end]) < 2
            ):
                continue
            if end < start or end - start + 1 > LONGEST:
                continue
            spans.append(_span((offsets[start][0], offsets[end][1]), starts, ends, start, end))
    return spans


def _span(offsets: tuple[int, int], starts: Any, ends: Any, start: int, end: int) -> dict[str, Any]:
    return {"offsets": offsets, "score": starts[start] + ends[end], "start_logit": starts[start], "end_logit": ends[end]}


def _n_best(context: str, found: list[dict[str, Any]], null: dict[str, Any] | None) -> list[dict[str, Any]]:
    if null is not None:
        found.append(null)
    listed = sorted(found, key=lambda one: one["score"], reverse=True)[:N_BEST]
    if null is not None and not any(one["offsets"] == NOTHING for one in listed):
        listed.append(null)
    for one in listed:
        offsets = one.pop("offsets")
        one["text"] = context[offsets[0] : offsets[1]]
    if not listed or (len(listed) == 1 and listed[0]["text"] == ""):
        listed.insert(0, {"text": "empty", "start_logit": 0.0, "end_logit": 0.0, "score": 0.0})
    scores = np.array([one["score"] for one in listed])
    shares = np.exp(scores - np.max(scores))
    for one, share in zip(listed, shares / shares.sum(), strict=True):
        one["probability"] = share
    return listed


def _chosen(listed: Sequence[Mapping[str, Any]], null: Mapping[str, Any], threshold: float) -> str:
    best = next(one for one in listed if one["text"] != "")
    margin = null["score"] - best["start_logit"] - best["end_logit"]
    return "" if margin > threshold else str(best["text"])


def normalised(text: str) -> str:
    """Lower case, no punctuation, no English articles, single spaces.

    >>> normalised("The  U.S. Senate,")
    'us senate'
    """
    punctuation = set(string.punctuation)
    kept = "".join(character for character in text.lower() if character not in punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def exact(prediction: str, reference: str) -> float:
    """Whether the two are equal when normalised."""
    return float(normalised(prediction) == normalised(reference))


def f1(prediction: str, reference: str) -> float:
    """Harmonic mean of the shares of common words."""
    said, wanted = normalised(prediction).split(), normalised(reference).split()
    if not said and not wanted:
        return 1.0
    common = sum((collections.Counter(said) & collections.Counter(wanted)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def scored(examples: Sequence[Mapping[str, Any]], answers: Mapping[str, str]) -> dict[str, float]:
    """Exact match and F1 in percent. `examples`: `id` and `answers`, the texts of the references."""
    matches = overlap = 0.0
    for example in examples:
        references = example["answers"] or [""]
        matches += _best(exact, answers[example["id"]], references)
        overlap += _best(f1, answers[example["id"]], references)
    return {"exact_match": 100.0 * matches / len(examples), "f1": 100.0 * overlap / len(examples)}


def _best(measure: Callable[[str, str], float], prediction: str, references: Sequence[str]) -> float:
    scores = []
    for reference in references:
        scores.append(measure(prediction, reference))
    return max(scores)
