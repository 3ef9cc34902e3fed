"""In: the name of a task. Out: the same few functions for each of them. Does not know: HTTP, the command line.

`answer` is extractive question answering, `classify` is text classification. A task is a row of `TASKS`; whatever is
done with records, the road asks the row for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spantune.config import Config
from spantune.data import Record
from spantune.errors import ConfigError, DataError
from spantune.evaluation import LabelScores, Scores, likely_threshold, score_answers, score_labels
from spantune.features import SpanScores, Windows, encode, encode_texts, select_windows
from spantune.features.batches import collate_spans
from spantune.features.scores import WindowScores
from spantune.inference import Answer, Prediction, ReaderSettings
from spantune.inference.again import agreed_at, alone, always_answered, answered_at
from spantune.inference.backends import AUTO, TORCH, open_with, require_torch
from spantune.training.together import gathered, merged, my_share

if TYPE_CHECKING:
    from spantune.inference import Classifier, Reader
    from spantune.training import Held

Tick = Callable[[int], None]
Say = Callable[[str], None]

UNKNOWN_CLASS = -1  # target of a held-out text whose label is none of the model's


@dataclass(frozen=True, slots=True)
class Measured:
    """Held-out data, measured: what training wants to know, the whole scores, and the predictions they come from.

    `spread` is that of the reader which gave them. `expected` is the threshold for "no answer" that was expected before these
    records were seen, `threshold` the one that promises most now.
    """

    held: "Held"
    scores: Scores | LabelScores
    predictions: tuple[Any, ...]
    threshold: float = 0.0
    spread: float = 0.0
    expected: float = 0.0

    @property
    def alone(self) -> "Measured":
        """The same without the likely spans beside the ones that were given."""
        return replace(self, predictions=tuple(alone(one) if isinstance(one, Answer) else one for one in self.predictions))


class Opens(Protocol):
    """How a finished run is opened: with which backend, on which device, to compute with how many threads."""

    def __call__(  # noqa: D102
        self, run: Path | str, backend: str = AUTO, *, device: str | None = None, threads: int | None = None
    ) -> Any: ...


class Measures(Protocol):
    """How labelled records are measured, given their windows; `top` likely predictions are kept of each."""

    def __call__(  # noqa: D102
        self, predictor: Any, windows: Windows, records: Sequence[Record], config: Config, tick: Tick | None, /, top: int = 1
    ) -> Measured: ...


@dataclass(frozen=True, slots=True)
class Task:
    """What the road needs to know about a task.

    `headline` is the score that decides which epoch is best, `shown` are the scores that people look at first.
    `difference` is the largest one between the logits of two models. `pool` makes one measurement of those of several parts of
    some records; `None` for a task that is not trained in folds. `choose_again` gives what `measure` would give with the
    predictor that `tuned` gives, without running the model; `agree_again` what it would give with another spread, from a
    measurement that kept `CONSIDERED` spans, and is `None` for a task that gives no spans. `expecting` gives the predictor as
    it may be expected to choose when so much of the weights is tuned.
    """

    name: str
    headline: str
    shown: tuple[str, ...]
    load_model: Callable[[Config, Sequence[Record]], Any]
    encode: Callable[[Sequence[Record], Any, Any, Config], Windows]
    predictor: Callable[[Any, Any, Config, Windows], Any]
    open: Opens
    predict: Callable[[Any, Iterable[Any], Tick | None, Say | None], Iterator[Any]]
    measure: Measures
    score: Callable[[Sequence[Any], Iterable[Any]], Scores | LabelScores]
    tuned: Callable[[Any, Measured], Any]
    choose_again: Callable[[Any, Sequence[Any], Measured], Measured]
    expecting: Callable[[Any, float], Any]
    errors: Callable[[Sequence[Any], Sequence[Any], Any], list[dict[str, Any]]]
    difference: Callable[[Any, Any, Windows], float]
    pool: Callable[[Any, Sequence[Any], Sequence[Measured]], Measured] | None = None
    agree_again: Callable[[Any, Sequence[Any], Measured, float], Measured] | None = None


# -- answer ------------------------------------------------------------------------------------------------------------


def _load_reader(config: Config, _: Sequence[Record]) -> Any:
    from spantune.models import load_reader

    return load_reader(config.model, config.training.seed)


def _encode_questions(records: Sequence[Any], tokenizer: Any, _: Any, config: Config) -> Windows:
    return encode(records, tokenizer, config.windows)


def _reader(model: Any, tokenizer: Any, config: Config, train: Windows) -> "Reader":
    from spantune.inference import Reader
    from spantune.training.fine_tuning import longest_answer

    settings = ReaderSettings(
        windows=config.windows,
        answer_length=config.windows.answer_length or longest_answer(train),
        may_abstain=train.unanswerable > 0,
        spread=config.training.spread or 0.0,
    )
    return Reader(model, tokenizer, settings)


def _answer(reader: "Reader", records: Iterable[Any], tick: Tick | None, say: Say | None) -> Iterator[Answer]:
    return reader.answer_many(records, progress=tick, say=say)


def _measure_answers(
    reader: "Reader", windows: Windows, records: Sequence[Any], config: Config, tick: Tick | None, top: int = 1
) -> Measured:
    """One forward pass gives all of it: loss and token-span accuracy of the windows, answers and scores of the questions.

    Loss and accuracy are taken over the windows that training would choose, so that the two losses can be compared. A
    question is answered as soon as its last window is scored, so that beside the answers next to nothing is kept. Several
    processes share the batches, and each gets the results of all.
    """
    import torch

    from spantune.models import score_windows
    from spantune.training import Held, span_accuracy, span_losses

    compared = np.zeros(len(windows), dtype=bool)
    compared[select_windows(windows, config.training.negatives, config.training.seed).indices] = True
    missing = np.bincount(windows.example, minlength=windows.size).tolist()
    open_: dict[int, list[SpanScores]] = {}
    answers: list[Any] = [None] * windows.size
    loss = hits = 0.0

    def of(batch: WindowScores) -> tuple[float, float, list[tuple[int, SpanScores]]]:
        rows, lost, hit = compared[batch.indices], 0.0, 0.0
        if rows.any():
            start, end = torch.from_numpy(batch.start[rows]), torch.from_numpy(batch.end[rows])
            spans = torch.from_numpy(collate_spans(windows, batch.indices[rows]))
            candidates = torch.from_numpy(batch.candidates[rows])
            lost = span_losses(start, end, spans, candidates).sum(dtype=torch.float64).item()
            hit = span_accuracy(start, end, spans, candidates).sum(dtype=torch.float64).item()
        return lost, hit, list(zip(windows.example[batch.indices].tolist(), reader.decode(windows, batch), strict=True))

    for lost, hit, decoded in merged(map(of, score_windows(reader.model, windows, tick, my_share(), _at_once(reader.model)))):
        loss, hits = loss + lost, hits + hit
        for example, scores in decoded:
            open_.setdefault(example, []).append(scores)
            if len(open_[example]) == missing[example]:
                answers[example] = reader.choose(records[example], open_.pop(example), top)
    count = int(np.count_nonzero(compared))
    held = Held(loss=loss / count if count else None, scores={}, span_accuracy=100 * hits / count if count else None)
    return _scored(reader, records, answers, held)


def _scored(reader: "Reader", records: Sequence[Any], answers: Sequence[Answer], held: "Held") -> Measured:
    """The measurement of these answers, which the reader gave."""
    scored = score_answers(records, answers)
    threshold = _threshold_for(reader, records, answers) if reader.settings.may_abstain else 0.0
    held = replace(held, scores={"exact_match": scored.exact_match, "f1": scored.f1})
    return Measured(held, scored, tuple(answers), threshold, reader.settings.spread, reader.settings.threshold)


def _at_once(model: Any) -> int:
    """Padded tokens in a batch, the same for all processes: with batches of their own, their shares would not make a whole."""
    from spantune.models.forward import tokens_at_once

    return min(gathered(tokens_at_once(model)))


def _pool_answers(reader: "Reader", records: Sequence[Any], parts: Sequence[Measured]) -> Measured:
    """Loss and span accuracy are means over the questions' parts; scores and threshold are those of all questions together."""
    answers = tuple(answer for part in parts for answer in part.predictions)
    sizes = [len(part.predictions) for part in parts]
    held = replace(
        parts[0].held,
        loss=_weighted([part.held.loss for part in parts], sizes),
        span_accuracy=_weighted([part.held.span_accuracy for part in parts], sizes),
    )
    return _scored(reader, records, answers, held)


