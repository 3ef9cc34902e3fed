"""Measured windows and answers in, advice out: which length and stride, which longest answer, and a sentence why."""

import math
from collections.abc import Mapping, Sequence

from spantune.data.statistics import Advice, WindowRow
from spantune.data.statistics.distributions import quantile

LOSS = 0.005  # share of the answers that may be lost; a longer window for the last few would be paid by all of the others
AS_CHEAP = 1.05  # windows that cost up to a twentieth more are as cheap: speed differs by more from run to run
AS_FEW = 1.02  # likewise for the number of windows
COVERED = 0.995  # share of the answers that the limit must let through: as training learns it from the data
SHORTEST_LIMIT = 30  # tokens; a tighter limit gains nothing and cuts off the first long answer that comes
STEP = 16  # strides are multiples of it: easier to remember, and no answer's length is known to the token


def answer_limit(answers: Mapping[int, int]) -> int:
    """The longest answer to allow, in tokens: nearly all of those counted (length: how many), and a fifth more.

    >>> answer_limit({2: 900, 40: 99, 300: 1}), answer_limit({2: 5})
    (48, 30)
    """
    return max(SHORTEST_LIMIT, math.ceil(1.2 * _covering(answers)))


def fitting_stride(limit: int, length: int) -> int:
    """The overlap of windows of `length` in which an answer of `limit` tokens is whole wherever it stands, if there is one.

    >>> fitting_stride(30, 384), fitting_stride(90, 384), fitting_stride(90, 128)
    (32, 96, 64)
    """
    return min(math.ceil(limit / STEP) * STEP, length // 2)


def advise(
    rows: Sequence[WindowRow], fitting: Sequence[WindowRow], references: int, answers: Mapping[int, int]
) -> tuple[WindowRow | None, tuple[Advice, ...]]:
    """Choose a window, in words; `None` and nothing where there is none to choose from.

    `rows` have the default stride, `fitting` those of `fitting_stride`. `answers`: how many of the references have how many
    tokens.
    """
    if not fitting:
        return None, ()
    sound = [row for row in fitting if row.lost_answers <= LOSS * references and row.cut_questions <= LOSS * row.examples]
    least = _cheapest(sound) if sound else min(fitting, key=lambda one: (one.lost_answers, one.cut_questions, -one.length))
    row = next((one for one in rows if _as_good(one, least)), least)
    rank = f"the cheapest of {len(fitting)} lengths{_compared(row, fitting)}" if sound else "no length loses less than 0.5%"
    lost = f"{row.lost_answers:,} of {references:,} answers fit into no window"
    whole = f"{_percent(row.in_one, row.examples)} of the questions have their context in one"
    advice = [
        Advice("windows.length", row.length, f"{rank}; {lost}, {whole}"),
        Advice("windows.stride", row.stride, _why_stride(row, least, answers)),
    ]
    if answers:
        limit = answer_limit(answers)
        more = "a fifth more leaves room for longer ones" if limit > SHORTEST_LIMIT else "a limit below 30 gains nothing"
        reason = f"{COVERED:.1%} of the answers have {_covering(answers)} tokens or fewer; {more}"
        advice.append(Advice("windows.answer_length", limit, reason))
    return row, tuple(advice)


def advise_on_texts(rows: Sequence[WindowRow]) -> tuple[WindowRow | None, tuple[Advice, ...]]:
    """The shortest windows that cut next to no text, in words."""
    if not rows:
        return None, ()
    row = next((one for one in rows if one.cut_texts <= LOSS * one.examples), rows[-1])
    rank = "the shortest of those that cut hardly any" if row.cut_texts <= LOSS * row.examples else "the longest there is"
    reason = f"{rank}: it cuts {row.cut_texts:,} of {row.examples:,} texts"
    return row, (Advice("windows.length", row.length, reason),)


def _cheapest(rows: Sequence[WindowRow]) -> WindowRow:
    """Of the rows that cost next to the least, those with the fewest windows (each shows the model more); the shortest."""
    cheap = min(row.cost for row in rows) * AS_CHEAP
    near = [row for row in rows if row.cost <= cheap]
    few = min(row.windows for row in near) * AS_FEW
    return min((row for row in near if row.windows <= few), key=lambda row: row.length)


def _as_good(row: WindowRow, least: WindowRow) -> bool:
    """Whether the default stride does: a longer overlap shows the model more around an answer that is near an edge."""
    return (
        row.length == least.length
        and (row.stride >= least.stride or row.windows == least.windows)
        and row.cost <= AS_CHEAP * least.cost
        and (row.lost_answers, row.cut_questions) <= (least.lost_answers, least.cut_questions)
    )


def _compared(row: WindowRow, rows: Sequence[WindowRow]) -> str:
    dearest = max(rows, key=lambda one: one.cost)
    if len(rows) == 1 or dearest.cost <= row.cost * AS_CHEAP:
        return ", which differ little" if len(rows) > 1 else ""
    return f" ({dearest.length} costs {dearest.cost / row.cost:.1f} times as much)"


def _why_stride(row: WindowRow, least: WindowRow, answers: Mapping[int, int]) -> str:
    if row.windows == row.examples:
        return "every context fits into one window: nothing is shared"
    limit = answer_limit(answers)
    if row.stride < limit:
        return (
            f"half of the window; answers may have {limit} tokens, and those beyond {row.stride + 1} can fall between windows"
        )
    if row.stride > least.stride:
        return f"the default; {least.stride} would do for answers of up to {limit} tokens, and save next to nothing"
    return f"an answer of up to {row.stride + 1} tokens is whole in some window then, wherever it stands"


def _covering(answers: Mapping[int, int]) -> int:
    return quantile(sorted(answers.items()), COVERED) if answers else 0


def _percent(part: int, whole: int) -> str:
    if part in (0, whole):
        return "all" if part else "none"
    return f"{min(100 * part / whole, 99.9):.1f}%"
