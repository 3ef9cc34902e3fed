"""The trace of a prediction as plain text, for terminals and logs.

In: a `Trace`. Out: text of three numbered parts that fits a width and can be written in an encoding, without colours.
Does not know: the terminal, files.

What comes from outside (question, context, tokens) cannot steer a terminal: control characters, and those that turn the
reading direction around, are shown as escapes. Whatever is left out for brevity is counted in its place.
"""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from spantune.inference.trace import TopScore, Trace, TraceCandidate, TraceToken, TraceWindow
from spantune.inference.trace_words import AROUND, answer_tokens, answer_window, excerpt
from spantune.wording import counted, percent, visible

NARROWEST = 60  # columns; the tables need them
WINDOWS_SHOWN = 3  # windows whose scores are shown; a long context has dozens
CANDIDATES_SHOWN = 12
QUESTION_TOKENS = 24  # tokens of a question that are listed; few questions have more
NEIGHBOURS = 4  # tokens listed on each side of the answer
LONGEST_TEXT = 60  # characters of a candidate or a token in a table
SIDE_BY_SIDE = 76  # columns from which start and end scores stand beside each other
ROOMY = 92  # columns from which their bars need not be short
SCORE_COLUMNS = (5, 7, 6)  # position, logit and probability, as wide as they get

ELSEWHERE = "--json or --html shows all"


def trace_text(trace: Trace, width: int = 100, encoding: str | None = "utf-8") -> str:
    """The trace in three parts: encoding, forward pass, selection; then the answer in its context.

    No line is wider than `width` terminal columns (60 at least), none ends with a space, and there are no colour codes.
    What `encoding` cannot carry is shown as escapes, and lines and bars are then drawn in ASCII; `None` means ASCII.
    """
    pen = _pen(encoding)
    columns = max(width, NARROWEST)
    # Everything that rich would find out by itself is fixed, so that the text is the same in a notebook or on Windows.
    file = io.StringIO()
    console = Console(
        file=file,
        width=columns,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
    )
    for draw in (_asked, _encoding, _forward_pass, _selection, _answer):
        for part in draw(trace, pen, columns):
            console.print(part)
        console.print()
    return "\n".join(line.rstrip() for line in file.getvalue().split("\n")).rstrip("\n")


# -- Drawing


@dataclass(frozen=True, slots=True)
class _Drawing:
    """The characters that the text is drawn with. `blocks` are the parts of a bar's column, from nothing to full."""

    rule: str
    gap: str
    dash: str
    blocks: str
    winner: str
    line_break: str


UNICODE = _Drawing(rule="─", gap="…", dash="–", blocks=" ▏▎▍▌▋▊▉█", winner="►", line_break="↵")
ASCII = _Drawing(rule="-", gap="...", dash="-", blocks=" #", winner=">", line_break="\\n")