def _agree_again(reader: "Reader", records: Sequence[Any], measured: Measured, spread: float) -> Measured:
    """The same as the reader would give it with another spread."""
    reader = reader.with_spread(spread).with_threshold(measured.expected)
    answers = [agreed_at(answer, spread, reader.settings.refuses_above) for answer in measured.predictions]
    return _scored(reader, records, answers, measured.held)


def _weighted(values: Sequence[float | None], weights: Sequence[int]) -> float | None:
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None


def _threshold_for(reader: "Reader", records: Sequence[Any], answers: Sequence[Answer]) -> float:
    """The threshold for "no answer" that promises the best F1: the reader's, moved by what these records say of it."""
    expected = reader.settings.threshold
    told = no_answer_columns(records, answers)
    return expected if told is None else likely_threshold(*told, expected=expected).value


def no_answer_columns(records: Sequence[Any], answers: Sequence[Answer]) -> tuple[list[float], list[float], list[bool]] | None:
    """No-answer scores, F1 of the best spans (0 to 1) and which records have an answer: what a threshold is chosen by.

    `None` where they tell nothing of it: all records have an answer, or none, or all have one score (the model diverged).
    """
    answerable = [not record.is_impossible for record in records]
    scores = [answer.no_answer_score for answer in answers]
    if all(answerable) or not any(answerable) or len(set(scores)) == 1:
        return None
    f1 = [question.f1 for question in score_answers(records, [always_answered(one) for one in answers]).per_question]
    return scores, f1, answerable


