"""Decoding and scoring as the recipe of Hugging Face does them, in plain Python, from the published definitions.

A window offers the pairs of its `n_best` best starts and `n_best` best ends that lie in the context, in order, and are no
longer than `max_answer_length`; a question takes the best pair of all its windows (Devlin et al. 2019, section 4.2). Scores are
those of SQuAD 1.1 (Rajpurkar et al. 2016). Written for the comparison alone: spantune does not use it.
"""

import collections
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Feature:
    """A window as the recipe keeps it: the question it is of, and the offsets of its tokens, None outside the context."""

    example: int
    offsets: list[tuple[int, int] | None]


def answers_of(
    contexts: Sequence[str], features: Sequence[Feature], starts: Any, ends: Any, n_best: int = 20, max_answer_length: int = 30
) -> list[str]:
    """The best answer to every question. `starts`, `ends`: (features, tokens), all of them at once, as the recipe has them."""
    of_example: dict[int, list[int]] = collections.defaultdict(list)
    for at, feature in enumerate(features):
        of_example[feature.example].append(at)
    answers = []
    for number, context in enumerate(contexts):
        found: list[dict[str, Any]] = []
        for at in of_example[number]:
            found += _pairs(features[at].offsets, starts[at], ends[at], n_best, max_answer_length)
        found = sorted(found, key=lambda one: one["score"], reverse=True)[:n_best]
        for one in found:
            one["text"] = context[one["offsets"][0] : one["offsets"][1]]
        scores = np.array([one["score"] for one in found] or [0.0])
        shares = np.exp(scores - scores.max())
        for one, share in zip(found, shares / shares.sum(), strict=False):
            one |= {"probability": float(share), "start_logit": float(one["start_logit"]), "end_logit": float(one["end_logit"])}
        answers.append(found[0]["text"] if found else "")
    return answers


def _pairs(offsets: Sequence[Any], start: Any, end: Any, n_best: int, longest: int) -> list[dict[str, Any]]:
    best_starts = np.argsort(start)[-1 : -n_best - 1 : -1].tolist()
    best_ends = np.argsort(end)[-1 : -n_best - 1 : -1].tolist()
    found = []
    for first in best_starts:
        for last in best_ends:
            if first >= len(offsets) or last >= len(offsets) or offsets[first] is None or offsets[last] is None:
                continue
            if last < first or last - first + 1 > longest:
                continue
            found.append(
                {
                    "offsets": (offsets[first][0], offsets[last][1]),
                    "score": start[first] + end[last],
                    "start_logit": start[first],
                    "end_logit": end[last],
                }
            )
    return found


def normalised(text: str) -> str:
    """Lower case, no punctuation, no English articles, single spaces.

    >>> normalised("The  Eiffel Tower!")
    'eiffel tower'
    """
    kept = "".join(character for character in text.lower() if character not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def f1(prediction: str, reference: str) -> float:
    """Harmonic mean of the shares of common words."""
    mine, theirs = normalised(prediction).split(), normalised(reference).split()
    common = sum((collections.Counter(mine) & collections.Counter(theirs)).values())
    if not common:
        return 0.0
    precision, recall = common / len(mine), common / len(theirs)
    return 2 * precision * recall / (precision + recall)


def scored(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Mapping[str, float]:
    """Exact match and F1 in percent."""
    exact = total = 0.0
    for prediction, texts in zip(predictions, references, strict=True):
        exact += max(normalised(prediction) == normalised(text) for text in texts)
        total += max(f1(prediction, text) for text in texts)
    return {"exact_match": 100 * exact / len(predictions), "f1": 100 * total / len(predictions)}
