"""In: labelled records and the answers given to them. Out: scores, per question and overall. Does not know: models.

    score_answers(examples, answers)     exact match, F1, precision, recall in percent; every wrong answer
    score_labels(examples, predictions)  accuracy and macro-F1 in percent; every confusion of two labels
    paired_gain(before, after)           what a second scoring of the same questions gained, and how sure that is
    LearningCurve(points, untuned)       what more labels would give, and how sure that is
    best_threshold(scores, f1s, labels)  from which no-answer score on a question is better left unanswered
    likely_threshold(…, expected)        the same from few questions, and from what is expected
    judge(examples, answers)             intervals, slices, mistakes, labels to look at, calibration, a verdict in plain words
    compare(examples, systems)           which of several systems is better, and how sure that is
    fit_calibration(probabilities, …)    how often answers with such a probability are right

Pure functions over values: the same answers give the same numbers wherever they came from.
"""

from spantune.evaluation.aliases import Aliases, read_aliases
from spantune.evaluation.calibration import fit_calibration
from spantune.evaluation.gain import Gain, paired_gain
from spantune.evaluation.judging import Comparison, Judgement, Known, Scoring, compare, judge
from spantune.evaluation.labels import Classified, Confusion, LabelScore, LabelScores, score_labels
from spantune.evaluation.learning_curve import Estimate, LearningCurve, Point, doubling
from spantune.evaluation.metrics import exact_match, token_f1, token_precision, token_recall
from spantune.evaluation.normalise import comparable_form, normalise_answer
from spantune.evaluation.scores import Answered, Group, QuestionScore, Scores, score_answers
from spantune.evaluation.threshold import Threshold, best_threshold, likely_threshold
from spantune.evaluation.uncertainty import Mean, Resampling

__all__ = [
    "Aliases",
    "Answered",
    "Classified",
    "Comparison",
    "Confusion",
    "Estimate",
    "Gain",
    "Group",
    "Judgement",
    "Known",
    "LabelScore",
    "LabelScores",
    "LearningCurve",
    "Mean",
    "Point",
    "QuestionScore",
    "Resampling",
    "Scores",
    "Scoring",
    "Threshold",
    "best_threshold",
    "comparable_form",
    "compare",
    "doubling",
    "exact_match",
    "fit_calibration",
    "judge",
    "likely_threshold",
    "normalise_answer",
    "paired_gain",
    "read_aliases",
    "score_answers",
    "score_labels",
    "token_f1",
    "token_precision",
    "token_recall",
]