def _as_measured(reader: "Reader", measured: Measured) -> "Reader":
    return reader.with_spread(measured.spread).with_threshold(measured.threshold)


def _expecting(reader: "Reader", share: float) -> "Reader":
    """The start's threshold suits its weights; training sets "no answer" beside the spans, so that 0 suits those it leaves."""
    return reader.with_threshold(reader.settings.threshold * (1 - share) + 0.0)  # 0.0 instead of -0.0


def _choose_again(reader: "Reader", records: Sequence[Any], measured: Measured) -> Measured:
    """The same with the answers that its threshold gives: each answer keeps its best span, so the model need not run again."""
    if not reader.settings.may_abstain:
        return measured
    answers = tuple(answered_at(answer, measured.threshold) for answer in measured.predictions)
    scores = score_answers(records, answers)
    held = replace(measured.held, scores={"exact_match": scores.exact_match, "f1": scores.f1})
    return replace(measured, held=held, scores=scores, predictions=answers)


def _wrong_answers(records: Sequence[Any], _: Sequence[Any], scores: Any) -> list[dict[str, Any]]:
    questions = {record.id: record.question for record in records}
    return [{**row, "question": questions[row["id"]]} for row in scores.as_rows()]


def _span_difference(model: Any, other: Any, windows: Windows) -> float:
    """The largest difference between the logits that two models give the same windows, where an answer may stand."""
    from spantune.models import score_windows

    largest = 0.0
    for mine, theirs in zip(score_windows(model, windows), score_windows(other, windows), strict=True):
        for one, another in ((mine.start, theirs.start), (mine.end, theirs.end)):
            largest = max(largest, float(np.abs(one - another)[mine.candidates].max(initial=0.0)))
    return largest


# -- classify ----------------------------------------------------------------------------------------------------------


def _load_classifier(config: Config, train: Sequence[Any]) -> Any:
    labels = sorted({record.label for record in train if record.label is not None})
    if len(labels) < 2:
        raise DataError(
            f"{len(labels)} distinct labels in the training data",
            expected="at least two",
            next_move="check which column holds the labels with spantune check",
        )
    from spantune.models import load_classifier

    return load_classifier(config.model, labels, config.training.seed)


