"""The evaluation of a reader as most people run it, in plain Python: the yardstick of `spantune`'s decoding and scoring.

In: examples, features and logits as dicts and lists, as question-answering scripts hold them. Out: answers, EM and F1.
Does not know: spantune.

Written for this comparison from what is published: the choice of an answer by BERT's SQuAD recipe (Devlin et al. 2019,
arXiv:1810.04805, section 4.2), as the post-processing of Transformers' question-answering examples does it (20 best
starts by 20 best ends of every feature, answers of 30 tokens at most, the best 20 of a question, a softmax over those), then
the scores of the official SQuAD scripts (Rajpurkar et al. 2016, arXiv:1606.05250; 2018, arXiv:1806.03822).
"""

import collections
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

N_BEST = 20
LONGEST = 30


def postprocess_and_score(
    examples: Sequence[Mapping[str, Any]],
    features: Sequence[Mapping[str, Any]],
    start_logits: Any,
    end_logits: Any,
    *,
    n_best: int = N_BEST,
    longest: int = LONGEST,
    abstains: bool = False,
    null_threshold: float = 0.0,
) -> dict[str, Any]:
    """Answers and scores of all questions from the logits of all their features.

    `examples`: dicts of `id`, `context` and `answers`, a list of texts (empty: the question has no answer).
    `features`: one dict for each window, in the order of the logits, of `example` (index into `examples`),
    `offset_mapping` (for each token a pair of code points of the context, or None outside it) and `null` (the position of
    "no answer", mostly 0). `start_logits`, `end_logits`: (features, T) float32 arrays, padded on the right; or lists
    of rows of their own lengths. `abstains`: SQuAD 2.0, "" wins where it beats the best span by more than `null_threshold`.

    Returns `answers` (id to text), `probabilities` (id to the share in the softmax), `exact` and `f1` in percent.
    """
    owned = collections.defaultdict(list)
    for index, feature in enumerate(features):
        owned[feature["example"]].append(index)
    answers: dict[str, str] = {}
    probabilities: dict[str, float] = {}
    for index, example in enumerate(examples):
        found: list[dict[str, Any]] = []
        null: float | None = None
        for at in owned[index]:
            feature = features[at]
            starts, ends = start_logits[at], end_logits[at]
            nothing = starts[feature["null"]] + ends[feature["null"]]
            null = nothing if null is None or nothing < null else null
            found += _spans(starts, ends, feature["offset_mapping"], n_best, longest)
        found = sorted(found, key=lambda one: one["score"], reverse=True)[:n_best]
        if abstains and null is not None:
            found = sorted([*found, {"offsets": (0, 0), "score": null}], key=lambda one: one["score"], reverse=True)
        text, share = _chosen(example["context"], found, null, abstains, null_threshold)
        answers[example["id"]] = text
        probabilities[example["id"]] = share
    exact, f1 = _score(examples, answers)
    return {"answers": answers, "probabilities": probabilities, "exact": exact, "f1": f1}


def _spans(starts: Any, ends: Any, offsets: Sequence[Any], n_best: int, longest: int) -> list[dict[str, Any]]:
    start_indexes = np.argsort(starts)[-1 : -n_best - 1 : -1].tolist()
    end_indexes = np.argsort(ends)[-1 : -n_best - 1 : -1].tolist()
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
            if end < start or end - start + 1 > longest:
                continue
            spans.append(
                {
                    "offsets": (offsets[start][0], offsets[end][1]),
                    "score": starts[start] + ends[end],
                    "start_logit": starts[start],
                    "end_logit": ends[end],
                }
            )
    return spans


def _chosen(
    context: str, found: list[dict[str, Any]], null: float | None, abstains: bool, null_threshold: float
) -> tuple[str, float]:
    for one in found:
        begin, end = one["offsets"]
        one["text"] = context[begin:end]
    if not found or (len(found) == 1 and not found[0]["text"]):
        return "", 1.0
    scores = np.array([one["score"] for one in found])
    shares = np.exp(scores - np.max(scores))
    for one, share in zip(found, shares / shares.sum(), strict=True):
        one["probability"] = float(share)
    if not abstains:
        return found[0]["text"], found[0]["probability"]
    best = next((one for one in found if one["text"]), found[0])
    if null is not None and null - best["score"] > null_threshold:
        return "", next(one["probability"] for one in found if not one["text"])
    return best["text"], best["probability"]


def normalised(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces: the official order of it.

    >>> normalised("The  U.S. Senate,")
    'us senate'
    """
    punctuation = set(string.punctuation)
    kept = "".join(character for character in text.lower() if character not in punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def _exact(wanted: str, given: str) -> int:
    return int(normalised(wanted) == normalised(given))


def _f1(wanted: str, given: str) -> float:
    gold, said = normalised(wanted).split(), normalised(given).split()
    shared = sum((collections.Counter(gold) & collections.Counter(said)).values())
    if not gold or not said:
        return float(gold == said)
    if not shared:
        return 0.0
    precision, recall = shared / len(said), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


def _score(examples: Sequence[Mapping[str, Any]], answers: Mapping[str, str]) -> tuple[float, float]:
    exact = f1 = 0.0
    for example in examples:
        wanted = [answer for answer in example["answers"] if normalised(answer)] or [""]
        given = answers[example["id"]]
        exact += max(_exact(one, given) for one in wanted)
        f1 += max(_f1(one, given) for one in wanted)
    return 100.0 * exact / len(examples), 100.0 * f1 / len(examples)
