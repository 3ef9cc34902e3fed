"""`write_report`: a run, or the predictions of any tool, judged on labelled data, as a page to read and to hand on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from spantune.data import ReadAs, write_text
from spantune.errors import ConfigError, RunError
from spantune.evaluation import Judgement, Scoring
from spantune.evaluation.predictions import is_predictions_file
from spantune.evaluation.report import About, Picture, pictures_of, report_csv, report_html, report_json, report_markdown
from spantune.evaluation.report.pictures import svg_of
from spantune.evaluation.report.texts import ERRORS
from spantune.inference.backends import AUTO
from spantune.road.commands import report_command, train_command
from spantune.road.evaluating import Evaluated, evaluate_run
from spantune.road.judging import UNTUNED
from spantune.road.opening import opened
from spantune.road.targets import check_target
from spantune.road.watch import Silent, Watch, counter
from spantune.runs import RunFacts, load_history, read_facts
from spantune.tasks import TASKS

FORMATS: Mapping[str, Callable[[Judgement, About], str]] = MappingProxyType(
    {
        "html": report_html,
        "md": report_markdown,
        "json": report_json,
        "csv": lambda found, _: report_csv(found),
    }
)


@dataclass(frozen=True, slots=True)
class Reported:
    """A written report: where it is, how large it is, where the pages of its mistakes are, and what it says."""

    file: Path
    size: int
    traces: Path | None
    evaluated: Evaluated

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        judged = self.evaluated.judged
        return {
            "report": str(self.file),
            "bytes": self.size,
            "traces": None if self.traces is None else str(self.traces),
            "verdict": None if judged is None else judged.verdict.as_dict(),
        }


def write_report(
    run: str | Path,
    data: Sequence[str | Path],
    out: str | Path,
    *,
    format: str | None = None,
    against: str | None = None,
    scoring: Scoring | None = None,
    traces: bool = True,
    read_as: ReadAs | None = None,
    watch: Watch | None = None,
) -> Reported:
    """Judge a run on labelled data and write what there is to say: `html`, `md`, `json` or `csv`, else by the ending of `out`.

    A run that began with a model that could answer is compared with that; `against` names something else. With `traces` an HTML
    report has a folder of pages beside it, one for each mistake that it shows, with every step to the answer; the report itself
    needs none of them. Raises what `evaluate_run` raises, `RunError` for a run that classifies.
    """
    watch = watch or Silent()
    out = Path(out)
    kind = _format(out, format)
    check_target(out, [*(str(one) for one in (run, against) if one is not None and is_predictions_file(one)), *data])
    facts = None if is_predictions_file(run) else read_facts(run)
    if facts is not None and facts.task != "answer":
        raise RunError(f"{run} classifies", expected="a run that answers", next_move=f"spantune evaluate {run} DATA --json")
    if against is None and facts is not None and not facts.new_head:
        against = UNTUNED
    evaluated = evaluate_run(run, data, against=against, scoring=scoring, read_as=read_as, watch=watch)
    judged = evaluated.judged
    assert judged is not None  # of a run that answers
    pages: Mapping[str, str] = {}
    folder = None
    if facts is not None and traces and kind == "html":
        folder = out.with_name(f"{out.stem}-traces")
        pages = _traced(run, judged, folder, watch)
    history = () if facts is None else _history(run)
    pictures = (*([] if facts is None else _curves(run)), *pictures_of(judged)) if kind == "html" else ()
    others = [*(["--format", format] if format else []), *([] if traces else ["--no-traces"])]
    again = report_command(run, data, out, against=against, scoring=scoring, read_as=read_as, others=others)
    about = About(
        title=f"{Path(run).name} on {', '.join(Path(one).name for one in data)}",
        subtitle=_subtitle(facts),
        commands=(*([] if facts is None else [train_command(run, facts)]), again),
        versions={} if facts is None else dict(facts.versions),
        settings={} if facts is None else {str(one["key"]): f"{one['value']} ({one['reason']})" for one in facts.choices},
        data=_data(evaluated, judged, facts) | _scored(scoring),
        pictures=pictures,
        traces=pages,
        history=history,
    )
    text = FORMATS[kind](judged, about)
    write_text(out, text)
    return Reported(out, len(text.encode("utf-8", "surrogatepass")), folder if pages else None, evaluated)


def _format(out: Path, format: str | None) -> str:
    kind = format or {".htm": "html", ".markdown": "md"}.get(out.suffix, out.suffix.removeprefix("."))
    if kind not in FORMATS:
        raise ConfigError(
            f"the format {kind!r} for {out}",
            expected=f"one of {', '.join(FORMATS)}",
            next_move="give --format, or a file name that ends in one of these",
        )
    return kind


def _traced(run: str | Path, judged: Judgement, folder: Path, watch: Watch) -> Mapping[str, str]:
    """A page of every step for each mistake that the report shows, and their addresses by the question's id."""
    from spantune.errors import SpantuneError
    from spantune.inference import trace_html

    reader = opened(TASKS["answer"], run, AUTO, always_answer=False)
    wrong = judged.mistakes.each[:ERRORS]
    tick = counter(watch, "tracing mistakes", len(wrong))
    pages: dict[str, str] = {}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("[0-9][0-9][0-9][0-9].html"):  # of an earlier report
        old.unlink()
    for number, one in enumerate(wrong, 1):
        record = one.case.record
        try:
            page = trace_html(reader.trace(record.question, record.context), f"{record.id}: {one.kind}")
        except SpantuneError:  # a question that was cut to fit into a window has an answer and no trace
            tick(number)
            continue
        name = f"{number:04}.html"
        write_text(folder / name, page)
        pages[record.id] = f"./{quote(folder.name)}/{name}"
        tick(number)
    return pages


