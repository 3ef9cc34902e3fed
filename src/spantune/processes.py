"""In: what a launcher such as torchrun or accelerate launch set. Out: which of how many processes this is.

Does not know: what they do, how they talk to each other.
"""

import os

from spantune.errors import RunError

LAUNCHED = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR")
SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")  # which Accelerate looks at
SPREADING = {"ACCELERATE_USE_FSDP": "FSDP", "ACCELERATE_USE_DEEPSPEED": "DeepSpeed"}


def count() -> int:
    """How many processes do this work together; 1 without a launcher, whatever a cluster's scheduler sets besides."""
    return int(os.environ["WORLD_SIZE"]) if all(os.environ.get(name) for name in LAUNCHED) else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def on_this_machine() -> int:
    """How many of them share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE") or 1) if count() > 1 else 1


def is_first() -> bool:
    """Whether this is the process that writes and tells."""
    return rank() == 0


def check_launcher() -> None:
    """Raise `RunError` where a launcher set half of what it takes, or would spread the weights over the processes."""
    missing = [name for name in LAUNCHED if not os.environ.get(name)]
    for size in SIZES:
        if missing and os.environ.get(size, "1") != "1":
            raise RunError(
                f"{size} = {os.environ[size]} without {', '.join(missing)}",
                expected="all that torchrun sets for a process, or none of it",
                next_move=f"run it with torchrun, or unset {size}",
            )
    for name, engine in SPREADING.items():
        if os.environ.get(name, "").lower() in ("1", "true", "yes"):
            raise RunError(
                f"this training would run under {engine} ({name})",
                expected="all weights in each process: they are measured before training, and mixed with the start after it",
                next_move="run it with torchrun; where 16 bytes a weight are too many, training.method=lora takes less",
            )


def refuse_several(what: str) -> None:
    """Raise `RunError` under a launcher of several processes, for what each of them would do again and write over."""
    if count() > 1:
        raise RunError(
            f"{what} is one of {count()} processes (WORLD_SIZE)",
            expected="one process: only spantune train shares its work among several",
            next_move=f"run {what} without torchrun or accelerate launch",
        )
