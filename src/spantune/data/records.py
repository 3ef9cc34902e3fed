"""The records that flow down the road: plain frozen values, offsets in code points of the original text."""

from dataclasses import dataclass

Fields = tuple[tuple[str, str | int | float | bool], ...]
"""What a record carries beside its role columns, name by name: a topic, a source, a year."""


@dataclass(frozen=True, slots=True)
class Span:
    """A reference answer: its text, and where it starts in the context.

    `start` counts Unicode code points from 0. `None` means that the data gave no start and none has been found yet;
    no span that leaves `check` has `None`.
    """

    text: str
    start: int | None = None

    @property
    def end(self) -> int:
        """One past the last code point. Raises `ValueError` for a span without a start.

        >>> Span("308", 29).end
        32
        """
        if self.start is None:
            raise ValueError(f"the answer {self.text!r} has no start yet")
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record was read: file, position in it (a line, a row, a JSON path), for people to find it again."""

    file: str
    where: str

    def __str__(self) -> str:
        return f"{self.file}: {self.where}"


@dataclass(frozen=True, slots=True)
class Example:
    """One question about one context.

    `answers` holds every reference answer; `()` means unanswerable, `None` means unlabelled (a file of questions).
    `document` names the source document where the data does (a title, a document id). `fields` holds what else the
    data says of the question, to group and slice by.
    """

    id: str
    question: str
    context: str
    answers: tuple[Span, ...] | None = None
    document: str | None = None
    place: Place | None = None
    fields: Fields = ()

    @property
    def is_impossible(self) -> bool:
        """True for a question that is labelled as having no answer in its context.

        >>> Example("1", "Who?", "Nobody.", answers=()).is_impossible
        True
        """
        return self.answers == ()


@dataclass(frozen=True, slots=True)
class TextExample:
    """One text to classify. `label` is `None` where the data carries none."""

    id: str
    text: str
    label: str | None = None
    document: str | None = None
    place: Place | None = None
    fields: Fields = ()


Record = Example | TextExample
