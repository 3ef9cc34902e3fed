"""In: what was found, what was expected, the next move. Out: one tree of errors. Does not know: everything else.

SpantuneError
├── ConfigError              a setting or command-line value that cannot be used; carries every mistake at once
├── DataError                a problem with the user's data
│   ├── MissingDataError     the file, folder or data set named does not exist or may not be opened
│   ├── UnreadableDataError  the bytes are not what the file's name promises (encoding, JSON, CSV, gzip)
│   ├── UnknownShapeError    the records parse, but no known shape fits their fields
│   ├── EmptyDataError       nothing is left to work with
│   └── UnalignedSpanError   an answer span that does not match its context reached a stage that needs it to
├── WindowError              window length, stride and question do not fit together
│   └── QuestionTooLongError one question leaves no room for the context
├── ModelError               a model that cannot be found, trusted or used for the task
├── TrainingError            training that cannot go on: its loss is no number
│   └── StoppedError         training that was asked to stop, and can go on
├── RunError                 a run folder that is missing, damaged, or in the way
├── EvaluationError          answers and examples that do not belong together
├── OutputError              a result that could not be written (disk full, no permission)
└── MissingExtraError        an optional dependency that is not installed
"""


class SpantuneError(Exception):
    """Something spantune cannot go on with: what was found, what was expected, and the next move.

    >>> print(SpantuneError("0 records in a.json", expected="at least one record", next_move="check the export"))
    0 records in a.json
      expected: at least one record
      next:     check the export
    """

    def __init__(self, found: str, *, expected: str, next_move: str) -> None:
        super().__init__(found, expected, next_move)
        self.found = found
        self.expected = expected
        self.next_move = next_move

    def __str__(self) -> str:
        return f"{self.found}\n  expected: {self.expected}\n  next:     {self.next_move}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.found, self.expected, self.next_move))


def _rebuild(kind: type[SpantuneError], found: str, expected: str, next_move: str) -> SpantuneError:
    return kind(found, expected=expected, next_move=next_move)


class ConfigError(SpantuneError):
    """One or more settings cannot be used; every mistake is listed at once."""


class DataError(SpantuneError):
    """The data cannot be used as it is."""


class MissingDataError(DataError):
    """The file or data set named does not exist, or may not be opened."""


class UnreadableDataError(DataError):
    """The file's bytes are not what its name promises."""


class UnknownShapeError(DataError):
    """The records parse, but their fields fit no shape that spantune reads."""


class EmptyDataError(DataError):
    """No record is left to work with."""


class UnalignedSpanError(DataError):
    """An answer span does not match its context; `check` repairs or quarantines such records."""


class WindowError(SpantuneError):
    """Window length, stride and question do not fit together."""


class QuestionTooLongError(WindowError):
    """The question leaves no room for the context in the window."""


class ModelError(SpantuneError):
    """The model cannot be found, trusted or used for this task."""


class TrainingError(SpantuneError):
    """Training cannot go on."""


class StoppedError(TrainingError):
    """Training was asked to stop, by Ctrl-C or the system; what was done is saved."""


class RunError(SpantuneError):
    """The run folder is missing, damaged, or in the way."""


class EvaluationError(SpantuneError):
    """The answers and the examples do not belong together."""


class OutputError(SpantuneError):
    """A result could not be written; nothing half-written was left behind."""


class MissingExtraError(SpantuneError):
    """An optional dependency is needed and not installed."""
