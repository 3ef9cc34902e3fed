"""In: the facts of a finished run. Out: its model card, the text of README.md. Does not know: models, files, the network.

The front matter is what the Hugging Face Hub reads, the rest is for people. Every value that came from outside (names,
settings) is brought to one line and escaped, so that no name can break the YAML or the Markdown.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import quote

import yaml

from spantune.config import as_setting, flattened
from spantune.embedded import EMBEDDED, ENCODER
from spantune.markdown import as_code, as_table, as_text, one_line
from spantune.training.curves import BEST_MARK, columns
from spantune.training.history import History, score_name


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a model card says.

    `base_model` is a Hub id or "embedded", or with `base_is_folder` the path of a folder, of which only the last part is
    told. `data_names` are file or Hub names; a card is made to be shared, so give no paths. `data_fingerprints` maps
    what was hashed to its hash, for example `{"train": "9f2c…"}`; `versions` maps packages to versions. `config` may be
    nested, as `Config.model_dump()` gives it. Scores are percent by key, of the held-out data; `untuned_scores` are
    those of the same model before fine-tuning, `None` where they were not measured. `picture` is the file name of the
    training curves in the same folder. `touched` counts held-out records that the training data knows; `without_touched`
    are the scores of the others. With `folds` above 1 every record was trained on, and measured by a model that did not see
    it; `share` is how much of the weights is tuned, the rest is the base model's; `spread` is that of `RunFacts`. `mixed` and
    `spread_chosen` are whether the held-out records decided on these.
    """

    name: str
    task: Literal["answer", "classify"]
    base_model: str
    train_count: int
    held_out_count: int
    data_names: Sequence[str]
    seed: int
    base_is_folder: bool = False
    data_fingerprints: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    untuned_scores: Mapping[str, float] | None = None
    history: History | None = None
    picture: str | None = None
    touched: int = 0
    without_touched: Mapping[str, float] | None = None
    folds: int = 1
    share: float = 1.0
    spread: float = 0.0
    mixed: bool = False
    spread_chosen: bool = False


def model_card(card: CardFacts) -> str:
    """The text of a run's README.md: YAML front matter, then the sections of `SECTIONS` that have something to say.

    >>> card = CardFacts("policies", "answer", "bert-base-uncased", 800, 200, ["policyqa.json"], seed=13)
    >>> print(model_card(card)[:80])
    ---
    library_name: transformers
    pipeline_tag: question-answering
    base_model: bert
    """
    # Width without limit: folding a long name over lines would be valid YAML, but nothing for people to read.
    front = yaml.safe_dump(front_matter(card), sort_keys=False, allow_unicode=True, width=math.inf)
    sections = (section(card) for section in SECTIONS)
    return f"---\n{front}---\n\n" + "\n\n".join(text for text in sections if text) + "\n"


def front_matter(card: CardFacts) -> dict[str, Any]:
    """The metadata that the Hub reads, as plain values.

    Left out: `base_model` when it is no Hub id, `model-index` when there is no score (the Hub refuses both),
    language and licence always, for spantune knows neither.

    >>> card = CardFacts("policies", "answer", "./my-model", 800, 200, ["policyqa.json"], seed=13, scores={"f1": 71.25})
    >>> sorted(front_matter(card))
    ['library_name', 'metrics', 'model-index', 'pipeline_tag', 'tags']
    """
    task = TASKS[card.task]
    metrics = [{"type": key, "value": round(value, 4), "name": score_name(key)} for key, value in _finite(card.scores).items()]
    data = {"name": one_line(", ".join(card.data_names)) or "unnamed", "type": "custom", "split": "held-out"}
    result = {"task": {"type": task.pipeline, "name": task.title}, "dataset": data, "metrics": metrics}
    hub_id = _hub_id(card)
    base = {"base_model": hub_id} if hub_id else {}
    index = [{"name": one_line(card.name) or "unnamed", "results": [result]}]
    measured = {"metrics": [metric["type"] for metric in metrics], "model-index": index} if metrics else {}
    return {
        "library_name": "transformers",
        "pipeline_tag": task.pipeline,
        **base,
        "tags": ["spantune", *task.tags],
        **measured,
    }


# -- what differs between the tasks ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardTask:
    """What the card of one task says that others do not. `{…}` in `plain` is filled in by `_use`."""

    pipeline: str
    title: str
    tags: tuple[str, ...]
    records: str
    what: str
    ask: str
    in_python: str
    plain: str
    limits: tuple[str, ...]


_ANSWER_LIBRARY = """\
from spantune import Reader

reader = Reader.load("RUN")
answer = reader.answer("Who may see my data?", context)
print(answer.text, answer.probability)
"""

