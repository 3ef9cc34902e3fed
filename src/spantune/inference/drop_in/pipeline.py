"""`QuestionAnsweringPipeline`: a model, called as the pipeline of Transformers 4.57 was.

In: a model, a fast tokenizer, options. Out: an object to call; its answers.
Does not know: where models come from.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from spantune.config import WindowsConfig
from spantune.data.records import Example
from spantune.errors import ConfigError
from spantune.features import Windows, encode
from spantune.features.template import fast_backend, read_template, tokenise
from spantune.inference.answers import Asked
from spantune.inference.drop_in.calls import Options, read_call
from spantune.inference.drop_in.spans import Scored, Words, answers_of, read_words, scored
from spantune.inference.stream import ahead, blocks
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
        self._null_first = tokenizer.cls_token_id is not None and template.null_in_prefix and template.null_at == 0

    def __call__(self, *questions: Any, question: Any = None, context: Any = None, data: Any = None, **options: Any) -> Any:
        """The answer to one question, or a list of answers in the order of the questions; an iterator for an iterator.

        Each is `{"score", "start", "end", "answer"}`, or a list of them, best first, where `top_k` asks for several. `start`
        and `end` are code points of the context. Raises `DataError` for what is no question with a context, `ConfigError` for
        options that are not known or not possible.

        - `top_k` (1), `max_answer_len` (15 tokens), `handle_impossible_answer` (false), `align_to_words` (true);
        - `max_seq_len` (384 tokens, or what the tokenizer allows), `doc_stride` (128, or half of `max_seq_len`);
        - `batch_size`, `num_workers`, `padding` and `max_question_len` are taken and change nothing, as the last one never did
          with a fast tokenizer: windows are batched by length, and a question is cut only where a window has no room for it.
        """
        chosen = self.options.changed(options)
        windows = self._windows(chosen)
        call = read_call(questions, question, context, data)
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
            raise ConfigError(
                f"doc_stride is {stride} with windows of {length} tokens",
                expected="a doc_stride below max_seq_len: it is what neighbouring windows share",
                next_move="lower doc_stride, or raise max_seq_len",
            )
        check_window_fits(length, self.model)
        return WindowsConfig.model_construct(length=length, stride=stride, answer_length=None)  # any length, as it used to be

    def _longest(self) -> int:
        return min(int(self.tokenizer.model_max_length), longest_window(self.model) or USUAL_LENGTH)

    def _answers(self, questions: Any, options: Options, config: WindowsConfig) -> Iterator[Any]:
        for pair in ahead(blocks(questions), lambda block: encode(_plain(block), self.tokenizer, config)):
            for sentence in pair.made.lost.sentences():
                warnings.warn(sentence, UserWarning, stacklevel=2)
            yield from self._block(pair.item, pair.made, options, config.stride)

    def _block(self, asked: Sequence[Asked], windows: Windows, options: Options, stride: int) -> Iterator[Any]:
        found: list[list[Scored]] = [[] for _ in asked]
        for batch in score_windows(self.model, windows):
            for window in scored(windows, batch, options, self._null_first):
                found[int(windows.example[window.window])].append(window)
        words = self._words([one.context for one in asked])
        for one, scores in zip(asked, found, strict=True):
            scores.sort(key=_window)
            yield answers_of(one.context, windows, scores, words[one.context], options, stride)

    def _words(self, contexts: Sequence[str]) -> dict[str, Words]:
        distinct = list(dict.fromkeys(contexts))
        return dict(zip(distinct, map(read_words, tokenise(self._backend, distinct)), strict=True))


def _plain(block: Sequence[Asked]) -> list[Example]:
    return [Example(one.id, one.question, one.context) for one in block]


def _window(one: Scored) -> int:
    return one.window
