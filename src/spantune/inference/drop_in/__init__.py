"""The question-answering pipeline that Transformers had until 5.3: the same calls, the same answers.

In: a model with a question-answering head; questions and contexts in any form that the pipeline of Transformers 4.57 took.
Out: dictionaries of score, start, end and answer, as it gave them.
Does not know: runs' thresholds, traces.
"""

from spantune.inference.drop_in.called import QuestionAnsweringPipeline
from spantune.inference.drop_in.calls import CallError, OptionError
from spantune.inference.drop_in.factory import pipeline

__all__ = ["CallError", "OptionError", "QuestionAnsweringPipeline", "pipeline"]
