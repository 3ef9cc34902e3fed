"""The question-answering recipe of Hugging Face on the Trainer of this environment: windows of 384 tokens, stride 128.

    recipe.py JOB.json      {"rows": file, "model": folder, "variant": "plain" or "tuned", "steps": −1 for a whole epoch}

`plain` is the recipe as it stands: padded to 384, fp32, batches of 12, the first answer. `tuned` is what an expert makes of it
with the Trainer's own switches: dynamic padding, batches grouped by length, bf16. A round trains from the same base model;
its time is that of the loop, from the first batch to the last step.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rounds import serve
from transformers import (
    AutoModelForQuestionAnswering,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
)

LENGTH, STRIDE, BATCH = 384, 128, 12
WARM_STEPS = 2

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"bf16": False},
    "tuned": {"bf16": True, "train_sampling_strategy": "group_by_length"},
}


class Clock(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """When the loop began and ended."""

    began = ended = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """The model is wrapped and the optimiser made: the loop begins."""
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """The last of these is the end of the loop."""
        self.ended = time.perf_counter()


def windows_of(rows: list[dict[str, Any]], tokenizer: Any, padding: str | bool) -> list[dict[str, Any]]:
    """A feature a window, labelled with the first and last token of the answer, or with 0 where it is not inside."""
    batch = tokenizer(
        [row["question"].lstrip() for row in rows],
        [row["context"] for row in rows],
        truncation="only_second",
        max_length=LENGTH,
        stride=STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        padding=padding,
    )
    offsets, owner = batch["offset_mapping"], batch["overflow_to_sample_mapping"]
    inputs = [name for name in batch if name not in ("offset_mapping", "overflow_to_sample_mapping")]
    found = []
    for at in range(len(owner)):
        row = rows[owner[at]]
        first, last = labels(offsets[at], batch.sequence_ids(at), row["answer_start"], row["answer_start"] + len(row["answer"]))
        found.append({name: batch[name][at] for name in inputs} | {"start_positions": first, "end_positions": last})
    return found


def labels(offsets: list[tuple[int, int]], parts: list[int | None], begin: int, end: int) -> tuple[int, int]:
    """Token positions of the characters `begin` to `end` of the context; (0, 0), the [CLS] token, where they are not."""
    inside = [position for position, part in enumerate(parts) if part == 1]
    if not inside or offsets[inside[0]][0] > begin or offsets[inside[-1]][1] < end:
        return 0, 0
    first = max(position for position in inside if offsets[position][0] <= begin)
    return first, min(position for position in inside if offsets[position][1] >= end)


def main() -> None:
    """Read the job and serve rounds."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    rows = json.loads(Path(job["rows"]).read_text(encoding="utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    plain = job["variant"] == "plain"
    windows = windows_of(rows, tokenizer, "max_length" if plain else False)
    collate = default_data_collator if plain else DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)

    def train_once(warm: bool) -> dict[str, Any]:
        clock = Clock()
        steps = WARM_STEPS if warm else job["steps"]
        model = AutoModelForQuestionAnswering.from_pretrained(job["model"])
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder,
                per_device_train_batch_size=BATCH,
                learning_rate=3e-5,
                num_train_epochs=1,
                max_steps=steps,
                report_to="none",
                save_strategy="no",
                use_cpu=True,
                disable_tqdm=True,
                logging_steps=20,
                **VARIANTS[job["variant"]],
            )
            trainer = Trainer(model=model, args=arguments, train_dataset=windows, data_collator=collate, callbacks=[clock])
            trainer.train()
        count = min(len(windows), steps * BATCH) if steps > 0 else len(windows)
        return {"seconds": clock.ended - clock.began, "count": count, "windows": len(windows)}

    serve(train_once)


if __name__ == "__main__":
    main()
