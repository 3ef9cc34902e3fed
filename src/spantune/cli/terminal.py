"""What is shown while a command works: bars, notes, warnings, a line an epoch, all on standard error."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from spantune.training import History

SECONDS_BETWEEN_LINES = 60.0


@dataclass
class Paced:
    """A stage that is told in lines: when it began, and when a line was last printed, in seconds."""

    began: float
    last: float


class Terminal:
    """A `Watch` for people: progress bars with rate and time left, and a line an epoch, on standard error.

    In a log, where no bar can move, a long stage says once a minute how far it is. `quiet` leaves out everything but bars
    and warnings.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.bars: Progress | None = None
        self.tasks: dict[str, TaskID] = {}
        self.told: dict[str, Paced] = {}

    def __enter__(self) -> "Terminal":
        self.bars = _bars()
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bars is not None:
            self.bars.stop()

    def note(self, text: str) -> None:
        """A line on standard error."""
        if not self.quiet:
            self._print(text)

    def warn(self, text: str) -> None:
        """A line on standard error that cannot be overlooked."""
        self._print(f"WARNING: {text}", style="bold yellow")

    def heading(self, text: str) -> None:
        """A heading between the parts of a demo."""
        if not self.quiet:
            self._print(f"\n{text}", style="bold")

    def say(self, show: Callable[[], None]) -> None:
        """Let a result be printed while bars are shown."""
        if not self.quiet:
            self._pause()
            show()
            self.__enter__()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Move the bar of a stage; a new stage gets a bar of its own, a finished one loses it."""
        if self.bars is None:
            return
        if self.bars.disable:
            self._tell(stage, done, total)
            return
        if done >= total:
            if stage in self.tasks:
                self.bars.remove_task(self.tasks.pop(stage))
            return
        known = total if total > 1 else None  # one piece cannot be counted: the bar only shows that something goes on
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(stage, total=known)
        self.bars.update(self.tasks[stage], completed=done, total=known)

    def epoch(self, history: "History") -> None:
        """A line for the epoch that ended."""
        from spantune.training.history import score_name

        last = history.epochs[-1]
        parts = [f"training loss {last.training_loss:.3f}"]
        if last.held_out_loss is not None:
            parts.append(f"held-out loss {last.held_out_loss:.3f}")
        parts += [f"{score_name(name)} {value:.1f}" for name, value in last.scores.items()]
        self.note(f"epoch {last.epoch}: {', '.join(parts)}: {last.observation}")

    def _print(self, text: str, style: str | None = None) -> None:
        console = self.bars.console if self.bars is not None else console_for(stderr=True)
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _tell(self, stage: str, done: int, total: int) -> None:
        """Where there is no terminal to draw bars in, a line a minute: a log of an hour's training must not be silent."""
        now = time.monotonic()
        paced = self.told.setdefault(stage, Paced(now, now))
        if done >= total:
            del self.told[stage]
        elif done and now - paced.last >= SECONDS_BETWEEN_LINES:
            paced.last = now
            left = timedelta(seconds=int((now - paced.began) / done * (total - done)))
            self._print(f"{stage}: {done} of {total}, {left} left")

    def _pause(self) -> None:
        if self.bars is not None:
            self.bars.stop()
            self.tasks.clear()


def _bars() -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn

    console = console_for(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        _pace_column(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def _pace_column() -> Any:
    """Pieces done, pieces a second, time gone and time left; of a stage that cannot be counted only the time gone."""
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Pace(ProgressColumn):
        def render(self, task: Any) -> Text:
            gone = str(timedelta(seconds=int(task.elapsed or 0)))
            if task.total is None:
                return Text(gone)
            speed = f"{task.speed:.1f}/s" if task.speed else "–/s"
            left = "?" if task.time_remaining is None else timedelta(seconds=int(task.time_remaining))
            return Text(f"{task.completed:.0f}/{task.total:.0f}  {speed}  {gone}, {left} left")

    return Pace()


def console_for(*, stderr: bool = False) -> "Console":
    """A console of rich's, as wide as the terminal."""
    from rich.console import Console

    return Console(stderr=stderr)
