"""`convert_files`: data in any shape becomes one file in a format of choice; and what could not come along."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spantune.data.problems import Problem, record_problem
from spantune.data.reading import ReadAs, Source, open_examples
from spantune.data.records import Record
from spantune.data.rows import Made
from spantune.data.writing import Writer, write_examples, writer_for
from spantune.data.writing.label_studio import config_path
from spantune.errors import EmptyDataError
from spantune.road.targets import check_target
from spantune.road.watch import Silent, Watch, working

PROBLEMS_KEPT = 1_000  # of a file that is broken throughout, the counts say the rest


@dataclass(frozen=True, slots=True)
class Converted:
    """A file that was written, and the account of what was read for it: `written + left_out == read`, always.

    `reasons` counts the records that were left out by the code of what is wrong with them, `changed` those that are written
    without a part that could not be read. `problems` tells both one by one, the first thousand of them. `beside` is a file
    that was written beside it: the labeling configuration of Label Studio.
    """

    out: str
    format: str
    read: int
    written: int
    reasons: dict[str, int]
    changed: dict[str, int]
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...] = field(repr=False, default=())
    beside: str | None = None

    @property
    def left_out(self) -> int:
        """Records that are not in the file."""
        return self.read - self.written

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can carry it."""
        return {
            "out": self.out,
            "format": self.format,
            "read": self.read,
            "written": self.written,
            "left_out": self.left_out,
            "reasons": self.reasons,
            "changed": self.changed,
            "sources": [source.as_dict() for source in self.sources],
            "problems": [problem.as_dict() for problem in self.problems],
            "beside": self.beside,
        }


def convert_files(
    sources: Sequence[str | Path],
    out: str | Path,
    to: str | None = None,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Converted:
    """Write the records of data files to `out`, in the format of its suffix or in `to`; nothing else about them changes.

    Answers go as the files give them, aligned or not: mending is `check`'s. Records that contradict themselves, or that the
    format cannot carry, are left out and counted. Records pass one at a time, except to SQuAD.

    Raises `ConfigError` (no such format, `out` is an input), `EmptyDataError` when no record can be written, `OutputError`,
    and what `read_examples` raises; then nothing is written.
    """
    watch = watch or Silent()
    writer = writer_for(out, to)
    check_target(out, sources)
    account = _Account(writer)
    with working(watch, "converting"):
        write_examples(account.written_of(sources, read_as), out, writer.name)
    beside = str(config_path(Path(out))) if writer.name == "label-studio" else None
    return Converted(
        out=str(out),
        format=writer.name,
        read=sum(source.read for source in account.sources),
        written=account.written,
        reasons=dict(account.reasons.most_common()),
        changed=dict(account.changed.most_common()),
        sources=tuple(account.sources),
        problems=tuple(account.problems),
        beside=beside,
    )


class _Account:
    """What becomes of each record, while they pass."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.written = 0
        self.reasons: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.sources: list[Source] = []
        self.problems: list[Problem] = []

    def written_of(self, sources: Sequence[str | Path], read_as: ReadAs | None) -> Iterator[Record]:
        """The records that can be written. Raises `EmptyDataError` at the end when there is none."""
        for stream in open_examples(sources, read_as):
            count = 0
            for made in stream.made:
                count += 1
                record = self._usable(made)
                if record is not None:
                    self.written += 1
                    yield record
            self.sources.append(Source(stream.path, stream.format, stream.shape, count))
        if not self.written:
            first = f"; the first: {self.problems[0]}" if self.problems else ""
            raise EmptyDataError(
                f"none of {sum(source.read for source in self.sources)} records can be written as {self.writer.name}{first}",
                expected="at least one",
                next_move="run spantune check on the data: it tells what is wrong, and --fix mends what can be",
            )

    def _usable(self, made: Made) -> Record | None:
        if made.record is None or not made.usable:
            lost = [problem for problem in made.problems if problem.outcome != "repaired"] or list(made.problems)
            self.reasons[lost[0].code] += 1
            self._tell(*lost)
            return None
        flaw = self.writer.flaw(made.record)
        if flaw is not None:
            self.reasons[flaw.code] += 1
            self._tell(record_problem(made.record, flaw))
            return None
        self.changed.update({problem.code for problem in made.problems})
        self._tell(*made.problems)
        return made.record

    def _tell(self, *problems: Problem) -> None:
        self.problems += problems[: max(0, PROBLEMS_KEPT - len(self.problems))]
