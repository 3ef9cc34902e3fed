"""How many threads to compute with."""

import math
import os
from pathlib import Path

import torch

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "200000 100000": 2 processors' worth of time; "max 100000": all of it
SET_BY_USER = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def fit_threads(wanted: int | None = None) -> int:
    """Lower PyTorch's number of threads to the processors that this process may use; gives the number.

    PyTorch takes one thread for each physical core of the machine, or what the user has set, which stays as it is. Neither the
    affinity of the process nor a container's share of the processor's time is looked at, and threads that wait for a
    processor slow all of them down. Where so many are `wanted`, it is those.
    """
    if wanted is not None:
        torch.set_num_threads(wanted)
        return wanted
    now = torch.get_num_threads()
    if any(name in os.environ for name in SET_BY_USER):
        return now
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else now
    fitting = max(1, min(now, allowed, quota_of(CPU_QUOTA) or now))
    if fitting < now:
        torch.set_num_threads(fitting)
    return fitting


def quota_of(file: Path) -> int | None:
    """The processors that a control group may use, rounded up; `None` where nothing limits it, or there is no such file."""
    try:
        quota, period = file.read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return None
