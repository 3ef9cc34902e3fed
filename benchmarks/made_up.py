"""What the benchmarks make their texts of, and how a process tells its own peak. Run none of it."""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

from spantune import Example, Span, check, demo_data, read_examples

WORDS = ("oil", "crisis", "embargo", "price", "revenue", "members", "tower", "report", "dollars", "barrel", "began", "ended")

PEAK = """
def peak():
    with open("/proc/self/status") as status:  # of this process alone; ru_maxrss begins at what the parent took
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
"""
"""Source of `peak()`, megabytes, for scripts that run in a process of their own."""

# Mean and standard deviation of the logarithm of the number of words, measured on SQuAD 1.1 dev: contexts have a median of
# 111 words and 1 in 100 has more than 327; questions have 10, answers 2.
CONTEXT_WORDS, QUESTION_WORDS, ANSWER_WORDS = (4.73, 0.41), (2.26, 0.35), (0.80, 0.72)
QUESTIONS_OF_A_CONTEXT = 5


def questions_of(data: str | None, count: int, seed: int = 0) -> list[Example]:
    """`count` answerable questions in random order: of a file, or made up without one. Fewer where a file has fewer."""
    found = (
        [one for one in check(read_examples(data)).examples if isinstance(one, Example) and one.answers]
        if data
        else squad_like(count, seed)
    )
    return random.Random(seed).sample(found, min(count, len(found)))


def squad_like(count: int, seed: int = 0) -> list[Example]:
    """Questions of SQuAD's proportions: lengths as there, words and their frequencies as in the demo data."""
    draw = random.Random(seed)
    vocabulary = _words_of_the_demo()
    made: list[Example] = []
    while len(made) < count:
        words = [f"report{len(made)}", *draw.choices(vocabulary, k=_length(draw, CONTEXT_WORDS, 20, 650) - 1)]
        context = " ".join(words)
        for _ in range(min(QUESTIONS_OF_A_CONTEXT, count - len(made))):
            size = _length(draw, ANSWER_WORDS, 1, min(20, len(words)))
            at = draw.randrange(len(words) - size + 1)
            answer = Span(" ".join(words[at : at + size]), len(" ".join(words[:at])) + (at > 0))
            question = " ".join(draw.choices(vocabulary, k=_length(draw, QUESTION_WORDS, 3, 40))) + "?"
            made.append(Example(f"q{len(made)}", question, context, (answer,)))
    return made


def write_rows(examples: Sequence[Example], file: Path) -> None:
    """The questions as a JSON list that every side of a comparison reads: question, context, answer, answer_start."""
    rows = [
        {"question": one.question, "context": one.context, "answer": span.text, "answer_start": span.start}
        for one in examples
        for span in (one.answers or ())[:1]
    ]
    file.write_text(json.dumps(rows), encoding="utf-8")


def read_rows(file: str) -> list[Example]:
    """The questions that `write_rows` wrote."""
    rows = json.loads(Path(file).read_text(encoding="utf-8"))
    return [
        Example(str(at), row["question"], row["context"], (Span(row["answer"], row["answer_start"]),))
        for at, row in enumerate(rows)
    ]


def _words_of_the_demo() -> list[str]:
    """Every word of the demo data as often as it stands there, which is how a draw gets its frequencies."""
    contexts = dict.fromkeys(one.context for one in read_examples(demo_data()) if isinstance(one, Example))
    return [word for context in contexts for word in re.findall(r"\S+", context)]


def _length(draw: random.Random, logarithm: tuple[float, float], least: int, most: int) -> int:
    return max(least, min(most, round(draw.lognormvariate(*logarithm))))
