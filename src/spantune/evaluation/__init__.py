"""In: labelled records and the answers given to them. Out: scores, per question and overall. Does not know: models.

    score_answers(examples, answers)     exact match, F1, precision, recall in percent; every wrong answer
    score_labels(examples, predictions)  accuracy and macro-F1 in percent; every confusion of two labels
    paired_gain(before, after)           what a second scoring of the same questions gained, and how sure that is
    LearningCurve(points, untuned)       what more labels would give, and how sure that is
    best_threshold(scores, f1s, labels)  from which no-answer score on a question is better left unanswered

Pure functions over values: the same answers give the same numbers wherever they came from.
"""

from spantune.evaluation.gain import Gain, paired_gain
from spantune.evaluation.labels import Classified, Confusion, LabelScore, LabelScores, score_labels
from spantune.evaluation.learning_curve import Estimate, LearningCurve, Point, doubling
from spantune.evaluation.metrics import exact_match, token_f1, token_precision, token_recall
from spantune.evaluation.normalise import comparable_form, normalise_answer
from spantune.evaluation.scores import Answered, Group, QuestionScore, Scores, score_answers
from spantune.evaluation.threshold import Threshold, best_threshold

__all__ = [
    "Answered",
    "Classified",
    "Confusion",
    "Estimate",
    "Gain",
    "Group",
    "LabelScore",
    "LabelScores",
    "LearningCurve",
    "Point",
    "QuestionScore",
    "Scores",
    "Threshold",
    "best_threshold",
    "comparable_form",
    "doubling",
    "exact_match",
    "normalise_answer",
    "paired_gain",
    "score_answers",
    "score_labels",
    "token_f1",
    "token_precision",
    "token_recall",
]
