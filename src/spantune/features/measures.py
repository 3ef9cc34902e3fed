"""Examples in, TokenMeasures out: how long everything is in tokens, what windows of several lengths would lose, and advice.

Nothing is encoded: tokens are counted once, and each length of window is worked out from the counts with the arithmetic of
`encode`, whose account of what was lost it equals for the same settings. Memory: some 30 bytes an example, and 12 an answer.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np

from spantune.config import WindowsConfig
from spantune.data.records import Example, TextExample
from spantune.data.statistics import TokenMeasures, WindowRow
from spantune.data.statistics.distributions import distribution
from spantune.errors import WindowError
from spantune.features.advice import advise, advise_on_texts, answer_limit, fitting_stride
from spantune.features.cutting import labels_of
from spantune.features.encoding import room_for_question
from spantune.features.template import TOKENISE_AT_ONCE, Template, fast_backend, read_template, tokenise
from spantune.features.tokens import distinct_tokens
from spantune.features.windows import Integers

LENGTHS = (128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
DEFAULT_STRIDE = WindowsConfig().stride
LONGEST = 512  # where a tokenizer tells no limit of its model: the positions of BERT and its kin
TELLS_NO_LIMIT = 1_000_000  # Transformers writes 10^30 into tokenizers of models whose limit it does not know
WIDTH = 384  # of the embedded encoder

Tick = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """All that windows are worked out from; one entry an example, or an answer that has tokens.

    `context`, `question`, `references` (examples,): tokens of each, and reference answers. `owner`, `first`, `last`
    (answers,): the example of an answer, and the context's tokens that hold its first and its last character.
    `unique`: how many contexts, each counted once, have how many tokens.
    """

    context: Integers
    question: Integers
    references: Integers
    owner: Integers
    first: Integers
    last: Integers
    unique: Counter[int]
    template: Template


def measure_tokens(
    records: Iterable[Example | TextExample],
    tokenizer: Any,
    *,
    name: str = "",
    longest: int | None = None,
    width: int = WIDTH,
    tick: Tick | None = None,
) -> TokenMeasures:
    """Measure questions (or texts to classify) in tokens, and weigh windows of `LENGTHS` up to `longest`.

    In: records of one kind, which pass by once; a fast tokenizer and the `name` that people know it by; the most tokens that
    the model takes (`None`: as the tokenizer says); the width of the model, for the cost of attention. `tick` is told how
    many more records were measured.

    Out: `TokenMeasures`. The lengths of windows end with the first that holds every example whole. Each is told with the
    default stride, but a third of the window at most.

    Raises `UnalignedSpanError` for an answer that is not at its start in the context, `ModelError` for a slow tokenizer.
    """
    rows = iter(records)
    first = next(rows, None)
    name = name or type(tokenizer).__name__
    if first is None:
        return TokenMeasures(name, 0, 0)
    every: Iterator[Any] = chain((first,), rows)
    lengths = _lengths_up_to(longest or _limit_of(tokenizer))
    measure = _measure_texts if isinstance(first, TextExample) else _measure_questions
    return measure(every, tokenizer, name, lengths, width, tick or _silent)


def count_tokens(examples: Iterable[Example], tokenizer: Any, tick: Tick | None = None) -> TokenCounts:
    """Tokenise every question and context; a context that near neighbours share is tokenised once. Errors as above."""
    backend = fast_backend(tokenizer)
    context, question, references, owner, first, last = (array("i") for _ in range(6))
    unique: Counter[int] = Counter()
    seen: set[int] = set()
    rows = iter(examples)
    while block := tuple(islice(rows, TOKENISE_AT_ONCE)):
        question.extend(len(row) for row in tokenise(backend, (example.question for example in block)))
        places, contexts = distinct_tokens(backend, [example.context for example in block])
        labels = labels_of(block, contexts, places)
        owner.extend((labels.owner + len(context)).tolist())
        first.extend(labels.first.tolist())
        last.extend(labels.last.tolist())
        for example, size in zip(block, np.diff(contexts.bounds)[places].tolist(), strict=True):
            context.append(size)
            references.append(len(example.answers or ()))
            if (known := hash(example.context)) not in seen:
                seen.add(known)
                unique[size] += 1
        (tick or _silent)(len(block))
    return TokenCounts(
        context=_integers(context),
        question=_integers(question),
        references=_integers(references),
        owner=_integers(owner),
        first=_integers(first),
        last=_integers(last),
        unique=unique,
        template=read_template(tokenizer),
    )


def window_row(counts: TokenCounts, length: int, stride: int, width: int = WIDTH) -> WindowRow:
    """What `encode` would make of the examples with these settings. Raises `WindowError` where `encode` would."""
    longest = room_for_question(WindowsConfig(length=length, stride=stride), counts.template)
    overhead = counts.template.overhead
    question = np.minimum(counts.question, longest)
    room = length - overhead - question
    step = room - stride
    before = -(-np.maximum(counts.context - room, 0) // step)  # windows before the last one, all of them full
    rest = overhead + question + counts.context - before * step
    # Of the windows that begin at or before an answer the latest reaches the furthest beyond it.
    at = np.minimum(counts.first // step[counts.owner], before[counts.owner])
    held = counts.last < (at * step[counts.owner] + room[counts.owner])
    kept = np.bincount(counts.owner[held], minlength=len(counts.context))
    squares = int((before * length**2 + rest**2).sum())
    tokens = int((before * length + rest).sum())
    return WindowRow(
        length=length,
        stride=stride,
        examples=len(before),
        windows=len(before) + int(before.sum()),
        tokens=tokens,
        in_one=int((before == 0).sum()),
        lost_answers=int(counts.references.sum()) - int(held.sum()),
        lost_examples=int(((counts.references > 0) & (kept == 0)).sum()),
        cut_questions=int((counts.question > longest).sum()),
        cost=_cost(tokens, squares, width),
    )


def _measure_questions(
    examples: Iterable[Example], tokenizer: Any, name: str, lengths: Sequence[int], width: int, tick: Tick
) -> TokenMeasures:
    counts = count_tokens(examples, tokenizer, tick)
    answers = Counter((counts.last - counts.first + 1).tolist())
    size = len(counts.context)
    rows = _until_whole(_row(counts, length, min(DEFAULT_STRIDE, length // 3), width) for length in lengths)
    fitting = (_row(counts, row.length, fitting_stride(answer_limit(answers), row.length), width) for row in rows)
    advised, advice = advise(rows, [row for row in fitting if row], int(counts.references.sum()), answers)
    return TokenMeasures(
        tokenizer=name,
        examples=size,
        measured=size,
        contexts=distribution(counts.unique),
        questions=distribution(Counter(counts.question.tolist())),
        answers=distribution(answers),
        rows=rows,
        advised=advised,
        advice=advice,
    )


def _measure_texts(
    examples: Iterable[TextExample], tokenizer: Any, name: str, lengths: Sequence[int], width: int, tick: Tick
) -> TokenMeasures:
    backend = fast_backend(tokenizer)
    special = int(backend.num_special_tokens_to_add(False))
    texts: Counter[int] = Counter()
    for row in tokenise(backend, (example.text for example in examples)):
        texts[len(row)] += 1
        tick(1)
    size = texts.total()
    rows = _until_whole(_text_row(texts, special, length, width) for length in lengths)
    advised, advice = advise_on_texts(rows)
    return TokenMeasures(name, size, size, texts=distribution(texts), rows=rows, advised=advised, advice=advice)


def _integers(values: "array[int]") -> Integers:
    return np.array(values, dtype=np.int64)  # squares of lengths and their sums are worked out from them


def _row(counts: TokenCounts, length: int, stride: int, width: int) -> WindowRow | None:
    try:
        return window_row(counts, length, stride, width)
    except WindowError:  # special tokens and stride leave no room for a question: these windows are not to be had
        return None


def _text_row(texts: Counter[int], special: int, length: int, width: int) -> WindowRow:
    """What `encode_texts` would make of texts of these lengths: one window each, cut at the end."""
    sizes = [(min(tokens + special, length), count) for tokens, count in texts.items()]
    cut = sum(count for tokens, count in texts.items() if tokens + special > length)
    total = sum(size * count for size, count in sizes)
    squares = sum(size**2 * count for size, count in sizes)
    texts_in_all = texts.total()
    return WindowRow(
        length,
        0,
        texts_in_all,
        texts_in_all,
        total,
        in_one=texts_in_all - cut,
        cut_texts=cut,
        cost=_cost(total, squares, width),
    )


def _cost(tokens: int, squares: int, width: int) -> float:
    """Arithmetic in token-equivalents: a layer takes 24 h^2 operations a token and 4 n h more in attention over n tokens."""
    return tokens + squares / (6 * width)


def _until_whole(rows: Iterable[WindowRow | None]) -> tuple[WindowRow, ...]:
    """The rows up to the first that has every example in one window: longer windows would be the same windows."""
    kept: list[WindowRow] = []
    for row in rows:
        if row is not None:
            kept.append(row)
            if row.in_one == row.examples:
                break
    return tuple(kept)


def _limit_of(tokenizer: Any) -> int:
    told = getattr(tokenizer, "model_max_length", None)
    return int(told) if isinstance(told, int) and 0 < told < TELLS_NO_LIMIT else LONGEST


def _lengths_up_to(longest: int) -> tuple[int, ...]:
    """The lengths to weigh: those of `LENGTHS` that a model takes, and the longest that it does.

    >>> _lengths_up_to(200), _lengths_up_to(384)
    ((128, 192, 200), (128, 192, 256, 384))
    """
    return tuple(sorted({*(length for length in LENGTHS if length <= longest), min(longest, LENGTHS[-1])}))


def _silent(_: int) -> None:
    """Nobody wants to know."""
