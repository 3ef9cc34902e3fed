"""In: what a training, a run or any other tool answered to labelled questions. Out: calibration, and what to make of it.

Does not know: how scores are resampled, how anything is shown.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from spantune.data import LeakReport
from spantune.embedded import as_name
from spantune.errors import RunError
from spantune.evaluation import Comparison, Judgement, Known, Mean, Resampling, Scores, Scoring, compare, judge
from spantune.evaluation.analysis import UNTUNED as MODEL_BEFORE
from spantune.evaluation.cases import groups_of
from spantune.evaluation.predictions import answers_to, is_predictions_file, read_predictions
from spantune.features import encode
from spantune.inference.backends import AUTO
from spantune.road.opening import opened
from spantune.road.watch import Watch, counter, working
from spantune.runs import RunFacts, known_from_training, read_facts
from spantune.runs.reading import is_run
from spantune.tasks import TASKS
from spantune.wording import part_of

UNTUNED = "untuned"  # the word for what a run began with
TOP = 5  # best answers that are kept of each question


def judged_run(
    run: str | Path,
    records: Sequence[Any],
    answers: Sequence[Any],
    scores: Scores,
    scoring: Scoring,
    leaks: LeakReport,
    untuned: Sequence[Any] | None,
    watch: Watch,
    against: str | None = None,
) -> Judgement:
    """What is to be said of a run's answers to these questions."""
    facts = read_facts(run)
    touched = leaks.touched_count
    # What training questions score was measured in English: beside scores of another language it would mean nothing.
    trained_on = _trained_on(run, facts) if scoring == Scoring() else None
    return judge(
        records,
        answers,
        scoring,
        Known(
            confidence=[answer.confidence for answer in answers],
            unreachable=_unreachable(run, facts, records, scores, watch),
            scores=scores,
            untuned=untuned,
            against=named(against),
            trained_on=trained_on,
            touched=touched,
            without_touched=f1_without(leaks, records, answers, scoring) if 0 < touched < len(records) else None,
            general=None if facts.general is None else (facts.general["before"], facts.general["after"]),
        ),
    )


def known_to(run: str | Path, records: Sequence[Any], watch: Watch) -> LeakReport:
    """What the run's training data knows of the records; nothing, with a warning, where its sketch cannot be read."""
    try:
        with working(watch, "comparing with the training data"):
            return known_from_training(run, records)
    except RunError as error:
        watch.warn(f"records of the training cannot be recognised: {error.found}")
        return LeakReport(len(records), {}, frozenset(), ())


def warn_of_known(system: str | Path, records: Sequence[Any], watch: Watch) -> None:
    """Say that a run which others are compared with was trained on some of the records; of predictions nothing is known."""
    if not is_predictions_file(system) and (leaks := known_to(system, records, watch)).touched:
        watch.warn(f"{system}: {leaks.warning}. Compare on other documents: it may know them by heart.")


def named(against: str | None) -> str:
    """What a comparison calls the other system."""
    return MODEL_BEFORE if against in (None, UNTUNED) else str(against)


def _trained_on(run: str | Path, facts: RunFacts) -> Mean | None:
    kept = (facts.judged or {}).get("trained_on")
    try:
        return None if kept is None else TypeAdapter(Mean).validate_python(kept)
    except ValidationError as error:
        raise RunError(
            f"{run} holds {kept!r:.60} for what its training questions score: {error.errors()[0]['msg']}",
            expected="a mean as this version of spantune train writes it",
            next_move="train again with this version",
        ) from None


def f1_without(leaks: LeakReport, records: Sequence[Any], answers: Sequence[Any], scoring: Scoring) -> float:
    """F1 of the questions that training data does not know."""
    return scoring.scores(leaks.untouched(records), leaks.untouched(answers)).f1


def _unreachable(run: str | Path, facts: RunFacts, records: Sequence[Any], scores: Scores, watch: Watch) -> frozenset[str]:
    """Of the questions that were not answered right, those whose answer no window shows."""
    from spantune.models import load_tokenizer

    wrong = [record for record, one in zip(records, scores.per_question, strict=True) if not one.exact_match]
    placed = [record for record in wrong if record.answers and all(_stands(record, span) for span in record.answers)]
    with working(watch, "looking for answers that no window shows"):
        return frozenset(encode(placed, load_tokenizer(as_name(run)), facts.config.windows).lost.examples)