# The best pair of start and end is searched, not each alone: apart they may give an end before the start.
_ANSWER_PLAIN = """\
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("RUN")
model = AutoModelForQuestionAnswering.from_pretrained("RUN").eval()

# One window only: what does not fit is cut off here, while spantune reads the whole context.
inputs = tokenizer(
    question, context, truncation="only_second", max_length={length}, return_offsets_mapping=True, return_tensors="pt"
)
offsets = inputs.pop("offset_mapping")[0]
in_context = torch.tensor([part == 1 for part in inputs.sequence_ids(0)])
with torch.no_grad():
    output = model(**inputs)
pairs = output.start_logits[0][:, None] + output.end_logits[0][None, :]
allowed = (in_context[:, None] & in_context[None, :]).triu()
start, end = divmod(int(pairs.masked_fill(~allowed, -torch.inf).argmax()), len(offsets))
print(context[offsets[start][0] : offsets[end][1]])
"""

_CLASSIFY_PLAIN = """\
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("RUN")
model = AutoModelForSequenceClassification.from_pretrained("RUN").eval()

inputs = tokenizer(text, truncation=True, max_length={length}, return_tensors="pt")
with torch.no_grad():
    best = int(model(**inputs).logits[0].argmax())
print(model.config.id2label[best])
"""

TASKS: Mapping[str, CardTask] = {
    "answer": CardTask(
        pipeline="question-answering",
        title="Extractive question answering",
        tags=("question-answering", "extractive-qa"),
        records="question-context pairs",
        what="reads a question and a context and answers with a quote from that context",
        ask='spantune ask RUN "Who may see my data?" --context-file policy.txt',
        in_python=_ANSWER_LIBRARY,
        plain=_ANSWER_PLAIN,
        limits=(
            "Every answer is a quote from the context given. The model writes nothing of its own, joins no two passages, "
            "and knows nothing that the context does not say.",
            "A quote can be the wrong one. Check the context around an answer where it matters.",
        ),
    ),
    "classify": CardTask(
        pipeline="text-classification",
        title="Text classification",
        tags=("text-classification",),
        records="texts",
        what="reads a text and gives it one label of those it was trained on",
        ask='spantune ask RUN "I still have not received my card"',
        in_python="",
        plain=_CLASSIFY_PLAIN,
        limits=("Every text gets one of the labels seen in training, also a text that fits none of them.",),
    ),
}


# -- sections ----------------------------------------------------------------------------------------------------------


def _what(card: CardFacts) -> str:
    task = TASKS[card.task]
    folder = PurePosixPath(card.base_model.replace("\\", "/")).name or "a local model"
    base = folder if card.base_is_folder else _hub_id(card) or card.base_model
    if card.base_model == EMBEDDED and not card.base_is_folder and card.task == "answer":
        base = f"spantune's embedded reader, under CC BY-SA 4.0, on {base}"
    trained = f"fine-tuned with spantune on {card.train_count:,} {task.records}"
    if card.share == 0:
        trained = f"as it was: spantune trained it on {card.train_count:,} {task.records}, and kept nothing of that"
    return f"# {as_text(card.name) or 'unnamed'}\n\n{task.title}: this model {task.what}. It is {as_text(base)}, {trained}."


def _scores(card: CardFacts) -> str:
    """Held-out scores; beside those of the untuned model and the change in points, where these were measured."""
    tuned, untuned = _finite(card.scores), _finite(card.untuned_scores or {})
    if not tuned:
        return "## Scores\n\nNot measured: there was no held-out data. Measure with `spantune evaluate RUN DATA`."
    head = ["score, percent", "this model"]
    rows = [[score_name(key), f"{value:.2f}"] for key, value in tuned.items()]
    if untuned:
        head = ["score, percent", "before fine-tuning", "this model", "change"]
        rows = [[score_name(key), *_compare(untuned.get(key), value)] for key, value in tuned.items()]
    return f"## Scores\n\n{_measured_on(card)}:\n\n{as_table(head, rows)}"


def _measured_on(card: CardFacts) -> str:
    records = TASKS[card.task].records
    if card.folds == 1:
        return f"On {card.held_out_count:,} held-out {records}"
    if card.share == 0:
        return f"On all {card.held_out_count:,} {records}"
    made = "their average" if card.share == 1 else "a part of the way from the one before training to their average"
    return (
        f"On all {card.held_out_count:,} {records}, each answered by one of {card.folds} models that did not see it. "
        f"This model is {made}, which saw them all"
    )


def _compare(before: float | None, after: float) -> tuple[str, str, str]:
    if before is None:
        return "", f"{after:.2f}", ""
    return f"{before:.2f}", f"{after:.2f}", f"{after - before:+.2f}"


def _training(card: CardFacts) -> str:
    names = ", ".join(map(as_text, card.data_names)) or "unnamed"
    held_out = f"{card.held_out_count:,}" + (f", each once, in {card.folds} trainings" if card.folds > 1 else "")
    counts = [["data", names], ["trained on", f"{card.train_count:,}"], ["held out", held_out]]
    if card.share < 1:
        counts.append(["weights", f"{card.share:.0%} tuned, the rest as before" if card.share else "as before training"])
    if card.spread:
        counts.append(["answer", f"the span that overlaps most with the likely ones, spread {card.spread:g}"])
    prints = [[f"fingerprint of {as_text(what)}", as_code(value)] for what, value in card.data_fingerprints.items()]
    return f"## How it was trained\n\n{as_table(['', ''], [*counts, *prints, ['seed', str(card.seed)]])}"


