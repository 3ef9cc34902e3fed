"""In: labelled texts and the labels predicted. Out: accuracy and macro-F1 with intervals. Does not know: models."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spantune.data.records import TextExample
from spantune.evaluation.cases import Grouped, groups_of
from spantune.evaluation.labels import Classified
from spantune.evaluation.uncertainty import Interval, Mean, Resampling, interval_of
from spantune.evaluation.uncertainty.resampling import wider


def label_means(texts: Sequence[TextExample], predictions: Sequence[Classified]) -> tuple[dict[str, Mean], Grouped]:
    """Accuracy and macro-F1, 0 to 1, with intervals over groups, and how texts were grouped.

    In: texts with labels, and what was predicted, in one order. Macro-F1 is no mean of texts: it is computed anew in each
    round, over every label that was carried or predicted. Where hardly any text is wrong the rounds say too little: its
    interval reaches at least as far to each side as that of accuracy, and its error is no smaller.

    >>> from types import SimpleNamespace
    >>> texts = [TextExample(str(n), f"text {n}", "ab"[n % 2]) for n in range(40)]
    >>> said = [SimpleNamespace(id=str(n), label="ab"[n % 2] if n % 4 else "b") for n in range(40)]
    >>> means, _ = label_means(texts, said)
    >>> f"{means['accuracy'].value:.3f} {means['macro_f1'].value:.3f}", means["macro_f1"].interval.low > 0.5
    ('0.750 0.733', True)
    """
    grouped = groups_of(texts)
    carried = [str(text.label) for text in texts]
    given = [one.label for one in predictions]
    labels = sorted({*carried, *given})
    number = {label: at for at, label in enumerate(labels)}
    count, kinds = len(texts), len(labels)
    rows = np.zeros((count, 1 + 3 * kinds))
    at, true, said = np.arange(count), np.array([number[one] for one in carried]), np.array([number[one] for one in given])
    rows[:, 0] = true == said
    rows[at[true == said], 1 + true[true == said]] = 1
    rows[at, 1 + kinds + said] = 1
    rows[at, 1 + 2 * kinds + true] = 1
    sums = Resampling(rows.shape[1])
    sums.add(grouped.names, rows)
    whole, drawn = sums.sums
    accuracy = sums.mean(0)
    value = float(_macro_f1(whole[None, 1:], kinds)[0])
    if accuracy.interval is None:
        return {"accuracy": accuracy, "macro_f1": Mean(value, count, accuracy.groups, None, None)}, grouped
    rounds = _macro_f1(drawn[:, 1:], kinds)
    found = interval_of(rounds, value, accuracy.groups)
    below = max(value - found.low, accuracy.value - accuracy.interval.low)
    above = max(found.high - value, accuracy.interval.high - accuracy.value)
    interval = Interval(max(value - below, 0.0), min(value + above, 1.0))
    error = max(float(rounds.std()) * wider(accuracy.groups), accuracy.error or 0.0)
    return {"accuracy": accuracy, "macro_f1": Mean(value, count, accuracy.groups, interval, error)}, grouped


def _macro_f1(sums: NDArray[np.float64], kinds: int) -> NDArray[np.float64]:
    """The plain mean of F1 over labels; in a round that draws none of a label, it counts as 0 there."""
    right, said, carried = sums[:, :kinds], sums[:, kinds : 2 * kinds], sums[:, 2 * kinds :]
    return np.asarray((2 * right / np.maximum(said + carried, 1e-12)).mean(axis=1))
