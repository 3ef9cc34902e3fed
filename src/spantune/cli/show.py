"""How results look in a terminal. Everything that rich draws is drawn here; rich is imported when something is drawn."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from spantune.cli.terminal import console_for
from spantune.embedded import as_name
from spantune.wording import counted, visible

if TYPE_CHECKING:
    from spantune.config import Setting
    from spantune.data import FileAccount, LeakPair, Report
    from spantune.inference import Trace
    from spantune.road import Asked, Bulk, Checked, Curve, Folded, Sides, Trained, Tuned

TRIALS_SHOWN = 10
PAIRS_SHOWN = 2  # of each kind
PROBLEMS_SHOWN = 3  # of each kind: one may be an accident, three show a pattern, more are in the files of --fix


def result(record: Mapping[str, Any], *, as_json: bool, text: Callable[[], None]) -> None:
    """Print a result on standard output: JSON for machines, or what `text` prints for people."""
    if as_json:
        typer.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        text()


def line(text: str) -> None:
    """One line of a result; what comes from outside cannot steer the terminal."""
    typer.echo(visible(text))


def note(text: str) -> None:
    """Something beside the result, on standard error."""
    typer.echo(text, err=True)


def settings(known: "Sequence[Setting]") -> None:
    """Every setting: its value where nobody sets it, what it takes, what it means."""
    from spantune.config import as_setting

    for one in known:
        line(f"{one.key} = {as_setting(one.default)}  ({one.takes})\n    {one.meaning}")


def report(found: "Report") -> None:
    """What a check found: counts first, causes behind many problems, then the problems, a few of each kind in full."""
    for source in found.sources:
        line(f"{source.path}: {source.read} records, read as {source.shape} ({source.format})")
    if len(found.sources) > 1:
        for source in found.sources:
            line(f"  {source.path}: {_outcomes(source)}")
    line(f"{found.read} read: {_outcomes(found)}")
    if found.labels:
        line(f"{len(found.labels)} labels: " + first_of(f"{label} ({count})" for label, count in found.labels.items()))
    else:
        line(f"{found.answers} answers, {found.unanswerable} unanswerable questions")
    for one in found.notes:
        line(one)
    for finding in found.findings:
        line(f"\n{finding}\n  next:     {finding.next_move}\n  for instance:")
        for problem in finding.examples:
            line(_indented(str(problem)))
    _problems(found)


def checked(made: "Checked") -> None:
    """The account of a check, and what else was asked for."""
    report(made.report)
    for part in (made.leaks, made.duplicates):
        if part is not None:
            line("")
            for sentence in part.sentences():
                line(sentence)
            for kind in dict.fromkeys(pair.kind for pair in part.pairs):
                for pair in [pair for pair in part.pairs if pair.kind == kind][:PAIRS_SHOWN]:
                    line(f"  {_pair(pair)}")
    if made.description is not None:
        line("")
        statistics = made.description.statistics
        for remark in statistics.remarks:
            line(remark)
        for advice in statistics.tokens.advice if statistics.tokens is not None else ():
            line(f"{advice.key} = {advice.value} ({advice.reason})")
    if made.sheet is not None:
        line(f"The data sheet is in {made.sheet}")


def _pair(pair: "LeakPair") -> str:
    alike = "" if pair.similarity is None else f", {pair.similarity:.2f} alike"
    twin = "" if pair.twin is None else f" and {pair.twin.place or pair.twin.id}"
    return f"{pair.kind}: {pair.record.place or pair.record.id}{twin}{alike}"


def _problems(found: "Report") -> None:
    """The problems by kind, the most frequent kind first, a few of each in full."""
    from spantune.data import REASONS

    kinds = [(count, outcome, code) for outcome, codes in found.problem_counts.items() for code, count in codes.items()]
    for count, outcome, code in sorted(kinds, reverse=True):
        line(f"\n{count} {outcome}: {code}" + (f": {REASONS[code]}" if code in REASONS else ""))
        alike = [problem for problem in found.problems if (problem.outcome, problem.code) == (outcome, code)]
        for problem in alike[:PROBLEMS_SHOWN]:
            line(_indented(str(problem)))
        if count > PROBLEMS_SHOWN:
            line(f"  … and {count - PROBLEMS_SHOWN} more")


def _outcomes(counts: "Report | FileAccount") -> str:
    return f"{counts.kept} kept, {counts.repaired} repaired, {counts.quarantined} quarantined, {counts.dropped} dropped"


def _indented(text: str) -> str:
    return "\n".join(f"  {one}" for one in text.splitlines())


def sides(made: "Sides | Folded") -> None:
    """Where the files of a split are, and what a random split would have leaked."""
    for sentence in made.sentences():
        line(sentence)


def trained(made: "Trained", *, next_move: bool = True) -> None:
    """The training trace, its losses as bars, and the held-out scores before and after."""
    from spantune.training.curves import history_table, loss_bars

    console = console_for()
    console.print(history_table(made.history, width=console.width))
    line("")
    line(loss_bars(made.history, encoding=sys.stdout.encoding))
    console.print(_before_and_after(made))
    if made.facts.judged is not None:
        verdict(made.facts.judged["verdict"])
    if next_move:
        line(f'The run is in {made.folder}. Next: spantune ask {as_name(made.folder)} "…"' + _context_hint(made.facts.task))


def bulk(made: "Bulk") -> None:
    """What was written, and what the rows with a label score."""
    from spantune.training.history import score_name

    there = f", {made.found:,} of them were there" if made.found else ""
    line(f"{made.rows - made.unanswered:,} predictions in {made.out} ({counted(made.parts, 'part')}{there})")
    for name, mean in made.scores.items():
        within = "" if mean.interval is None else f" ({100 * mean.interval.low:.1f} to {100 * mean.interval.high:.1f})"
        line(f"  {score_name(name)} {100 * mean.value:.1f}{within} on {mean.count:,} rows with a label")


def curve(made: "Curve") -> None:
    """The mean and the standard deviation at each size, then what more labels would give."""
    from spantune.training.history import score_name

    found = made.curve
    title = f"{score_name(found.headline)} on {made.held_out} held-out records, percent"
    table = plain_table(title)
    for head in ("records", "mean", "deviation", "trainings"):
        table.add_column(head, justify="right")
    if found.untuned is not None:
        table.add_row("0", f"{found.untuned:.1f}", "", "")
    for size, mean in found.means.items():
        spread = found.spreads[size]
        count = sum(point.records == size for point in found.points)
        table.add_row(f"{size:,}", f"{mean:.1f}", "" if spread is None else f"{spread:.1f}", str(count))
    console_for().print(table)
    line(made.sentence)
    line(f"The points and their picture are in {made.folder}.")


def tuned(made: "Tuned") -> None:
    """The trials, best first, and what to do with the settings."""
    from spantune.training.history import score_name

    title = f"{score_name(made.headline)} on {made.held_out} held-out records, percent"
    table = plain_table(title)
    names = list(made.best.settings)
    for head in ("trial", "score", *(name.partition(".")[2].replace("_", " ") for name in names), ""):
        table.add_column(head, justify="right")
    ranked = sorted(made.trials, key=lambda one: (one.state != "complete", -(one.score or 0.0)))
    shown = [*ranked[:TRIALS_SHOWN], *(one for one in ranked[TRIALS_SHOWN:] if one.recipe)]
    for one in shown:
        said = {"complete": "the recipe's" if one.recipe else "", "pruned": "given up"}.get(one.state, "failed")
        score = "" if one.score is None else f"{one.score:.1f}"
        table.add_row(
            str(one.number), score, *(f"{one.settings[name]:.2g}" if name in one.settings else "" for name in names), said
        )
    console_for().print(table)
    if len(ranked) > len(shown):
        line(f"and {len(ranked) - len(shown)} more")
    note(f"WARNING: {made.warning}")
    if made.beats_the_recipe is False:
        line("No trial did better than the recipe's. Next: spantune train DATA --out RUN, with the options of this search")
    else:
        line(f"Next: spantune train DATA --config {made.file} --out RUN")


def verdict(found: Mapping[str, Any]) -> None:
    """The remarks of a verdict, the grade first."""
    for remark in found["remarks"]:
        line(("! " if remark["alarming"] else "  ") + remark["sentence"])


def asked(made: "Asked", *, trace: bool, top: int) -> None:
    """An answer with its probability and place, or a label with its probability; the trace first, if wanted."""
    if trace:
        line(made.trace_text(width=console_for().width, encoding=sys.stdout.encoding))
        line("")
    said: Any = made.said
    if hasattr(said, "label"):
        for label, probability in said.probabilities[:top]:
            line(f"{label}  {probability:.3f}")
        return
    line(said.text or "(no answer in this context)")
    if said.text:
        line(
            f"  probability {said.probability:.3f}, characters {said.start} to {said.end}; "
            f"no answer: {said.no_answer_probability:.3f}"
        )
    else:
        line(f"  probability that there is none: {said.no_answer_probability:.3f}")
        if said.no_answer_score < 0:
            lead = f"{-said.no_answer_score:.1f}"
            line(
                f"  the best span scores {lead} above 'no answer': too little for this reader, which was tuned to ask for more"
            )
    if said.confidence is not None:
        what = "such answers" if said.text else "such refusals"
        line(f"  confidence {said.confidence:.2f}: of 100 {what} to held-out questions {100 * said.confidence:.0f} were right")
    if not said.text and len(said.alternatives) == 1:
        best = said.alternatives[0]
        line(f"  with --always-answer: {best.text}  {best.probability:.3f}, characters {best.start} to {best.end}")
    for number, other in enumerate(said.alternatives, start=1):
        if len(said.alternatives) > 1:
            line(f"  {number}. {other.text}  {other.probability:.3f}, characters {other.start} to {other.end}")


def traced(trace: "Trace") -> None:
    """The trace of one answer."""
    from spantune.inference import trace_text

    line(trace_text(trace, width=console_for().width, encoding=sys.stdout.encoding))


def plain_table(title: str) -> Any:
    """A table without lines, its title at the left."""
    from rich.table import Table

    return Table(title=title, title_justify="left", box=None, pad_edge=False)


def _before_and_after(made: "Trained") -> Any:
    from spantune.training.history import score_name

    before, after = made.facts.untuned_scores, made.facts.scores
    folds = made.facts.config.training.folds or 1
    title = f"{len(made.held_out)} held-out records, percent"
    if folds > 1 and made.facts.share:
        title = f"{len(made.held_out)} records, each scored by one of {folds} models that did not see it, percent"
    table = plain_table(title)
    table.add_column("")
    for name in after:
        table.add_column(score_name(name), justify="right")
    if before is not None:
        untuned = "untuned (its head is new and random)" if made.facts.new_head else "before training"
        table.add_row(untuned, *(f"{before[name]:.1f}" for name in after))
    table.add_row("fine-tuned" if made.facts.share else "this run, not tuned", *(f"{value:.1f}" for value in after.values()))
    apart, touched = made.facts.data.get("scores_without_touched"), made.facts.data.get("touched")
    if apart is not None:
        table.add_row(f"without the {touched} that the training data knows", *(f"{apart[name]:.1f}" for name in after))
    return table


def _context_hint(task: str) -> str:
    return " --context-file FILE" if task == "answer" else ""


def first_of(parts: Any, most: int = 8) -> str:
    """The first of some words, and how many more there are."""
    shown = list(parts)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
