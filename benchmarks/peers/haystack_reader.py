"""Haystack's `TransformersExtractiveReader`.

    haystack_reader.py JOB.json      {"rows": file, "model": folder, "questions": 3, "passages": 100}

A round asks the first `questions` questions, each of the first `passages` passages, and keeps the best answer.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from haystack import Document  # type: ignore[import-not-found]
from haystack_integrations.components.readers.transformers import (  # type: ignore[import-not-found]
    TransformersExtractiveReader,
)
from rounds import serve

WARM_PASSAGES = 16


def main() -> None:
    """Read the job and serve rounds."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rows = json.loads(Path(job["rows"]).read_text(encoding="utf-8"))
    questions = [row["question"] for row in rows[: job["questions"]]]
    passages = [Document(content=row["context"]) for row in rows[: job["passages"]]]
    reader: Any = TransformersExtractiveReader(model=job["model"], top_k=1)
    reader.warm_up()

    def answer_once(warm: bool) -> dict[str, Any]:
        these = passages[:WARM_PASSAGES] if warm else passages
        began = time.perf_counter()
        found = [reader.run(query=question, documents=these)["answers"][0].data or "" for question in questions]
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "count": len(questions) * len(these), "answers": found}

    serve(answer_once)


if __name__ == "__main__":
    main()