def _encode_labelled(records: Sequence[Any], tokenizer: Any, model: Any, config: Config) -> Windows:
    """Labels that the model was not made for can stand in held-out data only: they are never predicted, and count as wrong."""
    known = model.config.label2id
    labels = (record.label for record in records if record.label is not None)
    classes = dict.fromkeys(labels, UNKNOWN_CLASS) | known
    return encode_texts(records, tokenizer, config.windows, classes)


def _classifier(model: Any, tokenizer: Any, config: Config, _: Windows) -> "Classifier":
    from spantune.inference import Classifier

    return Classifier(model, tokenizer, config.windows)


def _open_classifier(
    run: Path | str, backend: str = AUTO, *, device: str | None = None, threads: int | None = None
) -> "Classifier":
    if backend not in (AUTO, TORCH):
        raise ConfigError(
            f"the backend {backend!r} for a run that classifies",
            expected="torch: only readers are exported",
            next_move="leave --backend away",
        )
    require_torch(run)
    from spantune.inference import Classifier

    return Classifier.load(run, device=device, threads=threads)


def _label(classifier: "Classifier", records: Iterable[Any], tick: Tick | None, say: Say | None) -> Iterator[Prediction]:
    return classifier.predict_many(records, progress=tick, say=say)


def _measure_labels(
    classifier: "Classifier", windows: Windows, records: Sequence[Any], _: Config, tick: Tick | None, top: int = 1
) -> Measured:
    import torch

    from spantune.models import score_texts
    from spantune.training import Held, class_losses

    assert windows.targets is not None  # encoded with the model's classes
    logits = np.zeros((len(windows), len(classifier.labels)), dtype=np.float32)
    for batch in merged(score_texts(classifier.model, windows, tick, my_share(), _at_once(classifier.model))):
        logits[batch.indices] = batch.logits
    predictions = tuple(classifier.choose(record.id, row) for record, row in zip(records, logits, strict=True))
    scores = score_labels(records, predictions)
    known = windows.targets != UNKNOWN_CLASS
    losses = class_losses(torch.from_numpy(logits[known]), torch.from_numpy(windows.targets[known]))
    loss = losses.mean().item() if len(losses) else None
    return Measured(Held(loss, {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1}), scores, predictions)


def _unchanged(classifier: "Classifier", _: Any) -> "Classifier":
    return classifier


def _no_threshold(_: Any, __: Sequence[Any], measured: Measured) -> Measured:
    return measured


def _wrong_labels(records: Sequence[Any], predictions: Sequence[Any], _: Any) -> list[dict[str, Any]]:
    return [
        {"id": record.id, "text": record.text, "label": record.label, "predicted": one.label, "probability": one.probability}
        for record, one in zip(records, predictions, strict=True)
        if one.label != record.label
    ]


def _class_difference(model: Any, other: Any, windows: Windows) -> float:
    from spantune.models import score_texts

    both = zip(score_texts(model, windows), score_texts(other, windows), strict=True)
    return max((float(np.abs(mine.logits - theirs.logits).max()) for mine, theirs in both), default=0.0)


TASKS: Mapping[str, Task] = {
    "answer": Task(
        name="answer",
        headline="f1",
        shown=("exact_match", "f1", "precision", "recall"),
        load_model=_load_reader,
        encode=_encode_questions,
        predictor=_reader,
        open=open_with,
        predict=_answer,
        measure=_measure_answers,
        score=score_answers,
        tuned=_as_measured,
        choose_again=_choose_again,
        expecting=_expecting,
        errors=_wrong_answers,
        difference=_span_difference,
        pool=_pool_answers,
        agree_again=_agree_again,
    ),
    "classify": Task(
        name="classify",
        headline="macro_f1",
        shown=("accuracy", "macro_f1"),
        load_model=_load_classifier,
        encode=_encode_labelled,
        predictor=_classifier,
        open=_open_classifier,
        predict=_label,
        measure=_measure_labels,
        score=score_labels,
        tuned=_unchanged,
        choose_again=_no_threshold,
        expecting=_unchanged,
        errors=_wrong_labels,
        difference=_class_difference,
    ),
}