def _settings(card: CardFacts) -> str:
    rows = [[as_code(key), as_code(as_setting(value))] for key, value in flattened(card.config).items()]
    return f"### Settings\n\n{as_table(['setting', 'value'], rows)}" if rows else ""


def _trace(card: CardFacts) -> str:
    if card.history is None or not card.history.epochs:
        return ""
    every = columns(card.history)
    head = [*(" ".join(column.head.split()) for column in every), "observation"]
    rows = [[*(as_text(column.cell(epoch)) for column in every), as_text(epoch.observation)] for epoch in card.history.epochs]
    best = card.history.best_epoch
    here = f"The weights of epoch {best} are the ones in this folder"
    if card.share < 1:
        here = f"The weights in this folder are {card.share:.0%} of the way from those before training to those of epoch {best}"
    kept = f"\n\n{as_text(BEST_MARK)} {here}." if best else ""
    curves = f"\n\n![Training curves]({quote(one_line(card.picture))})" if card.picture else ""
    return f"### Training trace\n\n{as_table(head, rows)}{kept}{curves}"


def _use(card: CardFacts) -> str:
    """`RUN` stands for the folder, so that no name has to be quoted for three languages at once."""
    task = TASKS[card.task]
    length = flattened(card.config).get("windows.length")
    plain = task.plain.replace("{length}", str(length if isinstance(length, int) else 384))
    blocks = [
        "## How to use it\n\n`RUN` is this folder.",
        f"```shell\n{task.ask}\n```",
        f"```python\n{task.in_python}```" if task.in_python else "",
        f"With transformers alone{_without_agreement(card)}:\n\n```python\n{plain}```",
    ]
    return "\n\n".join(block for block in blocks if block)


def _without_agreement(card: CardFacts) -> str:
    return ", which gives the most likely span, so that some answers differ" if card.spread else ""


def _limits(card: CardFacts) -> str:
    limits = (
        *_touched(card),
        *TASKS[card.task].limits,
        *(_of_scores(card) if _finite(card.scores) else ()),
        "The licence of this model follows from those of its base model and its training data.",
    )
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _of_scores(card: CardFacts) -> tuple[str, ...]:
    collection = (
        "The scores are on held-out documents of the same collection as the training data. Other documents, other "
        "kinds of questions or another language can do worse; measure on your own with `spantune evaluate`."
    )
    looked = {
        "the best epoch": card.folds == 1 and card.share > 0,
        "the share of tuned weights": card.mixed and card.share > 0,
        "the spread": card.spread_chosen,
    }
    chosen = _chosen(card, [name for name, by_looking in looked.items() if by_looking])
    luck = "on these same held-out documents: their scores are a little better for it than those of new documents will be."
    return (collection, f"{chosen[0].upper()}{chosen[1:]} {luck}") if chosen else (collection,)


def _chosen(card: CardFacts, seen: Sequence[str]) -> str:
    """What was chosen by looking at the held-out records; only answers have a threshold."""
    if card.task == "answer":
        several = f"{', '.join(seen)}, and the threshold for 'no answer' where there is one, were chosen"
        return several if seen else "the threshold for 'no answer', where there is one, was chosen"
    return f"{' and '.join(seen)} {'was' if len(seen) == 1 else 'were'} chosen" if seen else ""


def _touched(card: CardFacts) -> tuple[str, ...]:
    """What is said where held-out records are known from training."""
    if not card.touched:
        return ()
    apart = {} if card.without_touched is None else _finite(card.without_touched)
    told = ", ".join(f"{score_name(key)} {value:.2f}" for key, value in apart.items())
    return (
        f"{card.touched:,} of the {card.held_out_count:,} held-out records are about texts that the training data has too, "
        "word for word or nearly" + (f"; without them: {told}." if told else "."),
    )


def _versions(card: CardFacts) -> str:
    rows = [[as_code(package), as_code(version)] for package, version in card.versions.items()]
    return f"## Versions\n\n{as_table(['package', 'version'], rows)}" if rows else ""


SECTIONS: tuple[Callable[[CardFacts], str], ...] = (
    _what,
    _scores,
    _use,
    _training,
    _settings,
    _trace,
    _limits,
    _versions,
)


# Hub ids: one or two parts of letters, digits, '-', '_' and '.', none of which starts with '-' or '.'.
HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)
HUB_IDS = dict.fromkeys((EMBEDDED, ENCODER), "sentence-transformers/all-MiniLM-L6-v2")


def _hub_id(card: CardFacts) -> str | None:
    """The id under which the Hub knows the base model, if it can be one."""
    name = HUB_IDS.get(card.base_model, card.base_model)
    return name if not card.base_is_folder and HUB_ID.fullmatch(name) else None


def _finite(scores: Mapping[str, float]) -> dict[str, float]:
    return {key: float(value) for key, value in scores.items() if math.isfinite(value)}
