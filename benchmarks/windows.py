"""What the windows of a data set weigh, and how fast they are cut, against the raw tokenizer on the same texts.

    python benchmarks/windows.py [DATA] [--questions 88000]

Without DATA, questions are made up to the size of SQuAD 1.1, see `made_up`. The two sides take turns.
"""

import argparse
import json
import resource
import statistics
import time
from typing import Any

from made_up import questions_of
from rounds import spread

from spantune import encode, load_config, load_tokenizer


def measure(data: str | None, questions: int, repeats: int) -> dict[str, Any]:
    """Sizes, times and the ratio of the raw tokenizer's time to ours, round by round."""
    examples = questions_of(data, questions)
    tokenizer = load_tokenizer("embedded")
    config = load_config().windows
    ours, raw = [], []
    # The texts that the windows are made of: each question, and each context once.
    texts = [one.question for one in examples] + list(dict.fromkeys(one.context for one in examples))
    for _ in range(repeats):
        began = time.perf_counter()
        windows = encode(examples, tokenizer, config)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        for at in range(0, len(texts), 256):
            tokenizer.backend_tokenizer.encode_batch(texts[at : at + 256], add_special_tokens=False)
        raw.append(time.perf_counter() - began)
    return {
        "questions": len(examples),
        "windows": len(windows),
        "tokens": int(windows.bounds[-1]),
        "megabytes": round(windows.nbytes / 1e6, 1),
        "encode_seconds": round(statistics.median(ours), 4),
        "raw_tokenizer_seconds": round(statistics.median(raw), 4),
        "share_of_the_raw_rate": spread([theirs / mine for theirs, mine in zip(raw, ours, strict=True)]),
        "peak_rss_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--questions", type=int, default=88_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps(measure(given.data, given.questions, given.repeats), indent=2))


if __name__ == "__main__":
    main()
