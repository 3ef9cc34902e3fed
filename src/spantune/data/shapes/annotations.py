"""In: what each annotator marked for one question. Out: its references, and the flaws. Does not know: any tool's format."""

from collections.abc import Sequence
from dataclasses import dataclass

from spantune.data.problems import Flaw, excerpt
from spantune.data.records import Span


@dataclass(frozen=True, slots=True)
class Marked:
    """What one annotator did: the spans marked, none for "there is no answer"; `skipped` without a decision."""

    spans: tuple[Span, ...] = ()
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Agreed:
    """The references of one question as the annotators together give them, and what is wrong with that."""

    answers: tuple[Span, ...] | None
    flaws: tuple[Flaw, ...] = ()


def agree(annotations: Sequence[Marked], predicted: bool = False) -> Agreed:
    """Each annotator's span is one reference; no span from anybody means unanswerable, no annotation unlabelled.

    Set aside for a person: a question that some answer and others call unanswerable, one that everybody skipped, and one
    whose answer is several spans together, since each of them alone would be a wrong reference. Spans of one text are
    places of one answer and are all references.

    >>> agree([Marked((Span("Ada", 0),)), Marked((Span("Ada", 9),))]).answers
    (Span(text='Ada', start=0), Span(text='Ada', start=9))
    >>> [flaw.code for flaw in agree([Marked((Span("Ada", 0),)), Marked()]).flaws]
    ['annotators_disagree']
    """
    decided = [one for one in annotations if not one.skipped]
    flaws = unused_flaws(len(decided), len(annotations) - len(decided), predicted)
    if not decided:
        return Agreed(None, tuple(flaws))
    spans = tuple(span for one in decided for span in one.spans)
    if spans and not all(one.spans for one in decided):
        flaws.append(disagreement_flaw(len(spans)))
    parts = max((len({span.text for span in one.spans}) for one in decided), default=0)
    if parts > 1:
        flaws.append(several_spans_flaw(parts))
    return Agreed(spans, tuple(flaws))


def unused_flaws(decided: int, skipped: int, predicted: bool) -> list[Flaw]:
    """What to tell of annotations without a decision, and of a model's guesses where no person did anything."""
    if skipped:
        return [_skipped_flaw(skipped, "repaired" if decided else "quarantined")]
    return [_prediction_flaw()] if predicted and not decided else []


def disagreement_flaw(answers: int) -> Flaw:
    """What to tell of a question that has answers and is called unanswerable, both."""
    return Flaw(
        "annotators_disagree",
        "quarantined",
        f"{answers} answer{'s' if answers > 1 else ''}, and an annotation that says there is none",
        "annotations that agree whether the text answers the question",
        "decide which of the two is right, and delete the other annotation",
    )


def several_spans_flaw(parts: int) -> Flaw:
    """What to tell of an answer that is many spans: spantune's answers are one span, and no part of it is the answer."""
    return Flaw(
        "answer_in_several_spans",
        "quarantined",
        f"the answer is {parts} spans together",
        "one span an answer",
        "keep the span that answers by itself, ask one question for each part, or leave the question out",
    )


def misplaced_flaw(value: object) -> Flaw:
    """What to tell of a marked span that has neither a text nor a place that can be used."""
    return Flaw(
        "region_without_text",
        "quarantined",
        f"a marked span is {excerpt(str(value))}",
        "its text, or its start and end in the context",
        "export the annotations again with the text of each span",
    )


def _skipped_flaw(skipped: int, outcome: str) -> Flaw:
    alone = outcome == "quarantined"
    return Flaw(
        "annotation_skipped",
        "quarantined" if alone else "repaired",
        f"{skipped} annotation{'s' if skipped > 1 else ''} cancelled, discarded or not submitted"
        + ("" if alone else "; the others were used"),
        "an annotation that was submitted",
        "annotate the record, or leave it out" if alone else "nothing, if the annotations that are left suffice",
    )


def _prediction_flaw() -> Flaw:
    return Flaw(
        "predictions_ignored",
        "repaired",
        "predictions of a model, and no annotation by a person; the record is unlabelled",
        "an annotation that was submitted",
        "have a person submit or correct the predictions, and export again",
    )
