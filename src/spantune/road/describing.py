"""`describe`: what data is like, in counts, in tokens of a model, and as a page for people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from transformers import AutoConfig

from spantune.config import ModelConfig
from spantune.data.desk import Report
from spantune.data.records import Example, Record
from spantune.data.statistics import Statistics, Tally, TokenMeasures, data_sheet, pick
from spantune.data.statistics.showing import is_there
from spantune.data.statistics.tally import text_hash
from spantune.features.measures import WIDTH, measure_tokens
from spantune.models import hidden_size, load_tokenizer, located, longest_window
from spantune.models.quiet import quiet
from spantune.road.watch import Silent, Watch, counter, working

MEASURED = 200_000  # contexts, or texts, that are tokenised; a minute of work, and more of them would not move a quantile
HASHES = 2**64


@dataclass(frozen=True, slots=True)
class Description:
    """What data is like: its statistics, and a few records that stand for all."""

    statistics: Statistics
    examples: tuple[Record, ...] = field(repr=False)

    def sheet(self, report: Report | None = None, remarks: Iterable[str] = (), title: str = "Data sheet") -> str:
        """The data sheet, as `spantune.data.statistics.data_sheet` makes it."""
        return data_sheet(self.statistics, report, self.examples, remarks, title)

    def as_dict(self) -> dict[str, Any]:
        """The statistics as JSON can carry them."""
        return self.statistics.as_dict()


def describe(
    records: Iterable[Record], model: ModelConfig | str | None = None, watch: Watch | None = None, most: int = MEASURED
) -> Description:
    """Count the records, and measure them with the tokenizer of `model` (the embedded one by default; no weights are loaded).

    Of more than `most` different contexts (or texts) about `most` are tokenised, chosen by their hash, and the result says
    how many. Answers that are not at their start are counted, and their questions are not measured: give `describe` what
    `check` kept and repaired. Raises `ModelError` for a model that cannot be found or whose tokenizer is a slow one.
    """
    watch = watch or Silent()
    rows = records if isinstance(records, Sequence) else tuple(records)
    tally = Tally()
    count = counter(watch, "counting", len(rows))
    for row in rows:
        tally.add(row)
        count(1)
    return Description(tally.told(_tokens(rows, model, watch, tally.different, most)), pick(rows))


def _tokens(
    rows: Sequence[Record], model: ModelConfig | str | None, watch: Watch, different: int, most: int
) -> TokenMeasures | None:
    if not rows:
        return None
    name = model.name if isinstance(model, ModelConfig) else model or ModelConfig().name
    with working(watch, "loading the tokenizer"):
        tokenizer = load_tokenizer(name)
        longest, width = _limits(name)
    kind = type(rows[0])
    chosen = [row for row in rows if isinstance(row, kind) and _is_drawn(row, most / different) and _is_measurable(row)]
    tick = counter(watch, "measuring tokens", len(chosen))
    measures = measure_tokens(chosen, tokenizer, name=name, longest=longest, width=width, tick=tick)
    return replace(measures, examples=len(rows))


def _limits(name: str) -> tuple[int | None, int]:
    """The most tokens that a model takes and its width, from its settings alone; what they do not tell is left open."""
    try:
        with quiet():
            settings = AutoConfig.from_pretrained(located(ModelConfig(name=name), weights=False), trust_remote_code=False)
    except (OSError, ValueError):  # a tokenizer without a model beside it can measure all the same
        return None, WIDTH
    stand_in = SimpleNamespace(config=settings)
    return longest_window(stand_in), hidden_size(stand_in)


def _is_drawn(row: Record, share: float) -> bool:
    """Whether a record is in the sample: all questions about one context are, or none."""
    return share >= 1 or text_hash(row.context if isinstance(row, Example) else row.text) < share * HASHES


def _is_measurable(row: Record) -> bool:
    return not isinstance(row, Example) or all(is_there(row.context, answer) for answer in row.answers or ())
