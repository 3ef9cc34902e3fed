"""`Classifier`: a fine-tuned model that labels texts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from spantune.config import WindowsConfig
from spantune.data.records import TextExample
from spantune.errors import DataError
from spantune.features import Windows, encode_texts
from spantune.inference.answers import Prediction, diverged
from spantune.inference.threads import fit_threads
from spantune.models import check_window_fits, score_texts
from spantune.models.devices import chosen_device, placed
from spantune.runs import load_run

TEXTS_AT_ONCE = 512  # texts batched together by length; what bounds the memory of predict_many


class Worded(Protocol):
    """Anything with a text: a `TextExample` is one. Its label is neither needed nor read."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102


class Classifier:
    """Labels texts. `model` is a Transformers sequence-classification model, `tokenizer` its fast tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, windows: WindowsConfig | None = None) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.windows = windows or WindowsConfig()
        self.labels: tuple[str, ...] = tuple(model.config.id2label[number] for number in sorted(model.config.id2label))
        check_window_fits(self.windows.length, model)

    @classmethod
    def load(cls, folder: Path | str, *, device: str | None = None, threads: int | None = None) -> "Classifier":
        """The classifier of a finished run, on a GPU where there is one; for what may be given and errors see `Reader.load`."""
        place = chosen_device(device)
        fit_threads(threads)
        run = load_run(folder, task="classify")
        return cls(placed(run.model, place), run.tokenizer, run.facts.config.windows)

    def predict(self, text: str) -> Prediction:
        """The label of one text. Raises `DataError` for an empty one."""
        if not isinstance(text, str) or not text.strip():
            raise DataError(
                f"the text is {text!r}",
                expected="a text with at least one visible character",
                next_move="give the text as a string",
            )
        return next(self.predict_many([TextExample("", text)]))

    def predict_many(
        self,
        examples: Iterable[Worded],
        progress: Callable[[int], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Iterator[Prediction]:
        """Predictions in the order of `examples`; `progress` is told how many were made, `say` which texts were cut."""
        iterator = iter(examples)
        while block := list(islice(iterator, TEXTS_AT_ONCE)):
            plain = [TextExample(one.id, one.text) for one in block]
            windows = encode_texts(plain, self.tokenizer, self.windows)
            if say is not None:
                for lost in windows.lost.sentences():
                    say(lost)
            yield from self._block(plain, windows)
            if progress is not None:
                progress(len(block))

    def _block(self, block: Sequence[TextExample], windows: Windows) -> list[Prediction]:
        logits = np.zeros((len(block), len(self.labels)))
        for scores in score_texts(self.model, windows):
            logits[scores.indices] = scores.logits
        if not np.isfinite(logits).all():
            raise diverged()
        return [self.choose(one.id, row) for one, row in zip(block, logits, strict=True)]

    def choose(self, name: str, logits: Any) -> Prediction:
        """The prediction from the logits (classes,) of one text."""
        weights = np.exp(logits - logits.max())
        probabilities = weights / weights.sum()
        order = np.argsort(-probabilities, kind="stable")
        ranked = tuple((self.labels[number], float(probabilities[number])) for number in order)
        return Prediction(name, *ranked[0], ranked)
