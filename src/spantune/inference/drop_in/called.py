"""`QuestionAnsweringPipeline`: a model, called as the pipeline of Transformers 4.57 was.

In: a model, a fast tokenizer, options. Out: an object to call; its answers.
Does not know: where models come from.
"""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spantune.ahead import ahead
from spantune.config import WindowsConfig
from spantune.data.records import Example
from spantune.errors import WindowError
from spantune.features import Lost, Windows, encode
from spantune.features.template import fast_backend, read_template, tokenise
from spantune.inference.answers import Asked
from spantune.inference.drop_in.calls import OptionError, Options, read_call
from spantune.inference.drop_in.spans import Scored, Words, answers_of, read_words, scored
from spantune.inference.stream import blocks
from spantune.models import check_window_fits, longest_window, score_windows

USUAL_LENGTH, USUAL_STRIDE = 384, 128


class QuestionAnsweringPipeline:
    """Answers questions as `transformers.pipeline("question-answering")` did until 5.3, from windows of many questions at once.

    Options given here hold for every call that does not give its own. The model is used as it is, in its own dtype.
    """

    def __init__(self, model: Any, tokenizer: Any, **options: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.options = Options().changed(options)
        self._backend = fast_backend(tokenizer)
        template = read_template(tokenizer)
        self._classified = tokenizer.cls_token_id is not None
        self._null_first = tokenizer.cls_token_id is not None and template.null_in_prefix and template.null_at == 0

    def __call__(self, *questions: Any, question: Any = None, context: Any = None, **options: Any) -> Any:
        """The answer to one question, or a list of answers in the order of the questions; an iterator for an iterator.

        Each is `{"score", "start", "end", "answer"}`, or a list of them, best first, where `top_k` asks for several. `start`
        and `end` are code points of the context. Raises `CallError` for what is no question with a context, `OptionError` for
        options that are not known or not possible; both are `ValueError`s too, as they were.

        - `top_k` (1), `max_answer_len` (15 tokens), `handle_impossible_answer` (false), `align_to_words` (true);
        - `max_seq_len` (384 tokens, or what the tokenizer allows), `doc_stride` (128, or half of `max_seq_len`);
        - `batch_size`, `num_workers`, `padding` and `max_question_len` are taken and change nothing, as the last one never did
          with a fast tokenizer: windows are batched by length, and a question is cut only where a window has no room for it.
        """
        data = [options.pop(name) for name in ("data", "X") if name in options]
        chosen = self.options.changed(options)
        windows = self._windows(chosen)
        call = read_call(questions, question, context, data[0] if data else None)
        answers = self._answers(call.questions, chosen, windows)
        if call.streamed:
            return answers
        found = list(answers)
        return found[0] if call.single else found

    def _windows(self, options: Options) -> WindowsConfig:
        """The windows that the options ask for. Raises `ConfigError` and `WindowError` for those that cannot be cut."""
        length = options.max_seq_len or min(self._longest(), USUAL_LENGTH)
        stride = min(length // 2, USUAL_STRIDE) if options.doc_stride is None else options.doc_stride
        if stride > length:
            raise OptionError(
                f"doc_stride is {stride} with windows of {length} tokens",
                expected="a doc_stride below max_seq_len: it is what neighbouring windows share",
                next_move="lower doc_stride, or raise max_seq_len",
            )
        with _told_as_option():
            check_window_fits(length, self.model)
        return WindowsConfig.model_construct(length=length, stride=stride, answer_length=None)  # any length, as it used to be

    def _longest(self) -> int:
        return min(int(self.tokenizer.model_max_length), longest_window(self.model) or USUAL_LENGTH)

    def _answers(self, questions: Any, options: Options, config: WindowsConfig) -> Iterator[Any]:
        for pair in ahead(blocks(questions), lambda block: self._cut(block, config)):
            for part in pair.made:
                for sentence in part.windows.lost.sentences():
                    warnings.warn(sentence, UserWarning, stacklevel=2)
            yield from self._block(pair.item, pair.made, options)

    def _cut(self, block: Sequence[Asked], config: WindowsConfig) -> tuple["_Part", ...]:
        """The windows of a block. A long question whose whole context fits beside it needs no room for a stride."""
        asked = _plain(block)
        with _told_as_option():
            windows = encode(asked, self.tokenizer, config)
        cut_ids = frozenset(windows.lost.cut_questions)
        places = [place for place, one in enumerate(asked) if one.id in cut_ids]
        if not places:
            return (_Part(windows, range(len(asked)), config.stride),)
        again = [asked[place] for place in places]
        whole = encode(again, self.tokenizer, config.model_copy(update={"stride": 0}))
        counts = np.bincount(whole.example, minlength=len(again))
        fits = [counts[at] == 1 and one.id not in whole.lost.cut_questions for at, one in enumerate(again)]
        taken = {place for place, fit in zip(places, fits, strict=True) if fit}
        rest = windows.take(np.flatnonzero(~np.isin(windows.example, list(taken))))
        cut = tuple(asked[place].id for place in places if place not in taken)
        lone = whole.take(np.flatnonzero(np.isin(whole.example, np.flatnonzero(fits))))
        return (
            _Part(replace(rest, lost=replace(rest.lost, cut_questions=cut)), range(len(asked)), config.stride),
            _Part(replace(lone, lost=Lost()), places, 0),
        )

    def _block(self, asked: Sequence[Asked], parts: Sequence["_Part"], options: Options) -> Iterator[Any]:
        found: list[list[Scored]] = [[] for _ in asked]
        part_of: dict[int, _Part] = {}
        for part in parts:
            for batch in score_windows(self.model, part.windows):
                for window in scored(part.windows, batch, options, self._null_first, self._classified):
                    place = part.places[int(part.windows.example[window.window])]
                    found[place].append(window)
                    part_of[place] = part
        words = self._words([one.context for one in asked])
        for place, (one, scores) in enumerate(zip(asked, found, strict=True)):
            scores.sort(key=_window)
            part = part_of[place]
            yield answers_of(one.context, part.windows, scores, words[one.context], options, part.stride)

    def _words(self, contexts: Sequence[str]) -> dict[str, Words]:
        distinct = list(dict.fromkeys(contexts))
        return dict(zip(distinct, map(read_words, tokenise(self._backend, distinct)), strict=True))


@contextlib.contextmanager
def _told_as_option() -> Iterator[None]:
    """What is wrong with windows, told in the names of the pipeline's options."""
    try:
        yield
    except WindowError as error:
        raise OptionError(
            f"max_seq_len and doc_stride do not fit: {error.found}",
            expected="windows that the model has positions for, longer than the stride and the special tokens",
            next_move="leave both away, or choose a lower doc_stride or another max_seq_len",
        ) from error


@dataclass(frozen=True, slots=True)
class _Part:
    """Windows of a block that share a stride, and the place in the block of each question they were cut from."""

    windows: Windows
    places: Sequence[int]
    stride: int


def _plain(block: Sequence[Asked]) -> list[Example]:
    return [Example(one.id, one.question, one.context) for one in block]


def _window(one: Scored) -> int:
    return one.window