def _stands(record: Any, span: Any) -> bool:
    """Whether a label stands where it says: others are scored by their text, and have no window."""
    return span.start is not None and bool(span.text) and record.context.startswith(span.text, span.start)


def answers_of(system: str | Path, records: Sequence[Any], watch: Watch, *, always: bool = False) -> tuple[Any, ...]:
    """What a run, the word `embedded`, or a file of predictions says to these questions."""
    if is_predictions_file(system):
        return answers_to(records, read_predictions(system), str(system))
    with working(watch, f"loading {system}"):
        reader = opened(TASKS["answer"], system, AUTO, always_answer=always)
    return _asked(reader, str(system), records, watch)


def answers_before(run: str | Path, records: Sequence[Any], watch: Watch, *, always: bool) -> tuple[Any, ...]:
    """What the model that a run began with says: another run, or any model that could answer."""
    facts = read_facts(run)
    name = facts.config.model.name
    if is_run(name):
        return answers_of(name, records, watch, always=always)
    from spantune.inference import Reader, ReaderSettings
    from spantune.models import load_reader, load_tokenizer
    from spantune.models.devices import chosen_device, placed

    with working(watch, f"loading {name}"):
        settings = ReaderSettings(facts.config.windows, facts.answer_length, may_abstain=facts.may_abstain and not always)
        model = placed(load_reader(facts.config.model, 0), chosen_device())
        reader = Reader(model, load_tokenizer(facts.config.model), settings, precision="auto")
    return _asked(reader, name, records, watch)


def _asked(reader: Any, name: str, records: Sequence[Any], watch: Watch) -> tuple[Any, ...]:
    tick = counter(watch, f"asking {name}", len(records))
    return tuple(reader.answer_many(records, TOP, tick, watch.warn))


def alike_in_meaning(records: Sequence[Any], answers: Sequence[Any], watch: Watch) -> Mean | None:
    """How alike answers are to their best reference in meaning, by the embedded encoder: a mean, no part of EM or F1.

    Over the questions that have an answer; a question that got none counts 0, as does a likeness below 0. `None` where no
    question has an answer.
    """
    import numpy as np

    from spantune.models.sentences import sentence_vectors

    both = [(record, answer.text) for record, answer in zip(records, answers, strict=True) if record.answers]
    if not both:
        return None
    texts = list(dict.fromkeys(text for record, said in both for text in (said, *(span.text for span in record.answers))))
    at = {text: number for number, text in enumerate(texts)}
    vectors = sentence_vectors(texts, counter(watch, "comparing meanings", len(texts)))
    values = [
        max(0.0, max(float(vectors[at[said]] @ vectors[at[span.text]]) for span in record.answers)) if said else 0.0
        for record, said in both
    ]
    sums = Resampling(1)
    sums.add(groups_of([record for record, _ in both]).names, np.minimum(values, 1.0)[:, None])
    return sums.mean(0)


def compared(
    records: Sequence[Any], systems: Sequence[str], scoring: Scoring, watch: Watch, *, always: bool = False
) -> Comparison:
    """Several systems on the same questions, each against the first; two of one name get a number.

    Where every question has an answer, a system that leaves some without one is warned of, as is one that was trained on some.
    """
    named: dict[str, Sequence[Any]] = {}
    for system in systems:
        name = system if system not in named else f"{system} ({len(named) + 1})"
        if system not in named:
            warn_of_known(system, records, watch)
        named[name] = answers_of(system, records, watch, always=always)
    if not any(record.is_impossible for record in records):
        for name, answers in named.items():
            silent = sum(not answer.text for answer in answers)
            if silent:
                watch.warn(
                    f"{name} gives no answer to {part_of(silent, len(records))} of the questions, although each has one; "
                    "--always-answer compares best answers"
                )
    return compare(records, named, scoring)
