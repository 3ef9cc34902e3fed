"""What the pipeline of transformers 4.57 answers, for `parity.py`: answers457.py MODEL QUESTIONS_JSON OUT_JSON.

QUESTIONS_JSON holds `questions`, a list of [question, context], and `settings`, a list of the named arguments of a call.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from transformers import pipeline

warnings.filterwarnings("ignore")
model, asked, out = sys.argv[1:]
work = json.loads(Path(asked).read_text(encoding="utf-8"))
ask: Any = pipeline("question-answering", model=model, tokenizer=model)  # type: ignore[call-overload]
rows = [{"question": question, "context": context} for question, context in work["questions"]]
answers, seconds = [], []
for setting in work["settings"]:
    began = time.perf_counter()
    answers.append([ask(**row, **setting) for row in rows])
    seconds.append(time.perf_counter() - began)
Path(out).write_text(json.dumps({"answers": answers, "seconds": seconds}), encoding="utf-8")
