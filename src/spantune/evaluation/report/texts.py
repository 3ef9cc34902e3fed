"""In: a judgement. Out: it as Markdown, JSON and CSV. Does not know: pages."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence

from spantune.evaluation.analysis.mistakes import MISTAKES
from spantune.evaluation.judging import Judgement
from spantune.evaluation.report.about import About
from spantune.evaluation.uncertainty import Mean
from spantune.markdown import as_table, escaped
from spantune.wording import shortened, visible

SHOWN = {
    "exact_match": "EM",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "HasAns_exact": "EM, answerable",
    "HasAns_f1": "F1, answerable",
    "NoAns_exact": "EM, unanswerable",
    "NoAns_f1": "F1, unanswerable",
    "top_3": "right among the best 3",
    "top_5": "right among the best 5",
}
ERRORS = 50
SLICES = 20
SUSPECTS = 30
_STEERS = ("=", "+", "-", "@", "\t", "\r")


def report_json(found: Judgement, about: About) -> str:
    """All of it, with every question that does not match."""
    wrong = [{**one.case.score.as_row(), "mistake": one.kind, "confidence": one.case.confidence} for one in found.mistakes.each]
    record = {
        "title": about.title,
        **found.as_dict(),
        "errors": wrong,
        "commands": list(about.commands),
        "versions": dict(about.versions),
        "settings": dict(about.settings),
        "data": dict(about.data),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text) + "\n"  # UTF-8 has no half surrogates


def report_csv(found: Judgement) -> str:
    """A row for each question, for a spreadsheet. No cell begins a formula: those that would get an apostrophe before them."""
    kinds = {one.case.record.id: one.kind for one in found.mistakes.each}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)  # a bare \r would begin a row of its own
    writer.writerow(("id", "document", "question", "references", "prediction", "exact_match", "f1", "confidence", "mistake"))
    for case in found.cases.each:
        score = case.score
        texts = (score.id, case.record.document or "", case.record.question, " | ".join(score.references), score.prediction)
        sure = "" if case.confidence is None else f"{case.confidence:.4f}"
        numbers = (f"{score.exact_match:g}", f"{score.f1:.4f}", sure)
        writer.writerow((*map(cell, texts), *numbers, kinds.get(score.id, "")))
    return writable(out.getvalue())


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, CSV injection).

    >>> cell("=1+1"), cell("Ada")
    ("'=1+1", 'Ada')
    """
    return f"'{text}" if text.lstrip().startswith(_STEERS) or text.startswith(_STEERS) else text


def report_markdown(found: Judgement, about: About) -> str:
    """The verdict, the scores, where it goes wrong, how to make it again."""
    parts = [
        f"# {_plain(about.title)}",
        _plain(about.subtitle),
        "## Verdict",
        *(f"- {_plain(one.sentence)}" for one in found.verdict.remarks),
    ]
    heads = ("", "value", "95% interval", "untuned")
    parts += [
        "## Scores",
        _table(heads, _score_rows(found)),
        f"{len(found.cases)} questions in {found.cases.grouped.count} groups",
    ]
    if found.mistakes.counts:
        rows = [(kind, str(count), MISTAKES[kind][1]) for kind, count in found.mistakes.counts.items()]
        parts += ["## Mistakes", _table(("", "questions", "what it is"), rows)]
    if found.sliced.slices:
        slices = [
            (
                f"{one.name} = {one.value}",
                str(one.count),
                _value(one.f1),
                _interval(one.f1),
                "surely worse" if one.surely_worse else "",
            )
            for one in found.sliced.slices[:SLICES]
        ]
        parts += ["## Slices", _table(("", "questions", "F1", "95% interval", ""), slices)]
    if found.suspects:
        rows = [
            (_cut(one.case.record.question), _cut(" | ".join(one.case.score.references)), ", ".join(one.reasons))
            for one in found.suspects
        ]
        parts += ["## Labels to look at", _table(("question", "label", "why"), rows[:SUSPECTS])]
    if about.commands:
        parts += ["## To make it again", _fenced(visible(one).replace("\n", "\\n") for one in about.commands)]
    return "\n\n".join(part for part in parts if part) + "\n"


def score_rows(found: Judgement) -> list[tuple[str, Mean, Mean | None]]:
    """What is shown of the scores: name, mean, the untuned model's."""
    untuned = found.untuned or {}
    return [(name, found.means[key], untuned.get(key)) for key, name in SHOWN.items() if key in found.means]


def _score_rows(found: Judgement) -> list[tuple[str, str, str, str]]:
    return [(name, _value(mean), _interval(mean), "" if old is None else _value(old)) for name, mean, old in score_rows(found)]


def _value(mean: Mean) -> str:
    return f"{100 * mean.value:.1f}"


def _interval(mean: Mean) -> str:
    return "unknown" if mean.interval is None else f"{100 * mean.interval.low:.1f} to {100 * mean.interval.high:.1f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return as_table(heads, [[_plain(one) for one in row] for row in rows])


def writable(text: str) -> str:
    r"""A text that UTF-8 can hold: halves of surrogate pairs, which some tools write, become the sign for what is unreadable.

    >>> writable("a" + chr(0xD800) + "b") == "a\N{REPLACEMENT CHARACTER}b"
    True
    """
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\ufffd\ufffd\ufffd", "\ufffd")


def _fenced(lines: Iterable[str]) -> str:
    """Lines that stand as they are, behind a fence that none of them can close."""
    text = "\n".join(lines)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _cut(text: str) -> str:
    return shortened(" ".join(text.split()), 160)


def _plain(text: str) -> str:
    """A text that Markdown takes for nothing else, on one line."""
    return escaped(" ".join(visible(text).split()))
