"""How what evaluation found looks in a terminal: scores, comparisons, confidence, where it goes wrong."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spantune.cli.show import first_of, line, plain_table, verdict
from spantune.cli.terminal import console_for
from spantune.wording import visible

if TYPE_CHECKING:
    from spantune.evaluation import Comparison, Judgement, Mean
    from spantune.evaluation.calibration import Expected
    from spantune.road import Calibrated, Evaluated, Reported

SLICES_SHOWN = 5


def evaluated(made: "Evaluated") -> None:
    """The scores in one line, their intervals, those of parts of the questions; where it goes wrong; the verdict."""
    scores = made.scores.as_dict()
    line(_in_one_line(scores))
    judged = made.judged
    if judged is not None and judged.means["f1"].interval is not None:
        told = ", ".join(f"{_named(name)} {_span(judged.means[name])}" for name in ("exact_match", "f1"))
        line(f"  95% intervals: {told}; {judged.cases.grouped.count} groups, {judged.cases.grouped.sentence}")
    if made.labels is not None and made.labels["accuracy"].interval is not None:
        told = ", ".join(f"{_named(name)} {_span(mean)}" for name, mean in made.labels.items())
        line(f"  95% intervals: {told}")
    if made.semantic is not None:
        line(f"  alike in meaning, by all-MiniLM-L6-v2: {100 * made.semantic.value:.1f} ({_span(made.semantic)}); no EM, no F1")
    for group, name in (("HasAns", "answerable"), ("NoAns", "unanswerable")):
        if f"{group}_total" in scores:
            line(f"  {scores[f'{group}_total']} {name}: EM {scores[f'{group}_exact']:.1f}, F1 {scores[f'{group}_f1']:.1f}")
    if made.always is not None:
        line(f"  {made.abstained} got no answer although each has one; with --always-answer:")
        line(f"  {_in_one_line(made.always.as_dict())}")
    if made.untouched is not None:
        line(f"without those that the training data knows: {_in_one_line(made.untouched.as_dict())}")
    if judged is not None:
        _judged(judged)


def compared(found: "Comparison") -> None:
    """The scores of each system, then each against the first: the verdict, and what it rests on."""
    line(f"{found.questions} questions, percent, with 95% intervals; {found.groups} groups, {found.grouped_by}")
    table = plain_table("")
    for head in ("", "EM", "", "F1", ""):
        table.add_column(head, justify="right" if head else "left")
    for name, means in ((found.first, found.means), *((one.name, one.means) for one in found.others)):
        row = [cell for score in ("exact_match", "f1") for cell in (f"{100 * means[score].value:.1f}", _span(means[score]))]
        table.add_row(visible(name), *row)
    console_for().print(table)
    for one in found.others:
        f1 = one.f1
        said = "" if f1.interval is None else f" ({100 * f1.interval.low:+.1f} to {100 * f1.interval.high:+.1f})"
        line(f"{one.name} is {one.outcome}{' than' if one.outcome in ('better', 'worse') else ' from'} {found.first}:")
        p = "" if one.p is None else f", p {_p(one.p)}"
        line(f"  F1 {100 * f1.value:+.1f} points{said}{p}" + (", corrected" if p and len(found.others) > 1 else ""))
        if f1.detectable is not None and one.outcome == "not distinguishable":
            line(f"  a true difference of {100 * f1.detectable:.1f} points would have shown 8 times out of 10")
        alone = one.discordant
        line(
            f"  {one.wins} questions won, {one.ties} tied, {one.losses} lost; exact matches: {alone.second_alone} of it alone,"
        )
        line(f"  {alone.first_alone} of {found.first} alone (McNemar p {_p(alone.p)}, questions taken as independent)")
        if one.lost:
            line(f"  most lost: {first_of(one.lost, 5)}")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def calibrated(found: "Calibrated") -> None:
    """How well probabilities fitted before, how well confidences fit now, and from where on the run answers."""
    after = found.after
    line(f"{found.questions} questions: probability was off by {found.before.ece:.3f} on average")
    if after is not None:
        line(f"confidence is off by {after.ece:.3f}, on documents that it was not fitted to; {after.chance:.3f} is chance")
    if found.selection is None:
        line(f"threshold for 'no answer': {found.threshold:.3f}")
    else:
        chosen = found.selection
        line(
            f"answers from a confidence of {chosen.confidence:.3f} on: {chosen.coverage:.0%} of these questions, "
            f"{chosen.precision:.1%} of the answers match exactly"
        )
        _expected(found.expected)
    line(f"kept in {found.run}: ask, predict and evaluate use it")


def _expected(found: "Expected | None") -> None:
    if found is not None and found.precision is not None:
        line(
            f"chosen on other documents, it would have answered {found.coverage:.0%} of them, {found.precision:.1%} of the "
            "answers right: expect that of new data"
        )
    elif found is not None:
        line("chosen on other documents, it would have answered none of them: too few answers are surely right")


def reported(made: "Reported") -> None:
    """The verdict, and where the report is."""
    if made.evaluated.judged is not None:
        verdict(made.evaluated.judged.verdict.as_dict())
    line(
        f"The report is {made.file} ({made.size / 1000:,.0f} kB)"
        + (f"; every step of its mistakes in {made.traces}" if made.traces else "")
    )


def _judged(found: "Judgement") -> None:
    """Mistakes, slices that are surely worse, labels to look at, how sure to be of answers, and the verdict at last."""
    wrong = sum(found.mistakes.counts.values())
    if wrong:
        line(f"{wrong} answers do not match: " + first_of(f"{count} {kind}" for kind, count in found.mistakes.counts.items()))
    if found.mistakes.elsewhere:
        line(f"{found.mistakes.elsewhere} answers that match stand at another place of the context than the label says")
    for one in found.sliced.worse[:SLICES_SHOWN]:
        behind = f"{100 * (one.behind or 0):+.1f} against the others"
        line(f"surely worse: {one.name} = {one.value}: {one.count} questions, F1 {100 * one.f1.value:.1f}, {behind}")
    if found.suspects:
        reasons = Counter(reason for one in found.suspects for reason in one.reasons)
        line(f"{len(found.suspects)} labels to look at: " + first_of(f"{count} {reason}" for reason, count in reasons.items()))
    fit = found.reliability
    if fit is not None:
        said = "confidence" if found.calibrated else "probability (not calibrated)"
        line(f"{said} is off by {fit.ece:.3f} on average; a perfect one would show {fit.chance:.3f} by chance")
    line("")
    verdict(found.verdict.as_dict())


def _span(mean: "Mean") -> str:
    return "" if mean.interval is None else f"{100 * mean.interval.low:.1f} to {100 * mean.interval.high:.1f}"


def _named(name: str) -> str:
    from spantune.training.history import score_name

    return score_name(name)


def _in_one_line(scores: Mapping[str, Any]) -> str:
    from spantune.training.history import score_name

    main = [name for name in ("exact_match", "f1", "precision", "recall", "accuracy", "macro_f1") if name in scores]
    noun = "texts" if "accuracy" in scores else "questions"
    return f"{scores['count']} {noun}: " + ", ".join(f"{score_name(name)} {scores[name]:.1f}" for name in main)