@dataclass(frozen=True, slots=True)
class _Pen:
    """Turns values into text that the encoding can carry."""

    drawing: _Drawing
    encoding: str

    def safe(self, text: str) -> str:
        """Text from outside: one line, harmless, and nothing that cannot be written."""
        shown = visible(text).replace("\n", self.drawing.line_break)
        if self.drawing is ASCII:
            shown = shown.replace(UNICODE.gap, ASCII.gap)
        return shown.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def short(self, text: str, longest: int = LONGEST_TEXT) -> str:
        """Text from outside, the middle of a long one counted instead of shown."""
        if len(text) <= longest:
            return self.safe(text)
        head, tail = text[: longest // 3], text[-(longest // 3) :]
        head, tail = head.rpartition(" ")[0] or head, tail.partition(" ")[2] or tail
        left_out = self.left_out(len(text) - len(head) - len(tail), "character")
        return f"{self.safe(head)} {left_out} {self.safe(tail)}"

    def left_out(self, number: int, noun: str) -> str:
        """What stands in the place of things left out."""
        return f"{self.drawing.gap} {counted(number, noun)} {self.drawing.gap}"

    def span(self, start: int | None, end: int | None) -> str:
        """Two ends of a range, or a dash where there is none."""
        return self.drawing.dash if start is None or end is None else f"{start}{self.drawing.dash}{end}"

    def bar(self, probability: float, full: int) -> str:
        """A bar as long as the probability, `full` columns for 1.

        >>> _Pen(ASCII, "ascii").bar(0.5, 10)
        '#####'
        """
        parts = len(self.drawing.blocks) - 1
        filled = round(min(max(probability, 0.0), 1.0) * full * parts) if math.isfinite(probability) else 0
        return (self.drawing.blocks[-1] * (filled // parts) + self.drawing.blocks[filled % parts]).rstrip()


def _pen(encoding: str | None) -> _Pen:
    drawn = "".join((UNICODE.rule, UNICODE.gap, UNICODE.dash, UNICODE.blocks, UNICODE.winner, UNICODE.line_break))
    try:
        drawn.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return _Pen(ASCII, encoding or "ascii")
    except LookupError:
        return _Pen(ASCII, "ascii")
    return _Pen(UNICODE, encoding or "ascii")


def _heading(title: str, pen: _Pen) -> Text:
    return Text(f"{title}\n{pen.drawing.rule * len(title)}")


def _table(*heads: str, numbers: Sequence[str] = (), whole: Sequence[str] = ()) -> Table:
    """A table without lines; `numbers` are aligned to the right, they and `whole` are never broken over lines."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in heads:
        right = head in numbers
        table.add_column(Text(head), justify="right" if right else "left", no_wrap=right or head in whole, overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    """Add a row. Cells are `Text`, because rich would read square brackets in a plain string as markup."""
    table.add_row(*(Text(cell) for cell in cells))


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2))


def _with_gaps(total: int, wanted: set[int]) -> Iterator[range]:
    """All of `range(total)` in order: a range of one for what is shown, a longer one for what is left out.

    One missing item alone is shown: saying that it is missing takes as much room.

    >>> list(_with_gaps(7, {0, 2, 6}))
    [range(0, 1), range(1, 2), range(2, 3), range(3, 6), range(6, 7)]
    """
    at = 0
    for stop in [*sorted(one for one in wanted if 0 <= one < total), total]:
        if stop > at:
            yield range(at, stop)
        if stop < total:
            yield range(stop, stop + 1)
        at = stop + 1


# -- The parts


def _asked(trace: Trace, pen: _Pen, width: int) -> Iterator[RenderableType]:
    size = f"{counted(len(trace.context), 'character')}, read in {counted(len(trace.windows), 'window')}"
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    _row(table, "Question", pen.short(trace.question, 3 * AROUND))
    _row(table, "Context", size)
    yield table


def _encoding(trace: Trace, pen: _Pen, width: int) -> Iterator[RenderableType]:
    home = answer_window(trace)
    yield _heading("1 Encoding", pen)
    yield Text("The context is cut into overlapping windows; each holds the question and a part of the context.")
    yield Text()
    yield _indented(_window_table(trace, home, pen))
    yield Text()
    yield Text(f"Window {home.window}, {_why_home(trace)}, as the model reads it:")
    yield Text()
    yield _indented(_token_table(trace, home, pen, width))


def _why_home(trace: Trace) -> str:
    if len(trace.windows) == 1:
        return "the only one"
    return "where the answer was found" if trace.answer.text else 'the least sure of "no answer"'


def _window_table(trace: Trace, home: TraceWindow, pen: _Pen) -> Table:
    numbers = ("Window", "Tokens", "Characters")
    table = _table(*numbers, "", numbers=numbers)
    at = trace.windows.index(home)
    ends = {0, 1, 2, len(trace.windows) - 2, len(trace.windows) - 1}
    for rows in _with_gaps(len(trace.windows), ends | {at - 1, at, at + 1}):
        if len(rows) > 1:
            _row(table, "", "", "", pen.left_out(len(rows), "window"))
            continue
        window = trace.windows[rows[0]]
        note = _why_home(trace) if window is home else ""
        _row(table, str(window.window), str(len(window.tokens)), pen.span(window.start, window.end), note)
    return table


def _token_table(trace: Trace, window: TraceWindow, pen: _Pen, width: int) -> Table:
    numbers = ("Position", "Id", "Segment", "Mask")
    table = _table("Position", "Token", "Id", "Segment", "Mask", "Characters", "Text", numbers=numbers, whole=["Characters"])
    table.columns[-1].min_width = len("(question)")
    table.padding = (0, 2 if width >= SIDE_BY_SIDE else 1, 0, 0)
    for rows in _with_gaps(len(window.tokens), _tokens_shown(trace, window)):
        if len(rows) > 1:
            parts = {window.tokens[at].part for at in rows}
            noun = f"{parts.pop()} token" if len(parts) == 1 else "token"
            _row(table, "", pen.left_out(len(rows), noun))
            continue
        token = window.tokens[rows[0]]
        _row(
            table,
            str(token.position),
            pen.short(token.token, LONGEST_TEXT // 2),
            str(token.id),
            str(token.segment),
            str(token.mask),
            pen.span(token.start, token.end),
            pen.short(_text_of(trace, token), LONGEST_TEXT // 2) or f"({token.part})",
        )
    return table


def _tokens_shown(trace: Trace, window: TraceWindow) -> set[int]:
    """Question and special tokens, the answer with its neighbours, and the context's first and last tokens."""
    parts: dict[str, list[int]] = {"special": [], "question": [], "context": []}
    for token in window.tokens:
        parts[token.part].append(token.position)
    question, context = parts["question"], parts["context"]
    near = {at + by for at in answer_tokens(trace, window) for by in range(-NEIGHBOURS, NEIGHBOURS + 1)}
    # Few tokens are special, unless a tokenizer knows none of the question's characters.
    few = (*parts["special"][:QUESTION_TOKENS], *parts["special"][-1:], *question[: QUESTION_TOKENS - 2], *question[-2:])
    return {*few, *context[:3], *context[-2:]} | (near & set(context))


def _text_of(trace: Trace, token: TraceToken) -> str:
    return "" if token.start is None else trace.context[token.start : token.end]


def _forward_pass(trace: Trace, pen: _Pen, width: int) -> Iterator[RenderableType]:
    shown = _windows_shown(trace)
    yield _heading("2 Forward pass", pen)
    yield Text("The model scores each token as start and as end of the answer. The highest of each:")
    for window in shown:
        yield Text()
        yield Text(f'Window {window.window}: "no answer" scores {window.no_answer_score:z.2f}')
        yield Text()
        yield _indented(_scores(window, pen, width))
    if pen.drawing.dash in "".join(_chance(score, pen) for window in shown for score in _all_scores(window)):
        yield Text()
        yield Text(f"A {pen.drawing.dash} is in the place of a probability where no answer may start or end.")
    left = len(trace.windows) - len(shown)
    if left:
        yield Text()
        which = "their best spans score lower" if left > 1 else "its best span scores lower"
        yield Text(f"{counted(left, 'more window')} not shown: {which} ({ELSEWHERE}).")


def _all_scores(window: TraceWindow) -> tuple[TopScore, ...]:
    return (*window.top_starts, *window.top_ends)


def _windows_shown(trace: Trace) -> list[TraceWindow]:
    """The window of the answer and those with the next best spans, in the order of the context."""
    home = answer_window(trace)
    best: dict[int | None, float] = {}
    for one in trace.candidates:
        if one.start is not None:
            best[one.window] = max(one.score, best.get(one.window, -math.inf))
    ordered = sorted(trace.windows, key=lambda window: (window is not home, -best.get(window.window, -math.inf)))
    return sorted(ordered[:WINDOWS_SHOWN], key=lambda window: window.window)


def _scores(window: TraceWindow, pen: _Pen, width: int) -> Table:
    beside = width >= SIDE_BY_SIDE
    room = (width - 4) // 2 if beside else width - 2
    bar = 10 if width >= ROOMY or not beside else 7
    sides = [
        _score_table(edge, scores, pen, room, bar) for edge, scores in (("Start", window.top_starts), ("End", window.top_ends))
    ]
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    rows: list[list[RenderableType]] = [[*sides]] if beside else [[sides[0]], [Text()], [sides[1]]]
    for row in rows:
        grid.add_row(*row)
    return grid


def _score_table(edge: str, scores: Sequence[TopScore], pen: _Pen, room: int, bar: int) -> Table:
    """Every column has its width, so that both tables of all windows line up and bars can be compared."""
    position, logit, chance = SCORE_COLUMNS
    token = min(room - sum(SCORE_COLUMNS) - bar - 4, LONGEST_TEXT // 3)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for head, wide in ((edge, position), ("Token", token), ("Logit", logit), ("Prob.", chance), ("", bar)):
        table.add_column(Text(head), width=wide, justify="left" if head in {"Token", ""} else "right", overflow="fold")
    for score in scores:
        shown = pen.short(score.token, LONGEST_TEXT // 2)
        likely = _chance(score, pen)
        _row(table, str(score.position), shown, f"{score.logit:z.2f}", likely, pen.bar(score.probability, bar))
    return table


def _chance(score: TopScore, pen: _Pen) -> str:
    """The probability; a dash where no answer may be, which is not the same as an unlikely place."""
    closed = score.part != "context" and score.probability == 0
    return pen.drawing.dash if closed else percent(score.probability)


def _selection(trace: Trace, pen: _Pen, width: int) -> Iterator[RenderableType]:
    yield _heading("3 Selection", pen)
    yield Text(f"Starts and ends are paired; {trace.rule}.")
    yield Text()
    numbers = ("Rank", "Score", "Window")
    table = _table("", *numbers, "Tokens", "Text", "Verdict", numbers=numbers, whole=["", "Tokens"])
    table.columns[5].ratio, table.columns[6].ratio = 3, 4
    table.expand = True
    wanted = {at for at, one in enumerate(trace.candidates) if at < CANDIDATES_SHOWN or one.chosen or one.window is None}
    for rows in _with_gaps(len(trace.candidates), wanted):
        if len(rows) > 1:
            _row(table, "", "", "", "", "", pen.left_out(len(rows), "candidate"), f"({ELSEWHERE})")
        else:
            _row(table, *_candidate(trace.candidates[rows[0]], pen))
    yield _indented(table)


def _candidate(one: TraceCandidate, pen: _Pen) -> tuple[str, ...]:
    return (
        pen.drawing.winner if one.chosen else "",
        str(one.rank),
        f"{one.score:z.2f}",
        pen.drawing.dash if one.window is None else str(one.window),
        pen.span(one.first, one.last),
        "(no answer)" if one.window is None else pen.short(one.text),
        f"chosen: {pen.safe(one.reason)}" if one.chosen else pen.safe(one.reason),
    )


def _answer(trace: Trace, pen: _Pen, width: int) -> Iterator[RenderableType]:
    answer = trace.answer
    yield _heading("Answer", pen)
    cut = excerpt(trace.context, answer.start, answer.end, AROUND if answer.text else 2 * AROUND)
    before = f"{pen.left_out(cut.before, 'character')} " if cut.before else ""
    after = f" {pen.left_out(cut.after, 'character')}" if cut.after else ""
    found = f">>>{pen.short(cut.span, 2 * AROUND)}<<<" if answer.text else ""
    yield _indented(Text(f"{before}{pen.safe(cut.head)}{found}{pen.safe(cut.tail)}{after}", overflow="fold"))
    yield Text()
    yield Text(_verdict(trace, pen), overflow="fold")


def _verdict(trace: Trace, pen: _Pen) -> str:
    answer = trace.answer
    if answer.text:
        place = f"characters {pen.span(answer.start, answer.end)}"
        sure = f'probability {percent(answer.probability)} ("no answer": {percent(answer.no_answer_probability)})'
        return f'"{pen.short(answer.text, AROUND)}": {place}, {sure}'
    best = next(iter(answer.alternatives), None)
    other = f'; the best span, "{pen.short(best.text)}", has {percent(best.probability)}' if best else ""
    return f"No answer in this context: probability {percent(answer.no_answer_probability)}{other}"
