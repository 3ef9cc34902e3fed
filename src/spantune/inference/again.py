"""From an answer with its likely spans, the answer that other settings give: the model need not read again.

In: an `Answer` and the settings that change. Out: an `Answer`. Does not know: models, labels.
"""

from dataclasses import replace

from spantune.inference.answers import Answer
from spantune.inference.consensus import most_agreed


def always_answered(answer: Answer) -> Answer:
    """The answer with the first of its spans, whatever "no answer" scores; as it is where no span is possible."""
    return answered_at(answer, float("inf"))


def answered_at(answer: Answer, threshold: float) -> Answer:
    """The answer that a reader with this threshold would give, from one with the span that it would give."""
    if not answer.alternatives:
        return answer
    first = answer.alternatives[0]
    if answer.no_answer_score <= threshold:
        chosen = replace(answer, text=first.text, start=first.start, end=first.end, confidence=None)
        return replace(chosen, probability=first.probability, score=first.score)
    null = first.score + answer.no_answer_score
    return replace(answer, text="", start=0, end=0, probability=answer.no_answer_probability, score=null, confidence=None)


def agreed_at(answer: Answer, spread: float, threshold: float) -> Answer:
    """The answer that a reader with this spread and threshold would give, from one with `consensus.CONSIDERED` of its spans."""
    if not answer.alternatives:
        return answer
    null = answer.alternatives[0].score + answer.no_answer_score
    by_score = sorted(answer.alternatives, key=lambda one: (-one.score, one.start, one.end))
    spans = tuple(most_agreed(by_score, spread))
    return answered_at(replace(answer, alternatives=spans, no_answer_score=null - spans[0].score), threshold)


def alone(answer: Answer) -> Answer:
    """The answer without its other likely spans."""
    return replace(answer, alternatives=answer.alternatives[:1])