def _history(run: str | Path) -> tuple[Mapping[str, str], ...]:
    from spantune.training.curves import columns

    history = load_history(run)
    return tuple({" ".join(one.head.split()): one.cell(epoch) for one in columns(history)} for epoch in history.epochs)


def _curves(run: str | Path) -> tuple[Picture, ...]:
    from spantune.training.curves import curves_figure

    history = load_history(run)
    if not history.epochs:
        return ()
    last = history.epochs[-1]
    held = "" if last.held_out_loss is None else f", held-out loss {last.held_out_loss:.3f}"
    words = f"{len(history.epochs)} epochs; after the last one the training loss was {last.training_loss:.3f}{held}."
    return (Picture("Training", svg_of(curves_figure(history)), words, wide=True),)


def _subtitle(facts: RunFacts | None) -> str:
    if facts is None:
        return "Predictions of another tool; nothing is known of its training."
    model, count = facts.config.model.name, facts.data["train"]["count"]
    share = "" if facts.share == 1 else f", {facts.share:.0%} of the weights tuned"
    return f"Trained on {count:,} questions from {model} by {facts.config.training.method or 'full'}{share}."


def _scored(scoring: Scoring | None) -> dict[str, str]:
    """What makes scores others than the official ones."""
    if scoring is None or (scoring.code == "en" and scoring.aliases is None):
        return {}
    names = "" if scoring.aliases is None else f", with {len(scoring.aliases.rows)} rows of names that count as one another"
    return {"scored as": f"{scoring.language}{names}: not the scores of the official scripts"}


def _data(evaluated: Evaluated, judged: Judgement, facts: RunFacts | None) -> dict[str, str]:
    records = [case.record for case in judged.cases.each]
    words = sorted(len(record.context.split()) for record in records)
    contexts = len({record.context for record in records})
    answers = [len(text.split()) for case in judged.cases.each for text in case.score.references]
    found = {
        "questions": f"{len(records):,}, {sum(record.is_impossible for record in records):,} of them without an answer",
        "groups": f"{judged.cases.grouped.count:,}, {judged.cases.grouped.sentence}",
        "contexts": f"{contexts:,}, half have {median(words):,.0f} words or fewer, none over {words[-1]:,}",
    }
    if answers:
        found["labels"] = f"{len(answers):,}, half have {median(answers):,.0f} words or fewer, none over {max(answers):,}"
    if evaluated.left_out:
        found["left out"] = f"{evaluated.left_out:,} records that cannot be scored (spantune check tells why)"
    if facts is not None:
        found["known from training"] = evaluated.leaks.warning if evaluated.leaks.touched else "none of the questions"
        found["trained on"] = f"{facts.data['train']['count']:,} records, fingerprint {facts.data['train']['fingerprint']}"
    return found
