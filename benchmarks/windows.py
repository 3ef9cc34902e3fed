"""What the windows of a data set weigh, and how fast they are cut, against the raw tokenizer on the same texts.

    python benchmarks/windows.py [DATA] [--questions 88000]

Without DATA, questions are made up to the size of SQuAD 1.1: contexts of about 120 words, four questions each.
"""

import argparse
import json
import random
import resource
import statistics
import time

from made_up import WORDS

from spantune import Example, Span, check, encode, load_config, load_tokenizer, read_examples


def made_up(questions: int) -> list[Example]:
    """Questions of SQuAD's proportions."""
    draw = random.Random(0)
    examples: list[Example] = []
    while len(examples) < questions:
        words = [draw.choice(WORDS) + (str(draw.randint(0, 99)) if draw.random() < 0.1 else "") for _ in range(120)]
        context = " ".join(words)
        for _ in range(4):
            at = draw.randrange(len(words) - 3)
            start = len(" ".join(words[:at])) + (at > 0)
            span = Span(" ".join(words[at : at + 3]), start)
            question = " ".join(draw.choices(WORDS, k=10)) + "?"
            examples.append(Example(str(len(examples)), question, context, (span,)))
    return examples[:questions]


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--questions", type=int, default=88_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    examples = check(read_examples(given.data)).examples if given.data else made_up(given.questions)
    tokenizer = load_tokenizer("embedded")
    config = load_config().windows
    ours, raw = [], []
    # The texts that the windows are made of: each question, and each context once.
    texts = [one.question for one in examples] + list(dict.fromkeys(one.context for one in examples))
    for _ in range(given.repeats):
        began = time.perf_counter()
        windows = encode(examples, tokenizer, config)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        for at in range(0, len(texts), 256):
            tokenizer.backend_tokenizer.encode_batch(texts[at : at + 256], add_special_tokens=False)
        raw.append(time.perf_counter() - began)
    print(
        json.dumps(
            {
                "questions": len(examples),
                "windows": len(windows),
                "tokens": int(windows.bounds[-1]),
                "megabytes": round(windows.nbytes / 1e6, 1),
                "encode_seconds": round(statistics.median(ours), 2),
                "raw_tokenizer_seconds": round(statistics.median(raw), 2),
                "ratio": round(statistics.median(raw) / statistics.median(ours), 2),
                "peak_rss_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
