"""What a report says beside the judgement. In: nothing. Out: values. Does not know: markup."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as SVG, its heading, and in words what it shows, for those who do not see it; a `wide` one takes a line."""

    title: str
    svg: bytes
    words: str
    wide: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """Where a judgement comes from: what was asked on which data, how to make it again, what is known of the data.

    `commands` make the run and the report again; `versions` are those of the packages; `settings` are those that were chosen.
    `data` are facts about the questions; `traces` has for some question ids the address of a page with every step.
    """

    title: str
    subtitle: str = ""
    commands: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    traces: Mapping[str, str] = field(default_factory=dict)
    history: tuple[Mapping[str, str], ...] = ()
